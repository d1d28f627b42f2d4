"""Compare: question sets, comparisons under way and ended, answers side by side, and the gate."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from io import BytesIO

import pytest

from bot.evaluation.decision import Rules
from bot.kotae import Kotae
from bot.settings import Settings
from tests.people import Admin, Customer, Operator

GUIDE = (
    b"# Kettle guide\n\n## Warranty\n\n"
    b"The kettle is under warranty for 30 months from the day of delivery.\n\n"
    b"## Colours\n\nThe kettle comes in black, white and green.\n"
)
QUESTIONS = [
    {
        "id": "warranty/1",
        "question": "How long is the warranty of the kettle?",
        "facts": [["30 months"]],
        "wrong": [["24 months"]],
        "sources": ["guide.md"],
        "tags": ["number"],
    },
    {"id": "colour", "question": "Which colours does the kettle come in?", "facts": [["black"], ["green"]]},
    {"id": "cup", "question": "Who won the football world cup in 1990?", "answerable": False},
]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={
            "strategies": {**settings.strategies, "twin": {"use": "rag", "inner": "quotes", "k": 4}},
            "gate": Rules(questions_at_least=2),
        }
    )


def file(*entries: dict[str, object]) -> tuple[BytesIO, str]:
    return BytesIO("\n".join(map(json.dumps, entries or QUESTIONS)).encode()), "kettle.jsonl"


def brings(operator: Operator, **fields: str) -> str:
    """The page of the set that came of a file."""
    answer = operator.sends("/console/compare/sets", file=file(), name="", **fields)
    assert answer.status_code == 302, answer.text
    return str(answer.location)


@pytest.fixture
def compares(admin: Admin, operator: Operator, kotae: Kotae) -> Callable[..., str]:
    """The page of a comparison on the kettle's guide."""
    admin.uploads(("guide.md", GUIDE))
    questions = brings(operator)

    def ask(*strategies: str, drains: bool = True) -> str:
        fields = {"set": questions.rsplit("/", 1)[1], "strategies": list(strategies)}
        begun = operator.sends("/console/compare", **fields)
        assert begun.status_code == 302, begun.text
        if drains:
            kotae.jobs.drain()
        return str(begun.location)

    return ask


def text(page: str) -> str:
    """What a reader reads."""
    inside = re.sub(r"<script.*?</script>|<style.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(inside).split())


# ---- sets ----


def test_without_a_set_the_page_says_what_to_do_first(operator: Operator) -> None:
    page = operator.opens("/console/compare").text
    assert "There is no question set yet." in page
    assert 'name="strategies"' not in page
    assert 'href="/console/compare"' in page  # in the menu
    assert operator.opens("/console/compare/questions/new").location.endswith("/console/compare#sets")


def test_a_file_becomes_a_set_that_is_looked_through_and_exported(operator: Operator) -> None:
    path = brings(operator, held_out="true")
    page = text(operator.opens(path).text)
    assert "3 questions, 3 of them held out" in page
    assert "30 months" in page
    assert "football" not in text(operator.opens(f"{path}?q=warranty").text)
    assert "No question matches." in operator.opens(f"{path}?q=nothing").text
    assert "No question matches." in operator.opens(f"{path}?part=open").text
    table = operator.opens(f"{path}/file?format=csv")
    assert table.mimetype == "text/csv"
    assert "30 months" in table.text
    assert operator.opens(f"{path}/file?format=exe").status_code == 404


def test_a_faulty_file_is_refused_with_its_line(operator: Operator) -> None:
    operator.sends("/console/compare/sets", file=file({"id": "empty"}), name="")
    page = operator.opens("/console/compare").text
    assert "Nothing was kept: line 1: it has no question." in html.unescape(page)
    assert "There is no question set yet." in page


def test_a_question_is_written_changed_and_taken_out_in_the_console(operator: Operator, kotae: Kotae) -> None:
    made = operator.sends("/console/compare/sets", name="By hand")
    assert "The set is empty." in operator.opens(made.location).text
    set_id = made.location.rsplit("/", 1)[1]
    new = "/console/compare/questions/new"
    refused = operator.sends(new, set=set_id, question=" ")
    assert refused.status_code == 400
    assert "the question: it is empty" in refused.text
    fields = {"question": "How hot?", "facts": "100 °C | 212 °F; boils", "tags": "number, heat"}
    operator.sends(new, set=set_id, **fields, held_out="true")
    [asked] = kotae.question_sets.get("By hand").questions
    assert asked.facts == (("100 °C", "212 °F"), ("boils",))
    assert (asked.part, asked.tags) == ("held-out", ("number", "heat"))
    page = f"{made.location}/questions/{asked.id}"
    assert "100 °C | 212 °F; boils" in html.unescape(operator.opens(page).text)
    operator.sends(page, **{**fields, "facts": "100 °C"})  # its box is not sent, and it stays held out
    [changed] = kotae.question_sets.get("By hand").questions
    assert (changed.facts, changed.part) == ((("100 °C",),), "held-out")
    assert "This is an earlier version." in operator.opens(f"{made.location}?version=1").text
    operator.sends(page, drop="1")
    assert kotae.question_sets.get("By hand").questions == ()


def test_a_customers_question_is_taken_into_a_set_without_what_is_personal(
    operator: Operator, customer: Customer, kotae: Kotae
) -> None:
    brings(operator)
    customer.asks("Hello, I am ann@example.org")
    customer.asks("Does it also boil milk? Write to ann@example.org")
    [conversation] = kotae.conversations.page()
    asked = kotae.conversations.get(conversation.id).messages[2]
    there = operator.opens(f"/console/conversations/{conversation.id}").text
    link = f"/console/compare/questions/new?conversation={conversation.id}&message={asked.id}"
    assert link in html.unescape(there)
    page = html.unescape(operator.opens(link).text)
    assert "Does it also boil milk? Write to [email]" in page
    assert "customer: Hello, I am [email]" in page
    assert "ann@example.org" not in page
    assert operator.opens(link.replace(asked.id, "0" * 32)).status_code == 404


def test_a_set_is_deleted_with_its_comparisons(operator: Operator, compares: Callable[..., str]) -> None:
    run = compares("manuals")
    path = re.search(r'/console/compare/sets/\w+"', operator.opens("/console/compare").text)
    assert path
    operator.sends(f"{path[0][:-1]}/remove")
    assert "There is no question set yet." in operator.opens("/console/compare").text
    assert operator.opens(run).status_code == 404


# ---- comparisons ----


def test_a_comparison_is_watched_cancelled_and_resumed(
    operator: Operator, compares: Callable[..., str], kotae: Kotae
) -> None:
    path = compares("manuals", "parrot", drains=False)
    waiting = operator.opens(path).text
    assert "data-under-way" in waiting
    assert "Waiting" in waiting
    assert "0 of 6 answers" in waiting
    assert "data-under-way" in operator.opens("/console/compare/now").text
    refused = operator.sends("/console/compare", set=kotae.evaluations.runs()[0].set_id, strategies=["twin"])
    assert refused.status_code == 409
    assert "an evaluation is queued already" in refused.text
    operator.sends(f"{path}/cancel")
    page = operator.opens(path).text
    assert "Cancelled" in page
    assert "Nothing was answered, so there is nothing to compare." in page
    operator.sends(f"{path}/resume")
    kotae.jobs.drain()
    assert "6 of 6 answers" in operator.opens(path).text
    assert "Show what came of it" in operator.opens(f"{path}/now").text
    again = operator.sends(f"{path}/resume")
    assert "There is nothing to go on with." in operator.opens(again.location).text


def test_what_cannot_be_asked_is_said_and_what_was_chosen_stays(operator: Operator) -> None:
    brings(operator)
    nobody = operator.sends("/console/compare", set="nothing", strategies=["manuals"])
    assert nobody.status_code == 400
    assert "Choose a question set." in nobody.text
    set_id = re.search(r'<option value="(\w{32})"', nobody.text)
    assert set_id
    none = operator.sends("/console/compare", set=set_id[1], part="held-out", limit="7")
    assert none.status_code == 409
    assert "choose at least one strategy" in none.text
    assert 'value="held-out" selected' in none.text
    assert 'value="7"' in none.text


def test_figures_stand_side_by_side_with_intervals_and_what_is_better(
    operator: Operator, compares: Callable[..., str]
) -> None:
    page = operator.opens(compares("manuals", "parrot")).text
    said = text(page)
    assert "Gold facts said" in said
    assert re.search(r"100\.0 % [\d.]+ % – 100\.0 %", said)
    assert said.count("answers now") >= 1
    assert page.count("<svg") >= 1
    assert "Quality against waiting" in said
    assert re.search(r"Gold facts said manuals − parrot \+100\.0 .* n = 2", said)
    assert re.search(r"Do they differ at all\? \d of \d differences are certain", said)  # before it is opened
    assert "Questions needed" in said
    assert "Under which conditions" in said


def test_the_desks_manner_is_judged_by_its_own_pairs_or_said_not_to_be(
    operator: Operator, compares: Callable[..., str], kotae: Kotae
) -> None:
    path = compares("manuals", "parrot")
    page = text(operator.opens(path).text)
    assert "Not judged: no pair of your desk is there." in page
    assert "The desk's manner" not in page
    lines = [
        {"question": f"Is part {n} sold?", "answer": f"Thanks for asking! Part {n} is. Enjoy {n} cups!"}
        for n in ("one", "two", "red", "blue", "green", "old", "new")
    ]
    kotae.pairs.import_(BytesIO("\n".join(map(json.dumps, lines)).encode()), "desk.jsonl", by="ann")
    page = text(operator.opens(path).text)
    assert re.search(
        r"English: not judged\. Different answers of your desk among the pairs: \d; .*at least 20 are needed",
        page,
    )
    assert "話し方を学ぶには少なくとも20種類が必要です" in operator.opens(f"{path}/report?language=ja").text


def test_an_admin_reads_the_same_in_japanese(operator: Operator, compares: Callable[..., str]) -> None:
    page = text(operator.opens(f"{compares('manuals', 'parrot')}?language=ja").text)
    assert "正解の事実を含む割合" in page
    assert "現在の回答方式" in page


def test_answers_stand_side_by_side_and_are_filtered(
    operator: Operator, compares: Callable[..., str]
) -> None:
    path = compares("manuals", "parrot")
    both = f"{path}/answers?one=manuals&other=parrot"
    everything = text(operator.opens(both).text)
    assert "3 of 3 questions" in everything
    assert "2 of 3 questions" in text(operator.opens(f"{both}&show=differ&q=kettle").text)
    assert "No answer is like that." in operator.opens(f"{both}&show=second").text
    assert "1 of 3 questions" in text(operator.opens(f"{both}&tag=number").text)
    right = operator.opens(f"{both}&show=first").text
    assert "30 months" in right
    assert "<mark>" in right
    assert "(no answer)" in text(operator.opens(f"{both}&q=football").text)


def test_a_question_is_followed_down_to_the_passages_that_were_read(
    operator: Operator, compares: Callable[..., str]
) -> None:
    path = compares("manuals", "parrot")
    page = text(operator.opens(f"{path}/answers/warranty/1").text)
    assert "A right answer holds 30 months" in page
    assert "Wrong would be 24 months" in page
    assert "What it read:" in page
    assert "The kettle comes in black, white and green." in page  # a passage that was read, not cited
    assert "answers it" in page
    assert "searched for" in page
    assert operator.opens(f"{path}/answers/nothing").status_code == 404


def test_what_was_said_before_a_question_is_read_as_the_customer_read_it(
    operator: Operator, kotae: Kotae
) -> None:
    before = [
        {"role": "customer", "text": "Is it **red**?"},
        {"role": "bot", "text": "It comes in\n\n- **black**\n- white"},
    ]
    entry = {"id": "else", "question": "And what else?", "facts": [["green"]], "history": before}
    sent = operator.sends("/console/compare/sets", file=file(entry), name="before")
    begun = operator.sends(
        "/console/compare", set=sent.location.rsplit("/", 1)[1], strategies=["manuals", "parrot"]
    )
    kotae.jobs.drain()
    page = operator.opens(f"{begun.location}/answers/else").text
    assert "Is it **red**?" in page
    assert "<li><strong>black</strong></li>" in page


def test_the_report_is_one_page_that_loads_and_runs_nothing(
    operator: Operator, compares: Callable[..., str]
) -> None:
    path = compares("manuals", "parrot")
    report = operator.opens(f"{path}/report")
    policy = report.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "<script" not in report.text
    assert "<details" not in report.text  # all of it is open, on paper too
    assert "Do they differ at all?" in report.text
    assert " style=" not in report.text  # the policy would not have it
    assert "Gold facts said" in report.text
    saved = operator.opens(f"{path}/report?save=1")
    assert saved.headers["Content-Disposition"].startswith("attachment; filename=comparison-")


def test_answers_that_failed_are_told_with_their_reason(
    operator: Operator, compares: Callable[..., str], kotae: Kotae, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(_question: object) -> object:
        raise RuntimeError("the cable is out")
        yield

    monkeypatch.setattr(kotae.strategies.get("parrot"), "stream", breaks)
    path = compares("manuals", "parrot")
    page = text(operator.opens(path).text)
    assert "parrot failed at 3 questions; the first time: RuntimeError: the cable is out" in page
    assert "3 of 3 questions" in text(operator.opens(f"{path}/answers?show=failed").text)


# ---- the gate ----


def test_a_strategy_that_keeps_the_rules_is_made_live_with_one_click(
    operator: Operator, compares: Callable[..., str], kotae: Kotae
) -> None:
    path = compares("manuals", "twin")
    page = operator.opens(path).text
    assert "may be made live" in page
    assert "Make live" in page
    operator.sends(f"{path}/live", name="twin")
    assert kotae.switch.name() == "twin"


def test_one_that_breaks_a_rule_is_made_live_only_with_a_reason(
    operator: Operator, compares: Callable[..., str], kotae: Kotae
) -> None:
    path = compares("manuals", "parrot")
    page = text(operator.opens(path).text)
    assert "breaks a rule" in page
    assert "Gold facts: −100.0 points against the live strategy" in page
    refused = operator.sends(f"{path}/live", name="parrot", reason="  ")
    assert refused.status_code == 409
    assert "the rules are against it" in refused.text
    assert kotae.switch.name() == "manuals"
    operator.sends(f"{path}/live", name="parrot", reason="Only for the fair.")
    assert kotae.switch.name() == "parrot"
    newest = kotae.audit.page(1)[0]
    assert (newest.who, newest.what) == (operator.email, "make live despite the rules")
    assert newest.detail["why"] == "Only for the fair."


def test_nobody_is_made_live_from_a_comparison_that_did_not_ask_them(
    operator: Operator, compares: Callable[..., str]
) -> None:
    path = compares("manuals", "parrot")
    assert operator.sends(f"{path}/live", name="twin", reason="why not").status_code == 404
    assert operator.sends("/console/compare/nothing/live", name="twin").status_code == 404


def test_a_comparison_is_deleted_with_its_answers(operator: Operator, compares: Callable[..., str]) -> None:
    path = compares("manuals")
    operator.sends(f"{path}/remove")
    assert operator.opens(path).status_code == 404


@pytest.mark.parametrize(
    "path",
    ["/console/compare", "/console/compare/now", "/console/compare/abc", "/console/compare/abc/report"],
)
def test_nobody_looks_in_without_signing_in(customer: Customer, path: str) -> None:
    there = customer.client.get(path, headers={"Accept": "text/html"})
    assert there.status_code == 302
    assert "/console/sign-in" in there.location
