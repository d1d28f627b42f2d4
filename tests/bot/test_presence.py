"""Who is there and who looks at what, as several processes say it: on SQLite, and on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from bot.access.users import Users
from bot.conversations.conversation import Conversations
from bot.handoff.presence import Presence
from bot.store.migrate import upgrade
from bot.store.tables import LookRow
from knowledge_base.database import now, open_engine

Open = Callable[[], sa.Engine]
PAGES = 6


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def opened(request: pytest.FixtureRequest) -> Iterator[Open]:
    """The database as one more process opens it."""
    if request.param == "sqlite":
        request.getfixturevalue("engine")
        yield request.getfixturevalue("open_database")
        return
    url = request.getfixturevalue("postgresql")
    with ExitStack() as left:

        def another() -> sa.Engine:
            engine = open_engine(url)
            left.callback(engine.dispose)
            return engine

        upgrade(another())
        yield another


@pytest.fixture
def anna(opened: Open) -> str:
    return Users(opened()).add("anna@example.com", "long enough", "operator").id


def test_a_chat_that_is_loaded_anew_at_another_process_is_still_looked_at(opened: Open, anna: str) -> None:
    here, there = Presence(opened()), Presence(opened())
    chat = Conversations(opened()).start().id
    before, anew = now() - timedelta(seconds=2), now()
    here.looks(anna, chat, since=before, typing=True)
    there.looks(anna, chat, since=anew)
    here.looks(anna, chat)  # its page beats once more
    here.leaves(anna, chat, since=before)
    assert [one.email for one in here.lookers([chat])[chat]] == ["anna@example.com"]
    there.leaves(anna, chat, since=anew)
    assert here.lookers([chat]) == {}


def test_pages_that_open_at_once_at_many_processes_are_one_who_looks(opened: Open, anna: str) -> None:
    engines = [opened() for _ in range(PAGES)]
    desks = [Presence(engine) for engine in engines]
    gate = threading.Barrier(PAGES)
    newest = now()

    def opens(page: int, chat: str) -> None:
        gate.wait()
        desks[page].announce(anna, available=True, name="Anna")
        desks[page].looks(anna, chat, since=newest - timedelta(seconds=page), read_to=page)

    with ThreadPoolExecutor(PAGES) as pages:
        for _ in range(8):
            chat = Conversations(engines[0]).start().id
            list(pages.map(opens, range(PAGES), [chat] * PAGES))
            assert [one.email for one in desks[0].lookers([chat])[chat]] == ["anna@example.com"]
            with Session(engines[0]) as session:
                row = session.get_one(LookRow, (anna, chat))
                assert (row.opened_at, row.read_to) == (newest, PAGES - 1)
    assert [one.name for one in desks[0].online()] == ["Anna"]
