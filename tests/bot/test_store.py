"""The database moves forward by itself, is what the tables say, and is the same on PostgreSQL."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from bot.conversation import Conversations
from bot.jobs import Jobs, open_queue
from bot.settings import Settings
from bot.store import writing
from bot.store.migrate import METADATA, ours, upgrade
from bot.switch import Switch
from bot.turn import Reply, reply
from bot.users import Users
from knowledge_base.database import open_engine
from knowledge_base.errors import Unavailable
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


# ---- PostgreSQL ----


@pytest.fixture
def postgresql() -> Iterator[str]:
    """The URL of a database on a real server, started for this test on a free port of the loopback."""
    pytest.importorskip("psycopg", reason="install it: pip install 'kotae[postgresql]'")
    programs = _postgresql_programs()
    with tempfile.TemporaryDirectory(prefix="kotae-postgresql-") as name, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        folder = Path(name)
        run = _as_somebody(folder)
        initdb = ["-U", "kotae", "-A", "trust", "-E", "UTF8", "--no-sync"]
        options = f"-p {port} -h 127.0.0.1 -k {folder} -F"
        control = [*run, programs / "pg_ctl", "-D", folder / "data", "-w"]
        for command in (
            [*run, programs / "initdb", "-D", folder / "data", *initdb],
            [*control, "-l", folder / "log", "-o", options, "start"],
        ):
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)
        yield f"postgresql+psycopg://kotae@127.0.0.1:{port}/postgres"
        subprocess.run(
            [*control, "-m", "immediate", "stop"], check=True, stdout=subprocess.DEVNULL, cwd=folder
        )


def _postgresql_programs() -> Path:
    found = [Path(path).resolve().parent for path in (shutil.which("initdb"),) if path]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if not found:
        pytest.skip("no PostgreSQL here; on Debian: apt-get install postgresql")
    return found[0]


def _as_somebody(folder: Path) -> list[str]:
    """PostgreSQL does not run as root."""
    if os.getuid() != 0:
        return []
    shutil.chown(folder, "nobody")
    return ["setpriv", "--reuid=nobody", "--clear-groups", "--"]


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
