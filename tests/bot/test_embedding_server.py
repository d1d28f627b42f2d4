"""An embedding server in the configuration: customers, documents and topics, also while it is down."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.conversations.turn import Ended, Failed
from bot.handoff.handoffs import Kept
from bot.kotae import Kotae
from bot.settings import BadSettings, Settings
from bot.store import writing
from bot.store.tables import JobRow
from knowledge_base import served
from knowledge_base.database import now
from tests.knowledge_base.embedding_server import EmbeddingServer, Fault, embedding_server

KETTLE = b"# Kettle\n\n## How much does the kettle hold?\nThe kettle holds 1.7 litres.\n"
ASKED = "How much does the kettle hold?"
TOML = """
[embedding]
model = "hash"
base_url = "{url}"

[handoff.topics]
refunds = ["I want my money back"]

[strategies.words]
use = "quotes"
enough = 0
[strategies.manuals]
use = "rag"
inner = "words"
[strategies.parrot]
use = "echo"
[strategies.either]
use = "first_of"
of = ["manuals", "parrot"]
"""


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with embedding_server(key="right") as it:
        yield it


@pytest.fixture
def kotae(server: EmbeddingServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kotae]:
    """Configured by a file, with the key in a secret of its own, and one document that answers."""
    monkeypatch.setattr(served, "AGAIN", 0)
    monkeypatch.setattr(served, "AGAIN_FOR_A_QUESTION", 0)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "kotae_embedding__api_key").write_text("right\n")
    monkeypatch.setenv("KOTAE_SECRETS", str(tmp_path / "secrets"))
    (tmp_path / "kotae.toml").write_text(TOML.format(url=server.url))
    kotae = Kotae.open(Settings.load(tmp_path / "kotae.toml"))
    kotae.warm_up()
    kotae.library.ingest(kotae.library.receive(BytesIO(KETTLE), "kettle.md").document.id)
    yield kotae
    kotae.close()


def asked(kotae: Kotae, text: str = ASKED, strategy: str = "manuals") -> Ended:
    *_, ended = kotae.try_out(text, strategy=strategy)
    assert isinstance(ended, Ended)
    return ended


def test_an_embedding_server_and_its_key_are_a_line_of_configuration_each(
    kotae: Kotae, server: EmbeddingServer
) -> None:
    assert "1.7 litres" in asked(kotae).answer.text
    assert kotae.library.status().edition.startswith("served:hash+")


def test_while_the_server_is_down_a_customer_reads_the_operators_words_and_the_record_says_why(
    kotae: Kotae, server: EmbeddingServer
) -> None:
    server.down = Fault(500, "out of memory")
    *events, ended = kotae.try_out(ASKED, strategy="manuals")
    [failed] = [event for event in events if isinstance(event, Failed)]
    assert failed.text == kotae.settings.say("failed", "en")
    assert failed.retry
    assert isinstance(ended, Ended)
    assert "the embedding server" in ended.error
    assert "out of memory" in ended.error
    assert server.url not in failed.text
    server.down = None
    assert "1.7 litres" in asked(kotae).answer.text


def test_while_the_server_is_down_whoever_needs_no_search_answers(
    kotae: Kotae, server: EmbeddingServer
) -> None:
    server.down = Fault(500, "out of memory")
    ended = asked(kotae, strategy="either")
    assert ended.answer.text == ASKED
    assert not ended.error
    assert any("embedding server" in decision.why for decision in ended.answer.decisions)


def test_a_message_on_a_topic_goes_to_a_person_and_while_nobody_can_tell_it_is_answered(
    kotae: Kotae, server: EmbeddingServer
) -> None:
    kotae.switch.use("parrot", by="sam")
    first, second = (kotae.conversations.start(language="en").id for _ in range(2))
    assert isinstance(kotae.ask(first, "I want my money back"), Kept)
    server.down = Fault(500, "out of memory")
    kotae.library.embedder.forget()
    *_, ended = kotae.ask(second, "I want my money back")
    assert isinstance(ended, Ended)
    assert ended.answer.text == "I want my money back"


def test_a_document_that_arrives_meanwhile_waits_for_the_server(
    kotae: Kotae, server: EmbeddingServer
) -> None:
    lamp = kotae.library.receive(BytesIO(KETTLE.replace(b"ettle", b"amp")), "lamp.md").document
    server.down = Fault(503, "loading")
    job = kotae.jobs.enqueue("ingest", document_id=lamp.id)
    kotae.jobs.run(job.id)
    waiting = kotae.jobs.get(job.id)
    assert (waiting.state, waiting.step) == ("queued", "waiting to try again")
    assert "the embedding server" in waiting.error
    server.down = None
    with writing(kotae.engine) as session:
        session.execute(sa.update(JobRow).values(due_at=now()))
    kotae.jobs.run(job.id)
    assert kotae.jobs.get(job.id).state == "done"
    assert kotae.library.document(lamp.id).state == "live"


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ('api_key = "x"', r"embedding\.api_key: it is for a server; set embedding\.base_url"),
        (
            'base_url = "http://x/v1"\napi_key = "x"\napi_key_file = "y"',
            r"embedding\.api_key and embedding\.api_key_file are both set; keep one",
        ),
        ("tokens = 512", r"embedding\.tokens: it is for a server"),
        ('query_prefix = "query: "', r"embedding\.query_prefix: all-MiniLM-L6-v2 was trained without one"),
        ('base_url = "chroma:8000"', "embedding.base_url"),
    ],
)
def test_what_belongs_to_no_server_is_refused(tmp_path: Path, lines: str, fault: str) -> None:
    (tmp_path / "kotae.toml").write_text(f"[embedding]\n{lines}\n")
    with pytest.raises(BadSettings, match=fault):
        Settings.load(tmp_path / "kotae.toml")
