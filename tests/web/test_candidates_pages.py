"""Candidates are looked at, made pairs, and answer customers."""

from __future__ import annotations

from bot.kotae import Kotae
from tests.people import Admin, Customer, Operator

MANUAL = b"# Kettle\n\nThe kettle holds 1.7 litres of water. It is made of steel.\n"


def test_an_operator_may_not_decide_on_candidates(operator: Operator) -> None:
    assert operator.opens("/console/pairs/candidates").status_code == 403


def test_without_a_candidate_the_page_says_where_they_come_from(admin: Admin) -> None:
    assert "Nothing waits here" in admin.opens("/console/pairs/candidates").text


def test_a_corrected_answer_becomes_a_pair_that_is_found_before_the_manual(
    admin: Admin, kotae: Kotae, customer: Customer
) -> None:
    admin.uploads(("kettle.md", MANUAL))
    kotae.candidates.add(
        "How much water does the kettle hold?", "Since May, 1.9 litres.", by="op@example.com"
    )
    (candidate,) = kotae.candidates.list().candidates
    page = admin.opens("/console/pairs/candidates").text
    assert "Since May, 1.9 litres." in page
    assert "1.7 litres" in page  # what the documents say
    admin.sends(
        f"/console/pairs/candidates/{candidate.id}/accept",
        question="How much water does the kettle hold?",
        answer="The kettle holds 1.9 litres since May.",
        use="both",
    )
    kotae.jobs.drain()
    best = kotae.library.search("How much water does the kettle hold?")[0]
    assert best.text.endswith("1.9 litres since May.")
    assert "1.9 litres" in customer.asks("How much water does the kettle hold?").text
    assert [pair.answer for pair in kotae.pairs.all()] == ["The kettle holds 1.9 litres since May."]
    assert "Accepted" in admin.opens("/console/pairs/candidates?state=accepted").text


def test_what_a_pair_is_used_for_decides_where_it_is(admin: Admin, kotae: Kotae) -> None:
    kept = kotae.pairs.add({"question": "Where is the sieve?", "answer": "Behind the spout."}, by=admin.email)

    def found() -> list[str]:
        kotae.jobs.drain()
        return [passage.text for passage in kotae.library.search("Where is the sieve?")]

    assert found() == []
    assert len(kotae.pairs.all()) == 1
    admin.sends(f"/console/pairs/{kept.id}/use", use="documents")
    assert found()[0].endswith("Behind the spout.")
    (document,) = kotae.library.documents()
    there = kotae.library.passages(document.id)[0]
    refused = admin.sends(f"/console/documents/{document.id}/passages/{there.id}/rewrite", text="Nowhere.")
    assert "change the pair instead" in admin.opens(refused.location).text
    assert kotae.pairs.all() == []
    admin.sends(f"/console/pairs/{kept.id}/use", use="training")
    assert found() == []
    assert kotae.library.documents() == []


def test_a_pair_that_goes_no_longer_answers(admin: Admin, kotae: Kotae) -> None:
    ids = []
    for question, answer in (("Where is the sieve?", "Behind the spout."), ("Is it red?", "It is blue.")):
        ids.append(kotae.pairs.add({"question": question, "answer": answer}, by=admin.email).id)
        admin.sends(f"/console/pairs/{ids[-1]}/use", use="documents")
    kotae.jobs.drain()
    admin.sends(f"/console/pairs/{ids[0]}/remove")
    kotae.jobs.tick()  # a minute passes
    kotae.jobs.drain()
    texts = [passage.text for passage in kotae.library.search("sieve spout red")]
    assert not any("Behind the spout" in text for text in texts)
    assert any("It is blue" in text for text in texts)


def test_the_same_question_in_other_words_and_a_conflicting_answer_are_shown(
    admin: Admin, kotae: Kotae
) -> None:
    question = "How long is the warranty of the kettle?"
    kotae.pairs.add({"question": question, "answer": "The warranty is 24 months."}, by=admin.email)
    kotae.candidates.add(question, "The warranty is 36 months.", by=admin.email)
    kotae.candidates.add("Can I paint my garden fence?", "Yes.", by=admin.email)
    page = admin.opens("/console/pairs/candidates").text
    assert page.count("A pair answers this question otherwise") == 1
    assert "The warranty is 24 months." in page


def test_what_makes_no_pair_is_a_sentence_and_a_rejected_candidate_is_kept(
    admin: Admin, kotae: Kotae
) -> None:
    admin.sends("/console/pairs/candidates", question="Is it dishwasher safe?")
    (candidate,) = kotae.candidates.list().candidates
    path = f"/console/pairs/candidates/{candidate.id}"
    answer = admin.sends(f"{path}/accept", question="Is it dishwasher safe?", answer="")
    assert 'role="alert"' in admin.opens(answer.location).text
    assert kotae.candidates.get(candidate.id).state == "new"
    admin.sends(f"{path}/reject")
    assert kotae.candidates.get(candidate.id).state == "rejected"
    again = admin.sends(f"{path}/accept", question="x", answer="y")
    assert "was rejected by" in admin.opens(again.location).text
