"""The product model at a server: whichever adapter is promoted speaks there, under a name of its own version.

vLLM, started with `--enable-lora` and runtime updating allowed, takes adapters in and lets them go while it
serves (docs/operating.md shows how). A name is never loaded twice: "spring-3f9c…" is one adapter for ever, so
no cache of a server can answer with an older one. One that the server tuned itself (`training.hosted`) is
asked by the name on its card. With `adapter = ""` the server is any OpenAI-compatible one, and `model` is
what it serves, tuned or not.

What is asked is what training showed: one message of the customer's, passages before the question, without
instructions; the server puts it into the model's own chat template.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from pydantic import Field

from strategies.base import Kit, Options, Question
from strategies.errors import Misconfigured, NoAnswer, StrategyError, Unavailable
from strategies.events import Decision, Event, Token, Usage
from strategies.followups import standalone
from strategies.llm.opening import spoken
from strategies.llm.options import LlmOptions
from strategies.llm.prompt import Message, disarmed
from strategies.llm.repeating import Once
from strategies.llm.server import Server, one_line, words_of
from strategies.llm.speaker import Ended
from strategies.lora.engine.watching import Watch
from strategies.lora.shelf.adapters import Adapter, Shelf
from strategies.lora.shelf.card import CURRENT
from strategies.lora.trust.reading import Reader

if TYPE_CHECKING:
    from langchain_openai.chat_models.base import BaseChatOpenAI

ADAPTERS = "adapters"  # the shelf, in the data directory
NOBODY = "no adapter is promoted: train one ('kotae train'), then promote it ('kotae adapters promote NAME')"
UNNAMEABLE = re.compile(r"[^A-Za-z0-9_.-]+")
VERSION = "served-1"  # of the words around question and passages


class ServedOptions(Options):
    """What an operator may set."""

    base_url: str = Field(
        pattern=r"^https?://\S+$", description="Address of an OpenAI-compatible server, up to /v1."
    )
    model: str = Field(min_length=1, description="The base model's name at the server.")
    adapter: str = Field(
        default=CURRENT,
        description="current is whichever is promoted, else a name or a hash; empty: the model as it is.",
    )
    adapters_folder: str = Field(
        default="",
        description="Where the server finds the adapters of this data directory; empty: at the same path.",
    )
    api_key: str = Field(default="", repr=False, description="The server's key, when it wants one.")
    max_tokens: int = Field(default=256, ge=1, le=4096, description="The longest answer, in tokens.")
    first_token_seconds: float = Field(
        default=30, gt=0, description="How long the first word of an answer may take."
    )
    between_tokens_seconds: float = Field(
        default=15, gt=0, description="How long it may be silent in the middle."
    )

    def of(self, model: str) -> LlmOptions:
        """How one of the server's models is asked."""
        asked = {"base_url", "api_key", "max_tokens", "first_token_seconds", "between_tokens_seconds"}
        return LlmOptions(model=model, **self.model_dump(include=asked))


class Tuned(Server):
    """A speaker at the server. Models that can think are asked to answer at once, as in training."""

    def _made(self) -> BaseChatOpenAI:
        chat = super()._made()
        chat.extra_body = {"chat_template_kwargs": {"enable_thinking": False}}
        return chat


class AtServer:
    """The adapters that a server holds for us, by the two endpoints that vLLM began with."""

    def __init__(self, options: ServedOptions, named: str) -> None:
        self._options = options
        self._where = f"strategy {named!r}: the model server {options.base_url}"

    def load(self, name: str, adapter: Adapter) -> None:
        """Have the server take it in; one that it holds already is the same one."""
        folder = self._options.adapters_folder
        path = str(PurePosixPath(folder) / adapter.path.name) if folder else str(adapter.path.resolve())
        said = self._post("load_lora_adapter", {"lora_name": name, "lora_path": path})
        if said and "already been loaded" not in said:
            raise Misconfigured(f"{self._where} does not take in {adapter.called} from {path!r}: {said}")

    def unload(self, name: str) -> None:
        """Have the server let it go; whether it does is not worth a customer's answer."""
        try:
            self._post("unload_lora_adapter", {"lora_name": name})
        except StrategyError:
            return

    def _post(self, what: str, body: dict[str, str]) -> str:
        """What the server objects, `""` when it does not."""
        import openai

        options = self._options.of(self._options.model)
        with openai.OpenAI(
            base_url=options.base_url,
            api_key=options.key() or "none",
            max_retries=0,
            timeout=openai.Timeout(options.load_seconds, connect=options.connect_seconds),
        ) as client:
            try:
                client.post(f"/{what}", cast_to=object, body=body)
            except openai.NotFoundError as error:
                if what == "load_lora_adapter" and "lora" not in words_of(error).lower():
                    raise Misconfigured(
                        f"{self._where} has no endpoint for adapters; start vLLM with --enable-lora and "
                        'VLLM_ALLOW_RUNTIME_LORA_UPDATING=True, or set adapter = ""'
                    ) from error
                return one_line(words_of(error))
            except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
                raise Misconfigured(f"{self._where} refused the key; set api_key") from error
            except openai.APIStatusError as error:
                if error.status_code >= 500:
                    raise Unavailable(f"{self._where} failed: {one_line(words_of(error))}") from error
                return one_line(words_of(error))
            except openai.APIError as error:
                raise Unavailable(f"{self._where} cannot be reached: {one_line(str(error))}") from error
        return ""


@dataclass(eq=False)
class Loaded:
    """An adapter at the server: a voice of `Watch`. It is unloaded when nobody holds it any more."""

    adapter: Adapter
    speaker: Server
    at: AtServer | None  # None where the server tuned it: it is there for good
    _held: int = 1
    _changing: threading.Lock = field(default_factory=threading.Lock)

    def hold(self) -> None:
        with self._changing:
            self._held += 1

    def release(self) -> None:
        with self._changing:
            self._held -= 1
            last = self._held == 0
        if last and self.at is not None:
            self.at.unload(self.speaker.model)


class Served:
    """Answers with the product model at a server; adapters are loaded there as they are promoted."""

    Options = ServedOptions

    def __init__(self, options: ServedOptions, kit: Kit) -> None:
        self._options = options
        self._kit = kit
        self._named = kit.named or "served"
        self._at = AtServer(options, self._named)
        self._as_it_is = Tuned(options.of(options.model), self._named)
        self._watch = Watch(Shelf(kit.data / ADAPTERS), options.adapter, self._ready)

    @classmethod
    def make(cls, options: ServedOptions, kit: Kit) -> Served:
        return cls(options, kit)

    def warm_up(self) -> None:
        """Reach the server and have it take in who speaks. Nobody need be promoted yet."""
        if self._options.adapter:
            self._watch.begin()
        else:
            self._as_it_is.warm_up()

    def speaker(self) -> str:
        """The adapter that speaks just now; `""` for the model as it is."""
        return self._watch.hash() if self._options.adapter else ""

    def stream(self, question: Question) -> Iterator[Event]:
        if not self._options.adapter:
            yield from self._answered(question, self._as_it_is, None)
            return
        with self._watch.speaker() as voice:
            if voice is None:
                raise NoAnswer(self._watch.status or NOBODY)
            why = "; ".join(part for part in (voice.adapter.stale, self._watch.status) if part)
            yield Decision(self._named, f"spoke with {voice.adapter.called}", why)
            yield from self._answered(question, voice.speaker, voice)

    def _ready(self, adapter: Adapter) -> Loaded:
        """The adapter at the server, proved by a word from it."""
        if adapter.model:  # the server tuned it, and knows it
            speaker = Server(self._options.of(adapter.model), self._named)
            speaker.warm_up()
            return Loaded(adapter, speaker, None)
        name = f"{UNNAMEABLE.sub('-', adapter.name)}-{adapter.hash}"
        speaker = Tuned(self._options.of(name), self._named)
        self._at.load(name, adapter)
        speaker.warm_up()
        return Loaded(adapter, speaker, self._at)

    def _answered(self, question: Question, speaker: Server, voice: Loaded | None) -> Iterator[Event]:
        asked = " ".join((question.query or standalone(question).query).split())
        if not asked:
            raise NoAnswer("nothing was asked")
        passages = self._excerpts(asked, question, speaker)
        message = Message("user", disarmed("\n\n".join([*passages, asked])))
        heard, once = Heard(), Once()
        try:
            with closing(self._said(message, speaker, voice, heard)) as pieces:
                for text in spoken(once.words(pieces)):
                    yield Token(text)
        except NoAnswer as silent:
            cost = self._usage(message, passages, speaker, voice, heard)
            raise NoAnswer(silent.why, (cost, *once.decided(self._named))) from None
        except Unavailable:
            yield self._usage(message, passages, speaker, voice, heard)
            raise
        yield self._usage(message, passages, speaker, voice, heard)
        yield from once.decided(self._named)
        if heard.ended and heard.ended.reason == "length":
            yield Decision(self._named, "the answer was cut off", f"max_tokens is {self._options.max_tokens}")

    def _excerpts(self, asked: str, question: Question, speaker: Server) -> list[str]:
        """What may answer, as training read it."""
        kit = self._kit
        reader = Reader(kit.embedder, kit.sentences, speaker.count, kit.weigh)
        return [excerpt.text for excerpt in reader.excerpts(asked, question.passages)]

    def _said(
        self, message: Message, speaker: Server, voice: Loaded | None, heard: Heard
    ) -> Generator[str, None, None]:
        """The answer. A server that was started anew has forgotten its adapters: then it is told again, once,
        as long as nothing was said.
        """
        try:
            yield from heard.words(speaker, message)
        except Misconfigured:
            if voice is None or voice.at is None or heard.text:
                raise
            voice.at.load(speaker.model, voice.adapter)
            yield from heard.words(speaker, message)

    def _usage(
        self, message: Message, passages: list[str], speaker: Server, voice: Loaded | None, heard: Heard
    ) -> Usage:
        """A server counts prompt and passages together: they are told apart by the estimate's proportion."""
        ended = heard.ended or Ended("stop")
        whole = speaker.count(message.content)
        given = whole if ended.prompt_tokens is None else ended.prompt_tokens
        read = round(given * speaker.count("\n\n".join(passages)) / whole) if passages else 0
        written = ended.completion_tokens
        return Usage(
            prompt_tokens=given - read,
            passage_tokens=read,
            completion_tokens=speaker.count(heard.text) if written is None else written,
            model=self._options.model,
            adapter=voice.adapter.hash if voice else "",
            prompt_version=VERSION,
            estimated=bool(passages) or ended.prompt_tokens is None or written is None,
        )


@dataclass
class Heard:
    """What came from the server, an abstention included: all of it was paid for."""

    text: str = ""
    ended: Ended | None = None

    def words(self, speaker: Server, message: Message) -> Iterator[str]:
        with closing(speaker.speak([message])) as pieces:
            said: Iterable[str | Ended] = pieces
            for piece in said:
                if isinstance(piece, Ended):
                    self.ended = piece
                else:
                    self.text += piece
                    yield piece
