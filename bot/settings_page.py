"""Writes docs/configuration.md from the settings' fields, so that page and code cannot disagree.

python -m bot.settings_page            writes the page
python -m bot.settings_page --check    says whether it is up to date
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from bot.settings import PREFIX, Price, Settings, Webhook
from bot.texts import JAPANESE, Texts

PAGE = Path(__file__).parent.parent / "docs" / "configuration.md"

OPENING = """\
# Configuration

*Made by `python -m bot.settings_page` from the fields of `bot/settings.py`; change those, not this page.*

A setting is taken from the first of these that has it:

1. the command line: `--data DIR`, `--host`, `--port`
2. the environment: `KOTAE_DATA`, and `__` between the parts of a name: `KOTAE_WEB__PORT=8080`
3. a file in `/run/secrets` (or `$KOTAE_SECRETS`) with that name: `/run/secrets/kotae_web__secret`
4. `kotae.toml`: the file given by `--config`, else `$KOTAE_CONFIG`, else `./kotae.toml`
5. the default

A wrong value and an unknown name are refused, also an unknown variable that begins with `KOTAE_`. All
faults are told at once, each with the name of the setting and what it accepts.

A text in `[strategies.*]` may stand for a secret that is kept elsewhere: `api_key = "file:/run/secrets/key"`
is the content of that file, `api_key = "env:OPENAI_API_KEY"` that variable. It is never shown.
"""

STRATEGIES = """\
Each table is one strategy, by a name of your choice. `use` is its kind, the rest are that kind's options; an
option that it does not know is refused. Kinds of your own: [Writing a strategy](writing-a-strategy.md).

```toml
[strategies.manuals]
use = "rag"
inner = "quotes"
```
"""

PRICES = """\
The price of a strategy goes before that of the model that spoke; what has none costs nothing. Evaluations
tell the cost of each answer by it. A name with dots stands in quotation marks.

```toml
[prices."gpt-4.1-mini"]
prompt = 0.40
completion = 1.60
```

| setting | default | |
|---|---|---|
"""

WEBHOOKS = """\
Each table is one receiver, by a name of your choice; it is told, tried again and logged for itself. Its
secret may come from `KOTAE_WEBHOOKS__DESK__SECRET`, from `/run/secrets/kotae_webhooks__desk__secret`, or from
where the table says. What is sent, and how it is checked: [handoff](handoff.md).

```toml
[webhooks.desk]
url = "https://desk.example/kotae"
secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"    # an example
events = ["handoff.asked", "handoff.left"]
```

| setting | default | |
|---|---|---|
"""

TEXTS = """\
What customers read when it is not a strategy that speaks. `[texts.en]` and `[texts.ja]` are there from the
start; another language, such as `[texts.de]`, takes the English sentence where it has none of its own.

| setting | English | Japanese | |
|---|---|---|---|
"""


def page() -> str:
    """The whole page."""
    alone: list[tuple[str, FieldInfo]] = []
    sections: list[str] = []
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            rows = [(f"{name}.{inner}", each) for inner, each in section.model_fields.items()]
            sections.append(f"## [{name}]\n\n{_table(rows)}")
        elif name == "strategies":
            sections.append(f"## [strategies]\n\n{_sentence(field)}\n\n{STRATEGIES}")
        elif name == "prices":
            sections.append(f"## [prices]\n\n{_sentence(field)}\n\n{PRICES}{_by_name('prices', Price)}")
        elif name == "webhooks":
            sections.append(
                f"## [webhooks]\n\n{_sentence(field)}\n\n{WEBHOOKS}{_by_name('webhooks', Webhook)}"
            )
        elif name == "texts":
            sections.append(f"## [texts]\n\n{TEXTS}{''.join(_texts())}")
        else:
            alone.append((name, field))
    return "\n".join([OPENING, f"## At the top\n\n{_table(alone)}", *sections])


def _table(rows: list[tuple[str, FieldInfo]]) -> str:
    lines = ["| setting | variable | default | |", "|---|---|---|---|"]
    for name, field in rows:
        variable = PREFIX + name.replace(".", "__").upper()
        lines.append(f"| `{name}` | `{variable}` | {_default(field)} | {_sentence(field)}{_bounds(field)} |")
    return "\n".join(lines) + "\n"


def _texts() -> Iterator[str]:
    for name, field in Texts.model_fields.items():
        yield f"| `{name}` | {field.default} | {JAPANESE[name]} | {_sentence(field)} |\n"


def _by_name(section: str, model: type[BaseModel]) -> str:
    """The settings of each table in a section of named ones."""
    return "".join(
        f"| `{section}.NAME.{name}` | {_default(field)} | {_sentence(field)}{_bounds(field)} |\n"
        for name, field in model.model_fields.items()
    )


def _sentence(field: FieldInfo) -> str:
    return field.description or ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return ""
    value: Any = field.get_default(call_default_factory=True)
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return f"`{value}`" if value not in ("", ()) else ""


def _bounds(field: FieldInfo) -> str:
    """What pydantic enforces, in words."""
    words = {"ge": "at least", "gt": "more than", "le": "at most"}
    told = [
        f"{words[name]} {getattr(bound, name):g}"
        for bound in field.metadata
        for name in words
        if hasattr(bound, name)
    ]
    return f" ({', '.join(told)})" if told else ""


def main(arguments: list[str]) -> int:
    if "--check" in arguments:
        return 0 if PAGE.read_text(encoding="utf-8") == page() else 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
