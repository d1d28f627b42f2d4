"""The cross-encoders at work: networks of MiniLM's kind that were taught to judge, one for each language."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from knowledge_base.embedding import latin, minilm_folder, minilm_tokenizer
from knowledge_base.line import CORES
from strategies.cross_encoder.windows import Rows, Text, Window
from strategies.errors import Misconfigured
from strategies.wording import in_japanese

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from knowledge_base.minilm import Network, Rounded

Floats = NDArray[np.float32]
SHIPPED = Path(__file__).with_name("shipped")
ENGLISH, JAPANESE = "english", "japanese"  # their folders
THOROUGH = "english-thorough"
READ_AGAIN = {ENGLISH: THOROUGH}  # who reads what another one is unsure of
GROUP = 64  # columns of a matrix in four bits that have a scale together
FOUR, SCALE = ".four", ".scale"  # behind the name of a matrix in four bits, two numbers a byte; of its scales
WEIGHTS, VOCABULARY = "weights.safetensors", "tokenizer.json"
FAMILIAR = 0.8  # share of Latin letters from which on a question is read as English
NEVER = -20.0  # log odds of a sentence that was not read
CROWD = 8  # questions that want a core at once; a machine of two reads for some two hundred in a second
REMEMBERED = 256  # readings: a router asks before the strategy does


@dataclass(frozen=True)
class Reading:
    """What was seen in one text."""

    answers: float  # log odds that the text answers the question
    sentences: tuple[float, ...]  # … that each sentence does; NEVER where it was not read


class CrossEncoder:
    """Reads a question and texts together. Any number of threads may call it; loads at its first call.

    `folder` has weights, and a vocabulary where it is not MiniLM's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loading = threading.Lock()
        self._loaded: tuple[Network, Heads] | None = None
        self._warm = False
        self._recent = lru_cache(maxsize=REMEMBERED)(self._judged)

    def warm_up(self) -> None:
        """Load the weights, and be ready for texts of the usual lengths; nothing the next time."""
        if not self._warm:
            for words in range(40, 200, 40):
                self.read("warm", [Text("", ("warm " * words,))])
            self._warm = True

    def read(self, question: str, texts: Sequence[Text]) -> list[Reading]:
        """Of each text what it says to the question. Raises Misconfigured where the weights are not there."""
        windows = [self._rows.window(question, text) for text in texts]
        with CORES.place():
            return [self._recent(each) for each in windows]

    def forget(self) -> None:
        """Drop what is remembered."""
        self._recent.cache_clear()
        self._rows.forget()

    def _judged(self, given: Window) -> Reading:
        network, heads = self._ready()
        alone = CORES.wanted < 2
        return network.read([given.ids], lambda _, states: heads.judge(states, given.spans), alone=alone)[0]

    def _ready(self) -> tuple[Network, Heads]:
        with self._loading:
            if self._loaded is None:
                from knowledge_base.minilm import Network, checked

                weights, heads = unpacked(self._folder / WEIGHTS)
                if not any(name.startswith("embeddings.") for name in weights):
                    released = checked(minilm_folder() / "model.safetensors").items()
                    weights |= {name: each for name, each in released if name.startswith("embeddings.")}
                self._loaded = Network(weights), heads
            return self._loaded

    @cached_property
    def _rows(self) -> Rows:
        own = self._folder / VOCABULARY
        return Rows(tokenizer_of(own) if own.exists() else minilm_tokenizer(marks_are_text=True))


def tokenizer_of(file: Path) -> Tokenizer:
    """A vocabulary; "</s>" that somebody types is text like any other. Raises Misconfigured."""
    from tokenizers import Tokenizer

    try:
        found = Tokenizer.from_file(str(file))
    except Exception as error:  # that is all it says of a file that cannot be read
        raise Misconfigured(f"{str(file)!r} cannot be read: {error}; install Kotae again") from error
    found.encode_special_tokens = True
    return found


class Readers:
    """A reader for each language that one was taught, and for some another that sees more and takes longer.
    Who reads a question goes by its script.
    """

    def __init__(self, folder: Path = SHIPPED) -> None:
        self._usual = {name: CrossEncoder(folder / name) for name in (ENGLISH, JAPANESE)}
        self._thorough = {name: CrossEncoder(folder / other) for name, other in READ_AGAIN.items()}

    def warm_up(self, *, thorough: bool = False, japanese: bool = False) -> None:
        """Load the English one, with `thorough` also who reads again. The Japanese one takes 95 MB, which a
        desk without Japanese documents need not spend; without `japanese` it is there half a second after
        the first Japanese question.
        """
        self._usual[ENGLISH].warm_up()
        if japanese:
            self._usual[JAPANESE].warm_up()
        if thorough:
            self._thorough[ENGLISH].warm_up()

    @property
    def crowded(self) -> bool:
        """Whether so many questions are at work that each would wait long for a thorough reader."""
        return CORES.wanted > CROWD

    def reads(self, question: str) -> bool:
        """Whether one of them knows the script of the question."""
        return language(question) is not None

    def read(self, question: str, texts: Sequence[Text], *, thorough: bool = False) -> list[Reading]:
        """Of each text what it says to the question; `thorough` is by who sees more, where there is somebody.
        Raises ValueError where nobody reads it, Misconfigured where the weights are not there.
        """
        of = language(question)
        if of is None:
            raise ValueError(f"nobody reads {question[:80]!r}")
        usual = self._usual[of]
        who = self._thorough.get(of, usual) if thorough else usual
        return who.read(question, texts)

    def forget(self) -> None:
        """Drop what is remembered."""
        for each in (*self._usual.values(), *self._thorough.values()):
            each.forget()


def language(question: str) -> str | None:
    """Of which folder the reader is."""
    if in_japanese(question):
        return JAPANESE
    return ENGLISH if latin(question) >= FAMILIAR else None


@dataclass(frozen=True)
class Heads:
    """What turns token states into log odds: of the first token that the text answers, of the mean over a
    sentence's tokens that the sentence does.
    """

    answer: Floats  # (dimension,)
    answer_bias: float
    sentence: Floats  # (dimension,)
    sentence_bias: float

    def judge(self, states: Floats, spans: Sequence[tuple[int, int]]) -> Reading:
        """Of states (tokens, dimension)."""
        tokens = np.cumsum(states @ self.sentence + np.float32(self.sentence_bias), dtype=np.float64)
        return Reading(
            float(states[0] @ self.answer) + self.answer_bias,
            tuple(
                float(tokens[end - 1] - tokens[start - 1]) / (end - start) if end else NEVER
                for start, end in spans
            ),
        )


def unpacked(path: Path) -> tuple[dict[str, NDArray[Any] | Rounded], Heads]:
    """The network's weights, rounded as they are kept, and its heads."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    from knowledge_base.minilm import Rounded

    try:
        kept = load_file(path)
    except (OSError, SafetensorError) as error:
        raise Misconfigured(
            f"the cross-encoder's weights cannot be read: {error}; "
            "install Kotae again, or let quotes read no passages"
        ) from error
    tensors: dict[str, NDArray[Any] | Rounded] = {}
    for name in kept:
        if name.endswith(SCALE):
            continue
        whole = name.removesuffix(FOUR)
        scales = kept.get(whole + SCALE)
        if scales is None:
            tensors[name] = kept[name].astype(np.float32)
        else:
            tensors[whole] = Rounded(kept[name], scales.astype(np.float32))
    answer, answer_bias, sentence, sentence_bias = (
        np.asarray(tensors.pop(f"{head}.{part}")).reshape(-1)
        for head in ("answer", "sentence")
        for part in ("weight", "bias")
    )
    return tensors, Heads(answer, float(answer_bias[0]), sentence, float(sentence_bias[0]))


@lru_cache(maxsize=1)
def shipped() -> Readers:
    """Those that ship, once in a process."""
    return Readers()
