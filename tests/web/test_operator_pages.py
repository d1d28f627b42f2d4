"""The operator's pages of the console."""

from __future__ import annotations

import pytest

from bot.kotae import Kotae
from bot.settings import Settings
from tests.people import Admin, Customer, Operator

DESCALING = b"# Descaling\n\nDescale the kettle every month with two spoons of citric acid. Rinse it.\n"


def test_the_console_sends_strangers_to_the_sign_in(app) -> None:
    for path in (
        "/console/",
        "/console/strategy",
        "/console/search",
        "/console/conversations",
        "/console/documents",
    ):
        answer = app.test_client().get(path, headers={"Accept": "text/html"})
        assert answer.status_code == 302, path
        assert "/console/sign-in" in answer.headers["Location"]


def test_an_operator_sees_who_answers_now_and_who_could(operator: Operator) -> None:
    page = operator.opens("/console/strategy").text
    assert "manuals" in page
    assert "parrot" in page
    assert "answers now" in page


def test_the_switch_keeps_who_and_from_what(operator: Operator) -> None:
    operator.switches_to("parrot")
    page = operator.opens("/console/strategy").text
    assert operator.email in page
    assert "Back to manuals" in page


def test_going_back_before_anything_was_switched_says_so(operator: Operator) -> None:
    operator.goes_back()
    assert "Nothing was switched yet" in operator.opens("/console/strategy").text


def test_an_unknown_strategy_is_refused_with_a_sentence_and_the_old_one_stays(
    operator: Operator, kotae: Kotae
) -> None:
    operator.switches_to("nobody")
    assert "nobody" in operator.opens("/console/strategy").text
    assert kotae.switch.name() == "manuals"


class TestAStrategyThatCannotWork:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        broken = {"use": "llm", "model": "m", "base_url": "http://127.0.0.1:9/v1", "api_key": "sk-secret"}
        return settings.model_copy(update={"strategies": {**settings.strategies, "broken": broken}})

    def test_it_says_why_and_shows_no_secret(self, operator: Operator) -> None:
        page = operator.opens("/console/strategy").text
        assert "broken" in page
        assert "api_key" in page
        assert "sk-secret" not in page

    def test_the_old_one_goes_on_answering(
        self, operator: Operator, customer: Customer, kotae: Kotae
    ) -> None:
        operator.switches_to("parrot")
        operator.switches_to("broken")
        assert kotae.switch.name() == "parrot"
        assert customer.asks("still there?").text == "still there?"


def test_search_shows_both_scores_and_the_fused_rank(admin: Admin) -> None:
    admin.uploads(("descaling.md", DESCALING))
    page = admin.opens("/console/search?q=how+often+should+I+descale").text
    assert "every month" in page
    for label in ("fused", "meaning", "words"):
        assert label in page


def test_what_a_strategy_quotes_is_shown_as_it_reads(admin: Admin) -> None:
    guide = b"# Warranty\n\n| Product | Warranty |\n|---|---|\n| Kettle S | 30 months |\n"
    admin.uploads(("warranty.md", guide))
    page = admin.opens("/console/search?q=How+long+is+the+warranty+of+the+kettle&strategy=manuals").text
    assert "<q>Kettle S · 30 months</q>" in page


def test_search_can_show_what_a_strategy_makes_of_it(admin: Admin, kotae: Kotae) -> None:
    admin.uploads(("descaling.md", DESCALING))
    page = admin.opens("/console/search?q=how+often+should+I+descale&strategy=parrot").text
    assert "Answer of parrot" in page
    assert kotae.conversations.page() == []  # a try is not kept


def test_an_empty_library_says_what_to_do_first(admin: Admin) -> None:
    assert "Upload the first one" in admin.opens("/console/search").text


def test_markup_in_a_question_is_text_in_the_console(
    operator: Operator, customer: Customer, kotae: Kotae
) -> None:
    customer.asks("<script>alert(1)</script><img src=x onerror=alert(2)>")
    (summary,) = kotae.conversations.page()
    for path in (
        "/console/conversations",
        f"/console/conversations/{summary.id}",
        "/console/search?q=<script>alert(1)</script>",
    ):
        page = operator.opens(path).text
        assert "<script>alert" not in page
        assert "<img src=x" not in page


def test_conversations_are_found_by_words_and_by_strategy(operator: Operator, customer: Customer) -> None:
    operator.switches_to("parrot")
    customer.asks("where is my parcel")
    assert "where is my parcel" in operator.opens("/console/conversations?q=parcel").text
    assert "No conversation matches" in operator.opens("/console/conversations?q=giraffe").text
    assert "where is my parcel" in operator.opens("/console/conversations?strategy=parrot").text
    assert "No conversation matches" in operator.opens("/console/conversations?strategy=manuals").text


def test_an_unknown_conversation_is_a_page_that_says_so(operator: Operator) -> None:
    assert operator.opens("/console/conversations/nothing").status_code == 404


def test_the_console_speaks_japanese(operator: Operator) -> None:
    page = operator.opens("/console/strategy?language=ja").text
    assert '<html lang="ja"' in page
    assert "回答方式" in page
