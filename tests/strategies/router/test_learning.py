"""What a router learns from, what it may never read, and what it says of its own quality."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from strategies.logistic import sigmoid
from strategies.lora.pairs.splits import HeldOutRead
from strategies.router import Attempt, Example, Learnt, TooFew, fitting
from strategies.router.fitting import folded, regression
from strategies.router.head import BrokenHead, Conditions, load, save
from strategies.router.plan import curve, interval, knowing, plans, refusing, reliability, singles, within
from strategies.testing import WordVectors
from strategies.wording import bare
from tests.strategies.router.world import about_rockets, examples, trained

CONDITIONS = Conditions({"model": "m1", "manuals": "d1"}, "1", "")


def test_a_held_out_question_never_reaches_a_training() -> None:
    taught = examples()
    with pytest.raises(HeldOutRead, match="is held out"):
        Learnt([*taught, replace(taught[0], part="held-out")])


def test_nor_does_its_wording_by_another_way() -> None:
    taught = examples()
    with pytest.raises(HeldOutRead, match="is held out"):
        Learnt(taught, frozenset({bare(taught[3].text.upper() + "?")}))


def test_too_little_to_learn_from_is_refused_in_a_sentence() -> None:
    with pytest.raises(TooFew, match="at least 30 open questions, not from 10"):
        Learnt(examples(10))
    with pytest.raises(TooFew, match="at least one"):
        Learnt([Example(f"question {n}", {}) for n in range(40)])


def test_what_it_was_trained_on_is_known_by_content_whatever_the_order() -> None:
    taught = examples()
    assert Learnt(taught).hash == Learnt(taught[::-1]).hash
    assert Learnt(taught).hash != Learnt([*taught[1:], examples(1, seed=9)[0]]).hash


def test_the_regression_is_the_one_that_scikit_learn_finds() -> None:
    from sklearn.linear_model import LogisticRegression

    chance = np.random.default_rng(1)
    rows = chance.normal(size=(200, 12))
    right = (sigmoid(rows @ chance.normal(size=12) + 0.5) > chance.random(200)).astype(float)
    ours = regression(rows, right, 1.0)
    theirs = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000).fit(rows, right)
    assert np.allclose(ours[:-1], theirs.coef_[0], atol=0.01)
    assert np.allclose(ours[-1], theirs.intercept_[0], atol=0.01)


def test_a_strategy_that_is_always_right_is_foretold_so_and_nothing_overflows() -> None:
    rows = np.random.default_rng(1).normal(size=(50, 4))
    weights = regression(rows, np.ones(50), 1.0)
    assert np.isfinite(weights).all()
    assert sigmoid(rows @ weights[:-1] + weights[-1]).min() > 0.9


def test_wordings_of_one_thing_are_judged_together() -> None:
    folds = folded(["a", "b", "a", "c", "b", "d", "e"])
    assert folds[0] == folds[2]
    assert folds[1] == folds[4]


def test_its_figures_are_of_questions_that_it_had_not_seen() -> None:
    """Where nothing can be learned, it must not say that it is better than chance."""
    taught = examples(200)
    chance = np.random.default_rng(3)
    noise = [
        replace(
            one,
            text=f"question {n} {one.text}",
            about=str(n),
            attempts={
                "model": Attempt(bool(chance.random() < 0.5)),
                "manuals": Attempt(bool(chance.random() < 0.5)),
            },
        )
        for n, one in enumerate(taught)
    ]
    head = trained(CONDITIONS, noise)
    likely = head.evidence.likely[head.evidence.right[:, 0] > 0, 0].mean()
    unlikely = head.evidence.likely[head.evidence.right[:, 0] == 0, 0].mean()
    assert abs(likely - unlikely) < 0.05


def test_more_money_never_buys_a_worse_answer() -> None:
    head = trained(CONDITIONS)
    drawn = curve(head, plans(head, "ms", 0.05), "ms")
    assert [plan.spend for plan in drawn] == sorted(plan.spend for plan in drawn)
    assert [plan.quality for plan in drawn] == sorted(plan.quality for plan in drawn)


def test_choosing_beats_every_single_strategy_where_they_know_different_things() -> None:
    head = trained(CONDITIONS)
    best = within(head, plans(head, "tokens", 0.05), "tokens", None)
    assert best.quality > max(one.quality for one in singles(head, "tokens"))
    assert best.spend < max(one.spend for one in singles(head, "tokens"))


def test_what_it_foretells_is_about_as_often_true() -> None:
    head = trained(CONDITIONS, examples(400))
    told = reliability(head)
    assert [one.likely for one in told] == sorted(one.likely for one in told)
    assert sum(one.of for one in told) == head.evidence.right.size
    assert all(abs(one.likely - one.right) < 0.12 for one in told)


def test_no_more_of_what_can_be_answered_is_refused_than_was_allowed() -> None:
    head = trained(CONDITIONS, [*examples(200), *about_rockets()])
    for share in (0.02, 0.1):
        found = refusing(head, share)
        assert found is not None
        assert found.falsely <= share
        assert found.rightly > 0.9
        assert found.of == 40
    assert found.falsely < 0.05, "what brings nothing is not paid for"


def test_who_may_refuse_nothing_or_never_saw_what_has_no_answer_refuses_nothing() -> None:
    assert refusing(trained(CONDITIONS, [*examples(), *about_rockets()]), 0.0) is None
    assert refusing(trained(CONDITIONS), 0.05) is None
    assert refusing(trained(CONDITIONS, about_rockets()), 0.05) is None


def test_refusing_what_nobody_answers_makes_a_plan_better_and_cheaper() -> None:
    head = trained(CONDITIONS, [*examples(), *about_rockets()])
    found = refusing(head, 0.05)
    assert found is not None
    speaks = within(head, plans(head, "tokens", 0.05), "tokens", None)
    refuses = within(head, plans(head, "tokens", 0.05, found.refuse), "tokens", None)
    assert speaks.refused == 0
    assert refuses.refused == pytest.approx(0.25, abs=0.05)
    assert refuses.quality > speaks.quality + 0.15
    assert refuses.spend < speaks.spend
    assert sum(refuses.shares) + refuses.refused == pytest.approx(1)
    assert speaks.quality <= knowing(head, refuses=False) < refuses.quality <= knowing(head, refuses=True)


def test_of_many_questions_some_are_landmarks_and_it_learns_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "LANDMARKS", 60)
    head = trained(CONDITIONS, examples(300))
    assert len(head.landmarks) == 60
    best = within(head, plans(head, "tokens", 0.05), "tokens", None)
    assert best.quality > max(one.quality for one in singles(head, "tokens"))


def test_features_of_likeness_multiply_to_the_kernel() -> None:
    rows = np.random.default_rng(2).normal(size=(30, 5))
    width = np.full(5, 0.5)
    features = fitting.likeness_of(rows, width).of(rows)
    from sklearn.metrics.pairwise import rbf_kernel

    assert np.allclose(features @ features.T, rbf_kernel(rows, gamma=0.25), atol=1e-4)


def test_what_costs_nothing_can_be_planned_with() -> None:
    free = [
        replace(one, attempts={name: Attempt(made.right) for name, made in one.attempts.items()})
        for one in examples()
    ]
    head = trained(CONDITIONS, free)
    plan = within(head, plans(head, "cost", 0.05), "cost", 0.0)
    assert plan.within
    assert plan.spend == 0


def test_it_is_kept_whole_and_read_back(tmp_path: Path) -> None:
    head = trained(CONDITIONS)
    file = tmp_path / "routers" / "router.safetensors"
    save(head, file)
    read = load(file)
    assert read is not None
    vector = np.asarray(WordVectors().embed_query("boil spout lid"), float)
    assert np.allclose(read.foretold(vector).likely, head.foretold(vector).likely)
    assert read.conditions == head.conditions
    assert np.array_equal(read.evidence.likely, head.evidence.likely)
    assert np.array_equal(read.evidence.right, head.evidence.right)
    assert np.array_equal(read.evidence.spent["tokens"], head.evidence.spent["tokens"])
    assert np.array_equal(read.evidence.unanswerable, head.evidence.unanswerable)
    assert read.foretold(vector).nobody == pytest.approx(head.foretold(vector).nobody)
    assert (read.learned_from, read.source, read.made_at) == (
        head.learned_from,
        head.source,
        head.made_at,
    )
    assert len(read.hash) == 64
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_the_questions_words_are_not_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "router.safetensors"
    save(trained(CONDITIONS), file)
    assert b"spout" not in file.read_bytes()


@pytest.mark.parametrize("content", [b"", b"x" * 40, b"\x02\x00\x00\x00\x00\x00\x00\x00{}"])
def test_a_broken_file_is_a_sentence(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "router.safetensors"
    file.write_bytes(content)
    with pytest.raises(BrokenHead, match="train the router again"):
        load(file)


def test_an_interval_is_wilsons() -> None:
    from scipy.stats import binomtest

    wilson = binomtest(37, 50).proportion_ci(method="wilson")
    assert interval(0.74, 50) == pytest.approx((wilson.low, wilson.high), abs=1e-3)
