"""A form for the options of a strategy, drawn from the schema of its kind.

Secrets are never shown. They, and where a strategy reaches out to (addresses, files, code), are set in the
file alone: who may choose an answer need not be who may send a key elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from markupsafe import Markup

from strategies.registry import SECRET, schema
from web.admin.fields import BOUNDS, Field
from web.sentences import told

ELSEWHERE = re.compile(r"(^|_)(url|file|folder|path|target|module)$")
LONG = 200  # characters; longer ones are written in an area
HIDDEN = "••••••"


@dataclass(frozen=True)
class Change:
    """An option before and after, as it is read."""

    option: str
    before: str
    after: str


def fields(kind: str, options: Mapping[str, Any], names: Mapping[str, Sequence[str]]) -> list[Field]:
    """A field for each option that may be changed here, with what holds now. `names` are there to choose from
    where an option names something, by what it names.
    """
    return [
        Field(
            name,
            Markup("<code>{}</code>").format(name),
            field_kind(option),
            value=as_typed(options.get(name, option.get("default"))),
            about=told(option.get("description", "")),
            limits=limits(option),
            choices=choices(option, options.get(name), names),
        )
        for name, option in changeable(kind).items()
    ]


def fixed(kind: str, options: Mapping[str, Any]) -> dict[str, str]:
    """What the file alone sets, as it may be shown."""
    open_here = changeable(kind)
    return {
        name: shown(name, value) for name, value in options.items() if name not in open_here | {"use": {}}
    }


def typed(kind: str, form: Mapping[str, str], file: Mapping[str, Any]) -> dict[str, Any]:
    """What was typed and differs from the file; an empty number means the file's.

    What is no value of its type is passed on as it is, for the strategy to refuse.
    """
    found: dict[str, Any] = {}
    for name, option in changeable(kind).items():
        value = read(option, form.get(name))
        if value is not None and value != file.get(name, option.get("default")):
            found[name] = value
    return found


def differences(before: Mapping[str, Any], after: Mapping[str, Any], otherwise: str) -> list[Change]:
    """Option by option; `otherwise` stands for what the file says."""
    return [
        Change(
            name,
            shown(name, before[name]) if name in before else otherwise,
            shown(name, after[name]) if name in after else otherwise,
        )
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name) or (name in before) != (name in after)
    ]


def shown(option: str, value: object) -> str:
    """An option as it is read on a page, where secrets are never put."""
    if SECRET.search(option):
        return HIDDEN
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    return str(as_typed(value))


# ---- a schema ----


def changeable(kind: str) -> dict[str, dict[str, Any]]:
    """The options that a form can hold and an operator may set."""
    properties = {name: plain(option) for name, option in schema(kind).get("properties", {}).items()}
    return {
        name: option
        for name, option in properties.items()
        if option.get("type") in ("string", "integer", "number", "boolean", "array")
        and not (SECRET.search(name) or ELSEWHERE.search(name))
        and not (option.get("writeOnly") or option.get("readOnly") or option.get("format"))
        and (option["type"] != "array" or option.get("items", {}).get("type") == "string")
    }


def plain(option: Mapping[str, Any]) -> dict[str, Any]:
    """An option that may be left out is the option."""
    others = [one for one in option.get("anyOf", ()) if one.get("type") != "null"]
    return {**option, **others[0]} if len(others) == 1 else dict(option)


def field_kind(option: Mapping[str, Any]) -> Any:
    match option["type"]:
        case "boolean":
            return "checkbox"
        case "integer" | "number":
            return "number"
        case "string" if option.get("maxLength", 0) > LONG:
            return "area"
    return "text"


def choices(option: Mapping[str, Any], value: object, names: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """What may be chosen; a name that is gone stays until another one is chosen."""
    if "names" not in option:
        return tuple(map(str, option.get("enum", ())))
    return tuple(dict.fromkeys(("", *names.get(option["names"], ()), as_typed(value))))


def limits(option: Mapping[str, Any]) -> dict[str, Any]:
    if option["type"] not in ("integer", "number"):
        return {}
    bounds = {attribute: option[name] for name, attribute in BOUNDS.items() if name in option}
    return {**bounds, "step": 1 if option["type"] == "integer" else "any"}


def as_typed(value: object) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def read(option: Mapping[str, Any], text: str | None) -> Any:
    """A typed value as the option has it; None where nothing was said."""
    if option["type"] == "boolean":
        return text is not None
    if text is None:
        return None
    text = text.replace("\r\n", "\n").strip()
    match option["type"]:
        case "integer" | "number":
            return number(text) if text else None
        case "array":
            return [part for part in map(str.strip, text.split(",")) if part]
    return text


def number(text: str) -> int | float | str:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text
