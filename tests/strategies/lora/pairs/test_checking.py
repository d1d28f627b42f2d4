"""An admin hears what is wrong with the pairs before a minute is spent on training."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from knowledge_base.embedding import Embedder, embedder
from strategies.lora.pairs import Finding, Pair, Report, check, name_facts
from strategies.lora.pairs.redaction import redact
from strategies.lora.pairs.room import Room, room_of
from strategies.lora.testing import tiny_base

LID = Pair("How do I open the lid?", "Press the button on the handle.")


@pytest.fixture(scope="module")
def minilm() -> Embedder:
    return embedder(threads=1)


@pytest.fixture
def told(minilm: Embedder) -> Check:
    return Check(minilm)


class Check:
    def __init__(self, minilm: Embedder) -> None:
        self._embedder = minilm

    def __call__(self, *pairs: Pair) -> Report:
        return check(pairs, self._embedder)


def kinds(report: Report) -> list[tuple[str, str, tuple[int, ...]]]:
    """Without what is said of so few pairs."""
    return [(one.severity, one.kind, one.places) for one in report.findings if one.kind != "facts"]


def test_sound_pairs_are_sound(told: Check) -> None:
    report = told(LID, Pair("How is the lid opened?", LID.answer))
    assert report.sound
    assert kinds(report) == []
    assert (report.checked, report.facts, report.languages) == (2, 1, {"en": 2})


def test_one_question_with_answers_that_disagree_is_an_error(told: Check) -> None:
    report = told(
        Pair("How long is the warranty?", "24 months."), LID, Pair("How long is the warranty", "12 months.")
    )
    assert kinds(report) == [("error", "conflict", (0, 2))]
    assert not report.sound
    [conflict] = report.of("conflict")
    assert conflict.sentence == "“How long is the warranty?” is answered in 2 ways that disagree: keep one"


def test_two_ways_to_say_the_same_do_not_disagree(told: Check) -> None:
    asked = "How long is the warranty?"
    assert (
        told(Pair(asked, "The warranty is 24 months."), Pair(asked, "the warranty: 24 months")).of("conflict")
        == ()
    )
    agreed = told(
        Pair(asked, "24 months.", fact="w"), Pair(asked, "You have 24 months from delivery.", fact="w")
    )
    assert agreed.of("conflict") == ()
    negated = told(Pair("Is it on?", "It is on at night."), Pair("Is it on?", "It is off at night."))
    assert len(negated.of("conflict")) == 1
    wrong = told(Pair(asked, "24 months.", fact="w"), Pair(asked, "You have 12 months.", fact="w"))
    assert len(wrong.of("conflict")) == 1


def test_questions_that_mean_nearly_the_same_and_are_answered_differently_are_worth_a_look(
    told: Check,
) -> None:
    near = told(
        Pair("How do I open the lid of the kettle?", "Press the button on the handle."),
        Pair("How can I open the lid of the kettle?", "Turn it to the left."),
    )
    assert kinds(near) == [("warning", "near", (0, 1))]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            Pair("What's the least water for the Kettle?", "The Kettle needs 200 ml."),
            Pair("What's the least water for the Kettle S?", "The Kettle S needs 150 ml."),
        ),
        (
            Pair("What does error E4 mean?", "The lid is open."),
            Pair("What does error E5 mean?", "The tank is empty."),
        ),
        (
            Pair("How do I turn the alarm on?", "Hold the bell until it is on."),
            Pair("How do I turn the alarm off?", "Hold the bell twice, and it is off."),
        ),
        (
            Pair("保証期間はどのくらいですか？", "保証は2年です。"),
            Pair("配送期間はどのくらいですか？", "配送は3日です。"),
        ),
        (
            Pair("How long does Plan A run?", "A year.", fact="plan.a"),
            Pair("How long does Plan B run?", "Until cancelled.", fact="plan.b"),
        ),
    ],
)
def test_two_products_two_codes_and_on_and_off_are_two_questions(told: Check, one: Pair, other: Pair) -> None:
    assert kinds(told(one, other)) == []


def test_the_same_pair_again_counts_once(told: Check) -> None:
    report = told(LID, replace(LID, question="how do I  open the lid?", split="held-out"))
    assert kinds(report) == [("note", "duplicate", (0, 1))]
    assert [(pair.question, pair.split) for pair in report.pairs] == [(LID.question, "held-out")]


def test_two_wordings_that_are_hardly_two_are_named(told: Check) -> None:
    report = told(LID, replace(LID, question="How do I open the lid, please?"))
    assert [one.places for one in report.of("alike")] == [(0, 1)]
    assert len(report.pairs) == 2


def test_what_is_longer_than_the_base_reads_or_says_is_an_error(minilm: Embedder) -> None:
    said = replace(LID, answer="Press the button. " * 30)
    asked = replace(LID, question="Please tell me about the lid. " * 60)
    report = check([LID, said, asked], minilm, room=Room(lambda text: len(text.split()), 50))
    assert [(one.severity, one.places) for one in report.of("long")] == [("error", (1,)), ("error", (2,))]
    assert "has 90 tokens, and there is room for 50" in report.of("long")[0].sentence


def test_a_base_tells_its_room_without_its_weights(tmp_path: Path) -> None:
    folder = tiny_base(tmp_path / "base")
    for weights in folder.rglob("*.safetensors"):
        weights.unlink()
    room = room_of(str(folder))
    assert room is not None
    assert room.count("保証は2年です。") > room.count("2")
    assert 0 < room.longest < 256
    assert room_of(str(tmp_path / "nothing")) is None


def test_empty_pairs_are_errors(told: Check) -> None:
    assert [one.places for one in told(Pair("", "Yes."), Pair("Really?", " ")).of("empty")] == [(0,), (1,)]


def test_personal_data_is_taken_out_and_told_once_for_all_pairs_that_had_it(told: Check) -> None:
    signed = "Press the button. Yours, anna@mailbox.example"
    report = told(
        replace(LID, answer=signed), replace(LID, question="Lid stuck, call 07911 123456", answer=signed)
    )
    assert report.redacted == {"email": 2, "phone": 1}
    assert [one.sentence for one in report.of("personal")] == [
        "email an…@mailbox.example is taken out of 2 pairs; keep it if it is the desk's own",
        "phone 07…56 is taken out of 1 pair; keep it if it is the desk's own",
    ]
    assert all(redact(text).found == () for pair in report.pairs for text in (pair.question, pair.answer))


def test_the_desks_own_address_is_kept_when_the_admin_says_so(minilm: Embedder) -> None:
    pair = replace(LID, answer="Ask anna@kettle.example")
    assert check([pair], minilm, keep=["anna@kettle.example"]).pairs[0].answer == pair.answer


def test_languages_are_counted_and_mixed_ones_named(told: Check) -> None:
    report = told(
        Pair("保証期間はどのくらいですか？", "保証は2年です。"),
        Pair("How long is the warranty of the kettle?", "保証は2年です。"),
        Pair("How do I clean it?", "You can wash it with the soap.", language="ja"),
    )
    assert [one.places for one in report.of("language")] == [(1,), (2,)]
    assert report.languages["ja"] >= 2


def test_few_pairs_and_lone_wordings_are_told(told: Check) -> None:
    assert [one.sentence.split(";")[0] for one in told(LID).of("facts")] == [
        "1 of the 20 pairs that a model needs at least to learn a desk's manner",
        "facts with a single wording: 1 of 1",
    ]


def test_pairs_of_one_answer_get_one_fact_also_when_it_is_written_otherwise(minilm: Embedder) -> None:
    named = name_facts(
        [
            Pair("How long?", "The warranty of the kettle is 24 months."),
            Pair("Warranty?", "the warranty of the kettle is 24 months"),
            Pair("Guarantee?", "The kettle: warranty is 24 months."),
            Pair("And the S?", "The warranty of the Kettle S is 24 months."),
            Pair("The mill?", "The warranty of the mill is 36 months.", fact="mill"),
            Pair("Mill, how long?", "The warranty of the mill is 36 months."),
        ],
        minilm,
    )
    facts = [pair.fact for pair in named]
    assert facts[0] == facts[1] == facts[2]
    assert facts[3] not in (facts[0], "mill")
    assert facts[4] == facts[5] == "mill"


def test_findings_name_the_lines_of_the_file(minilm: Embedder) -> None:
    report = check([LID, LID], minilm, lines=[4, 9])
    assert report.of("duplicate")[0].lines == (4, 9)


def test_the_admin_sees_how_far_it_is(minilm: Embedder) -> None:
    seen: list[tuple[str, float]] = []
    check([LID], minilm, progress=lambda step, share: seen.append((step, share)))
    assert [step for step, _ in seen] == ["redacting", "reading", "reading", "comparing", "comparing"]
    assert [share for _, share in seen] == sorted(share for _, share in seen)
    assert seen[-1][1] == 1.0


def test_the_report_goes_out_as_json(told: Check) -> None:
    sent = json.loads(json.dumps(told(LID, LID).as_dict()))
    assert sent["checked"] == 2
    assert sent["kept"] == 1
    assert sent["sound"] is True
    assert {"kind", "severity", "sentence", "places", "lines"} == set(sent["findings"][0])


def test_nothing_to_check_is_no_fault_of_the_program(told: Check) -> None:
    report = told()
    assert (report.checked, report.pairs, report.sound) == (0, (), True)
    assert isinstance(report.findings[0], Finding)
