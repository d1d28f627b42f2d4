"""What strategies tell of a question before anybody speaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from knowledge_base.errors import Unavailable as SearchUnavailable
from strategies.base import Question, Strategy
from strategies.cache import Cached, CachedOptions
from strategies.errors import Unavailable
from strategies.events import Token, collect
from strategies.first_of import FirstOf
from strategies.quotes import Quotes, QuotesOptions
from strategies.rag import Rag, RagOptions
from strategies.router import Router
from strategies.router.head import Scale, file_of, load
from strategies.router.strategy import RouterOptions
from strategies.signs import signs_of
from strategies.testing import Scripted, kit
from tests.strategies.passages import EVERYTHING
from tests.strategies.router.world import NAMED, House, examples

WARRANTY = Question("How long does the warranty last?", language="en")
ELSEWHERE = Question("Which months of the year does the moon like?", language="en")


@pytest.fixture
def manuals(tmp_path: Path) -> Rag:
    doors = kit(EVERYTHING, {"quotes": Quotes.make(QuotesOptions(), kit(EVERYTHING))}, tmp_path, "manuals")
    return Rag.make(RagOptions(inner="quotes"), doors)


def test_documents_that_match_tell_more_for_an_answer_than_those_that_hardly_do(manuals: Rag) -> None:
    told, other = manuals.signs(WARRANTY), manuals.signs(ELSEWHERE)
    assert told["odds"] > other["odds"]
    assert told["search score"] > other["search score"]
    assert told.keys() == other.keys()


def test_nothing_is_told_where_nothing_was_found(manuals: Rag) -> None:
    assert manuals.signs(Question("xyzzy")) == {}


def test_documents_around_a_model_that_tells_nothing_tell_how_well_they_match(tmp_path: Path) -> None:
    doors = kit(EVERYTHING, {"model": Scripted(Token("24 months."))}, tmp_path)
    told = Rag.make(RagOptions(inner="model"), doors).signs(WARRANTY)
    assert set(told) == {"passage meaning", "search score", "search margin"}


def test_a_cascade_tells_what_each_of_it_tells_and_a_cache_what_is_behind_it(
    manuals: Rag, tmp_path: Path
) -> None:
    cascade = FirstOf([("model", Scripted(Token("?"))), ("manuals", manuals)])
    told = cascade.signs(WARRANTY)
    assert set(told) == {f"manuals: {name}" for name in manuals.signs(WARRANTY)}
    cached = Cached.make(CachedOptions(inner="best"), kit(EVERYTHING, {"best": cascade}, tmp_path))
    assert cached.signs(WARRANTY) == told


class Broken(Scripted):
    """Cannot tell just now."""

    def __init__(self, fault: Exception) -> None:
        super().__init__(Token("all the same"))
        self.fault = fault

    def signs(self, _question: Question) -> Mapping[str, float]:
        raise self.fault


@pytest.mark.parametrize("fault", [Unavailable("gone"), SearchUnavailable("gone")])
def test_who_cannot_tell_just_now_is_no_reason_to_fail(fault: Exception) -> None:
    assert signs_of(Broken(fault), WARRANTY) == {}


class Knows(Scripted):
    """Tells before it speaks whether the question is one of its own: the Japanese ones are."""

    def signs(self, question: Question) -> Mapping[str, float]:
        return {"mine": float(question.language == "ja")}


@pytest.fixture
def house(tmp_path: Path) -> House:
    strategies: Mapping[str, Strategy] = {
        "model": Knows(Token("says the model")),
        "manuals": Scripted(Token("say the manuals")),
    }
    return House(tmp_path, strategies=strategies)


def trained_by_signs(house: House) -> Router:
    """Every question means the same; who is right shows in what the model tells alone."""
    router = house.router()
    taught = [
        replace(
            one,
            text=f"word {n % 40}",
            signs={"model: mine": float(one.attempts["model"].right)},
            about=str(n),
        )
        for n, one in enumerate(examples(160))
    ]
    house.trains(router, taught)
    return router


def test_a_router_learns_what_signs_mean_where_the_words_tell_nothing(house: House) -> None:
    router = trained_by_signs(house)
    asked = [Question("word 3", language=language) for language in ("ja", "en")]
    chosen = [collect(router.stream(question)).decisions[0] for question in asked]
    assert [decision.what for decision in chosen] == ["chose 'model'", "chose 'manuals'"]


def test_what_is_not_told_counts_as_usual_and_the_router_still_chooses(house: House) -> None:
    trained_by_signs(house)
    head = load(file_of(house.data, NAMED))
    assert head is not None
    vector = head.questions[0]
    usual = dict(zip(head.scale.names, head.scale.middle, strict=True))
    assert head.foretold(vector).likely.tolist() == head.foretold(vector, usual).likely.tolist()
    for strategies in (
        {"model": Broken(Unavailable("gone")), "manuals": Scripted(Token("say the manuals"))},
        {"model": Scripted(Token("says the model")), "manuals": Scripted(Token("say the manuals"))},
    ):
        doors = kit(strategies=strategies, data=house.data, named=NAMED, version=lambda: "1")
        router = Router.make(RouterOptions(of=["model", "manuals"]), doors)
        assert collect(router.stream(Question("word 3"))).text


def test_signs_that_never_differ_or_say_the_same_twice_are_taken_once_or_not_at_all() -> None:
    scale = Scale.of([{"a": 1.0, "cascade: a": 1.0, "b": 5.0}, {"a": 3.0, "cascade: a": 3.0, "b": 5.0}])
    assert scale.names == ("a",)
    assert scale.row({"a": 3.0}).tolist() == [1.0]
    assert scale.row({"a": 1e9}).tolist() == [4.0], "one wild number does not decide"
