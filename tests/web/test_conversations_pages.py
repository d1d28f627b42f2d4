"""Operators look through what was said: filters, views, exports, another answer, corrections, erasure."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from bot.kotae import Kotae
from bot.settings import Settings
from bot.store import wipe, writing
from bot.store.tables import EvaluationAnswerRow, EvaluationRunRow, MessageRow
from bot.teaching.training import SHELVED
from knowledge_base.database import now
from strategies.lora.pairs import Pair
from strategies.lora.pairs.preferences import Preference
from strategies.lora.pairs.raft import Example
from strategies.lora.training.recipe import Recipe
from strategies.lora.training.work import Work, lines
from tests.people import Admin, Customer, Operator
from web.cli import main

SECRET = "zanzibarpineapple"
STEM = SECRET[:-1].encode()  # as the index of words has it, too


@pytest.fixture
def parrot(kotae: Kotae) -> None:
    """Answers with the question."""
    kotae.switch.use("parrot", by="olga")


def id_of(kotae: Kotae, words: str) -> str:
    [found] = kotae.conversations.page(words)
    return found.id


def ages(kotae: Kotae, days: float) -> None:
    """Everything that was said was said so many days ago."""
    with writing(kotae.engine) as session:
        session.execute(sa.update(MessageRow).values(at=now() - timedelta(days=days)))


@pytest.mark.usefixtures("parrot")
class TestLookingThrough:
    def test_every_word_counts_wherever_it_was_said(self, operator: Operator, customer: Customer) -> None:
        customer.asks("Where is my blue kettle?")
        customer.asks("ケトルはどこですか")
        assert "blue kettle" in operator.opens("/console/conversations?q=kettle+WHERE").text
        assert "blue kettle" in operator.opens("/console/conversations?q=ケトル").text
        assert "No conversation matches" in operator.opens("/console/conversations?q=kettle+giraffe").text

    def test_by_rating_language_day_and_what_became_of_it(
        self, operator: Operator, customer: Customer
    ) -> None:
        answer = customer.asks("Is it blue?")
        customer.rates(answer.id, "down")
        tomorrow = (now().date() + timedelta(days=1)).isoformat()
        for query, found in {
            "rated=down": True,
            "rated=up": False,
            "rated=any": True,
            "spoken=en": True,
            "spoken=ja": False,
            "abstained=1": False,
            "failed=1": False,
            "handed_over=1": False,
            f"first={tomorrow}": False,
            f"last={tomorrow}": True,
        }.items():
            page = operator.opens(f"/console/conversations?{query}").text
            assert ("Is it blue?" in page) is found, query
        customer.asks_for_a_person("ann@example.com")
        assert "Is it blue?" in operator.opens("/console/conversations?handed_over=1").text

    def test_a_filter_is_kept_as_a_view_for_everybody(
        self, operator: Operator, admin: Admin, customer: Customer
    ) -> None:
        customer.asks("Is it blue?")
        operator.sends("/console/conversations/views", name="Unhappy in Japanese", rated="down", spoken="ja")
        page = admin.opens("/console/conversations").text
        assert "Unhappy in Japanese" in page
        assert "rated=down" in page
        assert "spoken=ja" in page
        (view,) = admin.kotae.archive.views()
        admin.sends(f"/console/conversations/views/{view.id}/remove")
        assert "Unhappy in Japanese" not in admin.opens("/console/conversations?q=blue").text


@pytest.mark.usefixtures("parrot")
def test_an_answer_tells_who_spoke_and_what_it_took_each_kind_of_token_apart(
    operator: Operator, customer: Customer, kotae: Kotae
) -> None:
    customer.asks("Is it blue?")
    facts = {
        "adapter": "spring-1f3e",
        "prompt_version": "p7",
        "index_version": "i9",
        "prompt_tokens": 11,
        "passage_tokens": 220,
        "completion_tokens": 33,
    }
    with writing(kotae.engine) as session:
        session.execute(sa.update(MessageRow).where(MessageRow.role == "bot").values(**facts))
    page = operator.opens(f"/console/conversations/{id_of(kotae, 'blue')}").text
    for told in ("spring-1f3e", "p7", "i9", "11 prompt, 220 passages, 33 answer", "To the end"):
        assert told in page
    (line,) = map(json.loads, operator.opens("/console/conversations/file?format=jsonl").text.splitlines())
    assert facts.items() <= line.items()


@pytest.mark.usefixtures("parrot")
class TestExporting:
    def test_a_line_holds_question_answer_rating_and_correction(
        self, operator: Operator, customer: Customer
    ) -> None:
        answer = customer.asks("Is it blue?")
        customer.rates(answer.id, "down", reason="wrong", comment="it is red")
        operator.sends(
            f"/console/answers/{answer.id}/correct", question="Is it blue?", answer="Red.", reason="wrong"
        )
        file = operator.opens("/console/conversations/file?format=jsonl")
        (line,) = map(json.loads, file.text.splitlines())
        assert (line["question"], line["answer"], line["strategy"]) == (
            "Is it blue?",
            "Is it blue?",
            "parrot",
        )
        assert (line["rating"], line["reason"], line["comment"]) == ("down", "wrong", "it is red")
        assert line["correction"]["answer"] == "Red."
        (row,) = csv.DictReader(StringIO(operator.opens("/console/conversations/file?format=csv").text))
        assert json.loads(row["correction"])["answer"] == "Red."

    def test_passages_travel_along(self, admin: Admin, customer: Customer) -> None:
        admin.uploads(("descaling.md", b"# Descaling\n\nDescale the kettle every month with citric acid.\n"))
        admin.switches_to("manuals")
        customer.asks("How often should I descale the kettle?")
        (line,) = map(json.loads, admin.opens("/console/conversations/file?format=jsonl").text.splitlines())
        assert line["passages"][0]["source"] == "descaling.md"
        assert "every month" in line["passages"][0]["quote"]

    def test_a_question_is_no_formula_to_a_spreadsheet(self, operator: Operator, customer: Customer) -> None:
        customer.asks("=HYPERLINK(evil)")
        (row,) = csv.DictReader(StringIO(operator.opens("/console/conversations/file?format=csv").text))
        assert row["question"] == "'=HYPERLINK(evil)"

    def test_only_what_the_filter_wants(self, operator: Operator, customer: Customer) -> None:
        customer.asks("Is it blue?")
        assert operator.opens("/console/conversations/file?format=jsonl&q=giraffe").text == ""
        assert operator.opens("/console/conversations/file?format=exe").status_code == 404


@pytest.mark.usefixtures("parrot")
class TestAnsweringAgain:
    def test_another_strategy_stands_beside_what_was_said_and_nothing_is_kept(
        self, admin: Admin, customer: Customer, kotae: Kotae
    ) -> None:
        admin.uploads(("descaling.md", b"# Descaling\n\nDescale the kettle every month with citric acid.\n"))
        customer.asks("I have a question.")
        answer = customer.asks("How often should I descale the kettle?")
        page = admin.sends(f"/console/answers/{answer.id}/again", strategy="manuals").text
        assert "every month" in page
        assert "(2 messages)" in page  # the history as it was
        assert len(kotae.conversations.get(id_of(kotae, "descale")).messages) == 4

    def test_a_strategy_that_does_not_exist_says_so(self, operator: Operator, customer: Customer) -> None:
        answer = customer.asks("Is it blue?")
        assert "nobody" in operator.sends(f"/console/answers/{answer.id}/again", strategy="nobody").text

    def test_a_correction_needs_an_answer_and_shows_beside_the_message(
        self, operator: Operator, customer: Customer, kotae: Kotae
    ) -> None:
        answer = customer.asks("Is it blue?")
        form = f"/console/answers/{answer.id}/correct"
        refused = operator.sends(form, question="Is it blue?", answer=" ", reason="wrong")
        assert (refused.status_code, "Write the right answer" in refused.text) == (400, True)
        operator.sends(form, question="Is it blue?", answer="It is red.", reason="wrong")
        page = operator.opens(f"/console/conversations/{id_of(kotae, 'blue')}").text
        assert "Right would be" in page
        assert "It is red." in page


class TestForgetting:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"retention": settings.retention.model_copy(update={"days": 30})})

    @pytest.mark.usefixtures("parrot")
    def test_words_have_their_time_and_figures_stay(
        self, operator: Operator, customer: Customer, kotae: Kotae
    ) -> None:
        answer = customer.asks(f"Is it {SECRET}?")
        customer.rates(answer.id, "up", comment=SECRET)
        ages(kotae, 29)
        assert kotae.retention.run().messages == 0
        ages(kotae, 31)
        assert kotae.retention.expired().messages == 2
        kotae.jobs.tick()
        kotae.jobs.drain()
        assert kotae.retention.expired().messages == 0
        page = operator.opens("/console/conversations").text
        assert SECRET not in page
        assert "its words have had their time" in page
        assert kotae.traffic.overview(_days()).total.liked == 1
        assert STEM not in (kotae.settings.data / "kotae.db").read_bytes()

    @pytest.mark.usefixtures("parrot")
    def test_erasing_a_customer_takes_all_that_came_of_them_and_leaves_a_line_without_their_words(
        self, admin: Admin, customer: Customer, another_customer: Customer, kotae: Kotae
    ) -> None:
        answer = customer.asks(f"Is it {SECRET}?")
        another_customer.asks("Is it red?")
        admin.sends(
            f"/console/answers/{answer.id}/correct", question=f"Is it {SECRET}?", answer="No.", reason="wrong"
        )
        (candidate,) = kotae.candidates.list().candidates
        kotae.candidates.accept(candidate.id, by="ada")
        conversation = id_of(kotae, SECRET)
        path = f"/console/conversations/{conversation}/erase"
        assert "cannot be undone" in admin.opens(path).text
        admin.sends(path)  # without the tick
        assert kotae.conversations.get(conversation).messages
        admin.sends(path, sure="1")
        assert admin.opens(f"/console/conversations/{conversation}").status_code == 404
        assert kotae.pairs.list().total == 0
        assert kotae.candidates.list(None).total == 0
        assert SECRET not in admin.opens("/console/conversations/file?format=jsonl").text
        assert STEM not in (kotae.settings.data / "kotae.db").read_bytes()
        (line,) = [entry for entry in kotae.audit.page() if entry.what == "erase conversation"]
        assert (line.who, line.subject, line.detail["messages"]) == (admin.email, conversation, 2)
        assert kotae.conversations.page("red")  # somebody else's

    @pytest.mark.usefixtures("parrot")
    def test_nothing_in_the_data_directory_has_their_words(
        self, admin: Admin, customer: Customer, another_customer: Customer, kotae: Kotae, tmp_path: Path
    ) -> None:
        answer = customer.asks(f"Is it {SECRET}?")
        customer.rates(answer.id, "down", comment=SECRET)
        other = another_customer.asks("Is it red?")
        conversation = id_of(kotae, SECRET)
        kept = kotae.candidates.add(f"Is it {SECRET}?", "No.", by="olga", message_id=answer.id)
        pair = kotae.candidates.accept(kept.id, by="ada")
        kotae.pairs.use_as(pair.id, "both", by="ada")
        kotae.jobs.tick()
        kotae.jobs.drain()
        assert any(SECRET in passage.text + str(passage.headings) for passage in kotae.library.search(SECRET))
        later = kotae.pairs.add({"question": "Is it red?", "answer": "Yes."}, by="ada")
        kotae.pairs.use_as(later.id, "both", by="ada")
        kotae.jobs.tick()
        kotae.jobs.drain()  # the first version of the pairs' document is an earlier one now

        set_id = kotae.question_sets.make("asked", by="olga") and kotae.question_sets.get("asked").id
        for message, question in ((answer, f"Is it {SECRET}?"), (other, "Is it red?")):
            place = f"conversation={conversation_of(kotae, message.id)}&message={message.id}"
            assert question in admin.opens(f"/console/compare/questions/new?{place}").text
            admin.sends(f"/console/compare/questions/new?{place}", set=set_id, question=question, facts="no")
        evaluated(kotae, set_id, f"It is {SECRET}")
        trained(kotae.settings.data / "training" / "ended", tmp_path)
        Work.begin(kotae.settings.data / "training" / "begun", **trained_on())
        files = with_their_words(kotae)
        assert {"kotae.db-wal", "pairs.jsonl", "preferences.jsonl", "known.jsonl"} <= {
            one.name for one in files
        }
        before = kotae.library.version()
        taught, marked = _adapter(tmp_path / "spring", "spring", "00"), []
        kotae.shelf.all = lambda: [taught]  # type: ignore[assignment, list-item]
        kotae.shelf.mark = lambda adapters, _why: marked.extend(adapters)  # type: ignore[method-assign]

        admin.sends(f"/console/conversations/{conversation}/erase", sure="1")
        told = admin.opens("/console/conversations").text
        assert "messages: 2, candidates: 1, pairs: 1, questions of question sets: 1" in told
        assert marked == [taught]  # it came of a training that was given their words
        kotae.jobs.drain()
        wipe(kotae.engine)
        assert with_their_words(kotae) == []
        assert kotae.library.version() != before  # and so no answer cache answers from before
        assert [one.text for one in kotae.question_sets.get("asked").questions] == ["Is it red?"]
        assert kotae.library.search("Is it red?")
        ended = Work(kotae.settings.data / "training" / "ended")
        assert [pair.question for pair in ended.pairs()] == ["Is it red?"]
        assert not (kotae.settings.data / "training" / "begun").exists()

    @pytest.mark.usefixtures("parrot")
    def test_an_adapter_that_was_taught_on_them_is_marked(
        self, admin: Admin, customer: Customer, kotae: Kotae, tmp_path: Path
    ) -> None:
        answer = customer.asks("Is it blue?")
        kotae.candidates.add("Is it blue?", "No.", by="olga", message_id=answer.id)
        taught, other = (_adapter(tmp_path / name, name) for name in ("spring", "summer"))
        (taught.path / "known.jsonl").write_text(
            '{"question": "Is it blue?", "answer": "No.", "fact": "f"}\n'
        )
        marked: list[str] = []
        kotae.shelf.all = lambda: [taught, other]  # type: ignore[assignment, list-item]
        kotae.shelf.mark = lambda adapters, _why: marked.extend(a.called for a in adapters)  # type: ignore[method-assign]
        admin.sends(f"/console/conversations/{id_of(kotae, 'blue')}/erase", sure="1")
        assert marked == ["spring"]

    def test_only_admins_erase(self, operator: Operator, customer: Customer, kotae: Kotae) -> None:
        customer.asks("Is it blue?")
        path = f"/console/conversations/{id_of(kotae, 'blue')}/erase"
        assert operator.opens(path).status_code == 403
        assert operator.sends(path, sure="1").status_code == 403


class TestOnTheCommandLine:
    def run(self, kotae: Kotae, *arguments: str) -> object:
        kotae.close()
        config = kotae.settings.data.parent / "kotae.toml"
        config.write_text(
            '[chat]\nstrategy = "parrot"\n[strategies.parrot]\nuse = "echo"\n[retention]\ndays = 30\n'
        )
        place = ["--json", "--data", str(kotae.settings.data), "--config", str(config)]
        done = CliRunner().invoke(main, [*place, *arguments])
        assert done.exit_code == 0, done.output
        return [json.loads(line) for line in done.stdout.splitlines()]

    @pytest.mark.usefixtures("parrot")
    def test_export_retention_and_erasure(self, customer: Customer, kotae: Kotae) -> None:
        customer.asks("Is it blue?")
        conversation = id_of(kotae, "blue")
        ages(kotae, 31)
        (line,) = self.run(kotae, "conversations", "export", "--text", "blue")
        assert line["answer"] == "Is it blue?"
        (told,) = self.run(kotae, "retention", "run", "--dry-run")
        assert (told["messages"], told["dry_run"]) == (2, True)
        (told,) = self.run(kotae, "retention", "run")
        assert told["messages"] == 2
        ((listed,),) = self.run(kotae, "conversations", "list")
        assert (listed["id"], listed["opening"]) == (conversation, "")
        (erased,) = self.run(kotae, "conversations", "erase", conversation, "--yes")
        assert erased["messages"] == 2
        assert self.run(kotae, "conversations", "list") == [[]]


def conversation_of(kotae: Kotae, message_id: str) -> str:
    return kotae.archive.asked(message_id, 0).answer.conversation_id


def with_their_words(kotae: Kotae) -> list[Path]:
    files = [file for file in kotae.settings.data.rglob("*") if file.is_file()]
    return [file for file in files if STEM in file.read_bytes()]


def evaluated(kotae: Kotae, set_id: str, said: str) -> None:
    """Somebody compared strategies on all questions of a set."""
    with writing(kotae.engine) as session:
        run = {"set_version": 1, "strategies": ["parrot"], "chosen": {}, "conditions": {}}
        session.add(EvaluationRunRow(id="run", set_id=set_id, by="olga", created_at=now(), **run))
        session.flush()
        for question in kotae.question_sets.get(set_id).questions:
            row = {
                "question_id": question.id,
                "content": {"text": said if SECRET in question.text else "red"},
            }
            session.add(EvaluationAnswerRow(run_id="run", strategy="parrot", **row))


def trained_on() -> dict[str, Any]:
    pairs = [Pair(f"Is it {SECRET}?", "No."), Pair("Is it red?", "Yes.")]
    return {"name": "spring", "base": "shipped", "recipe": Recipe(), "pairs": pairs}


def trained(folder: Path, parent: Path) -> None:
    """A training that has ended, of pairs and of what customers prefer."""
    preferred = [Preference(f"Is it {SECRET}?", "No.", f"Is it {SECRET}?", "rating")]
    (parent / "parent").mkdir()
    (parent / "parent" / "known.jsonl").write_text(SECRET)
    work = Work.begin(folder, **trained_on(), preferences=preferred, parent=("0", parent / "parent"))
    work.prepare([Example(f"is it {SECRET}", "No.", ())], [])
    (folder / SHELVED).write_bytes(lines([{"adapter": "00"}]))


def _days():
    from bot.reports.overview import Days

    return Days.back(60)


def _adapter(path: Path, name: str, digest: str = ""):
    from types import SimpleNamespace

    path.mkdir()
    return SimpleNamespace(path=path, called=name, hash=digest or name)
