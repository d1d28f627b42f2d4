"""An answer cache is asked the desk's own questions before it answers customers."""

from __future__ import annotations

import html
import json
import re
from io import BytesIO

import pytest

from bot.evaluation.rehearsals import RehearsalRefused
from bot.kotae import Kotae
from bot.settings import Settings
from tests.people import Operator

HERE = "/console/strategy/quick"
QUESTIONS = [
    {"id": "w1", "question": "How long is the warranty of the kettle?", "facts": [["30 months"]]},
    {"id": "w2", "question": "how long is the warranty of the kettle", "facts": [["30 months"]]},
    {"id": "c1", "question": "Which colours does the lamp come in?", "facts": [["black"]]},
]
ANOTHER = {"id": "w3", "question": "How long is the warranty of the kettle", "facts": [["24 months"]]}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    quick = {"use": "cached", "inner": "manuals"}
    return settings.model_copy(update={"strategies": {**settings.strategies, "quick": quick}})


def brings(kotae: Kotae, name: str, *questions: dict[str, object]) -> str:
    file = BytesIO("\n".join(map(json.dumps, questions)).encode())
    kotae.question_sets.import_(file, "q.jsonl", name, by="ann")
    return kotae.question_sets.get(name).id


def measures(operator: Operator, kotae: Kotae, set_id: str) -> str:
    """What the page of the cache says then."""
    answer = operator.sends(f"{HERE}/rehearsals", set=set_id)
    assert answer.location.endswith(f"{HERE}#rehearsals")
    assert "data-under-way" in operator.opens(f"{HERE}/rehearsals").text
    kotae.jobs.drain()
    return text(operator.opens(HERE).text)


def text(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def test_a_cache_that_nobody_measured_says_so_and_what_to_do_first(operator: Operator) -> None:
    page = operator.opens(HERE).text
    assert "Nobody has measured it yet." in page
    assert "There is no question set yet." in page
    cards = operator.opens("/console/strategy").text
    assert "How often it would be wrong is not measured yet" in cards
    assert "It is not shown that this cache answers rightly" in cards  # asked before it is switched to
    assert "How often would it be wrong?" not in operator.opens("/console/strategy/manuals").text
    assert operator.opens("/console/strategy/manuals/rehearsals").status_code == 404


def test_an_operator_reads_how_often_it_would_be_wrong_with_n_interval_and_each_mistake(
    operator: Operator, kotae: Kotae
) -> None:
    page = measures(operator, kotae, brings(kotae, "kettle", *QUESTIONS, ANOTHER))
    assert re.search(r"kettle version 1 · alike 0\.75 4 2 1 25\.0 % 0\.0 % – 75\.0 % not certain yet", page)
    assert "kettle: 1 question got the answer to another one" in page
    assert f"{ANOTHER['question']} → " in page
    card = text(operator.opens("/console/strategy").text)
    assert "Answered wrongly from the cache: 25.0 % (0.0 % – 75.0 %) of 4 questions" in card
    newest = kotae.audit.page(1)[0]
    assert (newest.who, newest.what) == (operator.email, "rehearse cache")


def test_one_that_passes_may_be_used_until_its_options_or_the_questions_change(
    operator: Operator, kotae: Kotae
) -> None:
    many = [
        {"id": f"p{n}", "question": f"What does part {n} of the {thing} weigh?", "facts": [[f"{n} kg"]]}
        for n, thing in enumerate(("arm", "lid", "foot", "hood", "cord", "plug") * 14, start=1)
    ]
    set_id = brings(kotae, "parts", *many)
    assert "may be used" in measures(operator, kotae, set_id)
    assert "It is not shown that this cache" not in operator.opens("/console/strategy").text
    operator.sends(HERE, alike="0.6", most="1000", hours="24")
    assert "changed since" in text(operator.opens(HERE).text)
    assert "It is not shown that this cache" in operator.opens("/console/strategy").text
    assert "alike 0.6" in measures(operator, kotae, set_id)
    kotae.question_sets.remove("parts", by="ann")
    assert "Nobody has measured it yet." in operator.opens(HERE).text


def test_what_cannot_be_measured_is_said(operator: Operator, kotae: Kotae) -> None:
    operator.sends(f"{HERE}/rehearsals", set="nothing")
    assert "Choose a question set." in operator.opens(HERE).text
    unknown = brings(kotae, "open", {"id": "u", "question": "What about the lid?"})
    assert "No question of it stands alone" in measures(operator, kotae, unknown)
    with pytest.raises(RehearsalRefused, match="'manuals' keeps no answers"):
        kotae.rehearsals.begin("manuals", "open", by="ann")
