"""Drafted questions: from passages, by a model or in their own words, and from what nobody answered."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.kotae import Kotae
from bot.settings import Helper, Settings
from tests.people import Admin, Customer, Operator
from tests.strategies.llm.model_server import ModelServer, Reply, model_server

GUIDE = (
    b"# Kettle guide\n\n## Warranty\n\nThe kettle is under warranty for 30 months from its delivery.\n\n"
    b"## Data\n\n| | Kettle | Kettle S |\n|---|---|---|\n| Weight | 900 g | 700 g |\n"
)
LAMP = b"# Lamp guide\n\n## Power\n\nThe lamp draws 12 watts while it is lit. It comes with a cable.\n"


@pytest.fixture
def support(kotae: Kotae) -> str:
    """An empty set, by its id."""
    return kotae.question_sets.get(kotae.question_sets.make("support", by="ann")).id


@pytest.fixture
def library(admin: Admin) -> None:
    admin.uploads(("kettle.md", GUIDE), ("lamp.md", LAMP))


def drafts(operator: Operator, kotae: Kotae, support: str, **fields: object) -> str:
    """The page after some were drafted."""
    fields = {"origin": "passages", "count": "10", **fields}
    answer = operator.sends(f"/console/compare/sets/{support}/drafts", **fields)
    kotae.jobs.drain()
    return html.unescape(operator.opens(answer.location).text)


@pytest.mark.usefixtures("library")
def test_passages_of_every_document_are_asked_in_their_own_words(
    operator: Operator, kotae: Kotae, support: str
) -> None:
    page = drafts(operator, kotae, support, count="2")
    asked = [one.question for one in kotae.drafts.list(support).drafts]
    assert {question.sources for question in asked} == {("kettle.md",), ("lamp.md",)}, "one of each"
    assert "How much does the lamp draw?" in page
    assert "12 watts" in page
    assert kotae.question_sets.get("support").questions == (), "a draft is in no set"
    drafts(operator, kotae, support)
    texts = [one.question.text for one in kotae.drafts.list(support).drafts]
    assert len(texts) == len(set(texts)) > 2, "nothing is drafted twice"


@pytest.mark.usefixtures("library")
def test_a_person_accepts_mends_and_drops(operator: Operator, kotae: Kotae, support: str) -> None:
    drafts(operator, kotae, support)
    first, second, third, *_ = kotae.drafts.list(support).drafts
    operator.sends(f"/console/compare/drafts/{first.id}")
    page = html.unescape(operator.opens(f"/console/compare/drafts/{second.id}").text)
    assert second.question.text in page
    assert second.source.text.endswith("| Weight | 900 g | 700 g |")
    assert "<td>900 g</td>" in page  # as it reads
    fields = {"question": "How heavy is it?", "facts": "900 g | 0.9 kg", "held_out": "true"}
    operator.sends(f"/console/compare/drafts/{second.id}", **fields)
    operator.sends(f"/console/compare/drafts/{third.id}", drop="1")
    kept, mended = kotae.question_sets.get("support").questions
    assert kept == first.question
    assert (mended.text, mended.facts, mended.part) == (
        "How heavy is it?",
        (("900 g", "0.9 kg"),),
        "held-out",
    )
    assert kotae.audit.page(1)[0].what == "dropped draft"
    again = operator.sends(f"/console/compare/drafts/{third.id}")
    assert f"this draft was dropped by {operator.email}" in operator.opens(again.location).text
    assert operator.opens(f"/console/compare/drafts/{'0' * 32}").status_code == 404
    drafts(operator, kotae, support)
    assert third.question.text not in [one.question.text for one in kotae.drafts.list(support).drafts]


@pytest.mark.usefixtures("library")
def test_what_makes_no_question_is_refused_and_stays_a_draft(
    operator: Operator, kotae: Kotae, support: str
) -> None:
    drafts(operator, kotae, support)
    draft = kotae.drafts.list(support).drafts[0]
    refused = operator.sends(f"/console/compare/drafts/{draft.id}", question=" ", facts="12 watts")
    assert refused.status_code == 400
    assert "the question: it is empty" in refused.text
    assert kotae.drafts.get(draft.id).state == "new"


@pytest.mark.usefixtures("library")
def test_a_deleted_document_takes_its_waiting_drafts_along(
    operator: Operator, kotae: Kotae, support: str
) -> None:
    drafts(operator, kotae, support)
    [lamp] = [one for one in kotae.library.documents() if one.source == "lamp.md"]
    kotae.remove(lamp.id)
    left = {one.question.sources for one in kotae.drafts.list(support).drafts}
    assert left == {("kettle.md",)}


def test_what_nobody_answered_is_drafted_without_what_is_personal(
    operator: Operator, customer: Customer, kotae: Kotae, support: str
) -> None:
    customer.asks("Does it boil milk? Write to ann@example.org")
    page = drafts(operator, kotae, support, origin="unanswered", days="3")
    [draft] = kotae.drafts.list(support).drafts
    assert draft.question.text == "Does it boil milk? Write to [email]"
    assert "Nobody has said yet what a right answer holds." in page
    assert "ann@example.org" not in page
    fields = {"question": draft.question.text, "unanswerable": "true"}
    operator.sends(f"/console/compare/drafts/{draft.id}", **fields)
    assert not kotae.question_sets.get("support").questions[0].answerable


def test_a_customer_who_is_forgotten_takes_their_drafts_along(
    operator: Operator, customer: Customer, kotae: Kotae, support: str
) -> None:
    customer.asks("Does it boil milk?")
    drafts(operator, kotae, support, origin="unanswered", days="3")
    kotae.erasure.erase([one.id for one in kotae.conversations.page()], by="ann")
    assert kotae.drafts.list(support).total == 0


def test_without_documents_there_is_nothing_to_draft_from(
    operator: Operator, kotae: Kotae, support: str
) -> None:
    assert "There is no document yet" in operator.opens(f"/console/compare/sets/{support}/drafts").text
    assert "there is no document that answers" in drafts(operator, kotae, support)
    assert "from 1 to 200" in drafts(operator, kotae, support, origin="unanswered", count="900")


def test_from_the_unanswered_page_a_question_goes_into_a_set(
    operator: Operator, customer: Customer, support: str
) -> None:
    customer.asks("Does it boil milk?")
    page = html.unescape(operator.opens("/console/overview/unanswered").text)
    link = re.search(r'href="(/console/compare/questions/new[^"]+)"', page)
    assert link
    assert "Does it boil milk?" in operator.opens(link[1]).text


class TestWithAModel:
    @pytest.fixture
    def server(self) -> Iterator[ModelServer]:
        with model_server() as server:
            yield server

    @pytest.fixture
    def settings(self, tmp_path: Path, server: ModelServer) -> Settings:
        return Settings(
            data=tmp_path / "data",
            strategies={"manuals": {"use": "rag", "inner": "quotes"}},
            helper=Helper(base_url=server.url, model="wise-1"),
        )

    @pytest.mark.usefixtures("library")
    def test_it_writes_them_and_only_what_stands_in_the_passage_proves_an_answer(
        self, operator: Operator, kotae: Kotae, support: str, server: ModelServer
    ) -> None:
        told = json.dumps({"question": "How strong is it?", "fact": "12 watts"})
        server.replies[:] = [Reply([f"<think>well</think>Sure: {told}"])]  # whatever it reads
        page = drafts(operator, kotae, support)
        [draft] = kotae.drafts.list(support).drafts
        assert (draft.question.text, draft.question.facts) == ("How strong is it?", (("12 watts",),))
        assert (draft.made_by, draft.question.sources) == ("wise-1", ("lamp.md",))
        assert "Written by wise-1" in page

    @pytest.mark.usefixtures("library")
    @pytest.mark.parametrize(
        "told",
        [
            {"question": "How much power?", "fact": "1200 watts"},
            {"question": "Does it need 12 watts?", "fact": "12 watts"},
            {"question": "", "fact": "12 watts"},
            {},
            [],
        ],
    )
    def test_what_does_not_prove_itself_is_no_draft(
        self, operator: Operator, kotae: Kotae, support: str, server: ModelServer, told: object
    ) -> None:
        server.replies[:] = [Reply([json.dumps(told)])]
        assert "0 drafts wait" in drafts(operator, kotae, support)
        assert server.asked

    @pytest.mark.usefixtures("library")
    def test_a_model_that_is_away_is_told(
        self, operator: Operator, kotae: Kotae, support: str, server: ModelServer
    ) -> None:
        server.replies[:] = [Reply(status=500, error="out of memory")]
        assert "out of memory" in drafts(operator, kotae, support)

    @pytest.mark.usefixtures("library")
    def test_it_is_not_asked_where_the_operator_does_not_want_it(
        self, operator: Operator, kotae: Kotae, support: str, server: ModelServer
    ) -> None:
        drafts(operator, kotae, support, no_model="1")
        assert server.asked == []
        assert kotae.drafts.list(support).total > 2
