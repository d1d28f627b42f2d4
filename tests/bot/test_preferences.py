"""What people would rather be told is read from their ratings and from corrections."""

from __future__ import annotations

import io
import json

import pytest

from bot.kotae import Kotae
from strategies.lora.pairs import BadPairs
from strategies.lora.pairs.preferences import Preference, read
from tests.people import Customer

QUESTION, BETTER = "How long may the kettle boil dry?", "Never: it switches itself off after three seconds."


@pytest.fixture(autouse=True)
def answered(kotae: Kotae) -> None:
    """Whatever is asked, something is answered."""
    kotae.switch.use("parrot", "olga")


def test_an_accepted_correction_is_preferred_to_the_answer_that_it_corrects(
    kotae: Kotae, customer: Customer
) -> None:
    answer = customer.asks(QUESTION)
    candidate = kotae.candidates.add(QUESTION, BETTER, by="olga", message_id=answer.id)
    assert kotae.preferences.all() == []
    kotae.candidates.accept(candidate.id, by="ada")
    assert list(kotae.preferences.all()) == [Preference(QUESTION, BETTER, answer.text, "correction")]


def test_a_thumb_down_prefers_the_desks_own_answer_until_it_is_taken_back(
    kotae: Kotae, customer: Customer
) -> None:
    kotae.pairs.add({"question": "how long may the kettle BOIL DRY", "answer": BETTER}, by="ada")
    answer = customer.asks(QUESTION)
    kotae.feedback.give(answer.id, "up")
    assert list(kotae.preferences.all()) == []
    kotae.feedback.give(answer.id, "down")
    assert list(kotae.preferences.all()) == [Preference(QUESTION, BETTER, answer.text, "rating")]
    kotae.feedback.give(answer.id, None)
    assert list(kotae.preferences.all()) == []


def test_of_two_answers_to_one_question_the_liked_one_is_preferred(
    kotae: Kotae, customer: Customer, another_customer: Customer
) -> None:
    good, bad = customer.asks("Is it green?"), another_customer.asks("is it GREEN")
    kotae.feedback.give(good.id, "up")
    kotae.feedback.give(bad.id, "down")
    [one] = kotae.preferences.all()
    assert (one.question, one.chosen, one.rejected) == ("is it GREEN", good.text, bad.text)


def test_an_answer_to_a_later_question_is_left_out_as_it_leans_on_what_was_said(
    kotae: Kotae, customer: Customer
) -> None:
    kotae.pairs.add({"question": QUESTION, "answer": BETTER}, by="ada")
    customer.asks("Is it green?")
    kotae.feedback.give(customer.asks(QUESTION).id, "down")
    assert list(kotae.preferences.all()) == []


def test_nothing_personal_is_in_a_preference(kotae: Kotae, customer: Customer) -> None:
    question = "Why does ann@example.com get no mail?"
    kotae.pairs.add({"question": question, "answer": BETTER}, by="ada")
    answer = customer.asks(question)
    kotae.feedback.give(answer.id, "down")
    assert [one.question for one in kotae.preferences.all()] == []  # the desk's own has no address any more
    candidate = kotae.candidates.add(question, "It bounced.", by="olga", message_id=answer.id)
    kotae.candidates.accept(candidate.id, by="ada")
    [one] = kotae.preferences.all()
    assert "ann@example.com" in answer.text
    assert "ann@example.com" not in f"{one}"


def test_what_is_exported_is_what_openai_reads_and_comes_back(kotae: Kotae, customer: Customer) -> None:
    kotae.pairs.add({"question": QUESTION, "answer": BETTER}, by="ada")
    answer = customer.asks(QUESTION)
    kotae.feedback.give(answer.id, "down")
    file = io.BytesIO()
    assert kotae.preferences.export(file) == 1
    assert json.loads(file.getvalue()) == {
        "input": {"messages": [{"role": "user", "content": QUESTION}]},
        "preferred_output": [{"role": "assistant", "content": BETTER}],
        "non_preferred_output": [{"role": "assistant", "content": answer.text}],
    }
    file.seek(0)
    assert read(file) == [Preference(QUESTION, BETTER, answer.text)]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("{", "line 1: "),
        ("{}", "line 1: it is no preference as OpenAI writes them"),
        ("", "there is no preference in it"),
        (
            '{"input": {"messages": [{"role": "user", "content": "Big?"}]}, "preferred_output": '
            '[{"role": "assistant", "content": "Yes."}], "non_preferred_output": '
            '[{"role": "assistant", "content": "yes."}]}',
            "line 1: both answers are the same",
        ),
    ],
)
def test_a_file_of_something_else_says_what_is_wrong_with_it(line: str, sentence: str) -> None:
    with pytest.raises(BadPairs, match=sentence):
        read(io.BytesIO(line.encode()))
