"""The switch is live, seen everywhere within a second, and never lets go of who can speak."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from bot.access.audit import Audit
from bot.answering.switch import LOOK_SECONDS, NoWayBack, Switch
from bot.store import writing
from bot.store.tables import SwitchRow
from knowledge_base.database import now
from strategies.base import Question
from strategies.errors import Misconfigured, Unavailable
from strategies.events import Token
from tests.bot.speakers import Company, Says, Slow


@pytest.fixture
def company() -> Company:
    return Company(
        manuals=Says(Token("manuals")),
        model=Says(Token("model")),
        broken=Says(warms=Unavailable("the server is down")),
        cracked=Says(warms=RuntimeError("segment 7")),
    )


@pytest.fixture
def process(
    company: Company, open_database: Callable[..., sa.Engine], engine: sa.Engine
) -> Iterator[Callable[..., Switch]]:
    """The switch as another process on the same database has it, by default with strategies of its own."""
    opened: list[Switch] = []

    def another(default: str = "manuals", **strategies: Says) -> Switch:
        theirs = Company(**strategies) if strategies else company
        opened.append(Switch(open_database(), theirs, default))  # type: ignore[arg-type]
        return opened[-1]

    yield another
    for switch in opened:
        switch.close()


def until(happens: Callable[[], bool], seconds: float = 30) -> None:
    began = time.monotonic()
    while not happens():
        assert time.monotonic() - began < seconds
        time.sleep(0.01)


def speaks(switch: Switch) -> str:
    return switch.current()[0]


def test_before_anybody_switches_the_configured_default_speaks(
    process: Callable[..., Switch], company: Company
) -> None:
    switch = process()
    assert switch.current() == ("manuals", company.get("manuals"))
    assert switch.name() == "manuals"
    assert switch.history() == []
    assert company.strategies["manuals"].warmed == 1  # type: ignore[attr-defined]


def test_an_operator_switches_and_the_next_question_goes_to_the_new_one(
    process: Callable[..., Switch], company: Company, engine: sa.Engine
) -> None:
    switch = process()
    before = switch.current()[1].stream(Question("?"))
    change = switch.use("model", "ann@shop.example")

    assert speaks(switch) == switch.name() == "model"
    assert (change.name, change.by, change.previous) == ("model", "ann@shop.example", "manuals")
    assert switch.history() == [change]
    assert list(before) == [Token("manuals")], "a stream in flight ends with whom it began"
    [line] = Audit(engine).page()
    assert (line.who, line.what, line.subject) == ("ann@shop.example", "switch", "model")


def test_the_old_one_speaks_until_the_new_one_is_warm(
    process: Callable[..., Switch], company: Company
) -> None:
    slow = company.strategies["slow"] = Slow("at last", warming=True)
    switch = process()
    speaks(switch)
    operator = threading.Thread(target=switch.use, args=("slow", "ann"))
    operator.start()
    until(lambda: slow.warmed > 0)
    assert speaks(switch) == "manuals"
    assert switch.history() == []
    slow.go.set()
    operator.join()
    assert speaks(switch) == "slow"


@pytest.mark.parametrize(
    ("name", "error", "sentence"),
    [
        ("broken", Unavailable, "the server is down"),
        ("cracked", Unavailable, "strategy 'cracked' does not warm up: RuntimeError: segment 7"),
        (
            "unheard",
            Misconfigured,
            "there is no strategy 'unheard'; configured: manuals, model, broken, cracked",
        ),
    ],
)
def test_one_that_cannot_be_warmed_is_refused_and_the_old_one_stays(
    process: Callable[..., Switch], name: str, error: type[Exception], sentence: str
) -> None:
    switch = process()
    with pytest.raises(error, match=sentence):
        switch.use(name, "ann")
    assert speaks(switch) == switch.name() == "manuals"
    assert switch.history() == []


def test_back_is_one_step_and_back_again_returns(process: Callable[..., Switch]) -> None:
    switch = process()
    with pytest.raises(NoWayBack):
        switch.back("ann")
    switch.use("model", "ann")
    assert switch.back("bob").name == speaks(switch) == "manuals"
    assert switch.back("ann").name == speaks(switch) == "model"
    assert [(c.name, c.by, c.note) for c in switch.history()] == [
        ("model", "ann", "back"),
        ("manuals", "bob", "back"),
        ("model", "ann", ""),
    ]


def test_choosing_who_speaks_already_changes_nothing(process: Callable[..., Switch]) -> None:
    switch = process()
    speaks(switch)
    assert switch.use("manuals", "ann").name == "manuals"
    change = switch.use("model", "ann")
    assert switch.use("model", "bob") == change
    assert process().use("model", "bob") == change
    assert switch.history() == [change]


def test_choosing_again_what_could_not_be_warmed_before_lets_it_speak(process: Callable[..., Switch]) -> None:
    process().use("model", "ann")
    theirs = Says(Token("new"), warms=Unavailable("no GPU here"))
    there = process(manuals=Says(), model=theirs)
    assert speaks(there) == "manuals"
    theirs.warms = None
    there.use("model", "bob")
    assert (speaks(there), there.status) == ("model", "")
    assert [change.by for change in there.history()] == ["ann"]


def test_another_process_sees_the_switch_within_a_second(process: Callable[..., Switch]) -> None:
    here, there = process(), process()
    there.current()
    there.watch()
    here.use("model", "ann")
    until(lambda: speaks(there) == "model")
    assert LOOK_SECONDS < 1


def test_a_process_that_nobody_asked_yet_starts_with_what_was_chosen(process: Callable[..., Switch]) -> None:
    process().use("model", "ann")
    assert speaks(process()) == "model"


def test_another_process_serves_the_old_one_while_it_warms_the_new(process: Callable[..., Switch]) -> None:
    slow = Slow("new", warming=True)
    there = process(manuals=Says(Token("old")), model=slow)
    there.current()
    there.watch()
    process().use("model", "ann")
    until(lambda: slow.warmed > 0)
    assert speaks(there) == "manuals"
    assert there.name() == "model"
    slow.go.set()
    until(lambda: speaks(there) == "model")


def test_another_process_that_cannot_warm_it_keeps_the_old_one_and_says_so(
    process: Callable[..., Switch], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.answering.switch.RETRY_SECONDS", 0.2)
    theirs = Says(Token("new"), warms=Unavailable("no GPU here"))
    there = process(manuals=Says(Token("old")), model=theirs)
    there.current()
    there.watch()
    process().use("model", "ann")
    until(lambda: there.status != "")
    assert speaks(there) == "manuals"
    assert there.status == "'model' was chosen and cannot speak here, 'manuals' goes on: no GPU here"

    theirs.warms = None
    until(lambda: speaks(there) == "model")
    assert there.status == ""


def test_when_what_was_chosen_left_the_configuration_the_default_speaks(
    process: Callable[..., Switch],
) -> None:
    process().use("model", "ann")
    switch = process(manuals=Says(Token("manuals")))
    assert speaks(switch) == "manuals"
    assert "there is no strategy 'model'" in switch.status


def test_when_nobody_can_speak_the_first_question_is_told_why(process: Callable[..., Switch]) -> None:
    switch = process(default="broken")
    name, strategy = switch.current()
    assert name == "broken"
    with pytest.raises(Unavailable, match="the server is down"):
        next(iter(strategy.stream(Question("?"))))


def test_a_database_that_is_locked_does_not_silence_who_speaks(
    process: Callable[..., Switch], open_database: Callable[..., sa.Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.answering.switch.LOOK_SECONDS", 0)
    switch = process()
    speaks(switch)

    def locked(_n: int) -> None:
        from knowledge_base.errors import Unavailable as Locked

        raise Locked("the database is locked")

    monkeypatch.setattr(switch, "history", locked)
    assert speaks(switch) == "manuals"


def test_of_two_changes_the_later_one_speaks_whatever_was_warm_first(
    process: Callable[..., Switch], engine: sa.Engine
) -> None:
    slow = Slow("late", warming=True)
    there = process(manuals=Says(), model=Says(), slow=slow)
    there.current()
    there.watch()
    with writing(engine) as session:
        session.add(SwitchRow(name="slow", by="ann", at=now(), previous="manuals"))
    until(lambda: slow.warmed > 0)
    process().use("model", "bob")
    slow.go.set()
    until(lambda: speaks(there) == "model")
    time.sleep(0.1)
    assert speaks(there) == "model"
