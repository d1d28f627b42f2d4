"""An operator's `[strategies.*]` tables become strategies, or sentences that say what is wrong with them."""

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from threading import Barrier, Thread
from typing import Any

import pytest

from strategies import registry
from strategies.base import Kit, Options, Question, Strategy
from strategies.echo import Echo
from strategies.errors import Misconfigured
from strategies.events import Event, Token, collect
from strategies.registry import Strategies, about, kinds, schema
from strategies.testing import kit


class Shouting:
    """Shouts.

    A stranger's strategy, found by the same door as ours.
    """

    class Options(Options):
        volume: int = 11
        of: str = ""

    made = 0

    @classmethod
    def make(cls, options: Any, kit: Kit) -> Strategy:
        cls.made += 1
        if options.volume > 100:
            raise RuntimeError("too loud")
        if options.of:
            kit.strategy(options.of)
        return cls()

    def warm_up(self) -> None: ...

    def stream(self, question: Question) -> Iterator[Event]:
        yield Token(question.text.upper())


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Entry points of packages that are not really installed, beside the real ones."""
    real = registry.points()

    def install(**values: str) -> None:
        extra = [EntryPoint(name.rstrip("_"), value, registry.GROUP) for name, value in values.items()]
        monkeypatch.setattr(registry, "points", lambda: (*real, *extra))

    return install


def strategies(**configs: dict[str, Any]) -> Strategies:
    return Strategies(configs, kit())


def test_ours_are_found_by_the_door_that_is_open_to_strangers() -> None:
    assert {"echo", "first_of", "llm", "quotes", "rag", "runnable"} <= set(kinds())


def test_a_strangers_kind_is_found_like_ours(install: Any) -> None:
    install(shouting=f"{__name__}:Shouting")
    assert collect(strategies(loud={"use": "shouting"}).get("loud").stream(Question("hi"))).text == "HI"


def test_a_package_that_does_not_load_takes_nothing_else_down(install: Any) -> None:
    install(weather="no_such_package.weather:Weather", odd="json:dumps")
    assert {"echo", "rag"} <= set(kinds())
    assert not {"weather", "odd"} & set(kinds())
    faults = strategies(a={"use": "weather"}, b={"use": "odd"}, c={"use": "echo"}).check()
    assert len(faults) == 2
    assert "'weather'" in faults[0]
    assert "No module named 'no_such_package'" in faults[0]
    assert "is not a strategy" in faults[1]


def test_two_packages_that_claim_one_name_are_told_apart_by_nobody(install: Any) -> None:
    install(echo=f"{__name__}:Shouting")
    with pytest.raises(Misconfigured, match=r"'echo' is provided by .* and .*; uninstall all but one"):
        strategies(a={"use": "echo"}).get("a")


def test_the_options_of_a_kind_make_a_form() -> None:
    options = schema("rag")["properties"]
    assert options["k"]["default"] == 6
    assert options["k"]["minimum"] == 1
    assert all(option["description"] for option in options.values())
    assert about("rag") == "Finds passages in the documents; another strategy answers from them."


@pytest.mark.parametrize("name", ["echo", "first_of", "llm", "quotes", "rag", "runnable"])
def test_every_option_of_ours_has_its_sentence(name: str) -> None:
    assert all(
        option["description"].endswith((".", "/v1."))
        for option in schema(name).get("properties", {}).values()
    )


def test_a_strategy_is_made_when_it_is_asked_for_and_only_once(install: Any) -> None:
    install(shouting=f"{__name__}:Shouting")
    Shouting.made = 0
    made = strategies(loud={"use": "shouting"})
    assert Shouting.made == 0
    assert made.get("loud") is made.get("loud")
    assert Shouting.made == 1


def test_threads_that_ask_at_once_get_the_same_one(install: Any) -> None:
    install(shouting=f"{__name__}:Shouting")
    made, barrier, got = strategies(loud={"use": "shouting"}), Barrier(8), []

    def ask() -> None:
        barrier.wait()
        got.append(made.get("loud"))

    threads = [Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, got))) == 1
    assert len(got) == 8


def test_a_name_may_be_another_strategy_or_a_kind_without_options() -> None:
    made = strategies(
        best={"use": "first_of", "of": ["parrot", "echo"]}, parrot={"use": "echo", "before": "Polly:"}
    )
    assert made.check() == []
    assert collect(made.get("best").stream(Question("cracker"))).text == "Polly: cracker"
    assert isinstance(made.get("echo"), Echo)
    assert made.names() == ["best", "parrot"]
    assert made.uses("best") == "first_of"
    assert made.uses("echo") == "echo"


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({}, "strategy 'mine' does not say what it uses"),
        ({"use": "ehco"}, "no installed package provides the kind 'ehco'; did you mean 'echo'?"),
        ({"use": "rag"}, "strategy 'mine' needs the option 'inner'"),
        (
            {"use": "rag", "inner": "qoutes"},
            "strategy 'mine' refers to 'qoutes', but there is no strategy 'qoutes'; did you mean",
        ),
        (
            {"use": "rag", "inner": "echo", "k": 0},
            "strategy 'mine', option 'k': input should be greater than or equal to 1, got 0",
        ),
        (
            {"use": "rag", "inner": "echo", "neighbors": 1},
            "unknown option 'neighbors'; did you mean 'neighbours'?",
        ),
        ({"use": "first_of", "of": []}, "strategy 'mine', option 'of': list should have at least 1 item"),
        ({"use": "rag", "inner": "mine"}, "in a circle: mine → mine"),
    ],
)
def test_a_fault_is_a_sentence_that_names_strategy_and_option(config: dict[str, Any], sentence: str) -> None:
    faults = strategies(mine=config).check()
    assert len(faults) == 1
    assert sentence in faults[0]


def test_all_faults_are_reported_together() -> None:
    faults = strategies(
        a={"use": "rag", "k": 0, "n": 1},
        b={"use": "nothing"},
        c={"use": "echo"},
        d={"use": "rag", "inner": "b"},
    ).check()
    assert len(faults) == 4  # three of a, one of b; d has no other fault than b's


def test_a_circle_is_reported_once_wherever_one_enters_it() -> None:
    faults = strategies(
        c={"use": "rag", "inner": "a"}, a={"use": "rag", "inner": "b"}, b={"use": "rag", "inner": "c"}
    ).check()
    assert faults == ["strategies refer to each other in a circle: a → b → c → a"]


def test_after_a_fault_the_others_still_work() -> None:
    made = strategies(a={"use": "rag", "inner": "a"}, b={"use": "echo"})
    with pytest.raises(Misconfigured):
        made.get("a")
    assert isinstance(made.get("b"), Echo)


def test_a_stranger_that_crashes_while_being_made_is_a_sentence_too(install: Any) -> None:
    install(shouting=f"{__name__}:Shouting")
    assert strategies(loud={"use": "shouting", "volume": 101}).check() == [
        "strategy 'loud' cannot be made: RuntimeError: too loud"
    ]


def test_a_key_is_never_repeated_in_a_fault() -> None:
    wrong = {"use": "llm", "model": "m", "api_key": ["sk-hush"]}
    twice = {"use": "llm", "model": "m", "api_key": "sk-hush", "api_key_file": "key.txt"}
    faults = strategies(wrong=wrong, twice=twice).check()
    assert len(faults) == 2
    assert "sk-hush" not in " ".join(faults)
    assert faults[1] == "strategy 'twice': api_key and api_key_file are both set; keep one"


class Tuned(Shouting):
    """Another adapter may be promoted."""

    adapter = "a1"

    def speaker(self) -> str:
        return self.adapter


def test_what_stands_behind_a_name_changes_with_its_options_and_with_those_it_refers_to(install: Any) -> None:
    install(shout=f"{__name__}:Shouting")
    configs = {"loud": {"use": "shout"}, "best": {"use": "first_of", "of": ["loud", "echo"]}}
    louder = {**configs, "loud": {"use": "shout", "volume": 12}}
    one, same, other = (Strategies(each, kit()) for each in (configs, configs, louder))
    assert one.standing("best") == same.standing("best")
    assert one.standing("best") != other.standing("best")
    assert one.standing("echo") == other.standing("echo")


def test_what_stands_behind_a_name_changes_with_the_adapter_that_speaks_in_it(
    install: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tuned=f"{__name__}:Tuned")
    strategies = Strategies(
        {"product": {"use": "tuned"}, "best": {"use": "first_of", "of": ["product", "echo"]}}, kit()
    )
    before = strategies.standing("best"), strategies.standing("echo")
    monkeypatch.setattr(Tuned, "adapter", "a2")
    assert strategies.standing("best") != before[0]
    assert strategies.standing("echo") == before[1]


def test_another_key_makes_no_other_answer() -> None:
    def standing(key: str) -> str:
        options = {"use": "llm", "model": "m", "base_url": "http://127.0.0.1:1/v1", "api_key": key}
        return Strategies({"gpt": options}, kit()).standing("gpt")

    assert standing("one") == standing("other")
