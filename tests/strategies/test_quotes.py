"""Answers in the documents' own words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge_base.passages import Passage
from knowledge_base.sentences import sentences
from strategies.base import Question
from strategies.cross_encoder.reading import Readers, Reading
from strategies.cross_encoder.windows import Text
from strategies.errors import NoAnswer
from strategies.events import Answer, collect
from strategies.quotes import Quotes, QuotesOptions, choose, readable, says_the_same, told
from strategies.quoting import (
    FITTED,
    OF_A_SENTENCE,
    OF_THE_QUESTION,
    Asked,
    Candidate,
    evidence,
    fitted,
    words,
)
from strategies.rows import is_row, row_as_words
from strategies.testing import StrategyContract, kit
from tests.strategies.passages import DESCALE, JAPANESE, SHIPPING, WARRANTY, passage

EVERYTHING = [DESCALE, WARRANTY, SHIPPING, JAPANESE]
TABLE = passage(
    "How long it lasts:\n\n| Product | Warranty | Burrs |\n| --- | --- | --- |\n| Kettle | 2 years | – |\n"
    "| Barista | 3 years | 1 year |\n\nIt starts on the day of delivery.",
    id="table",
    title="Warranty",
)


COLUMN_HEADS = OF_A_SENTENCE.index("words, headings and column heads")


def quotes(**options: object) -> Quotes:
    return Quotes.make(QuotesOptions(**{"enough": 0.0, **options}), kit(EVERYTHING))


def answer(text: str, *passages, **options: object) -> Answer:
    return collect(quotes(**options).stream(Question(text, passages=passages or tuple(EVERYTHING))))


class TestQuotes(StrategyContract):
    @pytest.fixture
    def strategy(self) -> Quotes:
        return quotes()

    @pytest.fixture
    def question(self) -> Question:
        return Question("How long does the warranty last?", passages=tuple(EVERYTHING))


@pytest.mark.parametrize("languages", [("en",), ("en", "ja")])
def test_who_reads_japanese_is_loaded_at_the_start_where_documents_are_japanese(
    monkeypatch: pytest.MonkeyPatch, languages: tuple[str, ...]
) -> None:
    readers = Readers()
    monkeypatch.setattr("strategies.quotes.shipped", lambda: readers)
    doors = replace(kit(EVERYTHING), languages=lambda: languages)
    Quotes.make(QuotesOptions(), doors).warm_up()
    assert (readers._usual["japanese"]._loaded is not None) is ("ja" in languages)


def test_the_sentence_that_answers_comes_first_and_is_cited() -> None:
    said = answer("How many months does the warranty last?")
    assert said.text.startswith("The warranty lasts 24 months")
    assert said.citations[0].passage.id == "warranty"
    assert said.citations[0].number == 1


def test_every_quote_stands_in_its_passage() -> None:
    said = answer("How do I descale the kettle with citric acid?")
    assert said.citations
    assert all(cited.quote in cited.passage.text for cited in said.citations)


def test_neighbouring_sentences_read_as_in_their_document_each_with_its_citation() -> None:
    said = answer("How much citric acid descales the kettle every two months?", DESCALE, share=0.0001)
    assert said.text == DESCALE.text
    assert [cited.quote for cited in said.citations] == [DESCALE.text[a:b] for a, b in DESCALE.sentences]
    assert {cited.number for cited in said.citations} == {1}


def test_an_answer_is_no_longer_than_the_operator_wants() -> None:
    assert answer("warranty", sentences=1).text.count(".") == 1


def test_a_fault_is_told_with_its_remedy_though_the_remedy_shares_no_word_with_the_question() -> None:
    leak = passage(
        "The lid drips at the side. Replace the worn seal. Engravings take a week. Our shop opens at nine.",
        id="leak",
        title="Common questions",
    )
    said = answer("the lid drips at the side", leak, share=1.0)
    assert said.text == "The lid drips at the side. Replace the worn seal."
    assert [cited.quote for cited in said.citations] == said.text.replace(". ", ".\n").split("\n")


def test_the_next_row_of_a_table_is_about_something_else() -> None:
    rows = [span for span in sentences(TABLE.text) if is_row(TABLE.text[slice(*span)])]
    found = [Candidate(TABLE, place, *span, odds=-place) for place, span in enumerate(rows)]
    assert [each.text for each in choose(found, most=8, share=0.9)] == ["| Kettle | 2 years | – |"]


def test_a_row_is_asked_for_by_the_head_of_its_column() -> None:
    table = replace(TABLE, sentences=tuple(sentences(TABLE.text)))
    asked = Asked("burrs barista", np.zeros(3, np.float32), {"burr": 1.0, "barista": 1.0})
    rows, where = evidence(asked, [table], [np.zeros((len(table.sentences), 3), np.float32)])
    shares = dict(zip([TABLE.text[a:b] for _, _, a, b in where], rows.T[COLUMN_HEADS], strict=True))
    assert shares["| Barista | 3 years | 1 year |"] == 1.0
    assert shares["| Kettle | 2 years | – |"] == 0.5


def test_a_japanese_question_asks_in_other_words_for_the_same() -> None:
    asked = Asked("値段", np.zeros(3, np.float32), {"値段": 1.0})
    akin = asked.kindred(words("ケトルの価格は5,500円です。"))
    assert asked.share(words("価格")) == 0.0
    assert asked.share_akin(words("価格"), akin) > asked.share_akin(words("ケトル"), akin) == 0.0


def test_what_two_documents_say_alike_is_said_once() -> None:
    copy = replace(WARRANTY, id="copy", document_id="other")
    said = answer("How many months does the warranty last?", WARRANTY, copy)
    assert said.text.count("24 months") == 1


def test_without_passages_it_has_nothing_to_say() -> None:
    with pytest.raises(NoAnswer):
        list(quotes().stream(Question("anything")))


def test_evidence_below_what_is_enough_is_no_answer_and_says_how_far_it_fell_short() -> None:
    with pytest.raises(NoAnswer) as refused:
        list(quotes(enough=1.0).stream(Question("warranty", passages=(WARRANTY,))))
    (decision,) = refused.value.events
    assert decision.detail["likelihood"] < decision.detail["enough"] == 1.0


def test_who_knows_that_there_is_an_answer_is_believed() -> None:
    said = collect(quotes(enough=1.0).stream(Question("warranty", passages=(WARRANTY,), vouched=True)))
    assert "24 months" in said.text


ERRORS = passage(
    "E01 is shown when the tank is empty. E02 means that the water is too cold. E07 asks for a cleaning.",
    id="errors",
    title="Errors",
)


def test_a_code_that_stands_nowhere_is_not_told_as_another_one() -> None:
    assert "tank is empty" in answer("What does E01 mean?", ERRORS).text
    with pytest.raises(NoAnswer, match="codes like E04, and not that one"):
        answer("What does E04 mean?", ERRORS)
    with pytest.raises(NoAnswer):  # whoever vouches for an answer does not look at digits
        collect(quotes().stream(Question("What does E04 mean?", passages=(ERRORS,), vouched=True)))
    told = (replace(ERRORS, id="more", title="E04", text="The tank is empty."), ERRORS)
    assert answer("What does E04 mean?", *told).text  # a title tells of it, too


def test_a_code_of_the_question_before_does_not_keep_the_next_one_from_its_answer() -> None:
    after = Question(
        "How many months does the warranty last?",
        passages=(ERRORS, WARRANTY),
        query="What does E04 mean? How many months does the warranty last?",
    )
    assert "24 months" in collect(quotes().stream(after)).text


def test_a_question_about_something_else_is_refused_as_calibrated() -> None:
    strategy = Quotes.make(QuotesOptions(), kit(EVERYTHING))
    with pytest.raises(NoAnswer):
        list(strategy.stream(Question("Who won the football game yesterday?", passages=(SHIPPING,))))


def test_a_japanese_question_is_answered_in_the_documents_japanese() -> None:
    said = answer("湯あか取りは何か月ごとですか？", JAPANESE)
    assert "2か月ごと" in said.text


def test_a_table_row_is_read_out_with_its_column_heads() -> None:
    start = TABLE.text.index("| Barista")
    row = Candidate(TABLE, 0, start, TABLE.text.index("\n", start), odds=0.0)
    assert readable(row) == "- Barista – Warranty: 3 years; Burrs: 1 year"


def test_between_a_sentence_and_the_first_row_of_a_table_its_head_is_not_said() -> None:
    first = TABLE.text.index("| Kettle")
    above = Candidate(TABLE, 0, 0, len("How long it lasts:"), odds=0.0)
    row = Candidate(TABLE, 1, first, TABLE.text.index("\n", first), odds=0.0)
    said = collect(told([above, row])).text
    assert said == "How long it lasts:\n\n- Kettle – Warranty: 2 years; Burrs: –"


def test_a_row_without_heads_keeps_its_cells() -> None:
    assert row_as_words("| Barista | 3 years |", []) == "- Barista – 3 years"
    assert row_as_words("| --- | --- |", []) == ""


def test_the_same_in_other_words_of_grammar_is_the_same() -> None:
    assert says_the_same("The parcel arrives within 3 days.", "A parcel arrives within 3 days.")
    assert not says_the_same("The Kettle holds 1 litre.", "The Kettle S holds 2 litres.")


def test_the_calibration_that_ships_covers_all_the_evidence_and_says_where_it_comes_from() -> None:
    content = json.loads(FITTED.read_text("utf-8"))
    assert set(content["sentence"]["evidence"]) == set(OF_A_SENTENCE)
    assert set(content["answerable"]["evidence"]) == set(OF_THE_QUESTION)
    assert content["fitted on"]
    assert not any("test" in name or "dev/" in name for name in content["fitted on"])
    assert 0 < fitted().enough < 1


@given(st.text(max_size=200), st.text(max_size=80))
def test_any_text_can_be_weighed(text: str, question: str) -> None:
    asked = Asked(question, np.zeros(3, np.float32), dict.fromkeys(words(question), 1.0))
    assert 0 <= asked.share(words(text)) <= 1


# ---- what is read together with the question ----

LAMP = passage(
    "The battery lasts nine hours at half brightness. It is full again after two hours at the charger. "
    "The lamp weighs 640 g with its battery.",
    id="lamp",
    title="Lumo 3 desk lamp",
)


def likely(text: str, **options: object) -> float:
    said = answer(text, LAMP, *EVERYTHING, **options)
    return float(said.decisions[0].detail["likelihood"])


@pytest.mark.parametrize(
    ("answered", "near_miss"),
    [
        ("How heavy is the desk lamp?", "How tall is the desk lamp?"),
        ("How long does the lamp run on battery?", "How long is the lamp's battery guaranteed?"),
    ],
)
def test_what_only_sounds_answered_is_less_likely_once_it_was_read(answered: str, near_miss: str) -> None:
    apart = likely(answered) - likely(near_miss)
    assert apart > 0
    assert apart > likely(answered, read=0) - likely(near_miss, read=0)


def reading(monkeypatch: pytest.MonkeyPatch, who: str = "english", **bounds: tuple[float, float]) -> None:
    """Let the usual reader be unsure of the likelihoods between these, after the `first` passage, after
    `several`.
    """
    steps = fitted().read[who]
    for name, between in bounds.items():
        steps = replace(steps, **{name: replace(getattr(steps, name), between=between)})
    these = replace(fitted(), read={**fitted().read, who: steps})
    monkeypatch.setattr("strategies.quotes.fitted", lambda: these)


NEVER, ALWAYS = (0.0, 0.0), (0.0, 1.0)


def detail(text: str, *passages: Passage, **options: object) -> dict[str, Any]:
    return dict(answer(text, *passages, enough=0.0, **options).decisions[0].detail)


def test_the_record_says_how_many_passages_were_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(text: str, **options: object) -> object:
        return answer(text, **options).decisions[0].detail["read"]

    for who in ("english", "japanese"):
        reading(monkeypatch, who, first=ALWAYS)
    assert read("How long does the warranty last?") == 2
    assert read("How long does the warranty last?", read=1) == 1
    assert read("How long does the warranty last?", read=0) == 0
    assert read("保証期間はどのくらいですか？") == 2
    assert read("Какой срок гарантии?") == 0  # who reads knows English and Japanese


WATCH = passage(
    "The watch shows the time of two cities. Its strap is made of nylon and can be washed.",
    id="watch",
    title="Kairo travel watch",
)


def test_a_second_passage_is_read_where_the_first_leaves_it_unsure(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = "What is the strap of the watch made from?"
    reading(monkeypatch, first=NEVER)
    one = detail(asked, LAMP, WATCH)
    assert (one["read"], one["read again"]) == (1, 0)
    reading(monkeypatch, first=(one["likelihood"] - 0.01, one["likelihood"] + 0.01), several=NEVER)
    two = detail(asked, LAMP, WATCH)
    assert two["read"] == 2
    assert two["likelihood"] != one["likelihood"]
    reading(monkeypatch, first=(one["likelihood"] + 0.01, 1.0))
    assert detail(asked, LAMP, WATCH)["read"] == 1


def test_one_passage_does_not_refuse_what_an_operator_wants_to_be_surer_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reading(monkeypatch, first=NEVER, several=NEVER)
    asked = "How heavy is the desk lamp?"
    one = detail(asked, LAMP, WATCH)
    assert one["read"] == 1
    surer = answer(asked, LAMP, WATCH, enough=one["likelihood"] + 0.001)
    assert surer.decisions[0].detail["read"] == 2


def test_a_passage_is_read_once_for_all_that_is_asked_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[int] = []
    read = Readers.read

    def counted(self: Readers, question: str, texts: Sequence[Text], **how: bool) -> list[Reading]:
        reads.append(len(texts))
        return read(self, question, texts, **how)

    monkeypatch.setattr(Readers, "read", counted)
    reading(monkeypatch, first=ALWAYS, several=NEVER)
    assert detail("How heavy is the desk lamp?", LAMP, WATCH)["read"] == 2
    assert reads == [1, 1]


def test_a_router_is_told_what_all_passages_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """However sure the first one makes it: routers have learned from all of them."""
    asked = Question("How heavy is the desk lamp?", passages=(LAMP, WATCH))
    reading(monkeypatch, first=NEVER)
    sure = quotes().signs(asked)
    reading(monkeypatch, first=ALWAYS)
    assert quotes().signs(asked) == sure


@pytest.mark.parametrize("who", ["english", "japanese"])
def test_one_passage_is_enough_to_answer_and_never_to_refuse(who: str) -> None:
    first = fitted().read[who].first
    least, most = first.between
    assert least == 0
    assert first.enough <= most < 1


def test_what_the_usual_reader_is_unsure_of_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it is unsure goes by its own likelihood; the larger reader's is the one that counts then."""
    unsure = "What is the strap of the watch made from?"

    def found(several: tuple[float, float], **options: object) -> dict[str, Any]:
        reading(monkeypatch, first=ALWAYS, several=several)
        return detail(unsure, LAMP, WATCH, **options)

    apart = found(NEVER)
    assert apart["read again"] == 0
    together = found(ALWAYS)
    assert together["read again"] == 2
    assert together["likelihood"] != apart["likelihood"]
    assert found(ALWAYS, read_again=False)["likelihood"] == apart["likelihood"]
    likely = apart["likelihood"]
    assert found((likely - 0.01, likely + 0.01))["read again"] == 2
    assert found((likely + 0.01, 1))["read again"] == 0
    assert "hurried" not in together


def test_in_a_crowd_nobody_waits_for_another_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    reading(monkeypatch, first=ALWAYS, several=ALWAYS)
    monkeypatch.setattr(Readers, "crowded", property(lambda _: True))
    told = detail("How heavy is the desk lamp?", LAMP, WATCH)
    assert told["read"] == 2
    assert told["read again"] == 0
    assert told["hurried"] is True


def test_a_sentence_far_from_what_was_read_keeps_its_odds() -> None:
    long = passage(" ".join(f"Part {n} is number {n}." for n in range(20)), id="long", title="Parts")
    said = answer("What number is part 17?", long, read=1)
    assert said.text.startswith("Part 17 is number 17.")


def test_a_question_that_was_wrongly_taken_for_a_follow_up_is_answered_for_itself() -> None:
    asked = "How long does the warranty last?"
    leaning = Question(asked, passages=tuple(EVERYTHING), query=f"What is the margin for dealers?\n{asked}")
    said = collect(quotes(enough=0.2).stream(leaning))
    assert said.text.startswith("The warranty lasts 24 months")


def test_a_sentence_that_no_longer_fits_is_judged_by_the_rest() -> None:
    crowded = passage(f"{'long ' * 200}. {'wide ' * 200}. The lamp weighs 640 g.", id="crowded", title="Lamp")
    said = answer("How much does the lamp weigh in grams?", crowded)
    assert "640 g" in said.text
