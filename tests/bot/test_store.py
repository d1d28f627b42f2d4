"""The database moves forward by itself, is what the tables say, and is the same on PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from bot.access.users import Users
from bot.answering.switch import Switch
from bot.conversations.conversation import Conversations
from bot.conversations.turn import Reply, reply
from bot.jobs import Jobs, open_queue
from bot.settings import Settings
from bot.store import writing
from bot.store.migrate import METADATA, ours, upgrade
from knowledge_base.database import open_engine
from knowledge_base.errors import Conflict, Unavailable
from strategies.base import Question, Turn
from strategies.errors import NoAnswer
from strategies.events import Decision, Token
from tests.bot.speakers import Company, Says


def differences(engine: sa.Engine) -> list[object]:
    """What Alembic would put into a new revision."""
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"target_metadata": METADATA, "include_name": ours, "compare_type": True}
        )
        return list(compare_metadata(context, METADATA))  # type: ignore[arg-type]


def test_the_upgraded_database_is_what_the_tables_say(engine: sa.Engine) -> None:
    assert differences(engine) == []


def test_upgrading_again_changes_nothing(engine: sa.Engine) -> None:
    Conversations(engine).start()
    upgrade(engine)
    assert len(Conversations(engine).page()) == 1


def test_the_lexical_index_is_there_too(engine: sa.Engine) -> None:
    assert "passage_words" in sa.inspect(engine).get_table_names()


def test_two_processes_that_start_at_once_both_find_an_upgraded_database(tmp_path: Path) -> None:
    code = (
        "import sys; from knowledge_base.database import open_engine; from bot.store.migrate import upgrade; "
        "engine = open_engine(sys.argv[1]); sys.stdin.read(); upgrade(engine); engine.dispose()"
    )
    url = f"sqlite:///{tmp_path / 'new.db'}"
    started = [
        subprocess.Popen([sys.executable, "-c", code, url], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    for process in started:
        assert process.stdin
        process.stdin.close()
    for process in started:
        assert process.stderr
        complaint = process.stderr.read().decode()
        process.stderr.close()
        assert process.wait(60) == 0, complaint
    engine = open_engine(url)
    assert differences(engine) == []
    engine.dispose()


def test_a_database_that_is_locked_is_told_in_a_sentence(
    engine: sa.Engine, open_database: Callable[..., sa.Engine]
) -> None:
    impatient = Conversations(open_database(wait=0.1))
    with writing(engine), pytest.raises(Unavailable, match="is locked by another process"):
        impatient.start()


def test_a_file_that_is_no_database_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "kotae.db").write_bytes(b"These are not the bytes of a database. " * 40)
    engine = open_engine(f"sqlite:///{tmp_path / 'kotae.db'}")
    with pytest.raises(Unavailable, match=r"kotae\.db' cannot be read: .*; put it back from a backup"):
        upgrade(engine)
    engine.dispose()


def test_a_database_of_a_newer_kotae_is_left_as_it_is(engine: sa.Engine) -> None:
    with writing(engine) as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Conflict, match=r"perhaps a newer one .*'9999'.*; start that one"):
        upgrade(engine)


# ---- PostgreSQL ----


@pytest.mark.server
def test_on_postgresql_the_same_store_keeps_a_conversation(postgresql: str, tmp_path: Path) -> None:
    engine = open_engine(postgresql)
    try:
        upgrade(engine)
        upgrade(engine)
        assert differences(engine) == []

        conversations = Conversations(engine)
        conversation = conversations.start(language="ja")
        refused = Says(NoAnswer("too far", (Decision("rag", "searched"),)))
        for strategy, question in ((Says(Token("2リットル。\0")), "容量は？"), (refused, "色は？")):
            history = conversations.begin_turn(conversation.id, question, "ja", turns=6, seconds=60)
            assert history is not None
            list(
                Reply(
                    reply(
                        ("manuals", strategy),
                        Question(question, history, language="ja"),
                        say=Settings().say,
                        keep=lambda record: conversations.end_turn(conversation.id, record),
                    )
                )
            )
        assert refused.asked[0].history == (Turn("customer", "容量は？"), Turn("bot", "2リットル。\ufffd"))
        [told] = conversations.page("リットル", "manuals")
        assert conversations.page(before=told.id) == []
        assert (told.opening, told.count) == ("容量は？", 4)
        assert conversations.get(conversation.id).messages[-1].abstained

        switch = Switch(engine, Company(manuals=Says(), model=Says()), "manuals")  # type: ignore[arg-type]
        assert switch.use("model", "ann").previous == "manuals"
        made = Users(engine).first_admin()
        assert made is not None
        assert Users(engine).check(made[0].email, made[1]) == made[0]

        done: list[str] = []
        jobs = Jobs(
            engine, open_queue(tmp_path, ""), {"note": lambda arguments, _: done.append(arguments["text"])}
        )
        jobs.enqueue("note", text="meet")
        jobs.drain()
        assert done == ["meet"]
        jobs.stop()
    finally:
        engine.dispose()
