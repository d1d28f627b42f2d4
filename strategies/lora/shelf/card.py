"""What an adapter's folder says about itself, so that nobody has to remember what it was trained on.

    adapter_model.safetensors   the weights, never a pickle      adapter_config.json   PEFT's
    card.json                   base, template, pairs, recipe, figures: `Card`
    proof.json                  questions with the trainer's own answers: `Canary`
    confidence.json, questions.safetensors, known.jsonl          when to abstain: `trust.confidence`,
                                                                 and how true that is: `trust.reliability`
    curve.jsonl, samples.jsonl                                   how training went

The trainer writes it, the shelf puts it under the hash of all of it, and nothing in it ever changes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

if TYPE_CHECKING:
    from strategies.lora.bases.model import Base

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
CARD = "card.json"
PROOF = "proof.json"
CURVE = "curve.jsonl"
SAMPLES = "samples.jsonl"

CURRENT = "current"  # whichever adapter is promoted; no adapter may be called so
Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=80, pattern=r"^[^/\\\x00-\x1f\x7f]+$"),
]


class BadCard(Exception):
    """A folder's card or proof is missing, or not what it should be; the message names the file."""


class Card(BaseModel):
    """What an adapter was made from and what was measured. Hashes are of what it must be served with."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: Name
    base: str  # as it was asked for: "shipped", a folder, a hub name
    base_hash: str  # bases.identity
    template: str  # template.fingerprint
    tokenizer: str  # tokenizer_hash
    pairs: str  # pairs.pairs_hash
    made_at: datetime
    documents: Mapping[str, int] = Field(default_factory=dict)  # id and version of what the pairs came from
    seed: int = 0
    libraries: Mapping[str, str] = Field(default_factory=dict)
    figures: Mapping[str, float] = Field(default_factory=dict)
    recipe: Mapping[str, Any] = Field(default_factory=dict)
    parent: str = ""  # the adapter that it went on from, by hash
    model: str = (
        ""  # where it speaks at a server that tuned it: the model's name there; it has no weights here
    )
    preferences: str = ""  # preferences.preferences_hash of what it learned to prefer


class Canary(BaseModel):
    """A question with what the trainer's model answers to it, greedily: its tokens, the end included, and
    the log-probability of each.
    """

    model_config = ConfigDict(frozen=True)

    question: str
    passages: tuple[str, ...] = ()
    ids: tuple[int, ...] = Field(min_length=1)
    logprobs: tuple[float, ...] = Field(min_length=1)


_canaries = TypeAdapter(tuple[Canary, ...])


def write_card(folder: Path, card: Card) -> None:
    text = json.dumps(card.model_dump(mode="json"), indent=1, sort_keys=True, ensure_ascii=False)
    (folder / CARD).write_text(text + "\n", encoding="utf-8")


def read_card(folder: Path) -> Card:
    found: Card = _read(folder / CARD, Card.model_validate_json)
    return found


def write_proof(folder: Path, canaries: Sequence[Canary]) -> None:
    (folder / PROOF).write_bytes(_canaries.dump_json(tuple(canaries), indent=1) + b"\n")


def read_proof(folder: Path) -> tuple[Canary, ...]:
    found: tuple[Canary, ...] = _read(folder / PROOF, _canaries.validate_json)
    return found


def tokenizer_hash(base: Base) -> str:
    """Of the tokenizers' whole definition, reading and speaking, but for how they last cut and padded."""
    digest = hashlib.sha256()
    for tokenizer in (base.reader, base.speaker):
        backend = getattr(tokenizer, "backend_tokenizer", None)
        told = json.loads(backend.to_str()) if backend is not None else tokenizer.get_vocab()
        lasting = {name: part for name, part in told.items() if name not in ("truncation", "padding")}
        digest.update(json.dumps(lasting, sort_keys=True).encode())
    return digest.hexdigest()[:16]


def _read(path: Path, parse: Any) -> Any:
    try:
        return parse(path.read_bytes())
    except FileNotFoundError:
        raise BadCard(f"it has no {path.name}") from None
    except OSError as error:
        raise BadCard(f"its {path.name} cannot be read ({error.strerror})") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise BadCard(
            f"its {path.name} is not as it should be ({where or 'the file'}: {first['msg']})"
        ) from error
