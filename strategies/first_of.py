"""Fallback and cascade: the first strategy that has something to say answers, or the surest one, or the two
that are about as sure as each other.

A strategy hands over by NoAnswer or Unavailable, and only before its first token: what a customer has begun
to read is never taken back. Misconfigured never hands over, because a cascade that hides a broken strategy
hides it for good.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from itertools import chain

from pydantic import Field, model_validator

from strategies.base import Kit, Options, Question, Strategy
from strategies.errors import NoAnswer, Unavailable
from strategies.events import Citation, Decision, Event, Token, Usage
from strategies.signs import signs_of_all
from strategies.streams import Stream, stream_of

CERTAIN = 1.0  # who tells no likelihood is taken at its word
# Between two answers that are heard.
BETWEEN = {"en": "This may help, too:", "ja": "こちらもご参考になるかもしれません。"}


class FirstOfOptions(Options):
    """What an operator may set."""

    of: list[str] = Field(
        min_length=1, description="Names of strategies, in the order in which they are asked."
    )
    surest: bool = Field(
        default=False,
        description="Ask all, and let the one speak that takes its answer to be likeliest right; one that "
        "tells no likelihood is taken to be certain.",
    )
    within: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="With surest: the next one is heard as well, behind the surest, if its likelihood is "
        "less than this below. 0: the surest one alone.",
    )

    @model_validator(mode="after")
    def _alone_or_beside(self) -> FirstOfOptions:
        if self.within and not self.surest:
            raise ValueError("within tells how near the next one is to the surest; set surest = true, too")
        return self


@dataclass(frozen=True, eq=False)
class Begun:
    """An answer whose first token is there. `likelihood` is how sure its strategy said it is."""

    name: str
    opening: Sequence[Event]
    rest: Stream
    likelihood: float


class FirstOf:
    """Asks one strategy after the other until one answers."""

    Options = FirstOfOptions

    def __init__(
        self,
        of: Sequence[tuple[str, Strategy]],
        named: str = "first_of",
        *,
        surest: bool = False,
        within: float = 0.0,
    ) -> None:
        """`of` pairs each strategy with the name under which decisions speak of it."""
        self._of = tuple(of)
        self._named = named
        self._surest = surest
        self._within = within

    @classmethod
    def make(cls, options: FirstOfOptions, kit: Kit) -> FirstOf:
        of = [(name, kit.strategy(name)) for name in options.of]
        return cls(of, kit.named, surest=options.surest, within=options.within)

    def warm_up(self) -> None:
        """Warm them all. One that is unavailable is what the others are for; all of them is too many."""
        down: list[str] = []
        for name, strategy in self._of:
            try:
                strategy.warm_up()
            except Unavailable as error:
                down.append(f"{name!r} is unavailable ({error})")
        if len(down) == len(self._of):
            raise Unavailable("; ".join(down))

    def signs(self, question: Question) -> Mapping[str, float]:
        """What each of them tells."""
        return signs_of_all(self._of, question)

    def stream(self, question: Question) -> Iterator[Event]:
        failed: list[NoAnswer | Unavailable] = []
        reasons: list[str] = []
        begun: list[Begun] = []
        with ExitStack() as streams:
            for name, strategy in self._of:
                try:
                    begun.append((yield from beginning(name, strategy, question)))
                except (NoAnswer, Unavailable) as error:
                    if isinstance(error, NoAnswer):
                        yield from error.events
                    failed.append(error)
                    state = "has no answer" if isinstance(error, NoAnswer) else "is unavailable"
                    reasons.append(f"{name!r} {state} ({error})")
                    yield Decision(by=self._named, what=f"passed over {name!r}", why=str(error))
                    continue
                streams.enter_context(closing(begun[-1].rest))
                if not self._surest or begun[-1].likelihood >= CERTAIN:
                    break
            if begun:
                yield from self._heard(begun, reasons, question.language)
                return
        if all(isinstance(error, NoAnswer) for error in failed):
            raise NoAnswer("; ".join(reasons))
        raise Unavailable("; ".join(reasons))

    def _heard(self, begun: Sequence[Begun], reasons: list[str], language: str) -> Iterator[Event]:
        """Of those that have begun the surest, and the next one where it is about as sure."""
        speaks, *others = sorted(begun, key=lambda each: -each.likelihood)
        also = others[0] if others and speaks.likelihood - others[0].likelihood < self._within else None
        for each in begun:
            if each not in (speaks, also):
                each.rest.close()
                less = f"{each.likelihood:.2f}, and {speaks.name!r} with {speaks.likelihood:.2f}"
                reasons.append(f"{each.name!r} is right with likelihood {less}")
                yield Decision(self._named, f"passed over {each.name!r}", reasons[-1])
        yield Decision(by=self._named, what=f"chose {speaks.name!r}", why="; ".join(reasons))
        if also is None:
            yield from speaks.opening
            yield from speaks.rest
            return
        likely = {each.name: round(each.likelihood, 4) for each in (speaks, also)}
        why = f"it is about as sure: {also.likelihood:.2f} beside {speaks.likelihood:.2f}"
        yield Decision(self._named, f"lets {also.name!r} speak as well", why, likely)
        numbers: dict[str, int] = {}
        yield from numbered(chain(speaks.opening, speaks.rest), numbers)
        yield Token(f"\n\n{BETWEEN.get(language, BETWEEN['en'])}\n\n")
        try:
            yield from numbered(chain(also.opening, also.rest), numbers)
        except (NoAnswer, Unavailable) as error:
            yield Decision(self._named, f"{also.name!r} broke off", str(error))


def numbered(events: Iterable[Event], numbers: dict[str, int]) -> Iterator[Event]:
    """The events with citations that count passages over all that is said; `numbers` has those so far, by
    passage.
    """
    for event in events:
        if isinstance(event, Citation):
            event = replace(event, number=numbers.setdefault(event.passage.id, len(numbers) + 1))
        yield event


def beginning(name: str, strategy: Strategy, question: Question) -> Generator[Event, None, Begun]:
    """Like `until_first_token`, and how sure the strategy said it is on the way."""
    likelihood = CERTAIN
    with closing(until_first_token(strategy, question)) as events:
        while True:
            try:
                event = next(events)
            except StopIteration as ready:
                opening, rest = ready.value
                return Begun(name, opening, rest, likelihood)
            if isinstance(event, Decision):
                likelihood = event.detail.get("likelihood", likelihood)
            yield event


def until_first_token(
    strategy: Strategy, question: Question
) -> Generator[Event, None, tuple[list[Event], Stream]]:
    """Pass on usage and decisions at once; return what begins the answer, with the stream to go on from
    there.

    Citations before the first token belong to the answer, so they wait with it: an attempt that fails leaves
    none behind.
    """
    stream = stream_of(strategy, question)
    held: list[Event] = []
    try:
        for event in stream:
            match event:
                case Token():
                    return [*held, event], stream
                case Citation():
                    held.append(event)
                case Usage() | Decision():
                    yield event
    except BaseException:
        stream.close()
        raise
    raise NoAnswer("it ended without a word")
