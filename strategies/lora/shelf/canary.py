"""Before an adapter speaks to customers: what it says through the engine is what its trainer heard.

Served by another template, on another base or not at all, an adapter still answers, only worse, and nobody is
told. So each one carries questions with its trainer's own answers, and they are asked here, the way customers
ask.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from strategies.lora.bases import template
from strategies.lora.shelf.adapters import Adapter, Proof
from strategies.lora.shelf.card import BadCard, Canary, read_proof, tokenizer_hash

if TYPE_CHECKING:
    from strategies.lora.bases.model import Base
    from strategies.lora.engine.sharing import Shared
    from strategies.lora.engine.speaking import Engine

AT_A_SERVER = 'give the strategy use = "served", with the server\'s base_url and api_key'
CHANGES = 1e-3  # nats by which some token of its answers becomes likelier or less likely, at the least
TOLERANCE = 0.05  # nats a token, between the trainer's word and ours: other kernels, other rounding
SEVERAL = 16  # times that, where weights are rounded to half precision


def prove(adapter: Adapter, shared: Shared) -> Proof:
    """Ask the adapter its own questions, through the engine that customers are answered by."""
    if faults := mismatches(adapter, shared.engine.base):
        return Proof(tuple(faults))
    try:
        canaries = read_proof(adapter.path)
    except BadCard as error:
        return Proof((str(error),))
    if not canaries:
        return Proof(("it brings no question to prove it by",))
    with shared.holding(adapter):
        return heard(adapter, shared.engine, canaries)


def mismatches(adapter: Adapter, base: Base) -> list[str]:
    """What it would have to be served with and is not."""
    if adapter.model:
        return [f"it speaks at the server that tuned it, as {adapter.model!r}: {AT_A_SERVER}"]
    faults = []
    if adapter.base_hash != base.hash:
        faults.append(
            f"it was trained on the base {adapter.base!r} ({adapter.base_hash[:12]}), "
            f"and {base.name!r} ({base.hash[:12]}) speaks here"
        )
        return faults
    if adapter.tokenizer != (here := tokenizer_hash(base)):
        faults.append(f"it was trained with the tokenizer {adapter.tokenizer}, and here it is {here}")
    if adapter.template != (here := template.fingerprint(base)):
        faults.append(
            f"it was trained with the template {adapter.template}, and here it is {here}: "
            "it would answer worse than it did; train it anew"
        )
    return faults


def heard(adapter: Adapter, engine: Engine, canaries: Sequence[Canary]) -> Proof:
    """How far the adapter changes the base, and how far served answers are from the trainer's."""
    base = engine.base
    tolerance = TOLERANCE * (1 if base.model.dtype.itemsize == 4 else SEVERAL)
    changed, apart, others = 0.0, 0.0, []
    for canary in canaries:
        prompt = template.prompt(base, canary.question, canary.passages)
        ours = np.array(engine.score(prompt, list(canary.ids), adapter.hash))
        without = np.array(engine.score(prompt, list(canary.ids)))
        changed = max(changed, float(np.abs(ours - without).max()))
        apart = max(apart, float(np.abs(ours - np.array(canary.logprobs)).mean()))
        wanted = without_end(base, canary.ids)
        said = spoken(engine, prompt, adapter.hash, len(canary.ids))
        if said != wanted and not as_likely(engine, prompt, adapter.hash, said, ours, tolerance):
            others.append(template.text(base, said))
    faults = []
    if not changed > CHANGES:  # also when it is no number
        faults.append(
            "it changes nothing in what the base says: it was trained on nothing, or its weights are empty"
        )
    if not apart <= tolerance:
        faults.append(
            f"served here, its answers are {apart:.2f} nats a token from what its trainer heard "
            f"(at most {tolerance:g}): it is not served as it was trained"
        )
    if others:
        faults.append(
            "answers that are others than its trainer's: "
            f"{len(others)} of {len(canaries)}, such as {others[0]!r}"
        )
    return Proof(tuple(faults), {"changed": changed, "apart": apart, "canaries": len(canaries)})


def spoken(engine: Engine, prompt: template.Prompt, adapter: str, longest: int) -> tuple[int, ...]:
    """The tokens of a served answer; none when it refuses."""
    from strategies.lora.engine.speaking import Piece

    pieces = engine.speak(prompt, adapter=adapter, max_tokens=longest)
    return tuple(token for piece in pieces if isinstance(piece, Piece) for token in piece.ids)


def without_end(base: Base, ids: Sequence[int]) -> tuple[int, ...]:
    """The tokens of a trainer's answer as a customer would be told them."""
    return () if template.refuses(base, ids) else tuple(token for token in ids if token not in base.ends)


def as_likely(
    engine: Engine,
    prompt: template.Prompt,
    adapter: str,
    said: Sequence[int],
    wanted: np.ndarray,
    tolerance: float,
) -> bool:
    """Two answers between which the model hardly chooses: rounding may tip it either way."""
    if not said:
        return False
    ours = np.array(engine.score(prompt, list(said), adapter))
    return abs(float(ours.mean() - wanted.mean())) <= tolerance
