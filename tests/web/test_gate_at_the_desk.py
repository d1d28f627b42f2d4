"""The gate as people meet it: what an admin may not promote, and what an operator may not make live.

An adapter that does nothing is refused in test_adapters_pages.py.
"""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from safetensors.numpy import load_file, save_file

from bot.kotae import Kotae
from bot.settings import Settings
from strategies.lora.bases import model, template
from strategies.lora.shelf.card import WEIGHTS
from strategies.lora.testing import tiny_base
from tests.people import Admin, Operator
from tests.strategies.lora.adapters import speaking
from tests.web.test_compare_pages import text


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("bases") / "llama", "llama")  # it has a template of its own


@pytest.fixture
def settings(settings: Settings, base: Path) -> Settings:
    here = __name__
    strategies = {
        **settings.strategies,
        "product": {"use": "lora", "base": str(base)},
        "forgetful": {"use": "runnable", "target": f"{here}:forgetful", "input": "text"},
        "seller": {"use": "runnable", "target": f"{here}:seller", "input": "text"},
    }
    return settings.model_copy(
        update={"strategies": strategies, "chat": settings.chat.model_copy(update={"strategy": "forgetful"})}
    )


# ---- adapters, at the shelf ----


def promotes(admin: Admin, kotae: Kotae, made: Path) -> str:
    """The page that an admin reads who shelves an adapter and wants it to speak."""
    adapter = kotae.shelf.put(made)
    answer = admin.sends(f"/console/adapters/{adapter.hash}/promote")
    return text(admin.client.get(answer.location, follow_redirects=True).text)


def test_one_that_was_damaged_after_its_training_does_not_speak(
    admin: Admin, kotae: Kotae, base: Path, tmp_path: Path
) -> None:
    made = speaking(tmp_path / "spring", base)
    weights = load_file(made / WEIGHTS)
    first = next(name for name in weights if "lora_B" in name)
    save_file({**weights, first: -weights[first]}, made / WEIGHTS)
    page = promotes(admin, kotae, made)
    assert "spring does not speak" in page
    assert "it is not served as it was trained" in page
    assert kotae.shelf.current() is None


def test_one_that_was_trained_with_one_newline_more_does_not_speak(
    admin: Admin, kotae: Kotae, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_ever = template.chat
    with monkeypatch.context() as then:
        then.setattr(
            template, "chat", lambda reader, question, passages: as_ever(reader, f"{question}\n", passages)
        )
        made = speaking(tmp_path / "spring", base, template=template.fingerprint(model.load(str(base))))
    page = promotes(admin, kotae, made)
    assert "spring does not speak" in page
    assert "it was trained with the template" in page
    assert kotae.shelf.current() is None


# ---- strategies, after a comparison ----


def number(question: str) -> int:
    return int("0" + "".join(filter(str.isdigit, question)))


def live_one(question: str) -> str:
    """Knows every price, and of the times every other one."""
    if "cost" in question:
        return f"It is ${number(question)}."
    return f"It takes {number(question)} minutes." if number(question) % 2 else ""


def better_but_for_prices(question: str) -> str:
    """Knows every time; of the prices every fourth is another one."""
    if "cost" in question and number(question) % 4 == 0:
        return f"It is ${number(question) + 1}."
    return live_one(question) or f"It takes {number(question)} minutes."


forgetful: RunnableLambda[Any, str] = RunnableLambda(live_one)
seller: RunnableLambda[Any, str] = RunnableLambda(better_but_for_prices)


def test_one_that_is_better_on_average_and_wrong_about_prices_is_not_made_live(
    operator: Operator, kotae: Kotae
) -> None:
    asked: list[dict[str, object]] = [
        {
            "id": f"{tag}-{n}",
            "question": f"What does lamp {n} cost?" if tag == "price" else f"How long does lamp {n} take?",
            "facts": [[f"${n}"]] if tag == "price" else [[f"{n} minutes"]],
            "tags": [tag],
        }
        for tag, numbers in (("price", range(100, 120)), ("time", range(200, 240)))
        for n in numbers
    ]
    file = BytesIO("\n".join(map(json.dumps, asked)).encode()), "lamps.jsonl"
    chosen = operator.sends("/console/compare/sets", file=file, name="").location.rsplit("/", 1)[1]
    path = operator.sends("/console/compare", set=chosen, strategies=["forgetful", "seller"]).location
    kotae.jobs.drain()

    page = text(operator.opens(path).text)
    facts = kotae.results.of(path.rsplit("/", 1)[1]).comparison.figures["facts"]
    assert facts["seller"].value > facts["forgetful"].value + 0.2, "far better on average"
    assert "breaks a rule" in page
    assert "“price”: −25.0 points of gold facts against the live strategy" in page
    refused = operator.sends(f"{path}/live", name="seller")
    assert refused.status_code == 409
    assert "the rules are against it" in refused.text
    assert kotae.switch.name() == "forgetful"
