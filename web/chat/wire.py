"""A turn as the customer's page receives it: what is theirs to know, and nothing of how it was made."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

from bot.turn import Ended, Failed, Handoff, Started, TurnEvent
from strategies.events import Citation, Cited, Token, collect
from web import sse
from web.chat.running import Running


def source(cited: Cited) -> dict[str, Any]:
    """A citation for the page."""
    passage = cited.passage
    return {
        "number": cited.number,
        "document": passage.title,
        "source": passage.source,
        "page": passage.page,
        "headings": list(passage.headings),
        "quote": cited.quote,
        "text": passage.text,
        "at": cited.at,
    }


@dataclass
class Turn:
    """One answer on its way to a customer."""

    conversation_id: str
    events: sse.Events[TurnEvent]
    running: Running
    stop: sse.Stop = field(default_factory=sse.Stop)
    message_id: str = ""
    said: list[Token | Citation] = field(default_factory=list)

    def begun(self) -> Iterator[str]:
        """The frames, once the turn has begun: a refusal is raised here, before any status is sent."""
        frames = self._frames()
        first = next(frames)
        return self._from(first, frames)

    def _from(self, first: str, frames: Generator[str, None, None]) -> Iterator[str]:
        try:
            yield first
            yield from frames
        finally:
            frames.close()

    def _frames(self) -> Generator[str, None, None]:
        ended = False
        attended = sse.attend(self.events, self.stop)
        try:
            for event in attended:
                ended = ended or isinstance(event, Ended)
                frame = self._frame(event)
                if frame:
                    yield frame
            if not ended:
                yield self._cut_short()
        finally:
            attended.close()
            self.running.discard(self.message_id)

    def _frame(self, event: TurnEvent | sse.Silence) -> str:
        match event:
            case sse.Silence():
                return sse.KEEP_ALIVE
            case Started():
                self.message_id = event.message_id
                self.running.add(event.message_id, self.conversation_id, self.stop)
                return sse.frame("start", {"message": event.message_id})
            case Token():
                self.said.append(event)
                return sse.frame("token", {"text": event.text})
            case Citation():
                self.said.append(event)
                return sse.frame("citation", source(collect(self.said).citations[-1]))
            case Handoff():
                return sse.frame("handoff", {"reason": event.reason, "text": event.text})
            case Failed():
                return sse.frame("error", {"text": event.text, "retry": event.retry})
            case Ended():
                return self._end(event.answer.text, event.answer.citations, event.abstained, event.partial)
        return ""  # usage and decisions are the operator's

    def _cut_short(self) -> str:
        """Stopped by its customer: the end says what they have read until then."""
        answer = collect(self.said)
        return self._end(answer.text, answer.citations, False, True)

    def _end(self, text: str, citations: tuple[Cited, ...], abstained: bool, partial: bool) -> str:
        return sse.frame(
            "end",
            {
                "message": self.message_id,
                "text": text,
                "citations": [source(cited) for cited in citations],
                "abstained": abstained,
                "partial": partial,
            },
        )
