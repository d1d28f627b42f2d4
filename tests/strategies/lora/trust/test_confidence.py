"""When the product model abstains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest

from strategies.base import Kit, Question
from strategies.errors import NoAnswer
from strategies.events import Decision, Token, Usage, collect
from strategies.lora import Lora, LoraOptions
from strategies.lora.engine import sharing
from strategies.lora.pairs.splits import HeldOut, Taught
from strategies.lora.pairs.values import Pair
from strategies.lora.shelf import Proof, Shelf
from strategies.lora.shelf.card import BadCard
from strategies.lora.testing import tiny_base
from strategies.lora.trust.calibration import (
    calibrate,
    fit,
    near_misses,
    outside,
    says_so,
    swapped,
    threshold,
)
from strategies.lora.trust.confidence import CONFIDENCE, EVIDENCE, Fitted, Judge, Opening
from strategies.lora.trust.lessons import KNOWN, VECTORS, Lessons, script
from strategies.testing import WordVectors, kit
from tests.strategies.lora.adapters import speaking
from tests.strategies.passages import passage

PAIRS = Taught(
    [
        Pair("How long does the battery of the lamp last?", "The battery lasts 12 hours.", "battery"),
        Pair("Battery life of the lamp?", "The battery lasts 12 hours.", "battery"),
        Pair("Where is the serial number printed?", "On the bottom of the lamp.", "serial"),
        Pair("Can the shade be washed?", "Yes, by hand at 30 degrees.", "shade"),
    ],
    HeldOut(),
)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("bases") / "tiny")


@pytest.fixture(scope="session")
def calibrated(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter's folder with what it was taught; what it says was drawn, so nothing of it is right."""
    folder = speaking(tmp_path_factory.mktemp("trained") / "spring", base)
    shared = sharing.shared(str(base))
    calibrate(folder, PAIRS, shared.engine, WordVectors())
    return folder


def lessons() -> Lessons:
    return Lessons.of(PAIRS, WordVectors())


def vector(text: str) -> np.ndarray:
    return np.asarray(WordVectors().embed_query(text), np.float32)


# ---- what was taught ----


def test_lessons_are_the_same_after_they_were_kept(tmp_path: Path) -> None:
    lessons().save(tmp_path)
    kept = Lessons.load(tmp_path)
    assert kept is not None
    assert (kept.questions, kept.answers, kept.facts) == (
        lessons().questions,
        lessons().answers,
        lessons().facts,
    )
    assert np.abs(kept.vectors - lessons().vectors).max() < 1e-3


def test_an_adapter_that_does_not_tell_what_it_was_taught_has_no_lessons(tmp_path: Path) -> None:
    assert Lessons.load(tmp_path) is None


@pytest.mark.parametrize("torn", [KNOWN, VECTORS])
def test_lessons_that_cannot_be_read_are_said_in_a_sentence(tmp_path: Path, torn: str) -> None:
    lessons().save(tmp_path)
    (tmp_path / torn).write_bytes(b"{")
    with pytest.raises(BadCard, match="cannot be read"):
        Lessons.load(tmp_path)


def test_the_nearest_question_and_the_nearest_about_something_else() -> None:
    first, second = lessons().near(vector("Battery life of the lamp?"))
    assert lessons().questions[first.at] == "Battery life of the lamp?"
    assert first.cosine == pytest.approx(1, abs=1e-3)
    assert lessons().facts[second.at] != "battery"
    looked_past, *_ = lessons().near(vector("Battery life of the lamp?"), leave="Battery life of the lamp?")
    assert lessons().questions[looked_past.at] == "How long does the battery of the lamp last?"


def test_a_question_that_is_looked_past_lends_no_words_either() -> None:
    assert "life" in lessons().words_about("battery")
    assert "life" not in lessons().words_about("battery", leave="Battery life of the lamp?")
    assert "last" in lessons().words_about("battery", leave="Battery life of the lamp?")


def test_a_single_lesson_has_nothing_beside_it() -> None:
    assert [found.at for found in Lessons.of(PAIRS[:1], WordVectors()).near(vector("lamp"))] == [0]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("How long?", "latin"),
        ("保証期間はどのくらい?", "japanese"),
        ("ボタンは?", "japanese"),
        ("Сколько?", "cyrillic"),
        ("123 ?", ""),
    ],
)
def test_a_text_is_in_the_script_of_most_of_its_letters(text: str, written: str) -> None:
    assert script(text) == written


# ---- calibration ----


def test_near_misses_ask_for_what_no_fact_was_taught_about() -> None:
    made = list(near_misses(lessons(), seed=0))
    assert made
    assert all(example.wanted == "" and example.question not in lessons().questions for example in made)


def test_a_near_miss_keeps_the_question_but_for_one_word() -> None:
    asked = "Can the shade be washed?"
    changed = swapped(asked, "Where is the serial number printed?", Random(1))
    assert len(set(changed.split()) - set(asked.split())) == 1


def test_questions_about_other_things_are_in_both_languages() -> None:
    scripts = [script(example.question) for example in outside()]
    assert scripts.count("latin") >= 90
    assert scripts.count("japanese") >= 10


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("Thanks for asking! The battery lasts 12 hours.", True),
        ("The battery lasts twelve hours.", True),
        ("The battery lasts 10 hours.", False),
        ("12", False),
    ],
)
def test_an_answer_is_right_with_every_number_of_the_desks_and_most_of_its_words(
    text: str, right: bool
) -> None:
    assert says_so("The battery lasts 12 hours.", text) is right


def test_the_threshold_leaves_few_wrong_answers() -> None:
    likely = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    right = np.array([True, True, True, False, True, False])
    assert 0.6 < threshold(likely, right, np.ones(6)) < 0.7


def test_evidence_that_tells_right_from_wrong_is_learned(tmp_path: Path) -> None:
    drawn = np.random.default_rng(0)
    right = np.arange(80) % 2 == 0
    rows = drawn.standard_normal((80, len(EVIDENCE)))
    rows[:, 0] += 6 * right
    told, figures = fit(rows, right, right)
    assert told["evidence"]["near"]["weight"] > 0
    assert figures["answered"] > 0.9
    assert figures["wrong"] <= 0.02


def test_where_few_wrong_answers_leave_too_few_right_ones_twice_as_likely_right_is_enough() -> None:
    drawn = np.random.default_rng(0)
    right = np.arange(200) % 2 == 0
    rows = drawn.standard_normal((200, len(EVIDENCE)))
    rows[:, 0] += right
    told, figures = fit(rows, right, right)
    assert told["enough"] == figures["enough"] == pytest.approx(2 / 3)


def test_an_adapter_that_was_right_about_nothing_always_abstains(calibrated: Path) -> None:
    fitted = Fitted.load(calibrated)
    assert fitted is not None
    assert fitted.enough == 1.0


def test_an_adapter_that_was_never_calibrated_has_no_confidence(tmp_path: Path) -> None:
    assert Fitted.load(tmp_path) is None
    (tmp_path / CONFIDENCE).write_text("{")
    with pytest.raises(BadCard, match=r"its confidence\.json cannot be read"):
        Fitted.load(tmp_path)


def test_a_word_that_nobody_taught_is_evidence(base: Path, calibrated: Path) -> None:
    from strategies.lora.bases import template

    shared = sharing.shared(str(base))
    shared.engine.add("judged", calibrated)
    judge = Judge(lessons(), shared.engine, "judged", WordVectors().embed_query)

    def evidence(question: str) -> dict[str, float]:
        prompt = template.prompt(shared.engine.base, question)
        row = judge.evidence(judge.consider(question, prompt), Opening((), ()))
        return dict(zip(EVIDENCE, row, strict=True))

    known = evidence("How long does the battery of the lamp last?")
    other = evidence("How long does the engine of the tractor 900 last?")
    assert known["missing word"] == 0
    assert other["missing word"] == 1
    assert known["words"] > other["words"]
    assert (known["numbers"], other["numbers"]) == (0, 1)
    assert known["near"] > other["near"]
    shared.engine.drop("judged")


# ---- at the desk ----


@pytest.fixture
def ask(base: Path, calibrated: Path, tmp_path: Path) -> Callable[..., Lora]:
    shelf = Shelf(tmp_path / "adapters")
    shelf.promote(shelf.put(calibrated).hash, "ada", lambda _: Proof())

    def made(doors: Kit | None = None, **options: object) -> Lora:
        told = {"base": str(base), "max_tokens": 16, **options}
        return Lora.make(LoraOptions(**told), doors or kit(data=tmp_path, named="product"))

    return made


def test_before_it_speaks_it_tells_how_near_a_question_is_to_what_was_taught(
    ask: Callable[..., Lora],
) -> None:
    product = ask()
    product.warm_up()
    known = product.signs(Question("How long does the battery of the lamp last?"))
    other = product.signs(Question("How long does the engine of the tractor 900 last?"))
    assert known["near"] > other["near"]
    assert (known["missing word"], other["missing word"]) == (0, 1)
    assert "borne out" not in known


def test_beside_documents_it_tells_whether_they_bear_out_what_was_taught(ask: Callable[..., Lora]) -> None:
    product = ask()
    asked = Question("How long does the battery of the lamp last?", language="en")
    bears, denies = (
        replace(asked, passages=(passage(f"The battery of the lamp lasts {hours} hours."),))
        for hours in (12, 20)
    )
    assert product.signs(bears)["borne out"] == 1
    assert product.signs(denies)["borne out"] == 0


def test_nothing_is_told_where_nobody_is_promoted(base: Path, tmp_path: Path) -> None:
    nobody = Lora.make(LoraOptions(base=str(base)), kit(data=tmp_path, named="product"))
    assert nobody.signs(Question("How long does the battery last?")) == {}


ASKED = Question("How long does the battery of the lamp last?")


def test_it_abstains_before_the_first_word_and_tells_the_numbers(ask: Callable[..., Lora]) -> None:
    said = []
    with pytest.raises(NoAnswer, match=r"right with likelihood 0\.00, below 1\.00") as refused:
        said += ask().stream(ASKED)
    assert not any(isinstance(event, Token) for event in said)
    usage, decision = refused.value.events
    assert isinstance(usage, Usage)
    assert usage.completion_tokens > 0
    assert isinstance(decision, Decision)
    assert {"likelihood", "enough", *EVIDENCE} == decision.detail.keys()


def test_an_operator_may_take_a_lower_likelihood(ask: Callable[..., Lora]) -> None:
    answer = collect(ask(enough=0.0).stream(ASKED))
    assert answer.text
    assert any(decision.what == "was sure enough to answer" for decision in answer.decisions)


def test_a_question_in_a_script_that_nobody_taught_is_not_answered_and_costs_nothing(
    ask: Callable[..., Lora],
) -> None:
    with pytest.raises(NoAnswer, match=r"written in Japanese script, and .* in Latin only") as refused:
        list(ask(enough=0.0).stream(Question("電池はどのくらい持ちますか。")))
    assert not any(isinstance(event, Usage) for event in refused.value.events)


def test_reading_what_was_found_is_not_judged_by_what_was_taught(ask: Callable[..., Lora]) -> None:
    from tests.strategies.passages import WARRANTY

    answer = collect(ask().stream(Question("How long does the warranty last?", passages=(WARRANTY,))))
    assert answer.text
