"""The whole bot through its front door: who may ask, what is kept, what follows from a switch."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot.conversations import limits
from bot.conversations.conversation import UnknownConversation
from bot.conversations.turn import Ended, Failed, Handoff, Started
from bot.jobs import open_queue
from bot.kotae import Kotae
from bot.settings import BadSettings, Settings
from knowledge_base.catalogue import Document
from knowledge_base.database import now
from knowledge_base.errors import InUse, KnowledgeError, NotFound, Unavailable
from knowledge_base.library import Status
from knowledge_base.limits import Limits
from knowledge_base.passages import Passage
from strategies import errors
from strategies.base import Question, Turn
from strategies.errors import Misconfigured, NoAnswer
from strategies.events import Token
from strategies.testing import WordVectors
from tests.bot.speakers import Company, Says, Slow


class FakeLibrary:
    """What the bot asks of a library, without one: notes what is done, and fails as it is told."""

    def __init__(self) -> None:
        self.done: list[tuple[str, ...]] = []
        self.fails: KnowledgeError | None = None
        self.unreadable = ""
        self.waiting: list[str] = []
        self.embedder = WordVectors()
        self.limits = Limits()
        self.engine: sa.Engine | None = None
        self.missing = 0  # documents that a newly configured embedding lacks

    def version(self) -> str:
        return "v3"

    def by_id(self, _ids: Sequence[str]) -> dict[str, Passage]:
        return {}

    def search_for(self, _audience: Sequence[str]) -> Callable[..., list[Passage]]:
        return lambda _query, **_more: []

    def warm_up(self) -> None:
        self.done.append(("warm up",))

    def close(self) -> None:
        self.done.append(("close",))

    def pending(self) -> list[str]:
        return self.waiting

    def status(self) -> Status:
        return Status("v3", "now", True, self.missing, changing=bool(self.missing))

    def document(self, document_id: str) -> Document:
        if self.fails is not None:
            raise self.fails
        state: Any = "failed" if self.unreadable else "live"
        return Document(document_id, "", "", state, self.unreadable, 1, 1, "", 0, "", "", 0, "", now(), now())

    def ingest(self, document_id: str, progress: Callable[[str, float], None]) -> Document:
        progress("cut", 0.5)
        self._do("ingest", document_id)
        return self.document(document_id)

    def remove(self, document_id: str) -> None:
        self._do("remove", document_id)

    def reindex(self, progress: Callable[[str, float], None]) -> None:
        self._do("reindex")

    def _do(self, *what: str) -> None:
        self.done.append(what)
        if self.fails is not None:
            raise self.fails


@pytest.fixture
def library() -> FakeLibrary:
    return FakeLibrary()


@pytest.fixture
def company() -> Company:
    return Company(manuals=Says(Token("manuals")), model=Says(Token("model")))


@pytest.fixture
def kotae_with(
    engine: sa.Engine, tmp_path: Path, library: FakeLibrary, company: Company
) -> Iterator[Callable[..., Kotae]]:
    opened: list[Kotae] = []

    def make(database: sa.Engine = engine, **limits: Any) -> Kotae:
        settings = Settings(data=tmp_path, limits=limits)
        queue = open_queue(tmp_path, "")
        library.engine = database
        opened.append(Kotae(settings, database, library, company, queue))  # type: ignore[arg-type]
        return opened[-1]

    yield make
    for kotae in opened:
        kotae.close()


@pytest.fixture
def kotae(kotae_with: Callable[..., Kotae]) -> Kotae:
    return kotae_with()


def asked(company: Company, name: str = "manuals") -> list[Question]:
    return company.strategies[name].asked  # type: ignore[attr-defined, no-any-return]


def messages(kotae: Kotae, conversation_id: str) -> list[tuple[str, str]]:
    return [(said.role, said.text) for said in kotae.conversations.get(conversation_id).messages]


def test_a_customer_asks_and_the_question_and_the_answer_are_kept(kotae: Kotae, company: Company) -> None:
    conversation = kotae.conversations.start(language="en")
    started, _, ended = kotae.ask(conversation.id, " 容量は\0？ ")

    assert isinstance(started, Started)
    assert isinstance(ended, Ended)
    assert asked(company) == [Question("容量は？", language="ja")]
    assert messages(kotae, conversation.id) == [("customer", "容量は？"), ("bot", "manuals")]
    answer = kotae.conversations.get(conversation.id).messages[1]
    assert answer.id == started.message_id == ended.message_id
    assert (answer.strategy, answer.index_version, answer.language) == ("manuals", "v3", "ja")


def test_a_follow_up_comes_with_what_was_said_before(kotae: Kotae, company: Company) -> None:
    conversation = kotae.conversations.start()
    list(kotae.ask(conversation.id, "How much is the black one?"))
    list(kotae.ask(conversation.id, "And in white?"))
    assert asked(company)[1] == Question(
        "And in white?",
        (Turn("customer", "How much is the black one?"), Turn("bot", "manuals")),
        language="en",
    )


def test_the_history_is_as_long_as_the_operator_wants(
    kotae_with: Callable[..., Kotae], company: Company
) -> None:
    kotae = kotae_with(history_turns=0)
    conversation = kotae.conversations.start()
    list(kotae.ask(conversation.id, "one"))
    list(kotae.ask(conversation.id, "two"))
    assert asked(company)[1].history == ()


def test_an_operator_switches_and_the_next_question_is_answered_by_the_new_strategy(kotae: Kotae) -> None:
    conversation = kotae.conversations.start()
    list(kotae.ask(conversation.id, "one"))
    kotae.switch.use("model", "ann")
    list(kotae.ask(conversation.id, "two"))
    kotae.switch.back("ann")
    list(kotae.ask(conversation.id, "three"))
    answers = [said for said in kotae.conversations.get(conversation.id).messages if said.role == "bot"]
    assert [(said.strategy, said.text) for said in answers] == [
        ("manuals", "manuals"),
        ("model", "model"),
        ("manuals", "manuals"),
    ]


def test_a_question_that_is_too_long_or_empty_is_refused_and_not_kept(
    kotae_with: Callable[..., Kotae],
) -> None:
    kotae = kotae_with(question_characters=10)
    conversation = kotae.conversations.start(language="ja")
    with pytest.raises(limits.TooLong) as refused:
        kotae.ask(conversation.id, "x " * 5_000_000)
    assert refused.value.text == kotae.settings.say("too_long", "ja")
    assert not refused.value.retry
    with pytest.raises(limits.TooLong):
        kotae.ask(conversation.id, "elevenchars")
    with pytest.raises(limits.Nothing):
        kotae.ask(conversation.id, " \0\n ")
    assert messages(kotae, conversation.id) == []
    list(kotae.ask(conversation.id, "か\u3099" * 10))  # ten letters, typed as twenty characters
    assert len(messages(kotae, conversation.id)) == 2


def test_who_asks_too_fast_is_told_so_and_others_are_not(kotae_with: Callable[..., Kotae]) -> None:
    kotae = kotae_with(questions_per_minute=2, client_questions_per_minute=3)
    mine, another, theirs = (kotae.conversations.start() for _ in range(3))
    for _ in range(2):
        list(kotae.ask(mine.id, "again", client="office"))
    with pytest.raises(limits.TooMany) as refused:
        kotae.ask(mine.id, "again", client="office")
    assert refused.value.text == kotae.settings.say("too_many", "en")
    assert refused.value.retry
    list(kotae.ask(another.id, "again", client="office"))
    with pytest.raises(limits.TooMany):
        kotae.ask(another.id, "again", client="office")
    list(kotae.ask(theirs.id, "again", client="home"))
    assert len(messages(kotae, mine.id)) == 4


def test_a_second_question_waits_for_the_first_answer(kotae: Kotae) -> None:
    conversation = kotae.conversations.start()
    first = kotae.ask(conversation.id, "one")
    with pytest.raises(limits.Busy) as refused:
        kotae.ask(conversation.id, "two")
    assert refused.value.text == kotae.settings.say("busy", "en")
    list(first)
    list(kotae.ask(conversation.id, "two"))
    assert [text for _, text in messages(kotae, conversation.id)] == ["one", "manuals", "two", "manuals"]


def test_who_was_being_answered_when_the_server_was_killed_may_ask_as_soon_as_it_is_back(
    kotae: Kotae,
) -> None:
    conversation = kotae.conversations.start()
    kotae.conversations.begin_turn(conversation.id, "How long?", "en", turns=6, seconds=120)
    with pytest.raises(limits.Busy):
        kotae.ask(conversation.id, "How long?")
    kotae.warm_up()  # as the next process does
    list(kotae.ask(conversation.id, "How long?"))
    assert messages(kotae, conversation.id)[-1][0] == "bot"


def test_a_customer_who_leaves_may_come_back_and_ask_again(kotae: Kotae, company: Company) -> None:
    company.strategies["manuals"] = Says(Token("Hold "), Token("the button."))
    conversation = kotae.conversations.start()
    reply = kotae.ask(conversation.id, "How?")
    next(reply), next(reply)
    reply.close()
    kept = kotae.conversations.get(conversation.id).messages[1]
    assert (kept.text, kept.partial) == ("Hold ", True)
    list(kotae.ask(conversation.id, "How?"))
    assert Turn("bot", "Hold ") in asked(company)[1].history


def test_an_unknown_conversation_cannot_be_asked_in(kotae: Kotae) -> None:
    with pytest.raises(UnknownConversation):
        kotae.ask("x", "hello")


def test_a_second_refusal_is_an_answer_with_an_offer(kotae: Kotae, company: Company) -> None:
    company.strategies["manuals"] = Says(NoAnswer("best 0.1 under 0.4"))
    conversation = kotae.conversations.start()
    assert not any(isinstance(event, Handoff) for event in kotae.ask(conversation.id, "形は？"))
    _, token, handoff, _ = kotae.ask(conversation.id, "色は？")
    assert token == Token(kotae.settings.say("no_answer", "ja"))
    assert handoff == Handoff("no_answer", kotae.settings.say("handoff", "ja"))
    kept = kotae.conversations.get(conversation.id).messages[3]
    assert (kept.abstained, kept.handoff, kept.notice) == (
        True,
        "no_answer",
        kotae.settings.say("handoff", "ja"),
    )


def test_a_model_server_that_is_down_is_kept_for_the_operator_and_not_shown_to_the_customer(
    kotae: Kotae, company: Company
) -> None:
    company.strategies["manuals"] = Says(errors.Unavailable("http://10.0.0.7:8000 refused"))
    conversation = kotae.conversations.start()
    *_, failed, _ = kotae.ask(conversation.id, "How?")
    assert failed == Failed(kotae.settings.say("failed", "en"), retry=True)
    kept = kotae.conversations.get(conversation.id).messages[1]
    assert (kept.text, kept.notice) == ("", kotae.settings.say("failed", "en"))
    assert "10.0.0.7" in kept.error


def test_a_database_that_does_not_answer_is_a_sentence_to_the_customer(
    kotae_with: Callable[..., Kotae], open_database: Callable[..., sa.Engine], engine: sa.Engine
) -> None:
    from bot.store import writing

    kotae = kotae_with(open_database(wait=0.1))
    conversation = kotae.conversations.start()
    with writing(engine), pytest.raises(limits.Unkept) as refused:
        kotae.ask(conversation.id, "How?")
    assert refused.value.text == kotae.settings.say("failed", "en")
    assert refused.value.retry
    list(kotae.ask(conversation.id, "How?"))


def test_a_full_disk_is_a_sentence_to_the_customer_and_loses_nothing(
    kotae_with: Callable[..., Kotae], open_database: Callable[..., sa.Engine]
) -> None:
    crowded = open_database()
    kotae = kotae_with(crowded, question_characters=100_000)
    conversation = kotae.conversations.start()
    list(kotae.ask(conversation.id, "Before?"))
    with crowded.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    crowded.dispose()
    sa.event.listen(crowded, "connect", lambda raw, _: raw.execute(f"PRAGMA max_page_count = {pages}"))

    with pytest.raises(limits.Unkept) as refused:
        list(kotae.ask(conversation.id, "x" * 90_000))
    assert refused.value.text == kotae.settings.say("failed", "en")
    assert messages(kotae, conversation.id) == [("customer", "Before?"), ("bot", "manuals")]


def test_many_customers_are_answered_at_once_and_none_is_mixed_up(kotae: Kotae, company: Company) -> None:
    class Parrot(Says):
        def stream(self, question: Question) -> Iterator[Token]:
            yield Token(question.text)

    company.strategies["manuals"] = Parrot()

    def customer(number: int) -> list[tuple[str, str]]:
        conversation = kotae.conversations.start()
        for word in ("first", "second"):
            list(kotae.ask(conversation.id, f"{word} {number}"))
        return messages(kotae, conversation.id)

    with ThreadPoolExecutor(20) as pool:
        for number, said in enumerate(pool.map(customer, range(40))):
            assert said == [
                (role, f"{word} {number}") for word in ("first", "second") for role in ("customer", "bot")
            ]


# ---- trying out ----


def test_trying_out_is_the_same_path_with_nothing_kept(kotae: Kotae, company: Company) -> None:
    history = (Turn("customer", "before"),)
    _, token, ended = kotae.try_out("And in white?", strategy="model", history=history)
    assert (token, asked(company, "model")) == (
        Token("model"),
        [Question("And in white?", history, language="en")],
    )
    assert isinstance(ended, Ended)
    assert ended.answer.text == "model"
    assert kotae.conversations.page() == []
    assert kotae.switch.history() == []
    assert [event for event in kotae.try_out("?") if isinstance(event, Token)] == [Token("manuals")]


def test_trying_out_tells_the_operator_what_is_wrong(kotae: Kotae, company: Company) -> None:
    company.strategies["cold"] = Says(warms=errors.Unavailable("the server is down"))
    with pytest.raises(errors.Unavailable, match="the server is down"):
        kotae.try_out("?", strategy="cold")
    with pytest.raises(Misconfigured, match="there is no strategy 'nobody'"):
        kotae.try_out("?", strategy="nobody")
    with pytest.raises(limits.TooLong):
        kotae.try_out("x" * 3000)


def test_warming_up_loads_the_library_and_who_speaks(
    kotae: Kotae, company: Company, library: FakeLibrary
) -> None:
    kotae.warm_up()
    assert library.done == [("warm up",)]
    assert company.strategies["manuals"].warmed == 1  # type: ignore[attr-defined]


def test_closing_does_not_wait_for_a_strategy_that_never_gets_warm(
    kotae: Kotae, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.answering.switch.CLOSE_SECONDS", 0.1)
    slow = company.strategies["slow"] = Slow(warming=True)
    kotae.warm_up()
    other = Kotae(
        kotae.settings, kotae.engine, FakeLibrary(), Company(slow=Says()), open_queue(kotae.settings.data, "")
    )  # type: ignore[arg-type]
    other.switch.use("slow", "ann")
    while not slow.warmed:
        time.sleep(0.01)
    kotae.switch.close()
    slow.go.set()
    other.jobs.stop()


# ---- jobs ----


def test_documents_are_ingested_removed_and_reindexed_as_jobs(kotae: Kotae, library: FakeLibrary) -> None:
    jobs = [
        kotae.jobs.enqueue("ingest", document_id="d1"),
        kotae.jobs.enqueue("remove", document_id="d2"),
        kotae.jobs.enqueue("reindex"),
    ]
    kotae.jobs.drain()
    assert [kotae.jobs.get(job.id).state for job in jobs] == ["done"] * 3
    assert library.done == [("ingest", "d1"), ("remove", "d2"), ("reindex",)]


def test_a_document_that_cannot_be_read_is_a_failed_job_with_its_reason(
    kotae: Kotae, library: FakeLibrary
) -> None:
    library.unreadable = "'a.pdf' is encrypted; remove the password and upload it again"
    job = kotae.jobs.enqueue("ingest", document_id="d1")
    kotae.jobs.drain()
    assert (kotae.jobs.get(job.id).state, kotae.jobs.get(job.id).error) == ("failed", library.unreadable)


@pytest.mark.parametrize("kind", ["ingest", "remove"])
@pytest.mark.parametrize(
    ("fault", "state", "error"),
    [
        (NotFound("there is no document 'd1'"), "done", ""),
        (InUse("another process has the data directory"), "failed", "another process has the data directory"),
        (Unavailable("chroma does not answer"), "queued", "chroma does not answer"),
    ],
)
def test_what_the_library_says_is_what_the_job_tells(
    kotae: Kotae, library: FakeLibrary, kind: str, fault: KnowledgeError, state: str, error: str
) -> None:
    library.fails = fault
    job = kotae.jobs.enqueue(kind, document_id="d1")
    kotae.jobs.run(job.id)
    assert (kotae.jobs.get(job.id).state, kotae.jobs.get(job.id).error) == (state, error)


def test_documents_left_in_the_middle_are_taken_up_again(kotae: Kotae, library: FakeLibrary) -> None:
    library.waiting = ["d1", "d2"]
    kotae.jobs.drain()
    assert sorted(library.done) == [("ingest", "d1"), ("ingest", "d2")]


def test_a_newly_configured_embedding_is_prepared_without_being_asked(
    kotae: Kotae, library: FakeLibrary
) -> None:
    library.missing = 2
    kotae.jobs.drain()
    assert ("reindex",) in library.done


# ---- opening ----


def test_what_customers_said_is_read_by_nobody_else_on_the_machine(tmp_path: Path) -> None:
    Kotae.open(Settings(data=tmp_path / "new")).close()
    assert (tmp_path / "new" / "kotae.db").stat().st_mode & 0o077 == 0


def test_a_new_installation_opens_answers_and_opens_again(tmp_path: Path) -> None:
    settings = Settings(
        data=tmp_path / "a" / "b", strategies={"parrot": {"use": "echo"}}, chat={"strategy": "parrot"}
    )
    kotae = Kotae.open(settings)
    conversation = kotae.conversations.start()
    *_, ended = kotae.ask(conversation.id, "hello")
    assert isinstance(ended, Ended)
    assert ended.answer.text == "hello"
    kotae.close()

    kotae = Kotae.open(settings)
    assert messages(kotae, conversation.id) == [("customer", "hello"), ("bot", "hello")]
    kotae.close()


def test_what_is_wrong_with_a_strategy_is_known_when_it_opens(tmp_path: Path) -> None:
    strategies = {"manuals": {"use": "echo", "colour": "blue"}, "other": {"use": "telepathy"}}
    with pytest.raises(BadSettings) as refused:
        Kotae.open(Settings(data=tmp_path, strategies=strategies))
    colour, telepathy = refused.value.faults
    assert "'colour'" in colour
    assert "'telepathy'" in telepathy


def test_a_data_directory_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadSettings, match=r"data = '.*file/data': the folder cannot be made"):
        Kotae.open(Settings(data=tmp_path / "file" / "data"))


def test_a_data_directory_that_cannot_be_written_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK and may(path, mode))
    with pytest.raises(BadSettings, match=r"data = '.*': the folder cannot be written"):
        Kotae.open(Settings(data=tmp_path))


@pytest.mark.parametrize(
    "url", ["nonsense", "oracle://kotae:hush@db/kotae", "mysql+absent://kotae:hush@db/kotae"]
)
def test_a_database_that_cannot_be_opened_is_a_sentence_without_its_password(
    tmp_path: Path, url: str
) -> None:
    with pytest.raises(BadSettings, match=r"store\.url: ") as refused:
        Kotae.open(Settings(data=tmp_path, store={"url": url}))
    assert "hush" not in str(refused.value)


def test_importing_the_bot_loads_nothing_heavy() -> None:
    heavy = ["flask", "torch", "transformers", "peft", "chromadb", "openvino", "onnxruntime"]
    code = f"import sys, bot.kotae; print([name for name in {heavy} if name in sys.modules])"
    told = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert told.stdout.strip() == "[]"
