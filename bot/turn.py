"""A turn: a customer's question becomes a stream of events, and the record keeps what was streamed.

    Started ─▶ Token | Citation | Usage | Decision … ─▶ [Handoff | Failed] ─▶ Ended
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from strategies.events import Answer, Citation, Decision, Token, Usage


@dataclass(frozen=True)
class Started:
    """The first event: the answer has an id and somebody who speaks."""

    message_id: str
    strategy: str
    type: Literal["started"] = "started"


@dataclass(frozen=True)
class Handoff:
    """A person is offered; `text` is the operator's words, sent by code and never by a model."""

    reason: str
    text: str
    type: Literal["handoff"] = "handoff"


@dataclass(frozen=True)
class Failed:
    """No answer, or the rest of it is missing; `text` is what the customer may read, the details are in the record."""

    text: str
    retry: bool
    type: Literal["failed"] = "failed"


@dataclass(frozen=True)
class Ended:
    """The last event, unless the customer left. `answer` is the fold of what was streamed, and what was kept."""

    message_id: str
    answer: Answer
    abstained: bool
    partial: bool
    ms_first: float | None
    ms: float
    strategy: str
    type: Literal["ended"] = "ended"


TurnEvent = Started | Token | Citation | Usage | Decision | Handoff | Failed | Ended
