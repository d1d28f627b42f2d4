"""One question to everybody at once: the base alone, an adapter, the nearest pair, quotes. Nothing is kept.

What an adapter is worth shows beside what costs nothing: the base without it, the taught question that is
nearest in meaning, and the words of the documents. One who cannot answer says why, and the others go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from bot.conversations.question import clean, language_of
from bot.kotae import kit
from knowledge_base.errors import KnowledgeError
from strategies.base import Kit, Question, Strategy
from strategies.errors import NoAnswer, StrategyError, Unavailable
from strategies.events import collect
from strategies.lora.bases import SHIPPED
from strategies.lora.shelf import Adapter, ShelfError
from strategies.lora.shelf.card import CURRENT, BadCard
from strategies.lora.training.hosted import is_hosted
from strategies.registry import Strategies

if TYPE_CHECKING:
    from bot.kotae import Kotae

Who = Literal["base", "adapter", "nearest", "quotes"]
TOKENS = 128  # of what the base says, which need not come to an end
QUOTES = {"use": "rag", "inner": "quotes"}
NOBODY = "no adapter is promoted; choose one, or train the first"
ELSEWHERE = "it speaks at the server that tuned it; ask it with: kotae ask, once it is promoted"
NOT_TAUGHT = "the adapter does not tell what it was taught"


@dataclass(frozen=True)
class Heard:
    """What one of them said; "" when it has no answer, and `why`. `about` says where the answer is from,
    `fault` why nobody could be asked.
    """

    who: Who
    text: str = ""
    about: str = ""
    why: str = ""
    fault: str = ""
    ms: float = 0.0


Ask = Callable[[], Heard]


def ask_everybody(kotae: Kotae, text: str, which: str = "") -> list[Heard]:
    """The question to all four. `which` adapter is told by its name or hash; "" is the one that speaks now.

    Each is loaded first, and then its time begins: a customer does not wait for that. Raises UnknownAdapter.
    """
    text = clean(text)
    question = Question(text, language=language_of(text, "en"))
    adapter = kotae.shelf.get(which or CURRENT) if which or kotae.shelf.current() else None
    doors = kit(kotae.settings, kotae.library)
    return [
        _heard("base", lambda: _of_base(question, adapter.base if adapter else SHIPPED)),
        _heard("adapter", lambda: _of_adapter(question, adapter, doors)),
        _heard("nearest", lambda: _of_nearest(question, adapter, doors)),
        _heard("quotes", lambda: _of_quotes(question, doors)),
    ]


def _heard(who: Who, load: Callable[[], Ask]) -> Heard:
    began = time.perf_counter()
    try:
        ask = load()
        began = time.perf_counter()
        heard = ask()
    except NoAnswer as nothing:
        heard = Heard(who, why=str(nothing))
    except (StrategyError, KnowledgeError, ShelfError, BadCard) as fault:
        heard = Heard(who, fault=str(fault))
    return replace(heard, ms=round((time.perf_counter() - began) * 1000, 1))


def _of_base(question: Question, base: str) -> Ask:
    """What is said without any adapter."""
    if is_hosted(base):
        raise Unavailable(ELSEWHERE)
    from strategies.lora.bases import template
    from strategies.lora.engine.sharing import any_of
    from strategies.lora.engine.speaking import Piece

    shared = any_of(base)
    prompt = template.prompt(shared.engine.base, question.text)

    def ask() -> Heard:
        with closing(shared.engine.speak(prompt, max_tokens=TOKENS)) as said:
            text = "".join(piece.text for piece in said if isinstance(piece, Piece)).strip()
        if not text:
            raise NoAnswer("it says that it is not there")
        return Heard("base", text, about=base)

    return ask


def _of_adapter(question: Question, adapter: Adapter | None, doors: Kit) -> Ask:
    """What a customer would be told by it, its abstention included."""
    from strategies.lora.strategy import Lora, LoraOptions

    if adapter is None:
        raise Unavailable(NOBODY)
    if adapter.model:
        raise Unavailable(ELSEWHERE)
    strategy = Lora.make(LoraOptions(base=adapter.base, adapter=adapter.hash), doors)
    ask = _of_strategy("adapter", strategy, question)
    return lambda: replace(ask(), about=adapter.called)


def _of_nearest(question: Question, adapter: Adapter | None, doors: Kit) -> Ask:
    """The answer to the taught question that is nearest in meaning."""
    import numpy as np

    from strategies.lora.trust.lessons import Lessons

    lessons = Lessons.load(adapter.path) if adapter else None
    if lessons is None:
        raise Unavailable(NOT_TAUGHT if adapter else NOBODY)

    def ask() -> Heard:
        vector = np.asarray(doors.embedder.embed_query(question.text), np.float32)
        (nearest,) = lessons.near(vector, most=1)
        about = f"{lessons.questions[nearest.at]} ({nearest.cosine:.2f})"
        return Heard("nearest", lessons.answers[nearest.at], about=about)

    return ask


def _of_quotes(question: Question, doors: Kit) -> Ask:
    """What the documents say in their own words."""
    strategy = Strategies({"quotes of the documents": QUOTES}, doors).get("quotes of the documents")
    return _of_strategy("quotes", strategy, question)


def _of_strategy(who: Who, strategy: Strategy, question: Question) -> Ask:
    strategy.warm_up()

    def ask() -> Heard:
        answer = collect(strategy.stream(question))
        sources = ", ".join(dict.fromkeys(cited.passage.title for cited in answer.citations))
        return Heard(who, answer.text.strip(), about=sources)

    return ask
