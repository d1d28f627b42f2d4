"""One base in memory, many adapters: the engine that the product model speaks with.

    customers' threads      speak() ──▶ waiting (bounded) ──▶ a row ──▶ Piece, Piece … Ended
    the engine's thread     every step: who left goes, who waits joins, all rows say one token together

The thread alone touches the model, so which adapter speaks is a matter of the row, never of the moment. A
question joins at the next step, an answer that ends or is abandoned leaves at the next step, and rows of
different adapters make their steps together (`layers`, `rows`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from strategies.errors import Misconfigured, NoAnswer, StrategyError, Unavailable
from strategies.llm.local import Decoder
from strategies.lora.bases import template
from strategies.lora.bases.hearing import turned

if TYPE_CHECKING:
    from torch import Tensor

    from strategies.lora.bases.model import Base
    from strategies.lora.engine.layers import Adapter, Voices
    from strategies.lora.engine.rows import Heard, Speaker

log = logging.getLogger(__name__)

Reason = Literal["stop", "length", "refused"]
Said = TypeVar("Said")

# Bytes of prompts that are kept for when they come again; a large base keeps an eighth of its weights.
REMEMBERED = 64 * 2**20


# Up to so many bytes of weights one thread is nearly as quick as two; and where another process wants the
# cores, a step that is shared waits for the slower thread at each of a hundred products (see
# docs/decisions/engine.md).
SMALL = 128 * 2**20


@dataclass(frozen=True)
class Piece:
    """Some of the answer: text that is whole characters, never empty; the tokens that made it, and the
    log-probability of each.
    """

    text: str
    ids: tuple[int, ...]
    logprobs: tuple[float, ...]


@dataclass(frozen=True)
class Ended:
    """The last thing said about an answer."""

    reason: Reason
    prompt_tokens: int  # without those of passages
    passage_tokens: int
    completion_tokens: int  # the end token included
    logprob: float  # mean over the answer's tokens
    refusal: float  # how probable it was, at the first token, that it refuses


@dataclass(frozen=True)
class Scored:
    """How an adapter takes a given answer: the log-probability of each of its tokens, and how many of the
    first it would have said itself.
    """

    logprobs: tuple[float, ...]
    own: int


@dataclass(frozen=True)
class Begun:
    """First tokens of an answer that are known to be what would be said, with the log-probability of each."""

    ids: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    refusal: float = 0.0  # how probable it was that it refuses


NOTHING = Begun()


@dataclass(eq=False)
class Asked:
    """One question on its way: waiting, then a row. The engine's thread writes, the customer's reads."""

    prompt: template.Prompt
    adapter: Adapter | None
    most: int  # tokens
    until: float  # by the monotonic clock
    begun: Begun
    meant: tuple[float, ...]  # what it is taken for; () as it is heard
    said: SimpleQueue[tuple[int, float] | Reason | StrategyError] = field(default_factory=SimpleQueue)
    left: bool = False  # the customer is gone
    next: int = -1  # the token that its row says next
    ids: list[int] = field(default_factory=list)
    refusal: float = 0.0

    def hears(self, token: int, logprob: float, ends: frozenset[int], refusal: list[int]) -> bool:
        """The row's next token. True when it was its last."""
        self.next = token
        self.ids.append(token)
        if logprob != logprob:  # NaN
            self.said.put(Unavailable(f"{self.who} says nothing that is a number"))
            return True
        self.said.put((token, logprob))
        reason = self._reason(token, ends, refusal)
        if reason:
            self.said.put(reason)
        return bool(reason)

    def _reason(self, token: int, ends: frozenset[int], refusal: list[int]) -> Reason | None:
        if token in ends:
            return "stop"
        if self.ids == refusal:
            return "refused"
        return "length" if len(self.ids) >= self.most else None

    @property
    def who(self) -> str:
        return f"the adapter {self.adapter.name!r}" if self.adapter else "the base model"


class Engine:
    """Serves one base. Safe for many threads. Making one takes as long as packing the weights."""

    def __init__(self, base: Base, *, at_once: int = 16, waiting: int = 64, threads: int = 0) -> None:
        """`at_once` answers are made together and `waiting` more may wait. `threads` is how many of torch's
        threads a step is shared by; 0 is one for a small base, and for others what torch chose.
        """
        from strategies.lora.engine.rows import Rows

        self.base = base
        self._at_once = at_once
        self._most_waiting = waiting
        self._refusal = template.answer(base, "")[:-1]
        self._changed = threading.Condition()
        # Under the condition: what other threads hand over.
        self._adapters: dict[str, Adapter] = {}
        self._waiting: deque[Asked] = deque()
        self._tasks: deque[Callable[[], None]] = deque()
        self._closing = False
        # The engine's thread alone:
        self._rows = Rows()
        self._speaking: list[Asked] = []  # in the order of the rows
        self._memory = Memory(max(REMEMBERED, weights_of(base) // 8))
        self._tree: Any
        self._voices: Voices
        self._speaker: Speaker
        made: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(threads, made), name="engine", daemon=True)
        with threads_kept():
            self._thread.start()
            made.result()

    def add(self, name: str, folder: Path) -> None:
        """Take in the adapter that PEFT saved in `folder`. Who speaks meanwhile is not disturbed. Raises
        Misconfigured when it does not fit.
        """
        from strategies.lora.engine.layers import read

        adapter = read(name, folder, self._tree)
        with self._changed:
            self._adapters[name] = adapter

    def drop(self, name: str) -> None:
        """Let an adapter go: no new answer begins with it, and its weights go with the last one that speaks
        with it. One that is not there is no fault.
        """
        with self._changed:
            if self._adapters.pop(name, None):
                self._tasks.append(self._forget)
                self._changed.notify()

    def names(self) -> tuple[str, ...]:
        """The adapters that can speak."""
        with self._changed:
            return tuple(self._adapters)

    def speak(
        self,
        prompt: template.Prompt,
        *,
        adapter: str = "",
        max_tokens: int = 256,
        seconds: float = 60,
        begun: Begun = NOTHING,
        meant: Sequence[float] = (),
    ) -> Generator[Piece | Ended, None, None]:
        """The likeliest answer, as it is made; `adapter` "" is the base alone. What is `begun` is said at
        once, and gone on from. Where a question is heard as one, `meant` is a unit vector that takes the
        place of its own. Closing it frees the row within a step.

        Raises Unavailable when too many wait, `seconds` have passed, or it fails; Misconfigured when there is
        no such adapter; NoAnswer when the prompt leaves no room for an answer.
        """
        who, room = self._adapter(adapter), self._room(prompt, max_tokens)
        asked = Asked(prompt, who, room, time.monotonic() + seconds, begun, tuple(meant))
        self._enqueue(asked)
        try:
            yield from self._heard(asked)
        finally:
            asked.left = True

    def score(self, prompt: template.Prompt, answer_ids: Sequence[int], adapter: str = "") -> list[float]:
        """The log-probability of each token of a given answer."""
        return list(self.scores(prompt, [answer_ids], adapter)[0].logprobs)

    def scores(
        self,
        prompt: template.Prompt,
        answers: Sequence[Sequence[int]],
        adapter: str = "",
        meant: Sequence[float] = (),
    ) -> list[Scored]:
        """Several answers at once. One of a single token costs nothing beside a longer one. `meant` is as
        for `speak`.
        """
        who = self._adapter(adapter)
        longer = [at for at, ids in enumerate(answers) if len(ids) > 1]
        row = {at: place for place, at in enumerate(longer)}

        def scored() -> list[Scored]:
            heard = self._take_in(prompt, who, meant)
            self._voices.one(who)
            said = self._speaker.follow(heard, [list(answers[at][:-1]) for at in longer] or [[]])
            likely = said.float().log_softmax(-1)
            return [score(likely[row.get(at, 0), : len(ids)], ids) for at, ids in enumerate(answers)]

        return self._done(scored) if any(answers) else [Scored((), 0) for _ in answers]

    def pools(self, adapter: str) -> bool:
        """Whether it hears a question alone as one."""
        found = self._adapter(adapter)
        return found is not None and found.pooled

    def meaning(self, prompt: template.Prompt, adapter: str) -> list[float]:
        """The unit vector as which an adapter that `pools` hears a question."""
        who = self._adapter(adapter)

        def heard() -> list[float]:
            found = self._take_in(prompt, who).as_one
            assert found is not None, "it hears token by token"
            return list((found.float() / found.float().norm()).tolist())

        return self._done(heard)

    def close(self) -> None:
        """Stop; who still waits or listens is told. May be called twice."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if threading.current_thread() is not self._thread:  # a finalizer may run in it
            self._thread.join()

    # What the customer's thread does

    def _adapter(self, name: str) -> Adapter | None:
        with self._changed:
            if name and name not in self._adapters:
                raise Misconfigured(f"the adapter {name!r} is not loaded; add it first")
            return self._adapters.get(name)

    def _room(self, prompt: template.Prompt, most: int) -> int:
        base = self.base
        room = base.room - len(prompt.ids) if base.family == "causal" else base.longest
        if room < 1 or not prompt.ids:
            raise NoAnswer(f"a prompt of {len(prompt.ids)} tokens leaves the model no room for an answer")
        return min(most, room)

    def _enqueue(self, asked: Asked) -> None:
        with self._changed:
            if self._closing:
                raise Unavailable("the product model is being shut down")
            places = self._most_waiting + self._at_once - len(self._speaking)
            if len(self._waiting) >= places:
                self._waiting = deque(other for other in self._waiting if not other.left)
            if len(self._waiting) >= places:
                raise Unavailable(
                    f"answers that the product model is making: {len(self._speaking)}, questions that wait "
                    f"for it: {len(self._waiting)}; raise its limits or add a machine"
                )
            self._waiting.append(asked)
            self._changed.notify()

    def _heard(self, asked: Asked) -> Generator[Piece | Ended, None, None]:
        """What the row says, as text."""
        decoder = Decoder(self.base.speaker)
        ids: list[int] = []
        logprobs: list[float] = []
        text, kept = "", 0  # made and not yet said; the tokens that were said
        while isinstance(said := self._next(asked), tuple):
            logprobs.append(said[1])
            if said[0] in self.base.ends:
                continue
            ids.append(said[0])
            text += decoder.put(said[0])
            text = text if kept else text.lstrip()
            if text and not self._may_refuse(ids):
                yield Piece(text, tuple(ids[kept:]), tuple(logprobs[kept:]))
                text, kept = "", len(ids)
        if said != "refused" and (text := text + decoder.rest()):
            yield Piece(text, tuple(ids[kept:]), tuple(logprobs[kept : len(ids)]))
        mean = sum(logprobs) / len(logprobs)
        prompt = asked.prompt
        yield Ended(said, prompt.prompt_tokens, prompt.passage_tokens, len(logprobs), mean, asked.refusal)

    def _next(self, asked: Asked) -> tuple[int, float] | Reason:
        try:
            said = asked.said.get(timeout=max(0.0, asked.until - time.monotonic()))
        except Empty:
            raise Unavailable("the product model did not finish its answer in time") from None
        if isinstance(said, StrategyError):
            raise said
        return said

    def _may_refuse(self, ids: Sequence[int]) -> bool:
        """The beginning of a refusal is not said before it is clear that it is none."""
        return list(ids) == self._refusal[: len(ids)]

    def _done(self, task: Callable[[], Said]) -> Said:
        """Have the engine's thread do something between two steps."""
        done: Future[Said] = Future()

        def work() -> None:
            try:
                done.set_result(task())
            except Exception as error:
                done.set_exception(fault(error))

        with self._changed:
            if self._closing:
                raise Unavailable("the product model is being shut down")
            self._tasks.append(work)
            self._changed.notify()
        return done.result()

    # What the engine's thread does

    def _run(self, threads: int, made: Future[None]) -> None:
        import torch

        try:
            self._make(threads)
        except Exception as error:
            made.set_exception(error)
            return
        made.set_result(None)
        with torch.inference_mode():
            while self._wanted():
                try:
                    self._work()
                except Exception as error:  # a fault of ours must not end the thread that all wait for
                    self._end_all(str(fault(error)))
            for task in self._tasks:
                task()
        self._end_all("the product model is being shut down")

    def _make(self, threads: int) -> None:
        import torch

        from strategies.lora.engine.layers import adapted

        if threads or weights_of(self.base) <= SMALL:
            torch.set_num_threads(threads or 1)
            torch.get_num_threads()  # asked once, this thread no longer follows what others set later
        self._tree, self._voices = adapted(self.base.model)
        self._speaker = speaker_of(self.base, self._tree)

    def _wanted(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._speaking or self._waiting or self._tasks)
            return not self._closing

    def _work(self) -> None:
        if self._tasks:
            self._tasks.popleft()()
        self._leave([row for row, asked in enumerate(self._speaking) if asked.left])
        self._admit()
        if self._speaking:
            self._say()

    def _admit(self) -> None:
        """Who waits joins: all when nobody is speaking yet, else one a step, so that answers under way do not
        pause for a crowd.
        """
        under_way = bool(self._speaking)
        while len(self._speaking) < self._at_once and (asked := self._first_waiting()):
            try:
                heard = self._begun(asked, self._take_in(asked.prompt, asked.adapter, asked.meant))
            except Exception as error:
                asked.said.put(fault(error))
                continue
            if heard is None:
                continue
            self._rows.join(heard)
            asked.next = heard.last
            self._speaking.append(asked)
            if under_way:
                break

    def _begun(self, asked: Asked, heard: Heard) -> Heard | None:
        """Where the answer goes on, what is begun of it being said; None when that was all of it."""
        begun = asked.begun
        if not begun.ids:
            return heard
        asked.refusal = begun.refusal
        for token, logprob in zip(begun.ids, begun.logprobs, strict=True):
            if asked.hears(token, logprob, self.base.ends, self._refusal):
                return None
        self._voices.one(asked.adapter)
        return self._speaker.after(heard, begun.ids)

    def _first_waiting(self) -> Asked | None:
        with self._changed:
            while self._waiting:
                if not (asked := self._waiting.popleft()).left:
                    return asked
        return None

    def _take_in(
        self, prompt: template.Prompt, adapter: Adapter | None, meant: Sequence[float] = ()
    ) -> Heard:
        """The prompt as the model hears it, from memory when it came before, or as it is meant."""
        if meant:
            return self._taken_for(self._take_in(prompt, adapter), adapter, meant)
        if heard := self._memory.get(adapter, prompt.ids):
            return heard
        self._voices.one(adapter)
        pooled = adapter is not None and adapter.pooled and not prompt.passage_tokens
        heard = self._speaker.hear(prompt.ids, pooled=pooled)
        if adapter is None or self._adapters.get(adapter.name) is adapter:
            self._memory.put(adapter, prompt.ids, heard)
        return heard

    def _taken_for(self, heard: Heard, adapter: Adapter | None, meant: Sequence[float]) -> Heard:
        import torch

        one = heard.as_one
        assert one is not None, "it hears token by token"
        self._voices.one(adapter)
        return self._speaker.given(turned(one[None], torch.tensor(meant)))

    def _say(self) -> None:
        """One token for every row."""
        self._rows.own.open()
        logprobs = self._logits().float().log_softmax(-1)
        self._rows.own.close()
        best = logprobs.max(-1)
        over = []
        for row, (asked, token, logprob) in enumerate(
            zip(self._speaking, best.indices.tolist(), best.values.tolist(), strict=True)
        ):
            if not asked.ids:
                asked.refusal = float(logprobs[row, self._refusal[0]].exp())
            if asked.hears(token, logprob, self.base.ends, self._refusal):
                over.append(row)
        self._leave(over)

    def _logits(self) -> Tensor:
        """The logits of all rows; NaN for one that fails even alone, and takes no other down."""
        import torch

        tokens = torch.tensor([asked.next for asked in self._speaking], device=self.base.device)
        if self._speaker.together or len(self._speaking) == 1:
            try:
                self._voices.each([asked.adapter for asked in self._speaking])
                return self._speaker.step(self._rows, tokens, slice(0, len(self._speaking)))
            except Exception as error:
                log.warning("a step of %d rows failed, each is tried alone: %r", len(self._speaking), error)
        alone = [self._alone(row, tokens) for row in range(len(self._speaking))]
        # As wide as an opinion on refusing needs, also where all have failed.
        wide = max(self._refusal[0] + 1, *(logits.shape[-1] for logits in alone))
        return torch.cat([logits.expand(1, wide) for logits in alone])

    def _alone(self, row: int, tokens: Tensor) -> Tensor:
        part = slice(row, row + 1)
        try:
            self._voices.one(self._speaking[row].adapter)
            return self._speaker.step(self._rows, tokens[part], part)
        except Exception as error:
            self._speaking[row].said.put(fault(error))
            return tokens.new_full((1, 1), float("nan"), dtype=self._tree.dtype)

    def _leave(self, over: Sequence[int]) -> None:
        for row in reversed(over):  # the last row moves into the place of one that leaves
            self._rows.leave(row)
            self._speaking[row] = self._speaking[-1]
            self._speaking.pop()

    def _forget(self) -> None:
        """Nothing is kept of an adapter that was dropped."""
        self._memory.keep({None, *self._adapters.values()})
        if not self._speaking:
            self._voices.forget()

    def _end_all(self, why: str) -> None:
        from strategies.lora.engine.rows import Rows

        with self._changed:
            ended = [*self._speaking, *self._waiting]
            self._waiting.clear()
        self._speaking.clear()
        self._rows = Rows()
        for asked in ended:
            asked.said.put(Unavailable(why))


class Memory:
    """Prompts that were taken in, the latest ones, up to so many bytes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: OrderedDict[tuple[Adapter | None, tuple[int, ...]], Heard] = OrderedDict()
        self.nbytes = 0

    def get(self, adapter: Adapter | None, ids: tuple[int, ...]) -> Heard | None:
        heard = self._held.get((adapter, ids))
        if heard:
            self._held.move_to_end((adapter, ids))
        return heard

    def put(self, adapter: Adapter | None, ids: tuple[int, ...], heard: Heard) -> None:
        self._held[adapter, ids] = heard
        self.nbytes += heard.nbytes
        while self.nbytes > self._most:
            _, oldest = self._held.popitem(last=False)
            self.nbytes -= oldest.nbytes

    def keep(self, adapters: set[Adapter | None]) -> None:
        """Forget what others have heard."""
        for key in [key for key in self._held if key[0] not in adapters]:
            self.nbytes -= self._held.pop(key).nbytes


def score(likely: Tensor, ids: Sequence[int]) -> Scored:
    """`likely` are the logarithms (tokens, vocabulary) for each token of an answer."""
    own = (token == wanted for token, wanted in zip(likely.argmax(-1).tolist(), ids, strict=True))
    told = likely[range(len(ids)), list(ids)].tolist()
    return Scored(tuple(told), sum(takewhile(bool, own)))


def weights_of(base: Base) -> int:
    return sum(weight.nbytes for weight in base.model.parameters())


@contextmanager
def threads_kept() -> Iterator[None]:
    """torch's number of threads belongs to the thread that set it, and then to every new one: whoever comes
    after a thread of ours shall have what there was before.
    """
    import torch

    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def speaker_of(base: Base, tree: Any) -> Speaker:
    """The quickest way to speak with a base; `tree` is its model with adapters."""
    from strategies.lora.engine.families import Causal, Encoded
    from strategies.lora.engine.gpt2 import Gpt2, fits

    if base.family == "causal":
        return Causal(tree)
    return Gpt2(tree, base) if fits(tree) else Encoded(tree, base)


def fault(error: Exception) -> StrategyError:
    """What a fault in the engine means for who asked."""
    if isinstance(error, StrategyError):
        return error
    log.warning("the product model failed: %r", error)
    return Unavailable(f"the product model failed: {type(error).__name__}: {error}")
