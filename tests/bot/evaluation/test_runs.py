"""Evaluation runs: started, watched, cancelled, resumed, and taken up after a kill without asking twice."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.evaluation.runs import Chosen, EvaluationRefused, UnknownRun
from bot.evaluation.sets import OpenQuestions, UnknownSet
from bot.evaluation.values import AskedQuestion
from strategies.errors import Misconfigured
from tests.bot.evaluation.asker import HELD_AT, Desk
from tests.bot.test_jobs import until

ROOT = Path(__file__).parents[3]


@pytest.fixture
def desk(engine: sa.Engine, tmp_path: Path) -> Iterator[Desk]:
    made = Desk(engine, tmp_path)
    made.sets.put("lamp", questions(6), by="ann", note="made")
    yield made
    made.jobs.stop()


def questions(n: int) -> list[AskedQuestion]:
    """Every third is held out."""
    return [
        AskedQuestion(f"q{at}", f"Question {at}?", part="open" if at % 3 else "held-out") for at in range(n)
    ]


def test_every_strategy_is_asked_every_question_and_all_answers_are_kept(desk: Desk) -> None:
    run = desk.evaluations.start("lamp", ["loud", "quiet"], by="ann")
    assert (run.job.state, run.kept, run.set_version) == ("queued", 0, 1)
    desk.jobs.drain()
    run = desk.evaluations.run(run.id)
    assert (run.job.state, run.job.error, run.kept) == ("done", "", 12)
    answers = desk.evaluations.answers(run)
    assert list(answers) == ["loud", "quiet"]
    assert {one.text for one in answers["quiet"].values()} == {f"QUESTION {at}?" for at in range(6)}
    assert next(entry.what for entry in desk.audit.page()) == "evaluate"


def test_the_strategies_take_turns_and_none_is_always_first(desk: Desk) -> None:
    desk.evaluations.start("lamp", ["loud", "quiet"], by="ann")
    desk.jobs.drain()
    assert desk.asked[:4] == ["loud q0", "quiet q0", "quiet q1", "loud q1"]
    first = Counter(line.split()[0] for line in desk.asked[::2])
    assert first == {"loud": 3, "quiet": 3}


def test_a_run_keeps_the_conditions_under_which_it_was_measured(desk: Desk) -> None:
    run = desk.evaluations.start("lamp", ["loud"], by="ann")
    desk.jobs.drain()
    told = desk.evaluations.run(run.id).conditions
    assert told["index_version"] == "7"
    assert told["standing"] == {"loud": "as ever"}
    assert told["release"]
    assert told["cores"] >= 1


def test_a_run_asks_the_version_it_was_started_on(desk: Desk) -> None:
    run = desk.evaluations.start("lamp", ["loud"], by="ann")
    desk.sets.put("lamp", [AskedQuestion("new", "New?")], by="ann", note="more")
    desk.jobs.drain()
    assert len(desk.evaluations.questions(desk.evaluations.run(run.id))) == 6
    assert "loud new" not in desk.asked


@pytest.mark.parametrize(
    ("chosen", "asked"),
    [
        (Chosen("held-out"), ["q0", "q3"]),
        (Chosen("open"), ["q1", "q2", "q4", "q5"]),
        (Chosen(limit=3), ["q0", "q2", "q4"]),  # evenly over the set
        (Chosen("open", 2), ["q1", "q4"]),
        (Chosen(limit=99), ["q0", "q1", "q2", "q3", "q4", "q5"]),
    ],
)
def test_a_part_of_the_questions_may_be_asked(desk: Desk, chosen: Chosen, asked: list[str]) -> None:
    desk.evaluations.start("lamp", ["loud"], by="ann", chosen=chosen)
    desk.jobs.drain()
    assert desk.asked == [f"loud {one}" for one in asked]


def test_what_cannot_be_asked_is_refused_and_leaves_nothing(desk: Desk) -> None:
    for strategies, sentence in (([], "at least one"), (["nobody"], "no strategy 'nobody'")):
        with pytest.raises(EvaluationRefused, match=sentence):
            desk.evaluations.start("lamp", strategies, by="ann")
    with pytest.raises(UnknownSet):
        desk.evaluations.start("other", ["loud"], by="ann")
    desk.sets.make("empty", by="ann")
    with pytest.raises(EvaluationRefused, match="has no question"):
        desk.evaluations.start("empty", ["loud"], by="ann")
    assert desk.evaluations.runs() == []


def test_there_is_one_run_at_a_time_for_two_would_measure_each_other(desk: Desk) -> None:
    first = desk.evaluations.start("lamp", ["loud"], by="ann")
    with pytest.raises(EvaluationRefused, match="queued already"):
        desk.evaluations.start("lamp", ["quiet"], by="ann")
    assert [run.id for run in desk.evaluations.runs()] == [first.id]


def test_a_strategy_that_cannot_warm_ends_the_run_before_anything_is_asked(desk: Desk) -> None:
    desk.cold["quiet"] = Misconfigured("it has no adapter")
    run = desk.evaluations.start("lamp", ["loud", "quiet"], by="ann")
    desk.jobs.drain()
    run = desk.evaluations.run(run.id)
    assert (run.job.state, run.job.error) == ("failed", "'quiet' cannot be asked: it has no adapter")
    assert desk.asked == []
    del desk.cold["quiet"]
    desk.evaluations.resume(run.id, by="ann")
    desk.jobs.drain()
    assert desk.evaluations.run(run.id).kept == 12


def test_a_run_that_was_cancelled_goes_on_behind_what_is_kept(desk: Desk) -> None:
    desk.seconds = 0.1  # a worker looks five times a second whether its job is still wanted
    run = desk.evaluations.start("lamp", ["loud"], by="ann")
    keep = desk.ask

    def cancels(question: AskedQuestion, strategy: str) -> object:
        if question.id == "q2":
            desk.evaluations.cancel(run.id, by="ann")
        return keep(question, strategy)

    desk.evaluations._ask = cancels  # type: ignore[assignment]
    desk.jobs.drain()
    stopped = desk.evaluations.run(run.id)
    assert stopped.job.state == "cancelled"
    assert 0 < stopped.kept < 6
    desk.evaluations._ask = keep
    desk.evaluations.resume(run.id, by="ann")
    desk.jobs.drain()
    assert desk.evaluations.run(run.id).kept == 6
    assert Counter(desk.asked) == {f"loud q{at}": 1 for at in range(6)}


def test_what_failed_is_asked_again_when_the_run_is_resumed(desk: Desk) -> None:
    desk.broken["quiet"] = "Unavailable: the server is away"
    run = desk.evaluations.start("lamp", ["loud", "quiet"], by="ann")
    desk.jobs.drain()
    done = desk.evaluations.run(run.id)
    assert done.job.state == "done"
    assert {one.error for one in desk.evaluations.answers(done)["quiet"].values()} == {desk.broken["quiet"]}
    desk.broken.clear()
    desk.evaluations.work({"run": run.id}, lambda _step, _share: None)
    again = desk.evaluations.answers(done)
    assert {one.error for one in again["quiet"].values()} == {""}
    assert Counter(line.split()[0] for line in desk.asked) == {"loud": 6, "quiet": 12}


def test_a_killed_server_asks_nothing_twice_that_was_kept(desk: Desk, tmp_path: Path) -> None:
    """With a real process, killed in the middle of a question."""
    desk.sets.put("many", questions(40), by="ann", note="made")
    run = desk.evaluations.start("many", ["loud", "quiet"], by="ann")
    server = subprocess.Popen([sys.executable, "-m", "tests.bot.evaluation.asker", tmp_path], cwd=ROOT)
    until(lambda: len(desk.asked) > HELD_AT, 60)
    server.send_signal(signal.SIGKILL)
    server.wait()
    kept = {f"{name} {each}" for name, answers in desk.evaluations.answers(run).items() for each in answers}
    assert len(kept) == HELD_AT
    assert desk.evaluations.run(run.id).job.state == "running"
    desk.jobs.drain()
    done = desk.evaluations.run(run.id)
    assert (done.job.state, done.job.attempts, done.kept) == ("done", 2, 80)
    twice = {line for line, n in Counter(desk.asked).items() if n > 1}
    assert len(twice) <= 1  # the one that was under way
    assert not twice & kept


def test_two_runs_of_the_same_differ_by_nothing_in_their_answers(desk: Desk) -> None:
    answers = []
    for _ in range(2):
        run = desk.evaluations.start("lamp", ["loud"], by="ann")
        desk.jobs.drain()
        answers.append(desk.evaluations.answers(run))
    assert answers[0] == answers[1]


def test_a_run_is_removed_with_its_answers_and_so_is_that_of_a_removed_set(
    desk: Desk, engine: sa.Engine
) -> None:
    for _ in range(2):
        desk.evaluations.start("lamp", ["loud"], by="ann")
        desk.jobs.drain()
    newest, older = desk.evaluations.runs()
    desk.evaluations.remove(newest.id, by="ann")
    assert [run.id for run in desk.evaluations.runs()] == [older.id]
    with pytest.raises(UnknownRun):
        desk.evaluations.run(newest.id)
    desk.sets.remove("lamp", by="ann")
    assert desk.evaluations.runs() == []
    with engine.connect() as connection:
        assert connection.scalar(sa.text("select count(*) from evaluation_answers")) == 0


def test_a_run_that_is_removed_while_it_waits_asks_nothing(desk: Desk) -> None:
    run = desk.evaluations.start("lamp", ["loud"], by="ann")
    desk.evaluations.remove(run.id, by="ann")
    desk.jobs.drain()
    assert desk.asked == []


def test_what_is_learned_from_a_run_has_nothing_of_what_is_held_out(desk: Desk) -> None:
    run = desk.evaluations.start("lamp", ["loud", "quiet"], by="ann")
    desk.jobs.drain()
    learned, answers = desk.evaluations.for_training(run)
    assert isinstance(learned, OpenQuestions)
    assert [one.id for one in learned] == ["q1", "q2", "q4", "q5"]
    assert set(answers["quiet"]) == {"q1", "q2", "q4", "q5"}
