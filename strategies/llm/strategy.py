"""The strategy around whoever speaks: prompt, abstention, counting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice

from strategies.base import Kit, Question
from strategies.errors import NoAnswer, Unavailable
from strategies.events import Decision, Event, Token, Usage
from strategies.llm.echoes import without_tags
from strategies.llm.local import Local
from strategies.llm.opening import spoken
from strategies.llm.options import LlmOptions
from strategies.llm.prompt import Prompt, fitted, version
from strategies.llm.repeating import Once
from strategies.llm.server import Server
from strategies.llm.speaker import Ended, Speaker


class Llm:
    """Answers with a language model: at any OpenAI-compatible server, or in this process."""

    Options = LlmOptions

    def __init__(
        self, speaker: Speaker, *, instructions: str = "", max_tokens: int = 512, named: str = "llm"
    ) -> None:
        self._speaker = speaker
        self._instructions = instructions
        self._max_tokens = max_tokens
        self._version = version(instructions)
        self._named = named

    @classmethod
    def make(cls, options: LlmOptions, kit: Kit) -> Llm:
        options.key()  # a key file that cannot be read is found now, not at the first question
        speaker: Speaker = Server(options, kit.named) if options.base_url else Local(options, kit.named)
        return cls(speaker, instructions=options.instructions, max_tokens=options.max_tokens, named=kit.named)

    @property
    def model(self) -> Speaker:
        """Whoever speaks, for those who ask it something else than a customer's question."""
        return self._speaker

    def warm_up(self) -> None:
        self._speaker.warm_up()

    def stream(self, question: Question) -> Iterator[Event]:
        self._speaker.warm_up()  # nothing, once it is warm; a server that was down then is tried again
        room = max(self._speaker.room - self._max_tokens, 1) if self._speaker.room else 0
        prompt, asked = fitted(question, self._speaker.count, room, self._instructions)
        if room and (needed := self._speaker.count(prompt.text)) > room:
            raise NoAnswer(
                f"the question is too long: it takes {needed} tokens, and the model has room for {room}"
            )
        if left_out := left_out_of(question, asked):
            yield Decision(by=self._named, what=left_out, why=f"the model has room for {room} tokens")
        heard, once = Heard(), Once()
        try:
            with closing(self._speaker.speak(prompt.messages)) as pieces:
                try:
                    for text in spoken(without_tags(once.words(heard.words(pieces)))):
                        yield Token(text)
                except NoAnswer:
                    heard.the_end_of(pieces)
                    raise
        except NoAnswer as error:
            if heard.ended and heard.ended.reason == "filter":
                raise NoAnswer(
                    "the model server's filter kept the answer back", (self._usage(prompt, heard),)
                ) from None
            raise NoAnswer(error.why, (self._usage(prompt, heard), *once.decided(self._named))) from None
        except Unavailable:
            yield self._usage(prompt, heard)
            raise
        yield self._usage(prompt, heard)
        yield from once.decided(self._named)
        if heard.ended and heard.ended.reason != "stop":
            why = (
                f"max_tokens is {self._max_tokens}"
                if heard.ended.reason == "length"
                else "the server's content filter"
            )
            yield Decision(by=self._named, what="the answer was cut off", why=why)

    def _usage(self, prompt: Prompt, heard: Heard) -> Usage:
        """What it cost. A server counts prompt and passages together: they are told apart by the estimate's
        proportion.
        """
        speaker = self._speaker
        ended = heard.ended or Ended("stop")
        whole = speaker.count(prompt.text)
        given = ended.prompt_tokens if ended.prompt_tokens is not None else whole
        passages = round(given * speaker.count(prompt.passages) / whole) if prompt.passages else 0
        written = (
            ended.completion_tokens if ended.completion_tokens is not None else speaker.count(heard.text)
        )
        counted = ended.prompt_tokens is not None and ended.completion_tokens is not None
        return Usage(
            prompt_tokens=given - passages,
            passage_tokens=passages,
            completion_tokens=written,
            model=speaker.model,
            prompt_version=self._version,
            estimated=not counted or (not speaker.exact and bool(prompt.passages)),
        )


@dataclass
class Heard:
    """What came from the speaker, thoughts and abstention included: all of it was paid for."""

    text: str = ""
    ended: Ended | None = None

    def the_end_of(self, pieces: Iterator[str | Ended]) -> None:
        """A model that abstains is about to stop: wait so long for what it counted, and no longer."""
        with suppress(Unavailable):
            for _ in self.words(islice(pieces, 8)):
                pass

    def words(self, pieces: Iterable[str | Ended]) -> Iterator[str]:
        for piece in pieces:
            if isinstance(piece, Ended):
                self.ended = piece
            else:
                self.text += piece
                yield piece


def left_out_of(question: Question, asked: Question) -> str:
    """What did not fit, in words; `""` when everything did."""
    passages = len(question.passages) - len(asked.passages)
    turns = len(question.history) - len(asked.history)
    parts = [f"{passages} of {len(question.passages)} passages"] * bool(passages) + [
        f"{turns} earlier turns"
    ] * bool(turns)
    return f"left out {' and '.join(parts)}" if parts else ""
