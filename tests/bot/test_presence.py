"""Who is there and who looks at what, as several processes say it: on SQLite, and on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from bot.access.users import Users
from bot.conversations.conversation import Conversations
from bot.handoff.presence import Presence
from bot.store.tables import LookRow
from knowledge_base.database import now

Open = Callable[[], sa.Engine]
PAGES = 6


@pytest.fixture
def anna(on_either: Open) -> str:
    return Users(on_either()).add("anna@example.com", "long enough", "operator").id


def test_a_chat_that_is_loaded_anew_at_another_process_is_still_looked_at(on_either: Open, anna: str) -> None:
    here, there = Presence(on_either()), Presence(on_either())
    chat = Conversations(on_either()).start().id
    before, anew = now() - timedelta(seconds=2), now()
    here.looks(anna, chat, since=before, typing=True)
    there.looks(anna, chat, since=anew)
    here.looks(anna, chat)  # its page beats once more
    here.leaves(anna, chat, since=before)
    assert [one.email for one in here.lookers([chat])[chat]] == ["anna@example.com"]
    there.leaves(anna, chat, since=anew)
    assert here.lookers([chat]) == {}


def test_pages_that_open_at_once_at_many_processes_are_one_who_looks(on_either: Open, anna: str) -> None:
    engines = [on_either() for _ in range(PAGES)]
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
