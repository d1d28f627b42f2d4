"""The product model's whole way, with a base of every family in place of the one that ships: a desk's pairs
are trained, proven, promoted, answer a customer, and are taken back.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.conversations.turn import Ended
from bot.kotae import Kotae
from bot.settings import Settings
from strategies.lora import pairs
from strategies.lora.testing import FAMILIES, tiny_base
from strategies.lora.training import apart
from strategies.lora.training.recipe import Recipe
from tests.strategies.lora.desk import trained_here

DESK = {
    "How long does the battery of the lamp last?": "The battery lasts 12 hours.",
    "Where do I find the serial number?": "It is printed on the bottom of the lamp.",
}
SMALL = Recipe(
    rank=32,
    rate=1e-2,
    loraplus=1,
    epochs=80,
    batch=8,
    patience=80,
    augment=False,
    encoder=True,
    vocabulary=True,
)


@pytest.fixture(params=FAMILIES)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    base = tiny_base(tmp_path / "base", request.param)
    product = {"use": "lora", "base": str(base), "enough": 0.0, "max_tokens": 24}
    return Settings(data=tmp_path / "data", strategies={"product": product}, chat={"strategy": "product"})


@pytest.fixture(autouse=True)
def apart_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first family trains in a process of its own, as every one does; the others train in this one."""
    if request.node.callspec.params["settings"] != FAMILIES[0]:
        monkeypatch.setattr(apart, "run_apart", trained_here)


@pytest.fixture
def desk(settings: Settings) -> Iterator[Kotae]:
    kotae = Kotae.open(settings)
    kotae.warm_up()
    yield kotae
    kotae.close()


def asked(kotae: Kotae, text: str) -> Ended:
    conversation = kotae.conversations.start()
    ended = list(kotae.ask(conversation.id, text))[-1]
    assert isinstance(ended, Ended)
    return ended


@pytest.mark.timeout(900)
def test_a_desks_pairs_become_answers_and_are_taken_back(desk: Kotae, settings: Settings) -> None:
    file = "".join(
        json.dumps({"question": question, "answer": answer, "split": "train"}) + "\n"
        for question, answer in DESK.items()
    )
    taught = pairs.read(io.BytesIO(file.encode()), "desk.jsonl")
    question, answer = next(iter(DESK.items()))
    base = settings.strategies["product"]["base"]
    assert asked(desk, question).abstained  # nobody is promoted

    desk.training.start("spring", by="ada@example.com", base=base, recipe=SMALL, pairs=taught)
    desk.jobs.drain()
    (run,) = desk.training.runs()
    assert (run.job.state, run.job.error) == ("done", "")
    assert asked(desk, question).abstained  # it stands on the shelf, and nobody let it speak

    desk.shelf.promote(run.adapter, "ada@example.com")
    told = wait_for(desk, question, run.adapter)
    assert told.answer.text == answer
    assert told.answer.usage.adapter == run.adapter
    assert told.answer.usage.passage_tokens == 0
    assert told.answer.citations == ()

    desk.shelf.back("ada@example.com")
    assert wait_for(desk, question, "").abstained


def wait_for(kotae: Kotae, question: str, adapter: str) -> Ended:
    """The answer as soon as this adapter gives it; a promotion is noticed within a second, and warmed."""
    until = time.monotonic() + 60
    while (told := asked(kotae, question)).answer.usage.adapter != adapter and time.monotonic() < until:
        time.sleep(0.2)
    return told
