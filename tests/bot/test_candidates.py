"""Candidates: proposed by operators, decided on by admins."""

from __future__ import annotations

import pytest

from bot.kotae import Kotae
from bot.teaching.candidates import CandidateRefused, UnknownCandidate
from tests.people import Customer

QUESTION, ANSWER = "How long may the kettle boil dry?", "Never: it switches itself off after three seconds."


def test_a_correction_waits_and_becomes_a_pair_when_an_admin_accepts_it(
    kotae: Kotae, customer: Customer
) -> None:
    answer = customer.asks(QUESTION)
    candidate = kotae.candidates.add(QUESTION, ANSWER, "it is wrong", by="olga", message_id=answer.id)
    assert candidate.conversation_id
    assert [one.id for one in kotae.candidates.list().candidates] == [candidate.id]
    kept = kotae.candidates.accept(candidate.id, by="ada")
    assert (kept.pair.question, kept.pair.answer) == (QUESTION, ANSWER)
    assert kotae.candidates.list().total == 0
    decided = kotae.candidates.get(candidate.id)
    assert (decided.state, decided.decided_by, decided.pair_id) == ("accepted", "ada", kept.id)


def test_a_rejected_candidate_makes_no_pair_and_is_decided_once(kotae: Kotae) -> None:
    candidate = kotae.candidates.add(QUESTION, ANSWER, by="olga")
    kotae.candidates.reject(candidate.id, by="ada")
    assert kotae.pairs.list().total == 0
    with pytest.raises(CandidateRefused, match="rejected by ada"):
        kotae.candidates.accept(candidate.id, by="ada")


def test_the_same_candidate_waits_once(kotae: Kotae) -> None:
    first, second = (kotae.candidates.add(QUESTION, ANSWER, by=who) for who in ("olga", "otto"))
    assert first.id == second.id


def test_what_is_personal_is_taken_out_before_it_is_kept(kotae: Kotae) -> None:
    candidate = kotae.candidates.add("Why does ann@example.com get no mail?", ANSWER, by="olga")
    assert "ann@example.com" not in candidate.question


def test_a_candidate_needs_a_question(kotae: Kotae) -> None:
    with pytest.raises(CandidateRefused, match="needs a question"):
        kotae.candidates.add(" \n", ANSWER, by="olga")
    with pytest.raises(UnknownCandidate):
        kotae.candidates.get("nobody")
