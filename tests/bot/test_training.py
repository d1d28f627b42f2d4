"""Trainings of an installation: started, watched, cancelled, resumed, and taken up after a kill."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from filelock import FileLock

from bot.access.audit import Audit
from bot.jobs import Jobs, open_queue
from bot.teaching.training import KIND, Training, TrainingRefused, UnknownRun
from knowledge_base.passages import Passage
from strategies.lora.pairs import HeldOut, Pair, Taught
from strategies.lora.shelf import Adapter, Shelf
from strategies.lora.testing import tiny_base
from strategies.lora.training import apart
from strategies.lora.training.recipe import Recipe
from strategies.lora.training.work import Told, TrainingFailed, Work
from strategies.lora.trust.lessons import Lessons
from strategies.lora.trust.witnesses import Witnesses
from strategies.testing import WordVectors
from tests.bot.test_jobs import until
from tests.strategies.lora.adapters import on_paper
from tests.strategies.lora.desk import pairs, trained_here
from tests.strategies.passages import passage

ROOT = Path(__file__).parent.parent.parent
RECIPE = {"epochs": 4, "batch": 4, "rate": 1e-2, "rank": 4, "augment": False}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_base(tmp_path_factory.mktemp("base")))


class Desk:
    """An installation's trainings, with a shelf, and no other work but "other"."""

    def __init__(self, engine: sa.Engine, data: Path) -> None:
        self.promoted: list[tuple[str, str]] = []
        self.passages: list[Passage] = []
        self.audit = Audit(engine)
        self.shelf = Shelf(data / "adapters")
        self.others: list[Mapping[str, Any]] = []
        self.jobs = Jobs(
            engine,
            open_queue(data, ""),
            {
                KIND: lambda arguments, tell: self.training.work(arguments, tell),
                "other": lambda arguments, _: self.others.append(arguments),
            },
            long={KIND: open_queue(data, "", "kotae-train")},
        )
        self.training = Training(
            data / "training",
            self.jobs,
            self.audit,
            self.shelf,
            stored=pairs,
            search=lambda _query, k=5: self.passages[:k],
            versions=lambda ids: dict.fromkeys(ids, 1),
            promote=lambda which, by: self.promoted.append((which, by)),
        )


@pytest.fixture
def desk(engine: sa.Engine, tmp_path: Path) -> Iterator[Desk]:
    made = Desk(engine, tmp_path)
    yield made
    made.jobs.stop()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """The training's own process is played: it tells three steps, then there is an adapter; or `fails`."""

    def play(fails: Exception | None = None, goes_on: Callable[[], bool] = lambda: False) -> None:
        def run_apart(
            folder: Path, told: Callable[[Told], None], stopped: Callable[[], bool], threads: int = 1
        ) -> Path:
            for step in (1, 2, 3):
                told(Told(step, 3, step / 3, 1.0, None, 0.1, 3.0 - step))
                assert not stopped()
                while goes_on():
                    time.sleep(0.05)
                    assert not stopped()
            if fails is not None:
                raise fails
            return on_paper(folder / "adapter", Work(folder).job.name)

        monkeypatch.setattr(apart, "run_apart", run_apart)

    return play


def test_what_an_admin_starts_stands_on_the_shelf_in_the_end(
    desk: Desk, quick: Callable[..., None], base: str
) -> None:
    quick()
    job = desk.training.start("spring", base=base, by="ann")
    assert (job.kind, job.state) == ("train", "queued")
    desk.jobs.drain()
    run = desk.training.run(job.id)
    assert (run.name, run.base, run.job.state, run.job.error) == ("spring", base, "done", "")
    assert desk.shelf.get(run.adapter).name == "spring"
    assert [each.id for each in desk.training.runs()] == [job.id]
    assert desk.promoted == []
    assert [entry.what for entry in desk.audit.page()] == ["train"]


def test_an_adapter_takes_along_what_documents_say_of_what_it_was_taught(
    desk: Desk, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.passages.append(passage("The kettle costs 79 euros in our shop."))

    def run_apart(folder: Path, *_: object) -> Path:
        taught = Taught([Pair("What does the kettle cost?", "It costs 79 euros.", fact="price")], HeldOut())
        Lessons.of(taught, WordVectors()).save(on_paper(folder / "adapter"))
        return folder / "adapter"

    monkeypatch.setattr(apart, "run_apart", run_apart)
    job = desk.training.start("spring", base=base, by="ann")
    desk.jobs.drain()
    adapter = desk.shelf.get(desk.training.run(job.id).adapter)
    (witness,) = Witnesses.load(adapter.path).of.values()
    assert list(witness.sentences) == ["It costs 79 euros."]


def test_an_adapter_that_is_wanted_to_speak_is_promoted(
    desk: Desk, quick: Callable[..., None], base: str
) -> None:
    quick()
    job = desk.training.start("spring", base=base, by="ann", promote=True)
    desk.jobs.drain()
    assert desk.promoted == [(desk.training.run(job.id).adapter, "ann")]


def test_all_stored_pairs_are_learned_unless_others_are_given(
    desk: Desk, quick: Callable[..., None], base: str
) -> None:
    quick()
    stored = desk.training.start("spring", base=base, by="ann")
    desk.jobs.drain()
    given = [Pair("How big?", "12 cm.", document="d7", split="train")]
    other = desk.training.start("summer", base=base, by="ann", pairs=given)
    desk.jobs.drain()
    assert Work(desk.training.run(stored.id).folder).pairs() == pairs()
    assert Work(desk.training.run(other.id).folder).pairs() == given
    assert Work(desk.training.run(other.id).folder).job.documents == {"d7": 1}


@pytest.mark.parametrize(
    ("name", "missing", "given", "sentence"),
    [
        ("", "", None, "cannot be called ''"),
        ("a/b", "", None, "cannot be called 'a/b'"),
        ("current", "", None, "that is whichever is promoted"),
        ("spring", "/no/such/base", None, "there is no base model '/no/such/base'"),
        ("spring", "", [], "there are no pairs to learn from"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_kept(
    desk: Desk, base: str, name: str, missing: str, given: Sequence[Pair] | None, sentence: str
) -> None:
    with pytest.raises(TrainingRefused, match=sentence):
        desk.training.start(name, base=missing or base, by="ann", pairs=given)
    assert not desk.training.folder.exists()
    assert desk.jobs.list() == []


def test_two_trainings_at_once_are_refused(desk: Desk, base: str) -> None:
    first = desk.training.start("spring", base=base, by="ann")
    with pytest.raises(TrainingRefused, match="a training is queued already; wait until it has ended"):
        desk.training.start("summer", base=base, by="ben")
    assert len(list(desk.training.folder.iterdir())) == 1
    desk.training.cancel(first.id, by="ann")
    desk.training.start("summer", base=base, by="ben")


def test_a_training_that_fails_says_why_and_can_go_on(
    desk: Desk, quick: Callable[..., None], base: str
) -> None:
    quick(fails=TrainingFailed("the disk is full"))
    job = desk.training.start("spring", base=base, by="ann", promote=True)
    desk.jobs.drain()
    run = desk.training.run(job.id)
    assert (run.job.state, run.job.error, run.adapter) == ("failed", "the disk is full", "")
    quick()
    desk.training.resume(job.id, by="ben")
    desk.jobs.drain()
    run = desk.training.run(job.id)
    assert (run.job.state, run.job.error) == ("done", "")
    assert desk.promoted == [(run.adapter, "ann")]
    assert [each.id for each in desk.training.runs()] == [job.id]


def test_a_training_under_way_is_cancelled_and_other_work_was_done_meanwhile(
    desk: Desk, quick: Callable[..., None], base: str
) -> None:
    quick(goes_on=lambda: True)
    job = desk.training.start("spring", base=base, by="ann")
    desk.jobs.start()
    until(lambda: desk.jobs.get(job.id).state == "running")
    desk.jobs.enqueue("other", number=1)
    until(lambda: desk.others == [{"number": 1}])
    desk.training.cancel(job.id, by="ann")
    assert desk.training.run(job.id).job.state == "cancelled"
    quick()
    again = desk.training.start("summer", base=base, by="ann")
    until(lambda: desk.jobs.get(again.id).state == "done")
    assert desk.training.run(job.id).job.state == "cancelled"
    assert [adapter.name for adapter in desk.shelf.all()] == ["summer"]


def test_a_training_cancelled_in_its_last_moment_leaves_nothing_on_the_shelf_and_can_go_on(
    desk: Desk, quick: Callable[..., None], base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_apart(folder: Path, *_: object) -> Path:
        desk.training.cancel(job.id, by="ann")  # nobody asks whether to stop any more
        return on_paper(folder / "adapter", Work(folder).job.name)

    monkeypatch.setattr(apart, "run_apart", run_apart)
    job = desk.training.start("spring", base=base, by="ann")
    desk.jobs.drain()
    run = desk.training.run(job.id)
    assert (run.job.state, run.adapter, list(desk.shelf.all())) == ("cancelled", "", [])
    monkeypatch.setattr(apart, "run_apart", lambda folder, *_: Work(folder).adapter)
    desk.training.resume(job.id, by="ann")
    desk.jobs.drain()
    run = desk.training.run(job.id)
    assert (run.job.state, [adapter.hash for adapter in desk.shelf.all()]) == ("done", [run.adapter])


def test_a_job_that_is_no_training_is_no_run(desk: Desk) -> None:
    job = desk.jobs.enqueue("other")
    for wrong in (job.id, "nonsense"):
        with pytest.raises(UnknownRun):
            desk.training.run(wrong)
        with pytest.raises(UnknownRun):
            desk.training.cancel(wrong, by="ann")
    assert desk.training.runs() == []


def test_a_training_whose_server_was_killed_goes_on_from_its_checkpoint(
    desk: Desk, base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With real processes until then: the server's, and the training's own, which must not outlive it."""
    recipe = Recipe(**{**RECIPE, "epochs": 400, "patience": 400, "seconds": 5})
    job = desk.training.start("spring", base=base, by="ann", recipe=recipe)
    folder = Path(desk.training.run(job.id).folder)
    server = subprocess.Popen([sys.executable, "-m", "tests.bot.trainer", tmp_path], cwd=ROOT)
    until(lambda: (folder / "checkpoint.safetensors").exists(), 120)
    server.send_signal(signal.SIGKILL)
    server.wait()
    with FileLock(folder / "lock", timeout=60):  # the training's own process has ended
        reached = max(told.step for told in Work(folder).told())
        assert reached > 0
    assert desk.jobs.get(job.id).state == "running"
    monkeypatch.setattr(apart, "run_apart", trained_here)
    desk.jobs.drain()
    run = desk.training.run(job.id)
    assert (run.job.state, run.job.attempts) == ("done", 2)
    adapter: Adapter = desk.shelf.get(run.adapter)
    curve = [json.loads(line)["step"] for line in (adapter.path / "curve.jsonl").read_text().splitlines()]
    assert curve == sorted(curve)
    assert curve[-1] > 0
    assert list(run.told)[-1].step == curve[-1]


def test_a_worker_that_goes_home_leaves_the_training_to_the_next(
    desk: Desk, quick: Callable[..., None], base: str, engine: sa.Engine, tmp_path: Path
) -> None:
    quick(goes_on=lambda: True)
    job = desk.training.start("spring", base=base, by="ann")
    desk.jobs.start()
    until(lambda: desk.jobs.get(job.id).step == "learning")
    desk.jobs.stop()
    assert (desk.jobs.get(job.id).state, desk.jobs.get(job.id).attempts) == ("queued", 0)
    quick()
    next_one = Desk(engine, tmp_path)
    next_one.jobs.drain()
    assert next_one.jobs.get(job.id).state == "done"
    next_one.jobs.stop()
