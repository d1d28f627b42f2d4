"""An embedding model behind a server that speaks OpenAI's protocol: vLLM, TEI, Ollama, OpenAI itself.

LangChain's `OpenAIEmbeddings` makes the requests and its client tries again. What this module adds: what came
back is looked at before it is believed, and every fault is a sentence for an admin that says whether waiting
helps. A server does not count tokens for us, so they are estimated; passages stay half as long as what
today's models read, and the estimate may be that wrong.
"""

from __future__ import annotations

import re
import threading
import weakref
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from knowledge_base.embedding import Model, OfWholeTexts
from knowledge_base.errors import KnowledgeError, Misconfigured, Unavailable
from knowledge_base.words import estimated_tokens

if TYPE_CHECKING:
    from langchain_openai import OpenAIEmbeddings

Floats = NDArray[np.float32]

CONNECT_SECONDS = 5.0
AGAIN, AGAIN_FOR_A_QUESTION = 3, 1  # how often a request is tried again; a job waits longer than a customer
TOO_LONG = re.compile(
    r"context.?(?:length|window|size)|too (?:long|large)|maximum.{0,30}tokens", re.IGNORECASE
)


class Served(OfWholeTexts):
    """Asks a server for vectors."""

    proven = False

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self.limit = model.tokens
        self._making = threading.Lock()
        self._clients: dict[bool, OpenAIEmbeddings] = {}
        self._dimension = 0  # as first answered

    @property
    def identity(self) -> str:
        """The first call asks how many numbers a vector has; later ones ask nothing."""
        if not self._dimension:
            self.warm_up()
        return f"{self._named}{self._model.manner}/{self._dimension}"

    @property
    def _named(self) -> str:
        """Not the address: a server may move."""
        return f"served:{self._model.name}"

    def count(self, text: str) -> int:
        return estimated_tokens(self._prefix + text) + 2

    def _vectors(self, texts: list[str], *, asked: bool) -> Floats:
        from openai import OpenAIError

        kind = {"input_type": "query" if asked else "passage"}
        said: dict[str, Any] = {"extra_body": kind} if self._model.input_types else {}
        try:
            # Several servers refuse an empty text.
            answer = self._client(asked).embed_documents([text or " " for text in texts], **said)
        except OpenAIError as error:
            raise self._fault(error) from error
        except KnowledgeError:
            raise
        except Exception as error:
            raise Unavailable(
                f"the embedding server {self._url!r} does not answer as an embedding server does "
                f"({_line(error)})"
            ) from error
        return self._checked(answer, len(texts))

    def _checked(self, answer: list[list[float]], asked: int) -> Floats:
        """As unit rows of one length, all of them numbers."""
        if len(answer) != asked:
            raise Unavailable(
                f"the embedding server {self._url!r} answers with {len(answer)} of {asked} vectors"
            )
        lengths = {len(row) for row in answer}
        expected = self._dimension or max(lengths)
        if lengths != {expected} or not expected:
            other = ", ".join(map(str, sorted(lengths - {expected}) or [0]))
            raise Unavailable(
                f"the embedding server {self._url!r} gives vectors of {other} numbers instead of {expected}: "
                f"another model is behind {self._model.name!r}; start Kotae anew to make its index"
            )
        try:
            rows = np.asarray(answer, np.float32)
        except (TypeError, ValueError) as error:
            raise Unavailable(
                f"the embedding server {self._url!r} gives vectors that are no numbers"
            ) from error
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        if not np.isfinite(rows).all() or not norms.all():
            raise Unavailable(f"the embedding server {self._url!r} gives vectors that are no numbers")
        self._dimension = expected
        unit: Floats = rows / norms
        return unit

    def _client(self, asked: bool) -> OpenAIEmbeddings:
        with self._making:
            if asked not in self._clients:
                self._clients[asked] = self._made(AGAIN_FOR_A_QUESTION if asked else AGAIN)
            return self._clients[asked]

    def _made(self, retries: int) -> OpenAIEmbeddings:
        from langchain_openai import OpenAIEmbeddings
        from pydantic import SecretStr

        model = self._model
        return OpenAIEmbeddings(
            model=model.name,
            openai_api_base=model.base_url,
            openai_api_key=SecretStr(model.key() or "none"),  # the client refuses to be made without one
            dimensions=model.dimensions or None,
            check_embedding_ctx_length=False,  # it would send numbers of OpenAI's tokens
            chunk_size=model.at_once,
            max_retries=retries,
            request_timeout=self._timeout,
            http_client=self._connections,
        )

    @cached_property
    def _connections(self) -> Any:
        import openai

        client = openai.DefaultHttpxClient(timeout=self._timeout)
        weakref.finalize(self, client.close)  # kept connections end with the embedder
        return client

    @property
    def _timeout(self) -> Any:
        import openai

        return openai.Timeout(self._model.seconds, connect=min(CONNECT_SECONDS, self._model.seconds))

    @property
    def _url(self) -> str:
        return self._model.base_url

    def _fault(self, error: Exception) -> KnowledgeError:
        """What a fault of the client means for an admin, and whether trying again later is worth it."""
        import openai

        said, status = _line(error), getattr(error, "status_code", None)
        match error:
            case openai.APITimeoutError():
                return Unavailable(
                    f"the embedding server {self._url!r} did not answer in {self._model.seconds:g} s"
                )
            case openai.AuthenticationError() | openai.PermissionDeniedError():
                return Misconfigured(
                    f"the embedding server {self._url!r} refused the key ({status}); set embedding.api_key"
                )
            case openai.NotFoundError():
                return Misconfigured(
                    f"the embedding server {self._url!r} does not know the model {self._model.name!r} or "
                    f"the path ({status}: {said}); set embedding.model and embedding.base_url"
                )
            case openai.RateLimitError():
                return Unavailable(
                    f"the embedding server {self._url!r} is asked too often, or the account is used up "
                    f"({status}: {said})"
                )
            case openai.APIStatusError() if status == 413 or (status in (400, 422) and TOO_LONG.search(said)):
                return KnowledgeError(
                    f"the embedding server {self._url!r} finds a text too long ({status}: {said}); "
                    "lower embedding.tokens"
                )
            case openai.APIStatusError() if status is not None and status < 500 and status != 408:
                return Misconfigured(
                    f"the embedding server {self._url!r} refused the request ({status}: {said})"
                )
            case openai.APIStatusError():
                return Unavailable(f"the embedding server {self._url!r} failed ({status}: {said})")
        why = _line(error.__cause__ or error)
        return Unavailable(f"the embedding server {self._url!r} cannot be reached or broke off ({why})")


def _line(error: BaseException) -> str:
    """What the server itself said, wherever it put it, in a line."""
    body = getattr(error, "body", None)
    told = body.get("message") or body.get("detail") or body.get("error") if isinstance(body, dict) else body
    return " ".join(str(told or error or type(error).__name__).split())[:200]
