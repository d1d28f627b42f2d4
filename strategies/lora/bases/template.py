"""The one place where prompts and answers are made into tokens, for training and for serving alike.

    encoder-decoder   reads  [CLS] question [SEP] passage [SEP] passage [SEP]     says  answer <|end|>
    seq2seq           reads  question: … passage: … </s>                          says  answer </s>
    causal            goes on from the tokenizer's chat template, or from a plain one   answer <end>

What is not in the passages is refused: by one token where the speaker has one, in a word where it has not.
An adapter remembers `fingerprint(base)`; served by another template it would answer worse, so it is refused.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from strategies.llm.local import harmless
from strategies.llm.opening import NO_ANSWER

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from strategies.lora.bases.model import Base

LONGEST_ANSWER = 256  # tokens, of a causal model's room
LONGEST_READ = 128  # tokens of an answer that is read as if it were asked
BETWEEN_DIGITS = re.compile(r"(?<=\d)(?=\d)")
GOLDEN = (
    ("How long does it take?", ()),
    ("1234 <|end|> [SEP] </s>", ("It takes 5 minutes.", "保証は2年です。")),
)


@dataclass(frozen=True)
class Prompt:
    """What the model reads; `passage_tokens` of the `ids` come from passages."""

    ids: tuple[int, ...]
    passage_tokens: int = 0

    @property
    def prompt_tokens(self) -> int:
        return len(self.ids) - self.passage_tokens


def prompt(base: Base, question: str, passages: Sequence[str] = ()) -> Prompt:
    """A question, and what may answer it, as tokens. What exceeds the base's room is left out: the last
    passages first, then the end of the question.
    """
    alone = made(base, question, ())
    room = base.room - (LONGEST_ANSWER if base.family == "causal" else 0)
    room = room if room > 0 else base.room // 2
    if len(alone) > room:
        return Prompt(tuple(made(base, shortened(base, question, len(alone) - room), ())[:room]))
    kept = list(passages)
    while kept and len(ids := made(base, question, kept)) > room:
        kept.pop()
    return Prompt(tuple(ids), len(ids) - len(alone)) if kept else Prompt(tuple(alone))


def as_asked(base: Base, answer: str) -> Prompt:
    """An answer, for what reads it to place it beside its questions."""
    return Prompt(prompt(base, answer).ids[:LONGEST_READ])


def answer(base: Base, text: str) -> list[int]:
    """The tokens the model shall say, its end included; `""` is the refusal."""
    if not text and base.nothing is not None:
        return [base.nothing, base.end]
    return [*spoken(base, text or NO_ANSWER)[: base.longest - 1], base.end]


def text(base: Base, ids: Sequence[int]) -> str:
    """What tokens say, without those that are for the model only."""
    return str(
        base.speaker.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
    ).strip()


def refuses(base: Base, ids: Sequence[int]) -> bool:
    """These tokens begin with the refusal."""
    if base.nothing is not None:
        return bool(ids) and ids[0] == base.nothing
    return text(base, ids).startswith(NO_ANSWER)


def refusal(base: Base) -> int:
    """The token that begins a refusal."""
    return answer(base, "")[0]


def fingerprint(base: Base) -> str:
    """Another template or tokenizer gives other tokens for the same words, and another fingerprint."""
    seen = [
        [
            *prompt(base, question, passages).ids,
            -1,
            *answer(base, "Thanks! 12.5 kg, 3 年."),
            -1,
            *answer(base, ""),
        ]
        for question, passages in GOLDEN
    ]
    return hashlib.sha256(json.dumps([seen, base.start]).encode()).hexdigest()[:16]


def made(base: Base, question: str, passages: Sequence[str]) -> list[int]:
    match base.family:
        case "encoder-decoder":
            reader = base.reader
            parts = [[*plain(reader, spelt(part)), reader.sep_token_id] for part in (question, *passages)]
            return [reader.cls_token_id, *chain.from_iterable(parts)]
        case "seq2seq":
            words = " ".join([f"question: {question}", *(f"passage: {passage}" for passage in passages)])
            return [*plain(base.reader, words), base.end]
        case "causal":
            return chat(base.reader, question, passages)


def spelt(words: str) -> str:
    """Numbers digit by digit, as the speaker says them: what is read as one token could not be copied so."""
    return BETWEEN_DIGITS.sub(" ", words)


def chat(tokenizer: PreTrainedTokenizerBase, question: str, passages: Sequence[str]) -> list[int]:
    """One turn in the tokenizer's own manner. Models that think are asked to answer at once."""
    words = "\n\n".join((*passages, question)).encode(errors="replace").decode()
    content = harmless(words, tokenizer)
    if not tokenizer.chat_template:
        return list(tokenizer(f"Customer: {content}\n\nSupport:")["input_ids"])
    shown = tokenizer.apply_chat_template(
        [{"role": "user", "content": content}],
        tokenize=False,
        add_generation_prompt=True,
        enable_thinking=False,
    )
    return list(tokenizer(str(shown), add_special_tokens=False)["input_ids"])


def spoken(base: Base, words: str) -> list[int]:
    """An answer's tokens. One that goes on behind a plain "Support:" begins with its blank."""
    goes_on = base.family == "causal" and not base.speaker.chat_template
    return plain(base.speaker, f" {words}" if goes_on else words)


def plain(tokenizer: PreTrainedTokenizerBase, words: str) -> list[int]:
    """Tokens of words alone: no special token, whatever the words say."""
    words = words.encode(errors="replace").decode()  # a lone surrogate is no text to a tokenizer
    return list(tokenizer(harmless(words, tokenizer), add_special_tokens=False, verbose=False)["input_ids"])


def shortened(base: Base, question: str, by: int) -> str:
    """The question without its last tokens."""
    ids = plain(base.reader, question)
    return str(base.reader.decode(ids[: max(1, len(ids) - by)]))
