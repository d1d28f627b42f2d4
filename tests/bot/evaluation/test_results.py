"""What came of a run, and the gate before *Make live*."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import pytest

from bot.evaluation.asking import cost_of
from bot.evaluation.decision import Rules
from bot.evaluation.results import Gated, page
from bot.evaluation.runs import Run
from bot.kotae import Kotae
from bot.settings import Price, Settings
from strategies.events import Usage

DESK = 36  # questions with an answer


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Two strategies that answer alike, one that says the question back, and a price."""
    more = {
        "twin": {"use": "rag", "inner": "quotes", "k": 4},
        "kept": {"use": "cached", "inner": "manuals"},
    }
    return settings.model_copy(
        update={
            "strategies": {**settings.strategies, **more},
            "prices": {"manuals": Price(prompt=2.0, completion=4.0)},
            "gate": Rules(false_refusals_at_most=1.0, refused_at_least=0.0),
        }
    )


def entries() -> list[dict[str, object]]:
    return [
        {"id": f"q{n}", "question": f"What does part number {n} cost?", "facts": [[f"{3 * n + 7} euros"]]}
        for n in range(DESK)
    ]


@pytest.fixture
def measured(kotae: Kotae) -> Callable[..., Run]:
    """A price list, asked about."""
    lines = [f"## Part number {n}\n\nPart number {n} costs {3 * n + 7} euros." for n in range(DESK)]
    document = io.BytesIO(("# Prices\n\n" + "\n\n".join(lines)).encode())
    kotae.library.ingest(kotae.library.receive(document, "prices.md").document.id)
    file = io.BytesIO("\n".join(map(json.dumps, entries())).encode())
    kotae.question_sets.import_(file, "prices.jsonl", "prices", by="ann")

    def measure(*strategies: str) -> Run:
        run = kotae.evaluations.start("prices", strategies, by="ann")
        kotae.jobs.drain()
        return kotae.evaluations.run(run.id)

    return measure


def reasons(kotae: Kotae, run: Run, candidate: str) -> dict[str, str]:
    decision = kotae.results.decision(kotae.results.of(run.id), candidate)
    return {reason.rule: reason.say() for reason in decision.against}


def test_an_answer_keeps_what_a_message_records_and_what_was_read(
    kotae: Kotae, measured: Callable[..., Run]
) -> None:
    run = measured("manuals")
    answer = kotae.evaluations.answers(run)["manuals"]["q5"]
    assert "22 euros" in answer.text
    assert answer.citations[0].source == "prices.md"
    assert [found.rank for found in answer.passages] == list(range(1, len(answer.passages) + 1))
    assert any("Part number 5 costs 22 euros" in found.text for found in answer.passages)
    assert {found.source for found in answer.passages} == {"prices.md"}
    assert answer.index_version == kotae.library.version()
    assert answer.ms_first is not None
    assert 0 < answer.ms_first <= answer.ms
    assert answer.decisions[0]["by"] == "manuals"
    assert kotae.conversations.page() == []


def test_a_cache_is_cold_at_each_question(
    kotae: Kotae, measured: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded: list[str] = []
    embeds = kotae.library.embedder.embed_documents
    monkeypatch.setattr(
        kotae.library.embedder, "embed_documents", lambda texts: embedded.extend(texts) or embeds(texts)
    )
    answers = kotae.evaluations.answers(measured("kept"))["kept"]
    again = kotae.evaluations.answers(measured("kept"))["kept"]
    assert [one.decisions[0]["what"] for one in answers.values()] == [
        one.decisions[0]["what"] for one in again.values()
    ]
    assert not any(told["what"] == "answered as before" for one in again.values() for told in one.decisions)
    assert embedded.count("What does part number 5 cost?") == 2  # once in each run, though two ask for it


def test_a_process_that_answers_nobody_asks_with_the_options_that_operators_set(kotae: Kotae) -> None:
    file = io.BytesIO("\n".join(map(json.dumps, entries()[:1])).encode())
    kotae.question_sets.import_(file, "prices.jsonl", "prices", by="ann")
    kotae.switch.use("parrot", "ann")
    kotae.switch.set_options("parrot", {"before": "Hm."}, "ann")
    kotae.close()
    beside = Kotae.open(kotae.settings)  # the command line, or a worker
    run = beside.evaluations.start("prices", ["parrot"], by="ann")
    beside.jobs.drain()
    assert beside.evaluations.answers(beside.evaluations.run(run.id))["parrot"]["q0"].text.startswith("Hm.")
    beside.close()


def test_two_runs_of_one_strategy_answer_alike(kotae: Kotae, measured: Callable[..., Run]) -> None:
    one, other = (kotae.evaluations.answers(measured("manuals"))["manuals"] for _ in range(2))
    said = [
        [(each.question_id, each.text, each.citations, each.passages) for each in answers.values()]
        for answers in (one, other)
    ]
    assert said[0] == said[1]


def test_who_answers_as_well_as_the_live_strategy_may_take_its_place(
    kotae: Kotae, measured: Callable[..., Run]
) -> None:
    run = measured("manuals", "twin")
    assert reasons(kotae, run, "twin") == {}
    change = kotae.results.make_live(run.id, "twin", by="ann@example.com")
    assert kotae.switch.name() == "twin"
    assert change.note == f"evaluation {run.id[:8]}"
    newest = kotae.audit.page(1)[0]
    assert (newest.who, newest.what, newest.subject) == ("ann@example.com", "make live", "twin")


def test_who_answers_worse_is_made_live_only_with_a_reason_that_the_audit_keeps(
    kotae: Kotae, measured: Callable[..., Run]
) -> None:
    run = measured("manuals", "parrot")
    for reason in ("", "   "):
        with pytest.raises(Gated, match=r"'parrot' was not made live \(reject\): Gold facts"):
            kotae.results.make_live(run.id, "parrot", by="ann", reason=reason)
    assert kotae.switch.name() == "manuals"
    kotae.results.make_live(run.id, "parrot", by="ann", reason="A rehearsal for tomorrow.")
    assert kotae.switch.name() == "parrot"
    newest = kotae.audit.page(1)[0]
    assert newest.what == "make live despite the rules"
    assert newest.detail["why"] == "A rehearsal for tomorrow."
    assert newest.detail["outcome"] == "reject"
    assert any("Gold facts" in one for one in newest.detail["against"])


def test_figures_that_were_measured_of_something_else_promote_nobody(
    kotae: Kotae, measured: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = measured("manuals", "twin")
    document = io.BytesIO(b"# News\n\nThere is a part number 99, too.")
    kotae.library.ingest(kotae.library.receive(document, "news.md").document.id)
    assert list(reasons(kotae, run, "twin")) == ["other_index"]
    monkeypatch.setattr(kotae.strategies, "standing", lambda name: "another")
    told = reasons(kotae, run, "twin")
    assert list(told) == ["changed", "other_index"]
    assert "“manuals”" in told["changed"] or "“twin”" in told["changed"]


def test_nobody_is_promoted_without_being_compared_with_who_answers_now(
    kotae: Kotae, measured: Callable[..., Run]
) -> None:
    run = measured("twin")
    assert "live_not_asked" in reasons(kotae, run, "twin")
    again = measured("manuals", "twin")
    assert "live_already" in reasons(kotae, again, "manuals")
    assert reasons(kotae, again, "twin") == {}


def test_a_run_that_was_cut_off_promotes_nobody(kotae: Kotae, measured: Callable[..., Run]) -> None:
    measured("manuals")
    run = kotae.evaluations.start("prices", ["manuals", "twin"], by="ann")
    kotae.evaluations.cancel(run.id, by="ann")
    told = reasons(kotae, run, "twin")
    assert told["unfinished"] == f"The evaluation is not finished. Answers that are missing: {2 * DESK}."


def test_the_page_to_print_tells_the_conditions_in_both_languages(
    kotae: Kotae, measured: Callable[..., Run]
) -> None:
    run = measured("manuals", "parrot")
    result = kotae.results.of(run.id)
    decisions = [kotae.results.decision(result, "parrot")]
    english, japanese = (page(result, decisions, language) for language in ("en", "ja"))
    assert "manuals: 2 per million tokens read, 4 written" in english
    assert "第1版" in japanese
    assert "コールド" in japanese


def test_a_result_is_judged_once(kotae: Kotae, measured: Callable[..., Run]) -> None:
    run = measured("manuals")
    assert kotae.results.of(run.id) is kotae.results.of(run.id)
    before = kotae.results.of(run.id)
    kotae.evaluations.work({"run": run.id}, lambda _step, _share: None)  # nothing is left to be asked
    assert kotae.results.of(run.id) is before


@pytest.mark.parametrize(
    ("prices", "cost"),
    [
        ({}, 0.0),
        ({"big": Price(prompt=1.0, completion=3.0)}, (1500 * 1.0 + 100 * 3.0) / 1e6),
        ({"best": Price(prompt=10.0), "big": Price(prompt=1.0)}, 1900 * 10.0 / 1e6),
    ],
)
def test_an_answer_costs_what_its_strategy_or_else_its_models_cost(
    prices: dict[str, Price], cost: float
) -> None:
    usages = [
        Usage(prompt_tokens=300, completion_tokens=50, model="small"),
        Usage(prompt_tokens=500, passage_tokens=1000, completion_tokens=100, model="big"),
        Usage(prompt_tokens=100, model=""),
    ]
    assert cost_of(usages, "best", prices) == pytest.approx(cost)
