"""Customers who speak with one base and many adapters at once."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

from strategies.errors import Misconfigured, NoAnswer, Unavailable
from strategies.lora import bases
from strategies.lora.bases import Base, template
from strategies.lora.bases.template import Prompt
from strategies.lora.engine.rows import Heard, Rows
from strategies.lora.engine.speaking import Ended, Engine, Piece
from strategies.lora.testing import FAMILIES, tiny_base
from strategies.testing import eventually
from tests.strategies.lora.peft_models import generated, peft_adapter, peft_model

ASKED = (
    "How long does the battery of the lamp last?",
    "Where?",
    "保証期間はどのくらいですか。",
    "How long does the battery last, and where do I find the serial number of the lamp? " * 2,
    "Thanks!",
    "Is it printed on the bottom?",
)


@pytest.fixture(scope="module", params=FAMILIES)
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Base:
    return bases.load(str(tiny_base(tmp_path_factory.mktemp(request.param) / "base", request.param)))


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return bases.load(str(tiny_base(tmp_path_factory.mktemp("ours") / "base")))


@pytest.fixture
def engines() -> Iterator[Callable[..., Engine]]:
    """Makes engines, and closes them when the test is over."""
    made: list[Engine] = []

    def make(base: Base, **options: int) -> Engine:
        made.append(Engine(base, **options))
        return made[-1]

    yield make
    for engine in made:
        engine.close()


@pytest.fixture
def engine(ours: Base, engines: Callable[..., Engine]) -> Engine:
    return engines(ours, at_once=4, waiting=8)


def ids_of(events: Sequence[Piece | Ended]) -> list[int]:
    return [token for event in events if isinstance(event, Piece) for token in event.ids]


def text_of(events: Sequence[Piece | Ended]) -> str:
    return "".join(event.text for event in events if isinstance(event, Piece))


# --- the same answers as alone ---


def test_every_answer_is_the_one_that_generate_gives_whoever_speaks_beside_it(
    base: Base, tmp_path: Path, engines: Callable[..., Engine], caplog: pytest.LogCaptureFixture
) -> None:
    folders: dict[str, Path | None] = {"": None}
    for number, kind in enumerate(({"r": 2}, {"r": 8, "use_rslora": True}, {"use_dora": True})):
        folders[f"a{number}"] = peft_adapter(base, tmp_path / str(number), number, **kind)
    models = {name: peft_model(base, folder) for name, folder in folders.items()}
    orders = [
        (asked, name, most)
        for number, asked in enumerate(ASKED)
        for name, most in ((["", "a0", "a1", "a2"][number % 4], 24), (["a2", "", "a0", "a1"][number % 4], 9))
    ]
    engine = engines(base, at_once=5, waiting=64)
    for name, folder in folders.items():
        if folder:
            engine.add(name, folder)

    def answered(order: tuple[str, str, int]) -> list[int]:
        asked, name, most = order
        return ids_of(list(engine.speak(template.prompt(base, asked), adapter=name, max_tokens=most)))

    def leaves(number: int) -> None:
        answer = engine.speak(template.prompt(base, ASKED[number]), adapter="a1", max_tokens=40)
        for _ in zip(range(number + 1), answer, strict=False):
            pass
        answer.close()

    with ThreadPoolExecutor(16) as customers:
        leaving = [customers.submit(leaves, number) for number in range(4)]
        found = list(customers.map(answered, orders))
        for one in leaving:
            one.result()
    assert not caplog.records, "a step failed and was made row by row"
    for (asked, name, most), ids in zip(orders, found, strict=True):
        prompt = template.prompt(base, asked)
        wanted = generated(base, models[name], prompt, most)
        # A token at the end that is half a character is said with its other half, or not at all.
        assert ids == wanted or template.text(base, ids) == template.text(base, wanted), (asked, name)


def test_a_decoder_that_counts_positions_itself_speaks_row_by_row(
    tmp_path: Path, engines: Callable[..., Engine]
) -> None:
    from transformers import BartConfig, BartForConditionalGeneration

    from strategies.lora.testing import byte_level

    tokenizer = byte_level(["<s>", "<pad>", "</s>"], bos="<s>", pad="<pad>", eos="</s>")
    tokenizer.save_pretrained(tmp_path / "bart")
    torch.manual_seed(0)
    sizes: Any = dict.fromkeys(("encoder_layers", "decoder_layers"), 1)
    sizes |= dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads"), 2)
    sizes |= dict.fromkeys(("encoder_ffn_dim", "decoder_ffn_dim"), 32)
    config = BartConfig(
        vocab_size=len(tokenizer),
        d_model=16,
        max_position_embeddings=256,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        decoder_start_token_id=tokenizer.eos_token_id,
        forced_eos_token_id=None,
        **sizes,
    )
    BartForConditionalGeneration(config).save_pretrained(tmp_path / "bart")
    base = bases.load(str(tmp_path / "bart"))
    prompts = [template.prompt(base, asked) for asked in ASKED]
    engine = engines(base)
    with ThreadPoolExecutor(6) as customers:
        said = list(customers.map(lambda prompt: ids_of(list(engine.speak(prompt, max_tokens=8))), prompts))
    for prompt, ids in zip(prompts, said, strict=True):
        wanted = generated(base, base.model, prompt, 8)
        assert template.text(base, ids) == template.text(base, wanted)


def test_the_adapter_is_a_matter_of_the_row_never_of_the_moment(
    ours: Base, tmp_path: Path, engines: Callable[..., Engine]
) -> None:
    names = [f"a{number}" for number in range(6)]
    engine = engines(ours, at_once=6)
    for number, name in enumerate(names):
        engine.add(name, peft_adapter(ours, tmp_path / name, number))
    prompt = template.prompt(ours, ASKED[0])
    alone = {name: list(engine.speak(prompt, adapter=name, max_tokens=20)) for name in names}
    assert len({text_of(events) for events in alone.values()}) > 3

    def asks(name: str) -> None:
        for _ in range(5):
            events = list(engine.speak(prompt, adapter=name, max_tokens=20))
            assert ids_of(events) == ids_of(alone[name])

    with ThreadPoolExecutor(12) as customers:
        list(customers.map(asks, [*names, *names]))


def test_adapters_come_and_go_while_others_speak(
    ours: Base, tmp_path: Path, engines: Callable[..., Engine]
) -> None:
    first, second = (peft_adapter(ours, tmp_path / str(seed), seed) for seed in (1, 2))
    prompt = template.prompt(ours, ASKED[0])
    engine = engines(ours)
    engine.add("first", first)
    wanted = ids_of(list(engine.speak(prompt, adapter="first", max_tokens=60)))
    answer = engine.speak(prompt, adapter="first", max_tokens=60)
    said = [next(answer)]
    engine.add("second", second)
    engine.drop("first")
    assert engine.names() == ("second",)
    with pytest.raises(Misconfigured, match="the adapter 'first' is not loaded"):
        next(engine.speak(prompt, adapter="first"))
    assert list(engine.speak(prompt, adapter="second", max_tokens=3))
    assert ids_of([*said, *answer]) == wanted, "an adapter was taken from somebody who spoke with it"


def test_nothing_is_left_of_an_adapter_that_was_dropped(
    ours: Base, tmp_path: Path, engines: Callable[..., Engine]
) -> None:
    import weakref

    engine = engines(ours)
    for name in ("a", "b"):
        engine.add(name, peft_adapter(ours, tmp_path / name, len(name)))
    prompt = template.prompt(ours, ASKED[0])
    with ThreadPoolExecutor(2) as customers:
        list(customers.map(lambda name: list(engine.speak(prompt, adapter=name, max_tokens=5)), "ab"))
    dropped = weakref.ref(engine._adapters["a"])
    engine.drop("a")
    assert eventually(lambda: gc.collect() >= 0 and dropped() is None)


def test_given_answers_are_scored_as_they_were_said(
    base: Base, tmp_path: Path, engines: Callable[..., Engine]
) -> None:
    engine = engines(base)
    engine.add("a", peft_adapter(base, tmp_path / "a"))
    prompt = template.prompt(base, ASKED[0])
    for name in ("", "a"):
        events = list(engine.speak(prompt, adapter=name, max_tokens=10))
        said = [value for event in events if isinstance(event, Piece) for value in event.logprobs]
        assert engine.score(prompt, ids_of(events), name) == pytest.approx(said, abs=1e-4)
    assert engine.score(prompt, []) == []
    refusal = engine.score(prompt, template.answer(base, ""), "a")
    assert refusal[0] == pytest.approx(torch.tensor(ended(events).refusal).log().item(), abs=1e-4)


def ended(events: Sequence[Piece | Ended]) -> Ended:
    last = events[-1]
    assert isinstance(last, Ended)
    return last


def test_tokens_are_counted_apart(ours: Base, engines: Callable[..., Engine]) -> None:
    engine = engines(ours)
    prompt = template.prompt(ours, "Where?", ["It is printed on the bottom of the lamp."])
    end = ended(list(engine.speak(prompt, max_tokens=7)))
    assert prompt.passage_tokens > 0
    assert (end.prompt_tokens, end.passage_tokens) == (prompt.prompt_tokens, prompt.passage_tokens)
    assert end.completion_tokens == 7


# --- what a row says, by a speaker that says what a test wants ---


class Scripted:
    """Says the tokens of a script by the first token of the prompt. A token may be a fault, or wait."""

    together = True

    def __init__(self, base: Base, script: dict[int, Sequence[int | float | Exception]]) -> None:
        self.script = script
        self.heard: list[int] = []
        self.steps = 0
        self.go = threading.Event()
        self.go.set()
        self.holds_after = -1  # so many steps: the next one waits until told to go
        self.holds = False
        self._size = len(base.speaker)
        self._rows: list[list[int | float | Exception]] = []

    def hear(self, ids: Sequence[int], *, pooled: bool = False) -> Heard:
        self.heard.append(ids[0])
        if not self.script[ids[0]]:
            raise RuntimeError("cannot read this")
        return Heard(((torch.zeros(1, 0, 1), torch.zeros(1, 0, 1)),), (), ids[0])

    def step(self, rows: Rows, tokens: torch.Tensor, part: slice) -> torch.Tensor:
        if self.steps == self.holds_after:
            self.go.clear()
            self.holds = True
        assert self.go.wait(60)
        self.steps += 1
        logits = torch.zeros(len(tokens), self._size)
        for row, (length, token) in enumerate(zip(rows.own.lengths[part], tokens.tolist(), strict=True)):
            first = token if length == 0 else int(rows.own.layers[0][0][part][row, 0, rows.own.end - 1, 0])
            # What a row was asked lies in its keys, as it does with a real model.
            rows.own.layers[0][0][part][row, :, rows.own.end] = first
            says = self.script[first][min(length, len(self.script[first]) - 1)]
            if isinstance(says, Exception):
                raise says
            if isinstance(says, float):
                logits[row] = says
            else:
                logits[row, says] = 20.0
        return logits

    def follow(self, heard: Heard, ids: Sequence[int]) -> torch.Tensor:
        raise RuntimeError("has no opinion")


@pytest.fixture
def scripted(engine: Engine, ours: Base) -> Callable[..., Scripted]:
    def make(*scripts: Sequence[int | float | Exception]) -> Scripted:
        speaker = Scripted(ours, {number + 10: script for number, script in enumerate(scripts)})
        engine._speaker = speaker
        return speaker

    return make


def asks(number: int = 0) -> Prompt:
    return Prompt((number + 10,))


def words(base: Base, text: str) -> list[int]:
    return template.answer(base, text)


def test_half_a_character_is_never_said(
    engine: Engine, ours: Base, scripted: Callable[..., Scripted]
) -> None:
    tokens = [token for letter in "保証は2年☕です" for token in words(ours, letter)[:-1]]
    assert len(tokens) > 12, "these letters are whole tokens, so this test shows nothing"
    scripted([*tokens, ours.end])
    *pieces, end = engine.speak(asks())
    assert all(isinstance(piece, Piece) and "\ufffd" not in piece.text for piece in pieces)
    assert text_of(pieces) == "保証は2年☕です"
    assert ids_of(pieces) == tokens
    assert ended([end]).reason == "stop"
    assert ended([end]).completion_tokens == len(tokens) + 1


def test_an_answer_of_its_full_length_says_so(
    engine: Engine, ours: Base, scripted: Callable[..., Scripted]
) -> None:
    scripted(words(ours, "lamp")[:1])
    assert ended(list(engine.speak(asks(), max_tokens=4))) == Ended(
        "length", 1, 0, 4, pytest.approx(0, abs=1e-3), pytest.approx(0, abs=1e-3)
    )
    assert ended(list(engine.speak(asks(), max_tokens=10_000))).completion_tokens == ours.longest


def test_a_refusal_says_nothing_and_ends_at_once(
    engine: Engine, ours: Base, scripted: Callable[..., Scripted]
) -> None:
    assert ours.nothing is not None
    scripted([ours.nothing, *words(ours, "But anyway")])
    assert list(engine.speak(asks())) == [
        Ended("refused", 1, 0, 1, pytest.approx(0, abs=1e-4), pytest.approx(1, abs=1e-4))
    ]


def test_a_refusal_in_words_is_held_back_until_it_is_one(
    tmp_path: Path, engines: Callable[..., Engine]
) -> None:
    base = bases.load(str(tiny_base(tmp_path / "llama", "llama")))
    refusal = template.answer(base, "")[:-1]
    assert len(refusal) > 3
    other = words(base, "lamp")
    engine = engines(base)
    engine._speaker = Scripted(base, {10: [*refusal, *other], 11: [*refusal[:3], *other]})
    assert [type(event) for event in engine.speak(asks(0))] == [Ended]
    first, *_, end = engine.speak(asks(1))
    assert isinstance(first, Piece)
    assert ids_of([first])[:3] == refusal[:3]
    assert not first.text.startswith(" ")
    assert ended([end]).reason == "stop"


# --- faults ---


def test_one_row_that_fails_takes_no_other_down(
    engine: Engine, ours: Base, scripted: Callable[..., Scripted]
) -> None:
    good = words(ours, "The battery lasts 12 hours.")
    speaker = scripted(good, [good[0], RuntimeError("torn weights")], [good[0], float("nan")], [])
    speaker.go.clear()
    with ThreadPoolExecutor(4) as customers:
        answers = [customers.submit(lambda n=number: list(engine.speak(asks(n)))) for number in range(4)]
        assert eventually(lambda: len(engine._speaking) + len(engine._waiting) >= 3)
        speaker.go.set()
        assert text_of(answers[0].result()) == "The battery lasts 12 hours."
        with pytest.raises(Unavailable, match="RuntimeError: torn weights"):
            answers[1].result()
        with pytest.raises(Unavailable, match="the base model says nothing that is a number"):
            answers[2].result()
        with pytest.raises(Unavailable, match="cannot read this"):
            answers[3].result()
    assert text_of(list(engine.speak(asks()))) == "The battery lasts 12 hours."


def test_a_token_that_the_model_does_not_know_fails_its_own_row_only(
    tmp_path: Path, engines: Callable[..., Engine]
) -> None:
    base = bases.load(str(tiny_base(tmp_path / "llama", "llama")))
    good = template.prompt(base, ASKED[0])
    engine = engines(base)
    wanted = ids_of(list(engine.speak(good, max_tokens=30)))
    with ThreadPoolExecutor(2) as customers:
        spoilt = customers.submit(lambda: list(engine.speak(Prompt((5, 6, 99_999)), max_tokens=30)))
        assert ids_of(list(engine.speak(good, max_tokens=30))) == wanted
        with pytest.raises(Unavailable, match="IndexError"):
            spoilt.result()


def test_a_row_that_fails_alone_ends_nobody_who_waits(tmp_path: Path, engines: Callable[..., Engine]) -> None:
    base = bases.load(str(tiny_base(tmp_path / "llama", "llama")))
    good = template.prompt(base, ASKED[0])
    engine = engines(base, at_once=1)
    wanted = ids_of(list(engine.speak(good, max_tokens=5)))
    with ThreadPoolExecutor(1) as customers:
        for _ in range(10):
            spoilt = customers.submit(lambda: list(engine.speak(Prompt((5, 6, 99_999)), max_tokens=30)))
            assert ids_of(list(engine.speak(good, max_tokens=5))) == wanted
            assert isinstance(spoilt.exception(), Unavailable)


def test_a_score_that_fails_is_a_sentence(engine: Engine, scripted: Callable[..., Scripted]) -> None:
    scripted([1])
    with pytest.raises(Unavailable, match="has no opinion"):
        engine.score(asks(), [1, 2])


def test_a_prompt_without_room_is_no_answer(
    ours: Base, tmp_path: Path, engines: Callable[..., Engine]
) -> None:
    base = bases.load(str(tiny_base(tmp_path / "llama", "llama")))
    engine = engines(base)
    with pytest.raises(NoAnswer, match="a prompt of 512 tokens leaves the model no room"):
        next(engine.speak(Prompt((5,) * 512)))


def test_a_base_that_cannot_be_served_says_so_when_the_engine_is_made(
    ours: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise Misconfigured("not this one")

    monkeypatch.setattr("strategies.lora.engine.speaking.speaker_of", broken)
    with pytest.raises(Misconfigured, match="not this one"):
        Engine(ours)


# --- customers come, wait and go ---


def test_a_customer_who_leaves_frees_the_row_within_a_step(
    ours: Base, engines: Callable[..., Engine]
) -> None:
    engine = engines(ours, at_once=1)
    speaker = Scripted(ours, {10: words(ours, "lamp")[:1], 11: words(ours, "Thanks")})
    engine._speaker = speaker
    speaker.holds_after = 1
    staying = engine.speak(asks(0), max_tokens=100)
    next(staying)
    with ThreadPoolExecutor(1) as customers:
        waiting = customers.submit(lambda: list(engine.speak(asks(1))))
        assert eventually(lambda: len(engine._waiting) == 1 and speaker.holds)
        before = speaker.steps
        staying.close()
        speaker.go.set()
        assert text_of(waiting.result()) == "Thanks"
    assert speaker.steps - before <= len(words(ours, "Thanks")) + 2
    assert eventually(lambda: len(engine._rows) == 0)


def test_who_comes_when_too_many_wait_is_told_so(ours: Base, engines: Callable[..., Engine]) -> None:
    engine = engines(ours, at_once=1, waiting=2)
    speaker = Scripted(ours, {10: words(ours, "lamp")})
    engine._speaker = speaker
    speaker.go.clear()
    with ThreadPoolExecutor(3) as customers:
        asking = [customers.submit(lambda: list(engine.speak(asks())))]
        assert eventually(lambda: len(engine._speaking) == 1)
        asking += [customers.submit(lambda: list(engine.speak(asks()))) for _ in range(2)]
        assert eventually(lambda: len(engine._waiting) == 2)
        with pytest.raises(Unavailable, match="is making: 1, questions that wait for it: 2;"):
            next(engine.speak(asks()))
        speaker.go.set()
        assert [text_of(answer.result()) for answer in asking] == ["lamp"] * 3


def test_nobody_need_wait_where_nobody_may(ours: Base, engines: Callable[..., Engine]) -> None:
    engine = engines(ours, at_once=1, waiting=0)
    speaker = Scripted(ours, {10: words(ours, "lamp")})
    engine._speaker = speaker
    assert text_of(list(engine.speak(asks()))) == "lamp"
    assert eventually(lambda: not engine._speaking)
    speaker.go.clear()
    with ThreadPoolExecutor(1) as customers:
        first = customers.submit(lambda: list(engine.speak(asks())))
        assert eventually(lambda: len(engine._speaking) == 1)
        with pytest.raises(Unavailable, match="questions that wait for it: 0;"):
            next(engine.speak(asks()))
        speaker.go.set()
        assert text_of(first.result()) == "lamp"


def test_who_left_while_waiting_takes_nobodys_place(ours: Base, engines: Callable[..., Engine]) -> None:
    engine = engines(ours, at_once=1, waiting=1)
    speaker = Scripted(ours, {10: words(ours, "lamp")})
    engine._speaker = speaker
    speaker.go.clear()
    with ThreadPoolExecutor(2) as customers:
        first = customers.submit(lambda: list(engine.speak(asks())))
        assert eventually(lambda: len(engine._speaking) == 1)
        with pytest.raises(Unavailable, match="did not finish its answer in time"):
            next(engine.speak(asks(), seconds=0.01))
        later = customers.submit(lambda: list(engine.speak(asks())))
        time.sleep(0.02)
        speaker.go.set()
        assert text_of(first.result()) == text_of(later.result()) == "lamp"
    assert speaker.heard == [10], "the prompt was taken in for somebody who had left"


def test_an_answer_that_takes_too_long_is_ended(ours: Base, engines: Callable[..., Engine]) -> None:
    engine = engines(ours)
    speaker = Scripted(ours, {10: words(ours, "lamp")[:1]})
    speaker.holds_after = 1
    engine._speaker = speaker
    with pytest.raises(Unavailable, match="in time"):
        list(engine.speak(asks(), max_tokens=100, seconds=0.2))
    assert eventually(lambda: speaker.holds), "it had not begun"
    speaker.go.set()
    assert eventually(lambda: len(engine._rows) == 0)


def test_a_prompt_that_comes_again_is_not_taken_in_again(
    ours: Base, tmp_path: Path, engines: Callable[..., Engine]
) -> None:
    engine = engines(ours)
    engine.add("a", peft_adapter(ours, tmp_path / "a"))
    heard: list[Sequence[int]] = []
    real = engine._speaker.hear
    engine._speaker.hear = lambda ids, **how: heard.append(ids) or real(ids, **how)  # type: ignore[method-assign,func-returns-value]
    prompt = template.prompt(ours, ASKED[0])
    for name in ("", "a", "", "a"):
        assert list(engine.speak(prompt, adapter=name, max_tokens=3))
    engine.score(prompt, [5, 6], "a")
    assert len(heard) == 2, "once with the adapter and once without: its reader is adapted, too"


def test_the_memory_of_prompts_is_bounded(
    ours: Base, monkeypatch: pytest.MonkeyPatch, engines: Callable[..., Engine]
) -> None:
    monkeypatch.setattr("strategies.lora.engine.speaking.REMEMBERED", 20_000)
    monkeypatch.setattr("strategies.lora.engine.speaking.weights_of", lambda _: 0)
    engine = engines(ours)
    for number in range(20):
        list(engine.speak(template.prompt(ours, f"{ASKED[0]} {number}"), max_tokens=1))
    memory = engine._memory
    held = sum(heard.nbytes for heard in memory._held.values())
    assert 0 < held == memory.nbytes <= 20_000


def test_closing_tells_who_listens_and_who_comes_later(ours: Base) -> None:
    engine = Engine(ours)
    speaker = Scripted(ours, {10: words(ours, "lamp")[:1]})
    speaker.holds_after = 1
    engine._speaker = speaker
    answer = engine.speak(asks(), max_tokens=100)
    next(answer)
    assert eventually(lambda: speaker.holds)
    with ThreadPoolExecutor(1) as admin:
        closing = admin.submit(engine.close)
        assert eventually(lambda: engine._closing)
        speaker.go.set()
        closing.result()
    engine.close()
    assert not any(thread.name == "engine" and thread.is_alive() for thread in [engine._thread])
    with pytest.raises(Unavailable, match="being shut down"):
        list(answer)
    with pytest.raises(Unavailable, match="being shut down"):
        next(engine.speak(asks()))
    with pytest.raises(Unavailable, match="being shut down"):
        engine.score(asks(), [1])


def test_the_engine_changes_nobody_elses_threads(ours: Base, engines: Callable[..., Engine]) -> None:
    before = torch.get_num_threads()
    engine = engines(ours, threads=before + 1)
    assert engine._done(torch.get_num_threads) == before + 1
    assert torch.get_num_threads() == before
    with ThreadPoolExecutor(1) as others:
        assert others.submit(torch.get_num_threads).result() == before


def test_many_answers_leave_nothing_behind(
    ours: Base, tmp_path: Path, engines: Callable[..., Engine]
) -> None:
    """The 10,000 answers of a long day are asked in `python -m benchmarks.engine --answers 10000`."""
    prompts = [template.prompt(ours, f"{ASKED[number % 6]} {number}") for number in range(12)]
    engine = engines(ours, at_once=8)
    names = [f"a{number}" for number in range(3)]
    for number, name in enumerate(names):
        engine.add(name, peft_adapter(ours, tmp_path / name, number))

    def asks_on(customer: int) -> None:
        for number in range(25):
            name = names[(number + customer) % 3]
            answer = engine.speak(prompts[(customer * 5 + number) % 12], adapter=name, max_tokens=3)
            next(answer)
            if number % 4:
                list(answer)
            answer.close()

    def tensors_after_a_crowd() -> int:
        with ThreadPoolExecutor(8) as customers:
            list(customers.map(asks_on, range(8)))
        assert eventually(lambda: len(engine._rows) == 0)
        gc.collect()
        return sum(issubclass(type(found), torch.Tensor) for found in gc.get_objects())

    before = tensors_after_a_crowd()
    assert tensors_after_a_crowd() < before + 20, "of 200 answers some left tensors behind"
    assert engine._rows.own.layers == []
