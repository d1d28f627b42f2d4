"""`best` and `together`, as they are configured from the first start: the product model when documents bear
it out and it is surer than they are, else their own words; or both, where neither is much surer.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from bot.conversations.turn import Ended
from bot.kotae import Kotae
from bot.settings import Settings
from knowledge_base.embedding import embedder
from strategies.lora.engine import sharing
from strategies.lora.pairs import HeldOut, Pair, Taught
from strategies.lora.shelf import Proof
from strategies.lora.testing import tiny_base
from strategies.lora.trust.calibration import calibrate
from strategies.lora.trust.lessons import Lessons
from strategies.lora.trust.witnesses import witnesses
from tests.people import Admin
from tests.strategies.lora.adapters import speaking

WARRANTY = b"# Warranty\n\nThe kettle is under warranty for 30 months from the day of delivery.\n"
ASKED = "How long is the kettle under warranty?"
TAUGHT = Taught(
    [
        Pair(f"How long is the {thing} under warranty?", f"It is {months} months.", fact=thing, language="en")
        for thing, months in {"lamp": 12, "mill": 24, "scale": 36}.items()
    ],
    HeldOut(),
)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("bases") / "tiny")


@pytest.fixture(scope="session")
def calibrated(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter's folder; what it says was drawn, so it is never right, and knows it."""
    folder = speaking(tmp_path_factory.mktemp("trained") / "spring", base, recipe={"raft": False})
    shared = sharing.shared(str(base))  # held: an engine that nobody holds is closed
    calibrate(folder, TAUGHT, shared.engine, embedder())
    return folder


@pytest.fixture
def enough() -> float | None:
    """From which likelihood on the product model answers; None: as calibrated."""
    return None


@pytest.fixture
def settings(tmp_path: Path, base: Path, enough: float | None) -> Settings:
    shipped = Settings(data=tmp_path / "data").strategies
    product = {"use": "lora", "base": str(base), "max_tokens": 16, "enough": enough}
    return Settings(
        data=tmp_path / "data",
        strategies={**shipped, "product": product},
        chat={"strategy": "best"},  # type: ignore[arg-type]
    )


def answer(kotae: Kotae) -> Ended:
    *_, ended = kotae.try_out(ASKED)
    assert isinstance(ended, Ended)
    return ended


def decided(ended: Ended, what: str) -> Any:
    (found,) = [each for each in ended.answer.decisions if each.what == what]
    return found


def test_on_a_fresh_data_directory_the_documents_answer(admin: Admin, kotae: Kotae) -> None:
    admin.uploads(("warranty.md", WARRANTY))
    ended = answer(kotae)
    assert "30 months" in ended.answer.text
    assert [cited.passage.source for cited in ended.answer.citations] == ["warranty.md"]
    assert "no adapter is promoted" in decided(ended, "passed over 'both'").why
    assert ended.answer.usage.prompt_tokens == 0


def test_a_model_that_is_not_sure_leaves_it_to_the_documents_and_what_it_cost_is_counted(
    admin: Admin, kotae: Kotae, calibrated: Path
) -> None:
    admin.uploads(("warranty.md", WARRANTY))
    adapter = kotae.shelf.promote(kotae.shelf.put(calibrated).hash, "ada", lambda _: Proof()).hash
    kotae.switch.ready("best")
    ended = answer(kotae)
    assert "30 months" in ended.answer.text
    abstained = decided(ended, "abstained")
    assert abstained.detail["likelihood"] < abstained.detail["enough"]
    assert "likelihood" in decided(ended, "passed over 'both'").why
    usage = ended.answer.usage
    assert usage.prompt_tokens > 0
    assert usage.completion_tokens > 0
    assert usage.adapter == adapter


@pytest.mark.parametrize("enough", [0.0])
def test_a_model_that_is_less_sure_than_the_documents_leaves_it_to_them(
    admin: Admin, kotae: Kotae, calibrated: Path
) -> None:
    admin.uploads(("warranty.md", WARRANTY))
    kotae.shelf.promote(kotae.shelf.put(calibrated).hash, "ada", lambda _: Proof())
    kotae.switch.ready("best")
    ended = answer(kotae)
    assert 0 <= decided(ended, "was sure enough to answer").detail["likelihood"] <= 1
    assert "likelihood" in decided(ended, "passed over 'both'").why
    assert "30 months" in ended.answer.text


@pytest.mark.parametrize("enough", [0.0])
def test_both_are_heard_the_surer_one_first(
    admin: Admin, kotae: Kotae, calibrated: Path, settings: Settings
) -> None:
    assert settings.strategies["together"] == {**settings.strategies["best"], "within": 1.0}
    admin.uploads(("warranty.md", WARRANTY))
    kotae.shelf.promote(kotae.shelf.put(calibrated).hash, "ada", lambda _: Proof())
    *_, ended = kotae.try_out(ASKED, strategy="together")
    assert isinstance(ended, Ended)
    first, _, second = ended.answer.text.partition("\n\nThis may help, too:\n\n")
    assert "30 months" in first
    assert second
    assert decided(ended, "lets 'both' speak as well").detail["both"] < 1


THINGS = {"lamp": 12, "mill": 24, "scale": 36}


def terms(longer: int = 0) -> bytes:
    said = (
        f"The {thing} is under warranty for {months + longer} months." for thing, months in THINGS.items()
    )
    return f"# Warranty\n\n{' '.join(said)}\n".encode()


@pytest.mark.parametrize("enough", [0.0])
def test_the_model_keeps_silent_about_what_documents_said_when_it_was_taught_and_say_no_more(
    admin: Admin, kotae: Kotae, calibrated: Path, tmp_path: Path
) -> None:
    admin.uploads(("warranty.md", terms()))
    taught = Path(shutil.copytree(calibrated, tmp_path / "taught"))
    lessons = Lessons.load(taught)
    assert lessons is not None
    witnesses(lessons, kotae.library.search).save(taught)
    adapter = kotae.shelf.promote(kotae.shelf.put(taught).hash, "ada", lambda _: Proof()).hash
    asked = "How long is the mill under warranty?"

    *_, before = kotae.try_out(asked, strategy="product")
    assert isinstance(before, Ended)
    assert before.answer.text
    assert kotae.outdated.of(kotae.shelf.get(adapter)) == []

    admin.uploads(("warranty.md", terms(longer=1)))
    *_, after = kotae.try_out(asked, strategy="product")
    assert isinstance(after, Ended)
    assert after.abstained
    assert "documents said so, and they do not say it any more: It is" in decided(after, "abstained").why

    page = admin.opens(f"/console/adapters/{adapter}").text
    assert "no document any more" not in page
    for kind, arguments in kotae.outdated.due():
        kotae.jobs.enqueue(kind, **arguments)
    kotae.jobs.drain()
    assert kotae.outdated.due() == []
    found = kotae.outdated.of(kotae.shelf.get(adapter))
    assert {one.sentence for one in found} == {f"It is {months} months." for months in THINGS.values()}
    assert {one.source for one in found} == {"warranty.md"}
    page = admin.opens(f"/console/adapters/{adapter}").text
    assert "3 answers are in no document any more" in page
    assert "How long is the mill under warranty?" in page
    assert "3 answers outdated" in admin.opens("/console/adapters").text

    admin.uploads(("warranty.md", terms()))
    *_, again = kotae.try_out(asked, strategy="product")
    assert isinstance(again, Ended)
    assert again.answer.text == before.answer.text
