"""A causal language model of transformers in this process: a folder, a GGUF file, or a name of the hub.

Generation runs in a thread of its own and hands over token by token; it stops within a token when the answer
is closed. This is also the door for adapters: a `Local` is made from any loaded model and tokenizer (see
docs/writing-a-strategy.md).
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strategies.errors import Misconfigured, Unavailable
from strategies.llm.options import LlmOptions
from strategies.llm.prompt import Message
from strategies.llm.speaker import Ended
from strategies.precision import fast_in_bfloat16

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

GGUF = ".gguf"
HALF = "\ufffd"  # what a decoder writes for bytes that are not a character yet


class Local:
    """A `Speaker` that holds the model."""

    exact = True

    def __init__(
        self,
        options: LlmOptions,
        named: str,
        load: Callable[[LlmOptions], tuple[PreTrainedModel, PreTrainedTokenizerBase]] | None = None,
    ) -> None:
        """`load` returns the model, in the mode and on the device where it answers, and its tokenizer."""
        self.model = options.model
        self.room = options.context_tokens
        self._options = options
        self._named = named
        self._load = load or from_transformers
        self._loaded: tuple[PreTrainedModel, PreTrainedTokenizerBase] | None = None
        self._loading = threading.Lock()
        self._turns = threading.BoundedSemaphore(options.at_once)

    def warm_up(self) -> None:
        """Load the weights, and make one token so that the first customer does not wait for the caches."""
        with self._loading:
            if self._loaded is not None:
                return
            model, tokenizer = self._load(self._options)
            limit = getattr(model.config.get_text_config(), "max_position_embeddings", None) or 0
            self.room = min(self.room, limit) if self.room and limit else self.room or limit
            self._loaded = model, tokenizer
        for _ in self._spoken([Message("user", "OK")], 1, self._options.load_seconds):
            pass

    def count(self, text: str) -> int:
        _, tokenizer = self._held()
        return len(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    def speak(self, messages: Sequence[Message]) -> Generator[str | Ended, None, None]:
        return self._spoken(messages, self._options.max_tokens, self._options.first_token_seconds)

    def _spoken(
        self, messages: Sequence[Message], max_tokens: int, first: float
    ) -> Generator[str | Ended, None, None]:
        model, tokenizer = self._held()
        who = f"strategy {self._named!r}: the model {self.model!r}"
        if not self._turns.acquire(timeout=first):
            raise Unavailable(f"{who} is busy with other answers")
        given = encoded(tokenizer, messages)
        generation = Generation(model, given, max_tokens, self._options)
        generation.start(done=self._turns.release)
        made = 0
        try:
            decoder = Decoder(tokenizer)
            for token in generation.tokens(first, self._options.between_tokens_seconds):
                made += 1
                if text := decoder.put(token):
                    yield text
            if text := decoder.rest():
                yield text
        except queue.Empty as error:
            raise Unavailable(f"{who} was silent for too long") from error
        finally:
            generation.stop()
        if failed := generation.error:
            raise Unavailable(f"{who} failed: {type(failed).__name__}: {failed}") from failed
        yield Ended("stop" if generation.finished else "length", len(given), made)

    def _held(self) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        if self._loaded is None:
            self.warm_up()
        assert self._loaded is not None
        return self._loaded


class Generation:
    """One run of `generate` in a thread, token by token, that can be stopped."""

    def __init__(
        self, model: PreTrainedModel, given: list[int], max_tokens: int, options: LlmOptions
    ) -> None:
        self.error: Exception | None = None
        self.finished = False  # the model ended by itself
        self._model = model
        self._given = given
        self._max_tokens = max_tokens
        self._temperature = options.temperature
        self._penalty = options.frequency_penalty
        self._stopped = threading.Event()
        self._made: queue.Queue[int | None] = queue.Queue()
        self._skip = len(given)

    def start(self, done: Callable[[], None]) -> None:
        threading.Thread(target=self._run, args=(done,), name="generation", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def tokens(self, first: float, between: float) -> Iterator[int]:
        """The tokens as they are made. Raises queue.Empty when the next one takes too long."""
        wait = first
        while (token := self._made.get(timeout=wait)) is not None:
            yield token
            wait = between

    def put(self, value: Any) -> None:
        """transformers' streamer interface: the prompt comes first, then each new token."""
        for token in value.flatten().tolist():
            if self._skip:
                self._skip -= 1
            else:
                self._made.put(token)

    def end(self) -> None:
        """transformers' streamer interface; `_run` says when it is over, also after an error."""

    def _run(self, done: Callable[[], None]) -> None:
        import torch
        from transformers import LogitsProcessorList, StoppingCriteriaList

        try:
            given = torch.tensor([self._given], device=self._model.device)
            sampling = (
                {"do_sample": True, "temperature": self._temperature}
                if self._temperature
                else {"do_sample": False}
            )
            with torch.inference_mode():
                generate: Any = self._model.generate  # its declared type is not its own
                made = generate(
                    given,
                    attention_mask=torch.ones_like(given),
                    streamer=self,
                    stopping_criteria=StoppingCriteriaList([self._is_stopped]),
                    logits_processor=LogitsProcessorList([self._less_likely] if self._penalty else []),
                    max_new_tokens=self._max_tokens,
                    **sampling,
                )
            self.finished = made.shape[-1] - len(self._given) < self._max_tokens or int(made[0, -1]) in ends(
                self._model
            )
        except Exception as error:
            self.error = error
        finally:
            self._made.put(None)
            done()

    def _less_likely(self, made: Any, scores: Any) -> Any:
        """As OpenAI-compatible servers do it, which transformers does not: what the prompt says is free, so
        passages can be quoted.
        """
        answer = made[:, len(self._given) :]
        return scores.scatter_add(1, answer, scores.new_full(answer.shape, -self._penalty))

    def _is_stopped(self, made: Any, *_: Any, **__: Any) -> Any:
        import torch

        return torch.full((made.shape[0],), self._stopped.is_set(), device=made.device)


class Decoder:
    """Tokens to text. A token may be half a character (Japanese, emoji): hold it until the text decodes
    cleanly.
    """

    LONGEST = 4  # bytes of one character; what is still broken then was never going to be one

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._shown: list[
            int
        ] = []  # tokens that are out; the last few give their successors the right blanks
        self._held: list[int] = []

    def put(self, token: int) -> str:
        self._held.append(token)
        text = self._new()
        if text.endswith(HALF) and len(self._held) < self.LONGEST:
            return ""
        return self._out(text)

    def rest(self) -> str:
        return self._out(self._new()) if self._held else ""

    def _new(self) -> str:
        before = self._decoded(self._shown)
        return self._decoded([*self._shown, *self._held])[len(before) :]

    def _out(self, text: str) -> str:
        self._shown = [*self._shown, *self._held][-2 * self.LONGEST :]
        self._held = []
        return text

    def _decoded(self, tokens: list[int]) -> str:
        return str(
            self._tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        )


def from_transformers(options: LlmOptions) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load by folder, file or hub name. Raises Misconfigured with what to do."""
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError as error:
        raise Misconfigured("a local model needs more packages: pip install 'kotae[local]'") from error
    folder, more = whereabouts(options.model)
    try:
        with quietly():
            tokenizer = AutoTokenizer.from_pretrained(folder, **more)
            device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
            dtype = options.dtype or fitting(folder, more, device)
            model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, **more)
        model.eval().to(device)
    except Exception as error:
        first = str(error).strip().split("\n", 1)[0]
        raise Misconfigured(
            f"the model {options.model!r} cannot be loaded ({type(error).__name__}: {first}); "
            "give a folder, a GGUF file or a hub name of a causal language model, or base_url for one at a "
            "server"
        ) from error
    return model, tokenizer


def fitting(folder: str, more: dict[str, str], device: str) -> str:
    """What a model calculates in where nobody chose: what it was saved in, except on a processor that has no
    instructions for it. There each product makes its numbers whole first, and a prompt is read at a half or a
    quarter of the speed.
    """
    import torch
    from transformers import AutoConfig

    if device != "cpu":
        return "auto"
    halves = not more and AutoConfig.from_pretrained(folder).dtype == torch.bfloat16
    return "auto" if halves and fast_in_bfloat16() else "float32"


def whereabouts(name: str) -> tuple[str, dict[str, str]]:
    """What `from_pretrained` is given for a model. Raises Misconfigured when its file is not there."""
    if not name.endswith(GGUF):
        return name, {}
    file = Path(name).expanduser()
    if not file.is_file():
        raise Misconfigured(f"there is no file {str(file)!r}")
    return str(file.parent), {"gguf_file": file.name}


@contextmanager
def quietly() -> Iterator[None]:
    """Without transformers' progress bars and its report of weights that nobody needs."""
    import transformers
    from transformers import modeling_gguf_pytorch_utils as files

    logging: Any = transformers.utils.logging
    made: Any = files
    before, bar = logging.get_verbosity(), made.tqdm
    logging.disable_progress_bar()  # a command shows its own
    logging.set_verbosity_error()
    made.tqdm = partial(bar, disable=True)  # which asks nobody
    try:
        yield
    finally:
        made.tqdm = bar
        logging.set_verbosity(before)


def encoded(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message]) -> list[int]:
    """The chat as tokens, by the tokenizer's own template, or by a plain one when it has none.

    A name that the tokenizer takes for a turn marker is broken up first: nobody but the template begins a
    turn.
    """
    chat = [{"role": message.role, "content": harmless(message.content, tokenizer)} for message in messages]
    if not tokenizer.chat_template:
        return list(tokenizer(plain(chat))["input_ids"])
    try:
        text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    except Exception:  # several templates refuse a system message; what they raise is jinja2's
        text = tokenizer.apply_chat_template(without_system(chat), tokenize=False, add_generation_prompt=True)
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def harmless(text: str, tokenizer: PreTrainedTokenizerBase) -> str:
    for special in tokenizer.all_special_tokens:
        text = text.replace(special, f"{special[:1]} {special[1:]}")
    return text


def without_system(chat: list[dict[str, str]]) -> list[dict[str, str]]:
    system, first, *rest = chat
    return [{"role": first["role"], "content": f"{system['content']}\n\n{first['content']}"}, *rest]


def plain(chat: list[dict[str, str]]) -> str:
    names = {"system": "", "user": "Customer: ", "assistant": "Support: "}
    return "\n\n".join([*(names[message["role"]] + message["content"] for message in chat), "Support:"])


def ends(model: PreTrainedModel) -> set[int]:
    """The tokens with which the model ends a text."""
    end = model.generation_config.eos_token_id if model.generation_config else None
    return set(end) if isinstance(end, list) else {end} if isinstance(end, int) else set()
