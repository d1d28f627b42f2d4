"""The operator's overview and unanswered questions, as pages and as a file."""

from __future__ import annotations

import csv
import re
from datetime import timedelta
from io import StringIO

from bot.kotae import Kotae
from knowledge_base.database import now
from tests.people import Customer, Operator


def test_an_overview_of_days_without_a_word_says_what_to_do(operator: Operator) -> None:
    assert "Nobody asked in these days" in operator.opens("/console/overview").text


def test_the_overview_tells_how_far_conversations_came_and_its_file_says_the_same(
    operator: Operator, customer: Customer, another_customer: Customer
) -> None:
    another_customer.asks("Do you ship to Norway?")  # nothing is in the library: it abstains
    operator.switches_to("parrot")
    answer = customer.asks("Is it blue?")
    customer.rates(answer.id, "up")
    page = operator.opens("/console/overview").text
    for words in ("How far conversations came", "100%", "n = 1", "parrot", "manuals", "<svg"):
        assert words in page
    file = operator.opens("/console/overview.csv")
    assert file.mimetype == "text/csv"
    rows = list(csv.DictReader(StringIO(file.text.removeprefix("\ufeff"))))
    (total,) = [row for row in rows if row["by"] == "all"]
    assert (total["conversations"], total["answered"], total["abstained"]) == ("2", "1", "1")
    assert (total["rated"], total["liked"]) == ("1", "1")
    assert {row["key"] for row in rows if row["by"] == "strategy"} == {"manuals", "parrot"}


def test_days_are_chosen_in_the_address_and_nonsense_is_the_last_thirty(
    operator: Operator, customer: Customer
) -> None:
    operator.switches_to("parrot")
    customer.asks("Is it blue?")
    before = (now().date() - timedelta(days=60)).isoformat()
    assert "Nobody asked" in operator.opens(f"/console/overview?first={before}&last={before}").text
    assert "parrot" in operator.opens("/console/overview?first=yesterday&last=never").text


def test_an_unanswered_question_is_one_click_from_a_new_pair(
    operator: Operator, customer: Customer, kotae: Kotae
) -> None:
    assert "Every question of these days was answered" in operator.opens("/console/overview/unanswered").text
    answer = customer.asks("Do you ship to Norway?")
    page = operator.opens("/console/overview/unanswered").text
    assert "Do you ship to Norway?" in page
    form = f"/console/answers/{answer.id}/correct"
    assert form in page
    assert "Do you ship to Norway?" in operator.opens(form).text
    operator.sends(form, question="Do you ship to Norway?", answer="Yes, in five days.", reason="missing")
    (candidate,) = kotae.candidates.list().candidates
    assert (candidate.question, candidate.answer) == ("Do you ship to Norway?", "Yes, in five days.")


def test_unanswered_questions_of_one_strategy_or_one_language_are_looked_at_alone(
    operator: Operator, customer: Customer, another_customer: Customer
) -> None:
    customer.asks("Do you ship to Norway?")
    another_customer.asks("返品したい")
    here = "/console/overview/unanswered"
    spoken = operator.opens(f"{here}?spoken=ja").text
    assert "返品したい" in spoken
    assert "Norway" not in spoken
    assert "Norway" in operator.opens(f"{here}?strategy=manuals&spoken=en").text
    nobody = operator.opens(f"{here}?strategy=parrot").text
    assert "Nothing of it in these days." in nobody
    overview = operator.opens("/console/overview?spoken=ja").text
    assert re.search(rf'href="{here}\?[^"]*spoken=ja', overview)  # from one to the other
    assert re.search(r'href="/console/overview\?[^"]*spoken=ja', spoken)
