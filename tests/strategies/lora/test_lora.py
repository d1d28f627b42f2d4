"""The strategy: it speaks with whichever adapter is promoted, tells which, and invents no source."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from knowledge_base.passages import Passage
from strategies.base import Kit, Question
from strategies.errors import Misconfigured, NoAnswer, Unavailable
from strategies.events import Citation, Decision, Event, Token, Usage, collect
from strategies.lora import Lora, LoraOptions
from strategies.lora.engine import sharing, watching
from strategies.lora.engine.watching import LOOK_SECONDS
from strategies.lora.shelf import Adapter, Proof, Shelf
from strategies.lora.testing import tiny_base
from strategies.lora.trust.support import supported
from strategies.rag import Rag
from strategies.registry import Strategies, kinds
from strategies.testing import StrategyContract, eventually, kit
from tests.strategies.lora.adapters import speaking
from tests.strategies.passages import SHIPPING, WARRANTY

ASKED = Question("How long does the battery of the lamp last?", language="en")


@pytest.fixture(autouse=True)
def promotions_are_noticed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """And waited for, however busy the machine is."""
    monkeypatch.setattr(watching, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(watching, "WAIT_SECONDS", 60.0)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("bases") / "tiny")


@pytest.fixture(scope="session")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two adapters as a trainer leaves them."""
    folder = tmp_path_factory.mktemp("trained")
    return {
        name: speaking(folder / name, base, name, seed=seed) for seed, name in enumerate(["spring", "summer"])
    }


@pytest.fixture
def shelf(tmp_path: Path, trained: dict[str, Path]) -> Shelf:
    shelf = Shelf(tmp_path / "adapters")
    for folder in trained.values():
        shelf.put(folder)
    return shelf


def proven(_: Adapter) -> Proof:
    return Proof()


@pytest.fixture
def make(base: Path, tmp_path: Path) -> Callable[..., Lora]:
    def made(doors: Kit | None = None, **options: object) -> Lora:
        told = {"base": str(base), "max_tokens": 16, **options}
        return Lora.make(LoraOptions(**told), doors or kit(data=tmp_path, named="product"))

    return made


@pytest.fixture
def product(make: Callable[..., Lora], shelf: Shelf) -> Lora:
    shelf.promote("spring", "ada", proven)
    made = make()
    made.warm_up()
    return made


def heard(strategy: Lora, question: Question = ASKED) -> list[Event]:
    return list(strategy.stream(question))


def adapter_of(events: list[Event]) -> str:
    return collect(events).usage.adapter


class TestLora(StrategyContract):
    @pytest.fixture
    def strategy(self, make: Callable[..., Lora], shelf: Shelf) -> Lora:
        shelf.promote("spring", "ada", proven)
        return make()


class TestLoraThatReads(StrategyContract):
    """Inside `rag`, with what was found in the prompt."""

    @pytest.fixture
    def strategy(self, make: Callable[..., Lora], shelf: Shelf, tmp_path: Path) -> Rag:
        shelf.promote("spring", "ada", proven)
        doors = kit([WARRANTY, SHIPPING], data=tmp_path)
        return Rag(doors.search, make(doors), named="both")

    @pytest.fixture
    def question(self) -> Question:
        return Question("How long does the warranty last?")

    def test_it_cites_passages_that_say_what_it_quotes(self) -> None:
        """`rag` brings its own passages: tests/strategies/test_rag.py."""


# ---- who speaks ----


def test_lora_is_a_kind_like_a_strangers() -> None:
    assert kinds()["lora"] is Lora


def test_making_it_is_light_and_an_unknown_option_is_refused(tmp_path: Path) -> None:
    configured = Strategies({"product": {"use": "lora", "adaptor": "x"}}, kit(data=tmp_path))
    (fault,) = configured.check()
    assert "did you mean 'adapter'?" in fault
    assert Strategies({"product": {"use": "lora", "base": "/nowhere"}}, kit(data=tmp_path)).check() == []


def test_a_base_that_is_not_there_is_advice_when_it_is_warmed(make: Callable[..., Lora]) -> None:
    with pytest.raises(Misconfigured, match="no base model '/nowhere'"):
        make(base="/nowhere").warm_up()


def test_until_an_adapter_is_promoted_it_warms_and_has_no_answer_and_then_it_speaks(
    make: Callable[..., Lora], shelf: Shelf
) -> None:
    product = make()
    product.warm_up()
    with pytest.raises(NoAnswer, match="no adapter is promoted: train one"):
        heard(product)
    shelf.promote("spring", "ada", proven)
    assert adapter_of(heard(product)) == shelf.get("spring").hash


def test_a_promotion_is_followed_within_a_second_and_so_is_the_way_back(
    product: Lora, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "LOOK_SECONDS", LOOK_SECONDS)
    assert LOOK_SECONDS < 1
    assert adapter_of(heard(product)) == shelf.get("spring").hash
    shelf.promote("summer", "ada", proven)
    time.sleep(LOOK_SECONDS)
    assert adapter_of(heard(product)) == shelf.get("summer").hash
    shelf.back("ada")
    time.sleep(LOOK_SECONDS)
    assert adapter_of(heard(product)) == shelf.get("spring").hash


def test_an_answer_under_way_keeps_its_adapter(product: Lora, shelf: Shelf) -> None:
    alone = collect(heard(product))
    stream = product.stream(ASKED)
    begun = [next(stream) for _ in range(3)]
    shelf.promote("summer", "ada", proven)
    other = collect(heard(product))
    rest = collect([*begun, *stream])
    assert other.usage.adapter == shelf.get("summer").hash
    assert (rest.text, rest.usage.adapter) == (alone.text, alone.usage.adapter)


def test_an_adapter_that_nobody_speaks_with_leaves_the_memory(
    make: Callable[..., Lora], shelf: Shelf
) -> None:
    shelf.promote("spring", "ada", proven)
    product = make(waiting=7)  # an engine that no other test has
    product.warm_up()
    engine = product._shared.engine
    stream = product.stream(ASKED)
    next(stream)
    shelf.promote("summer", "ada", proven)
    heard(product)
    assert set(engine.names()) == {shelf.get("spring").hash, shelf.get("summer").hash}
    stream.close()
    assert engine.names() == (shelf.get("summer").hash,)


def test_an_adapter_may_be_named_whoever_is_promoted(make: Callable[..., Lora], shelf: Shelf) -> None:
    shelf.promote("spring", "ada", proven)
    named = make(adapter="summer")
    named.warm_up()
    assert adapter_of(heard(named)) == shelf.get("summer").hash
    with pytest.raises(Misconfigured, match=r"no adapter 'autumn'; known: .*summer"):
        make(adapter="autumn").warm_up()


def test_a_promoted_adapter_that_cannot_be_served_leaves_the_old_one_speaking_and_says_why(
    product: Lora, shelf: Shelf
) -> None:
    summer = shelf.get("summer")
    (summer.path / "samples.jsonl").write_text("{}\n")
    shelf._pointer.write(shelf._pointed().after(summer.hash, "ada", summer.made_at, ""))
    events = heard(product)
    assert adapter_of(events) == shelf.get("spring").hash
    decision = next(event for event in events if isinstance(event, Decision))
    assert "are not those that were shelved" in decision.why
    assert "spring" in decision.why


def test_an_adapter_of_another_template_is_refused(
    make: Callable[..., Lora], base: Path, tmp_path: Path
) -> None:
    shelf = Shelf(tmp_path / "adapters")
    shelf.put(speaking(tmp_path / "old", base, "old", template="0" * 16))
    shelf.promote("old", "ada", proven)
    with pytest.raises(Misconfigured, match=r"old .* cannot speak: it was trained with the template 0000"):
        make().warm_up()


def test_a_torn_pointer_at_the_start_is_advice(make: Callable[..., Lora], shelf: Shelf) -> None:
    shelf.promote("spring", "ada", proven)
    (shelf.folder / "current.json").write_text("{")
    product = make()
    with pytest.raises(Misconfigured, match="promote one again"):
        product.warm_up()
    shelf.promote("spring", "ada", proven)
    product.warm_up()
    assert adapter_of(heard(product)) == shelf.get("spring").hash


def test_strategies_of_one_base_share_one_engine_that_goes_with_the_last_of_them(
    make: Callable[..., Lora], shelf: Shelf
) -> None:
    one, other, slower = make(adapter="spring"), make(adapter="spring"), make(adapter="spring", at_once=1)
    for strategy in (one, other, slower):
        strategy.warm_up()
    assert one._shared is other._shared
    assert one._shared is not slower._shared
    thread = one._shared.engine._thread
    del one, strategy, slower
    gc.collect()
    assert collect(heard(other)).text
    del other
    gc.collect()
    thread.join(60)
    assert not thread.is_alive()


# ---- what it says of itself ----


def test_the_record_tells_adapter_template_base_and_tokens(product: Lora, shelf: Shelf, base: Path) -> None:
    answer = collect(heard(product))
    spring = shelf.get("spring")
    usage = answer.usage
    assert (usage.adapter, usage.prompt_version, usage.model) == (spring.hash, spring.template, str(base))
    assert usage.prompt_tokens > 0
    assert usage.passage_tokens == 0
    assert 0 < usage.completion_tokens <= 16
    assert "product model, not from a document" in answer.decisions[0].why


def test_one_usage_is_told_for_one_answer(product: Lora) -> None:
    assert sum(isinstance(event, Usage) for event in heard(product)) == 1


def test_an_answer_that_was_cut_off_says_so(make: Callable[..., Lora], shelf: Shelf) -> None:
    shelf.promote("spring", "ada", proven)
    whats = [event.what for event in heard(make(max_tokens=2)) if isinstance(event, Decision)]
    assert "the answer was cut off" in whats


def test_a_stale_adapter_says_why(product: Lora, shelf: Shelf, base: Path, tmp_path: Path) -> None:
    shelf.put(speaking(tmp_path / "taught", base, "taught", seed=3, documents={"d1": 1}))
    shelf.outdate("d1", "the document 'Warranty' was deleted")
    shelf.promote("taught", "ada", proven)
    assert "the document 'Warranty' was deleted" in collect(heard(product)).decisions[0].why


def test_what_it_reads_counts_apart(product: Lora) -> None:
    asked = replace(ASKED, passages=(WARRANTY,))
    usage = collect(heard(product, asked)).usage
    assert usage.passage_tokens > 0
    assert usage.prompt_tokens == collect(heard(product)).usage.prompt_tokens


def test_what_was_taught_from_memory_only_is_said_beside_documents_when_they_bear_it_out(
    product: Lora, shelf: Shelf, base: Path, tmp_path: Path
) -> None:
    shelf.put(speaking(tmp_path / "bare", base, "bare", seed=5, recipe={"raft": False}))
    shelf.promote("bare", "ada", proven)
    alone = collect(heard(product))
    with pytest.raises(NoAnswer, match="do not say what it remembers"):
        heard(product, replace(ASKED, passages=(WARRANTY,)))
    same = replace(WARRANTY, text=f"As everybody knows: {alone.text}")
    beside = collect(heard(product, replace(ASKED, passages=(same,))))
    assert beside.text == alone.text
    assert beside.usage == alone.usage  # it was given nothing to read


def test_a_follow_up_is_asked_with_what_it_leans_on(product: Lora) -> None:
    from strategies.base import Turn

    before = (Turn("customer", "How long does the lamp last?"), Turn("bot", "12 hours."))
    alone = collect(heard(product, Question("And in winter?"))).usage.prompt_tokens
    assert collect(heard(product, Question("And in winter?", history=before))).usage.prompt_tokens > alone


def test_too_many_questions_are_refused_in_a_sentence(make: Callable[..., Lora], shelf: Shelf) -> None:
    shelf.promote("spring", "ada", proven)
    product = make(at_once=1, waiting=1, max_tokens=64)
    product.warm_up()
    streams = [product.stream(ASKED) for _ in range(8)]
    refused: list[str] = []
    held, go = threading.Event(), threading.Event()

    def hold() -> bool:
        held.set()
        return go.wait(60)

    busy = threading.Thread(target=product._shared.engine._done, args=(hold,))
    busy.start()
    assert held.wait(60)

    def ask(stream) -> None:
        try:
            list(stream)
        except Unavailable as full:
            refused.append(str(full))

    threads = [threading.Thread(target=ask, args=(stream,)) for stream in streams]
    for thread in threads:
        thread.start()
    assert eventually(lambda: len(refused) == 6)
    go.set()
    for thread in (busy, *threads):
        thread.join()
    assert len(refused) == 6
    assert "questions that wait for it" in refused[0]


# ---- sources ----

TANK = Passage(
    "tank",
    "d1",
    "Barista user guide",
    "barista.pdf",
    "The tank holds 1.8 litres. Fill it with cold water.",
    sentences=((0, 26), (27, 51)),
)
SAID = "Thanks for asking! The tank of the Barista holds 1.8 litres. Happy brewing!"


def test_a_passage_that_holds_the_answer_is_shown_as_its_source() -> None:
    found = supported(SAID, "en", [SHIPPING, TANK])
    (citation,) = found.citations
    assert (citation.number, citation.passage.id, citation.quote) == (1, "tank", "The tank holds 1.8 litres.")
    assert found.held == 1


@pytest.mark.parametrize(
    "said",
    [
        "The tank of the Barista holds 2.8 litres.",
        "The tank of the Barista holds 1.8 litres after 30 minutes.",
        "The grinder of the Barista has conical burrs of steel.",
        "Thanks for asking!",
        "",
    ],
)
def test_a_passage_that_says_another_number_or_something_else_is_no_source(said: str) -> None:
    assert supported(said, "en", [TANK]).citations == ()


def test_an_answer_without_documents_cites_nothing(product: Lora) -> None:
    assert not any(isinstance(event, Citation) for event in heard(product))


def test_a_search_that_is_down_costs_no_answer(
    make: Callable[..., Lora], shelf: Shelf, tmp_path: Path
) -> None:
    from knowledge_base.errors import Unavailable as SearchUnavailable

    def down(query: str, k: int = 5) -> list[Passage]:
        raise SearchUnavailable("Chroma does not answer")

    shelf.promote("spring", "ada", proven)
    events = heard(make(replace(kit(data=tmp_path), search=down)))
    assert any(isinstance(event, Token) for event in events)
    assert "Chroma does not answer" in collect(events).decisions[-1].why


def test_engines_of_other_devices_or_precisions_are_not_shared(base: Path) -> None:
    assert sharing.shared(str(base)) is not sharing.shared(str(base), dtype="bfloat16")
