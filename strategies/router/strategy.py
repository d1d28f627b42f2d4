"""Chooses who answers a question, before anybody speaks, and says why.

The head is trained by `kotae router train` and loaded from the data directory. Without one, the first
strategy of `of` answers everything. When a strategy, its adapter or the index is no longer what it was at the
training, the head is stale: the best single strategy answers everything until it is trained again, by
somebody or, with `learn_from`, by a job that anybody sees. With `refuse` it also keeps silent where nobody
answers, as it has learned from questions that were judged so. Who answers then is told that somebody has
looked (`Question.vouched`), so that it is not refused twice.

What was chosen has the last word: when it abstains, the router abstains, for a refusal is right where there
is no answer. Who wants a cascade puts a `first_of` into `of`. Only when it is unavailable, and nothing was
said yet, does the one to fall back to answer.
"""

from __future__ import annotations

import json
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field, model_validator

from knowledge_base.errors import KnowledgeError
from strategies.base import Kit, Options, Question
from strategies.errors import NoAnswer, StrategyError, Unavailable
from strategies.events import Decision, Event
from strategies.first_of import until_first_token
from strategies.followups import standalone
from strategies.router.examples import Spend
from strategies.router.head import BrokenHead, Conditions, Head, file_of, load
from strategies.router.plan import REFUSED, Plan, Refusing, plans, refusing, within
from strategies.signs import signs_of_all
from strategies.streams import stream_of
from strategies.wording import as_asked

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
UNTRAINED = "it was never trained (kotae router train)"
UNITS = {"ms": "ms", "cost": "of cost", "tokens": "prompt tokens"}


class RouterOptions(Options):
    """What an operator may set."""

    of: list[str] = Field(
        min_length=1,
        description="Names of strategies to choose among; the first answers until it is trained.",
    )
    spend: Spend = Field(
        default="ms", description="What the budget counts: ms of an answer, its cost, or its prompt tokens."
    )
    budget: float | None = Field(
        default=None,
        ge=0,
        description="What an answer may spend on average; unset: as is best. The console's goes before.",
    )
    margin: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="How much likelier right another must be than the best single strategy.",
    )
    refuse: float = Field(
        default=0.0,
        ge=0,
        le=0.5,
        description="Refuse what nobody answers, as it has learned, at the price of refusing so much of what "
        "can be answered: a share. 0: it refuses nothing itself.",
    )

    learn_from: str = Field(
        default="",
        json_schema_extra={"names": "question set"},
        description="A question set from which it learns by itself, whenever its strategies or the documents "
        "have changed; that evaluates them each time. Empty: when somebody says so.",
    )

    @model_validator(mode="after")
    def _something_to_do(self) -> RouterOptions:
        if len(self.of) == 1 and not self.refuse:
            raise ValueError("a router of one strategy chooses nothing; name another, or set refuse")
        return self


@dataclass(frozen=True)
class Routing:
    """How the router stands: what it learned, what it may spend, and the plan that follows.

    `fault` says why it does not choose; `""` when it does.
    """

    head: Head | None
    budget: float | None
    plan: Plan | None
    tried: tuple[Plan, ...]
    fault: str
    refusing: Refusing | None = None


class Router:
    """Chooses by what it learned which strategy answers, within a budget."""

    Options = RouterOptions

    def __init__(
        self, options: RouterOptions, kit: Kit, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.options = options
        self._kit = kit
        self._named = kit.named or "router"
        self._of = {name: kit.strategy(name) for name in options.of}
        self._file = file_of(kit.data, self._named)
        self._clock = clock
        self._looking = threading.Lock()
        self._looked = float("-inf")
        self._stamps: tuple[object, ...] = ()
        self._routing = Routing(None, options.budget, None, (), UNTRAINED)

    @classmethod
    def make(cls, options: RouterOptions, kit: Kit) -> Router:
        return cls(options, kit)

    def warm_up(self) -> None:
        """Warm them all, and load what was learned. One that is unavailable is what the others are for."""
        down: list[str] = []
        for name, strategy in self._of.items():
            try:
                strategy.warm_up()
            except Unavailable as error:
                down.append(f"{name!r} is unavailable ({error})")
        if len(down) == len(self._of):
            raise Unavailable("; ".join(down))
        self.look()

    def speaker(self) -> str:
        """What it chooses by just now."""
        routing = self.routing()
        return f"{routing.head.hash if routing.head else ''} {routing.budget} {bool(routing.fault)}"

    def stream(self, question: Question) -> Iterator[Event]:
        name, why, detail = self._choice(question, self.routing())
        fallback = detail["fallback"]
        if not name:
            decision = Decision(self._named, "abstained", why, detail)
            raise NoAnswer(why, (decision,))
        yield Decision(self._named, f"chose {name!r}", why, detail)
        question = replace(question, vouched=detail.get("vouched", False))
        if name == fallback:
            yield from stream_of(self._of[name], question)
            return
        try:
            opening, rest = yield from until_first_token(self._of[name], question)
        except Unavailable as error:
            yield Decision(self._named, f"fell back to {fallback!r}", f"{name!r} is unavailable ({error})")
            yield from stream_of(self._of[fallback], question)
            return
        with closing(rest):
            yield from opening
            yield from rest

    def signs(self, question: Question) -> Mapping[str, float]:
        """What its strategies tell of the question before anybody speaks."""
        query = as_asked(question.query) if question.query else ""
        asked = replace(question, text=as_asked(question.text), query=query)
        return signs_of_all(self._of.items(), asked)

    # ---- how it stands ----

    def routing(self) -> Routing:
        """As of half a second ago at most."""
        if self._clock() - self._looked >= LOOK_SECONDS:
            self.look()
        return self._routing

    def look(self) -> Routing:
        """Read what was learned and what may be spent, when they changed; notice what else did."""
        with self._looking:
            self._looked = self._clock()
            stamps = (stamp(self._file), stamp(budget_file(self._file)))
            if stamps != self._stamps:
                self._routing, self._stamps = self._read(), stamps
            routing = self._routing
            if routing.head is not None:
                fault = self._stale(routing.head)
                self._routing = replace(routing, fault=fault)
            return self._routing

    def conditions(self) -> Conditions:
        """Under which its strategies answer now."""
        return Conditions(
            {name: self._kit.standing(name) for name in self._of},
            self._kit.version(),
            str(getattr(self._kit.embedder, "identity", "")),
        )

    def _read(self) -> Routing:
        budget = budget_of(self._file, self.options.budget)
        try:
            head = load(self._file)
        except BrokenHead as broken:
            log.error("router %r: %s", self._named, broken)
            return Routing(None, budget, None, (), str(broken))
        if head is None:
            return Routing(None, budget, None, (), UNTRAINED)
        spend, found = self.options.spend, refusing(head, self.options.refuse)
        refuse = found.refuse if found else math.inf
        tried = tuple(plans(head, spend, self.options.margin, refuse))
        return Routing(head, budget, within(head, tried, spend, budget), tried, "", found)

    def _stale(self, head: Head) -> str:
        """What is no longer as it was when the head was trained; `""` when all is."""
        if set(head.strategies) != set(self._of):
            learned = " and ".join(map(repr, head.strategies))
            return f"it learned to choose among {learned}; train it again (kotae router train)"
        try:
            now = self.conditions()
        except (StrategyError, KnowledgeError) as error:
            return f"it cannot be seen whether its strategies are what they were ({error})"
        was = head.conditions
        changed = [repr(name) for name in self._of if was.strategies.get(name) != now.strategies[name]]
        found = [
            *([f"another {' and '.join(changed)} answers"] if changed else []),
            *(["the documents have changed"] if was.index != now.index else []),
            *(["questions are embedded by another model"] if was.embedder != now.embedder else []),
        ]
        return (
            f"{', '.join(found)} since it was trained; train it again (kotae router train)" if found else ""
        )

    # ---- a question ----

    def _choice(self, question: Question, routing: Routing) -> tuple[str, str, dict[str, Any]]:
        """Who answers ("" where nobody shall), why, and the numbers."""
        head, plan = routing.head, routing.plan
        first = self.options.of[0]
        if head is None or plan is None:
            return first, routing.fault, {"fallback": first}
        fallback = head.strategies[plan.fallback]
        if routing.fault:
            name = fallback if fallback in self._of else first
            return name, f"it is stale: {routing.fault}", {"fallback": name}
        asked = as_asked(question.query or standalone(question).query)
        vector = np.asarray(self._kit.embedder.embed_query(asked), np.float64)
        told = self.signs(replace(question, text=asked, history=(), query=asked))
        foretold, near = head.foretold(vector, told), head.nearest(vector)
        spent, known = head.mean_spent(self.options.spend), near >= head.near
        choice = plan.choice(foretold.likely, spent, nobody=foretold.nobody, known=known)
        likely = zip(head.strategies, foretold.likely, strict=True)
        detail = {
            "fallback": fallback,
            "likely": {one: round(float(p), 3) for one, p in likely},
            "nobody": round(foretold.nobody, 3),
            "nearest": round(near, 3),
            "vouched": known and routing.refusing is not None,
            "budget": routing.budget,
            "head": head.hash[:16],
        }
        if choice == REFUSED:
            sure = f"nobody answers this, with likelihood {foretold.nobody:.2f}"
            return "", f"{sure}; it refuses from {plan.refuse:.2f} on", detail
        name = head.strategies[choice]
        return name, self._why(name, fallback, detail, not known), detail

    def _why(self, name: str, fallback: str, detail: dict[str, Any], strange: bool) -> str:
        right = f"it is right with likelihood {detail['likely'][name]:.2f}"
        if strange:
            unlike = "the question is unlike any that was learned from"
            return f"{unlike}, so the best single strategy answers; {right}"
        if name == fallback:
            return f"no other is better enough than the best single strategy; {right}"
        unit = UNITS[self.options.spend]
        limit = "" if detail["budget"] is None else f", within {detail['budget']:g} {unit} on average"
        return f"{right}, {fallback!r} with {detail['likely'][fallback]:.2f}{limit}"


# ---- the operator's budget ----


def budget_file(head: Path) -> Path:
    """Beside the head: what an operator set live."""
    return head.with_suffix(".budget.json")


def budget_of(head: Path, configured: float | None) -> float | None:
    """The console's, else the configured one."""
    try:
        told = json.loads(budget_file(head).read_text("utf-8"))["budget"]
        return None if told is None else float(told)
    except FileNotFoundError:
        return configured
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.error("the budget in %s cannot be read (%s); the configured one holds", budget_file(head), error)
        return configured


def stamp(file: Path) -> object:
    """Another one after every change of the file."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
