"""What never gets as far as questions: adapters that the shelf refuses before they speak, by the way they are
promoted in. Those that speak, and speak worse, are refused by the decision (test_decision.py).
"""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from safetensors.numpy import load_file, save_file

from bot.access.audit import Audit
from bot.answering.shelf import Shelf
from strategies.lora.bases import model, template
from strategies.lora.shelf.card import WEIGHTS
from strategies.lora.shelf.parcel import Refused
from strategies.lora.testing import tiny_base
from tests.strategies.lora.adapters import speaking


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("bases") / "llama", "llama")


@pytest.fixture
def shelf(tmp_path: Path, engine: sa.Engine, base: Path) -> Shelf:
    return Shelf.of(tmp_path, {"product": {"use": "lora", "base": str(base)}}, Audit(engine))


def promote(shelf: Shelf, made: Path) -> None:
    shelf.promote(shelf.put(made).hash, "ada")


def with_one_newline_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Serving makes its prompts as it always did, but for a newline behind the question."""
    as_ever = template.chat
    monkeypatch.setattr(
        template, "chat", lambda reader, question, passages: as_ever(reader, f"{question}\n", passages)
    )


def test_an_adapter_that_is_served_as_it_was_trained_may_speak(
    shelf: Shelf, base: Path, tmp_path: Path
) -> None:
    promote(shelf, speaking(tmp_path / "made", base))

    assert shelf.current() is not None


def test_a_template_that_differs_by_one_newline_is_refused(
    shelf: Shelf, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = speaking(tmp_path / "made", base)
    with_one_newline_more(monkeypatch)

    with pytest.raises(Refused, match="it was trained with the template"):
        promote(shelf, made)
    assert shelf.current() is None


def test_it_is_refused_by_its_answers_too_when_its_card_hides_the_newline(
    shelf: Shelf, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as then:
        with_one_newline_more(then)
        other = template.fingerprint(model.load(str(base)))
    made = speaking(tmp_path / "made", base, template=other)
    with_one_newline_more(monkeypatch)

    with pytest.raises(Refused, match="it is not served as it was trained"):
        promote(shelf, made)


def test_an_adapter_that_was_damaged_after_its_training_is_refused(
    shelf: Shelf, base: Path, tmp_path: Path
) -> None:
    made = speaking(tmp_path / "made", base)
    weights = load_file(made / WEIGHTS)
    first = next(name for name in weights if "lora_B" in name)
    weights[first] = -weights[first]
    save_file(weights, made / WEIGHTS)

    with pytest.raises(Refused, match="it is not served as it was trained"):
        promote(shelf, made)


def test_an_adapter_that_does_nothing_is_refused(shelf: Shelf, base: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="it changes nothing in what the base says"):
        promote(shelf, speaking(tmp_path / "made", base, loud=0))
