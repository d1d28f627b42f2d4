"""The page that is printed, sent and kept."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from xml.etree import ElementTree

import pytest

from bot.evaluation.decision import Rules, decide
from bot.evaluation.metrics import BY_NAME, judge_all
from bot.evaluation.plot import NARROW, WIDTH, Dot, plot, wide_of
from bot.evaluation.report import report, show
from bot.evaluation.sentences import REPORT
from bot.evaluation.statistics import compare
from bot.evaluation.values import Answered
from strategies.base import Turn
from tests.bot.evaluation.answers import desk, right, said, silent

WHEN = datetime(2026, 3, 1, 12, 30)
DESK = desk(prices=12, others=12, foreign=6)


def answers() -> list[Answered]:
    """`careful` is right and refuses a price; `bold` is quick, refuses nothing, and is wrong about times."""
    found = []
    for n, question in enumerate(DESK):
        spent = {"ms": 40.0 + n, "prompt_tokens": 14, "cost": 0.0001}
        careful = right(question, "careful", ms=400.0 + n, prompt_tokens=900, cost=0.002)
        bold = right(question, "bold", **spent)
        if question.id == "price-3":
            careful = silent(question, "careful", ms=300.0, prompt_tokens=900, cost=0.002)
        if question.id.startswith("time"):
            bold = said(
                question, "It is 3 minutes <b>now</b>.", "bold", ms=40.0, prompt_tokens=14, cost=0.0001
            )
        if not question.answerable:
            bold = said(question, "I say so.", "bold", **spent)
        found += [careful, bold]
    return found


def page(language: str = "en", **more: object) -> str:
    judged = judge_all(DESK, answers())
    comparison = compare(judged)
    decision = decide(judged["bold"], judged["careful"], Rules(questions_at_least=10))
    given = {"decisions": [decision], "questions": DESK, "answers": answers(), **more}
    return report(comparison, judged, title="Bold or careful?", when=WHEN, language=language, **given)  # type: ignore[arg-type]


def test_the_page_stands_for_itself() -> None:
    html = page()

    assert html.startswith("<!doctype html>")
    assert "<script" not in html
    assert not re.search(r"(src|href)=", html)
    assert not re.search(r"url\(|@import", html)


def test_everything_is_on_it() -> None:
    html = page(about=[("Machine", "two cores")])

    for told in (
        "Bold or careful?",
        "2026-03-01 12:30",
        "“bold” may not take the place of “careful”",
        "“times”: −100.0 points of gold facts",
        "Gold facts said",
        "95.8 %",  # careful says all facts but one
        "two cores",
        "Questions needed",
        "off-topic",
        "How long does program 3 take?",
        "(no answer)",
    ):
        assert told in html, told
    assert html.count("<svg") == 2


def test_what_was_answered_is_text_and_no_markup() -> None:
    assert "&lt;b&gt;now&lt;/b&gt;" in page()
    assert "<b>now</b>" not in page()


def test_answers_are_read_without_their_marks_and_a_long_one_ends_between_two_paragraphs() -> None:
    steps = "Hold **Brew** down:\n\n1. press it,\n2. wait."
    long = f"{steps}\n\n**{'word ' * 200}end**"
    html = page(answers=[replace(one, text=long) for one in answers()])
    assert "<p>Hold <strong>Brew</strong> down:</p>" in html
    assert "<li>press it,</li>" in html
    assert "</ol>\n<p>…</p>" in html
    assert "**" not in html
    assert "word word" not in html


def test_a_paragraph_that_is_long_alone_is_shown_whole() -> None:
    long = "word " * 200 + "**end**"
    html = page(answers=[replace(one, text=f"{long}\n\nMore.") for one in answers()])
    assert "<strong>end</strong></p>" in html
    assert "More." not in html


@pytest.mark.parametrize(
    ("language", "customer", "bot"), [("en", "Customer", "Assistant"), ("ja", "お客様", "自動応答")]
)
def test_a_question_that_continues_a_chat_is_printed_below_what_was_said_before(
    language: str, customer: str, bot: str
) -> None:
    before = (Turn("customer", "Program 3?"), Turn("bot", "It has **two** steps."))
    html = page(language, questions=[replace(question, history=before) for question in DESK])
    chat = html[html.index("Program 3?") :].partition("How long does program 3 take?")[0]
    assert f"<dt>{customer}</dt>" in html
    assert f"<dt>{bot}</dt>" in chat
    assert "<strong>two</strong> steps." in chat


def test_a_japanese_page_speaks_japanese_throughout() -> None:
    html = page("ja")

    assert '<html lang="ja">' in html
    assert "正解の事実" in html
    assert REPORT["en"].keys() == REPORT["ja"].keys()
    for sentence in REPORT["en"].values():
        if "{" not in sentence and len(sentence) > 6:
            assert sentence not in html, sentence


def test_a_page_of_one_strategy_compares_nobody() -> None:
    judged = judge_all(DESK, [right(question, "careful") for question in DESK])
    html = report(compare(judged), judged, title="One", when=WHEN, language="de")

    assert '<html lang="en">' in html
    assert "Do they differ at all?" not in html
    assert "Where they differ" not in html


def test_a_page_about_nothing_is_a_page() -> None:
    assert "Nothing" in report(compare({}), {}, title="Nothing", when=WHEN)


# ---- the drawings ----


def circles(svg: str) -> dict[str, tuple[float, float]]:
    """Where each strategy's mark is, by the order in which they are drawn: best first."""
    root = ElementTree.fromstring(svg)
    space = "{http://www.w3.org/2000/svg}"
    marks = [(float(one.get("cx", 0)), float(one.get("cy", 0))) for one in root.iter(f"{space}circle")]
    names = [one.text or "" for one in root.iter(f"{space}text")][-len(marks) :]
    return dict(zip(names, marks, strict=True))


def test_better_is_higher_and_dearer_is_further_right() -> None:
    svg = plot([Dot("cheap", 1, 0.4), Dot("good", 9, 0.9), Dot("bad", 9, 0.2)], title="t", across="a", up="u")
    placed = circles(svg)

    assert placed["good"][0] == placed["bad"][0] > placed["cheap"][0]
    assert placed["good"][1] < placed["cheap"][1] < placed["bad"][1]


def test_only_who_is_worth_the_price_is_filled() -> None:
    svg = plot([Dot("cheap", 1, 0.4), Dot("good", 9, 0.9), Dot("bad", 9, 0.2)], title="t", across="a", up="u")

    assert svg.count('r="5" fill="currentColor"') == 2
    assert 'aria-label="t: cheap, good"' in svg


def test_names_that_would_lie_on_each_other_do_not() -> None:
    svg = plot([Dot("one", 5, 0.5), Dot("two", 5, 0.5), Dot("three", 5, 0.5)], title="t", across="a", up="u")
    heights = re.findall(r'y="([\d.]+)"(?: text-anchor="end")?[^>]*>(?:one|two|three)<', svg)

    assert len(set(heights)) == 3


@pytest.mark.parametrize("dots", [[], [Dot("unknown", float("nan"), 0.5)]])
def test_nothing_measured_is_no_drawing(dots: list[Dot]) -> None:
    assert plot(dots, title="t", across="a", up="u") == ""


def test_a_name_cannot_break_the_drawing() -> None:
    svg = plot([Dot('<a> & "b"', 0, 0.5, 0.4, 0.6)], title='"t"', across="<", up=">")

    assert circles(svg).keys() == {'<a> & "b"'}


@pytest.mark.parametrize(
    ("value", "told"),
    [(0.0, "0"), (3.82e-05, "0.0000382"), (0.01, "0.01"), (1.5, "1.5"), (62.84, "62.8"), (1234.5, "1,234")],
)
def test_a_small_price_is_told_without_an_exponent(value: float, told: str) -> None:
    assert show(value, BY_NAME["cost"]) == told
    assert show(-0.002, BY_NAME["cost"], signed=True) == "-0.002"


@pytest.mark.parametrize("cost", [1, 30, 50, 99])
@pytest.mark.parametrize(
    ("width", "name"), [(WIDTH, "a-strategy-of-a-name-" * 3), (NARROW, "とても長い名前の回答方式" * 4)]
)
def test_the_beginning_of_a_long_name_is_read_inside_the_drawing(cost: float, width: int, name: str) -> None:
    dots = [Dot(name, cost, 0.5, 0.4, 0.6), Dot("dear", 100, 0.9, 0.8, 1.0)]
    drawn = ElementTree.fromstring(plot(dots, title="t", across="ms", up="facts", width=width))
    (shown,) = [one for one in drawn.iter() if (one.text or "")[:2] == name[:2]]
    assert shown.text == name or (shown.text or "").endswith("…")
    assert len(shown.text or "") > 8
    at, wide = float(shown.get("x", "")), wide_of(shown.text or "")
    assert (at - wide > 0) if shown.get("text-anchor") == "end" else (at + wide < width)


def test_a_telephones_drawing_is_narrow_and_holds_every_mark_inside() -> None:
    dots = [Dot("manuals", 10, 0.5, 0.4, 0.6), Dot("a strategy with a long name", 90, 0.9, 0.8, 1.0)]
    drawn = ElementTree.fromstring(plot(dots, title="t", across="ms", up="facts", width=NARROW))
    assert drawn.get("viewBox", "").split()[2] == str(NARROW)
    circles = [one for one in drawn.iter() if one.tag.endswith("circle")]
    assert len(circles) == 2
    assert all(0 < float(one.get("cx", "")) < NARROW for one in circles)
