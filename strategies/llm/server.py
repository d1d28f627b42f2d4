"""A chat model behind an OpenAI-compatible server: vLLM, Ollama, llama.cpp, `transformers serve`, OpenAI
itself.

LangChain's chat model makes the requests. What this module adds: a limit for the time to the first token and
for the silence between two, the end of the connection when the customer leaves, and every fault as a sentence
for the operator.
"""

from __future__ import annotations

import contextlib
import logging
import re
import socket
import threading
import weakref
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from knowledge_base.words import estimated_tokens
from strategies.errors import Misconfigured, StrategyError, Unavailable
from strategies.llm.options import LlmOptions
from strategies.llm.prompt import Message
from strategies.llm.silence import Silence
from strategies.llm.speaker import Ended

if TYPE_CHECKING:
    from langchain_core.messages import AIMessageChunk
    from langchain_openai.chat_models.base import BaseChatOpenAI

log = logging.getLogger(__name__)

TOO_LONG = re.compile(r"context.?(?:length|window|overflow)|too long|maximum.{0,20}tokens", re.IGNORECASE)


class Server:
    """A `Speaker` that asks a server."""

    exact = False

    def __init__(self, options: LlmOptions, named: str) -> None:
        self.model = options.model
        self.room = options.context_tokens
        self._options = options
        self._named = named
        self._chat: BaseChatOpenAI | None = None
        self._counts_while_streaming = True
        self._warming = threading.Lock()
        self._answering = threading.local()

    def warm_up(self) -> None:
        """One word from the model: proves address, key and model, and makes a lazy server load it."""
        with self._warming:
            if self._chat is not None:
                return
            chat = self._made()
            try:
                self._greet(chat)
            except Unavailable as error:
                if "OpenAI" in str(error):  # not a server that is down: something else lives at this address
                    raise Misconfigured(f"{error}; check base_url") from error
                raise
            self._chat = chat

    def count(self, text: str) -> int:
        """An estimate."""
        return estimated_tokens(text)

    def speak(self, messages: Sequence[Message]) -> Generator[str | Ended, None, None]:
        self.warm_up()
        assert self._chat is not None
        yield from self._said(self._chat, messages, self._options.first_token_seconds)

    def _made(self) -> BaseChatOpenAI:
        import openai
        from langchain_openai import ChatOpenAI
        from langchain_openai.chat_models.base import BaseChatOpenAI

        options = self._options
        # Only OpenAI's own newest models refuse "max_tokens"; several compatible servers know no other name.
        kind = (
            ChatOpenAI
            if (urlsplit(options.base_url).hostname or "").endswith("openai.com")
            else BaseChatOpenAI
        )
        timeout = openai.Timeout(
            connect=options.connect_seconds,
            read=options.first_token_seconds,
            write=options.connect_seconds,
            pool=None,
        )
        client = openai.DefaultHttpxClient(
            timeout=timeout, event_hooks={"response": [remembering(self._answering)]}
        )
        weakref.finalize(self, client.close)  # kept connections end with the strategy
        return kind(
            model=options.model,
            base_url=options.base_url,
            api_key=options.key() or "none",  # the client refuses to be made without one
            temperature=options.temperature,
            max_tokens=options.max_tokens,
            frequency_penalty=options.frequency_penalty or None,  # some servers do not know it
            timeout=timeout,
            max_retries=0,  # a first_of hands over sooner than a retry succeeds
            http_client=client,
        )

    def _greet(self, chat: BaseChatOpenAI) -> None:
        hello = [Message("user", "Say OK.")]
        try:
            for _ in self._said(chat, hello, self._options.load_seconds, max_tokens=1):
                pass
        except Misconfigured as error:
            if "stream_options" not in str(error):
                raise
            self._counts_while_streaming = False
            for _ in self._said(chat, hello, self._options.load_seconds, max_tokens=1):
                pass

    def _said(
        self, chat: BaseChatOpenAI, messages: Sequence[Message], first: float, **request: Any
    ) -> Generator[str | Ended, None, None]:
        """The stream of one request, under the limits of silence."""
        reason: Literal["stop", "length", "filter"] | None = None
        counted: Any = {}
        connection = self._answering.connection = Connection()
        with Silence(connection.hang_up) as silence:
            stream = chunks(chat, messages, self._counts_while_streaming, request)
            try:
                with closing(stream):
                    silence.within(first)
                    for chunk in stream:
                        silence.heard()
                        if chunk.text:
                            yield str(chunk.text)
                        counted = chunk.usage_metadata or counted
                        reason = stopped(chunk) or reason
                        silence.within(self._options.between_tokens_seconds if chunk.text else first)
            except StrategyError:
                raise
            except Exception as error:
                if silence.too_long:
                    raise Unavailable(f"{self._where} was silent for too long") from error
                raise self._fault(error) from error
            if silence.too_long:
                raise Unavailable(f"{self._where} was silent for too long")
        if reason is None:
            raise Unavailable(f"{self._where} broke off in the middle of the answer")
        yield Ended(reason, counted.get("input_tokens"), counted.get("output_tokens"))

    @property
    def _where(self) -> str:
        return f"strategy {self._named!r}: the model server {self._options.base_url}"

    def _fault(self, error: Exception) -> StrategyError:
        """What a fault of the client means for the operator, and whether trying again later is worth it."""
        import openai

        said = one_line(words_of(error))
        status = getattr(error, "status_code", None)
        match error:
            case openai.APITimeoutError():
                return Unavailable(f"{self._where} did not answer in time")
            case openai.AuthenticationError() | openai.PermissionDeniedError():
                return Misconfigured(f"{self._where} refused the key ({status}); set api_key or api_key_file")
            case openai.NotFoundError():
                return Misconfigured(
                    f"{self._where} does not know the model {self.model!r} or the path (404: {said})"
                )
            case openai.RateLimitError():
                return Unavailable(
                    f"{self._where} is asked too often, or the account is used up (429: {said})"
                )
            case openai.APIStatusError() if status is not None and status < 500:
                if TOO_LONG.search(said):
                    return Unavailable(
                        f"{self._where} finds the prompt too long; set context_tokens ({status}: {said})"
                    )
                return Misconfigured(f"{self._where} refused the request ({status}: {said})")
            case openai.APIStatusError():
                return Unavailable(f"{self._where} failed ({status}: {said})")
            case openai.APIConnectionError():
                why = one_line(str(error.__cause__ or error))
                return Unavailable(f"{self._where} cannot be reached or broke off ({why})")
            case openai.APIError():
                return Unavailable(f"{self._where} reported a failure while answering ({said})")
        if type(error).__module__.split(".")[0] in {"httpx", "httpx2", "httpcore", "httpcore2"} or isinstance(
            error, OSError
        ):
            return Unavailable(f"{self._where} broke off in the middle of the answer ({said})")
        log.warning("%s: %r", self._where, error)
        return Unavailable(f"{self._where} does not answer as an OpenAI-compatible server does ({said})")


class Connection:
    """The socket that a request turned out to use, so that another thread can end it."""

    def __init__(self) -> None:
        self.socket: socket.socket | None = None

    def hang_up(self) -> None:
        # close() would not wake a thread that is reading; shutdown() does.
        if self.socket is not None:
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)


def remembering(answering: threading.local) -> Callable[[Any], None]:
    """A hook of the HTTP client. It runs in the thread that asked, when the headers have come."""

    def remember(response: Any) -> None:
        connection: Connection | None = getattr(answering, "connection", None)
        network = response.extensions.get("network_stream")
        if connection is not None and network is not None:
            connection.socket = network.get_extra_info("socket")

    return remember


def chunks(
    chat: BaseChatOpenAI, messages: Sequence[Message], counting: bool, request: dict[str, Any]
) -> Generator[AIMessageChunk, None, None]:
    """LangChain's stream as a generator, so that closing ours closes the connection."""
    stream: Iterator[Any] = chat.stream(
        [(message.role, message.content) for message in messages], stream_usage=counting, **request
    )
    yield from stream


def stopped(chunk: AIMessageChunk) -> Literal["stop", "length", "filter"] | None:
    match chunk.response_metadata.get("finish_reason"):
        case None | "":
            return None
        case "length":
            return "length"
        case "content_filter":
            return "filter"
    return "stop"


def words_of(error: Exception) -> str:
    """What the server itself said, wherever it put it."""
    body = getattr(error, "body", None)
    told = body.get("message") or body.get("detail") if isinstance(body, dict) else body
    return str(told or getattr(error, "message", "") or error)


def one_line(text: str) -> str:
    return " ".join(text.split())[:200]
