"""A router that learns by itself: from its question set, a quiet minute after something has changed."""

from pathlib import Path

import pytest

from bot.access.audit import ITSELF
from bot.evaluation.runs import Run
from bot.kotae import Kotae
from bot.settings import Settings
from tests.people import Admin
from tests.routed import SET, STRATEGIES, questions, without_an_answer

OURS = {**STRATEGIES, "router": {**STRATEGIES["router"], "learn_from": SET}}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data", strategies=OURS, chat={"strategy": "router"})  # type: ignore[arg-type]


@pytest.fixture
def with_a_set(kotae: Kotae) -> Kotae:
    kotae.question_sets.put(SET, [*questions(), *questions("held-out")], by="admin@example.com", note="")
    return kotae


def minutes(kotae: Kotae, count: int) -> None:
    """Each with its tick, and time enough for whatever it begins."""
    for _ in range(count):
        kotae.jobs.tick()
        kotae.jobs.drain()


def runs(kotae: Kotae) -> list[Run]:
    return kotae.evaluations.runs(100, SET)


def test_it_evaluates_and_learns_when_nothing_changes_for_a_minute(with_a_set: Kotae) -> None:
    minutes(with_a_set, 1)
    assert runs(with_a_set) == [], "the first minute only sees"
    minutes(with_a_set, 1)
    (run,) = runs(with_a_set)
    assert (run.by, run.asked) == (ITSELF, len(questions())), "no held-out question is asked"
    minutes(with_a_set, 1)
    standing = with_a_set.routers.standing("router")
    assert standing.routing.head is not None
    assert standing.routing.fault == ""
    done = [(entry.who, entry.what) for entry in with_a_set.audit.page(2)]
    assert done == [(ITSELF, "train router"), (ITSELF, "evaluate")]
    minutes(with_a_set, 3)
    assert runs(with_a_set) == [run], "what still holds is not learned again"


def test_after_a_document_came_it_learns_again_and_keeps_one_evaluation(
    with_a_set: Kotae, admin: Admin
) -> None:
    minutes(with_a_set, 3)
    (before,) = runs(with_a_set)
    admin.uploads(("new.md", b"# News\n\nThe kettle is green.\n"))
    assert "the documents have changed" in with_a_set.routers.standing("router").routing.fault
    minutes(with_a_set, 3)
    assert with_a_set.routers.standing("router").routing.fault == ""
    (after,) = runs(with_a_set)
    assert after.id != before.id


def test_while_documents_keep_coming_it_waits(with_a_set: Kotae, admin: Admin) -> None:
    for n in range(3):
        admin.uploads((f"new{n}.md", f"# News {n}\n\nKettle {n} is green.\n".encode()))
        minutes(with_a_set, 1)
    assert runs(with_a_set) == []


def test_a_question_more_is_learned_from_too(with_a_set: Kotae) -> None:
    minutes(with_a_set, 3)
    with_a_set.question_sets.put(SET, without_an_answer()[:1], by="admin@example.com", note="")
    minutes(with_a_set, 3)
    assert with_a_set.routers.standing("router").questions == len(questions()) + 1


def test_what_somebody_had_it_learn_from_another_set_is_left_alone(with_a_set: Kotae) -> None:
    with_a_set.question_sets.put("other", questions(), by="admin@example.com", note="")
    run = with_a_set.evaluations.start("other", ["kettles", "parcels"], by="admin@example.com")
    with_a_set.jobs.drain()
    with_a_set.routers.train("router", by="admin@example.com", run_id=run.id)
    minutes(with_a_set, 3)
    assert runs(with_a_set) == []


def test_a_cancelled_evaluation_is_not_begun_again_until_something_has_changed(
    with_a_set: Kotae, admin: Admin
) -> None:
    minutes(with_a_set, 1)
    with_a_set.jobs.tick()
    (run,) = runs(with_a_set)
    with_a_set.evaluations.cancel(run.id, by="operator@example.com")
    minutes(with_a_set, 3)
    assert [each.job.state for each in runs(with_a_set)] == ["cancelled"]
    admin.uploads(("new.md", b"# News\n\nThe kettle is green.\n"))
    minutes(with_a_set, 3)
    assert with_a_set.routers.standing("router").routing.fault == ""


def test_a_set_that_is_not_there_is_waited_for(kotae: Kotae) -> None:
    minutes(kotae, 3)
    assert kotae.evaluations.runs() == []
    assert "never trained" in kotae.routers.standing("router").routing.fault


def test_a_set_too_small_to_learn_from_is_tried_once(kotae: Kotae) -> None:
    kotae.question_sets.put(SET, questions()[:5], by="admin@example.com", note="")
    minutes(kotae, 6)
    assert len(runs(kotae)) == 1
    job = kotae.routers.job("router")
    assert job is not None
    assert "at least 30 open questions" in job.error
