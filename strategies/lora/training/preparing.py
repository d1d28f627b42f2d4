"""From the desk's pairs to what is learned and what is only measured on.

Only taught pairs come past `split`; they are said in other words (`augment`) and with what retrieval finds
for them (`raft`) where the recipe asks for it. The index is open in the server's process, not in the
training's, so the examples are written down before that one starts.
"""

from __future__ import annotations

from strategies.base import Search
from strategies.lora.pairs.augment import augment
from strategies.lora.pairs.preferences import Parted, parted
from strategies.lora.pairs.raft import Example, Read, examples, whole
from strategies.lora.pairs.splits import Split, Taught, split
from strategies.lora.pairs.values import Pair
from strategies.lora.training.work import TrainingFailed, Work

NOTHING_TO_LEARN = "every preference is about a question that is held out; there is nothing to learn from"
NO_PAIRS = "there are no pairs to learn from; import some first: kotae pairs import FILE"


def prepare(work: Work, search: Search | None = None, read: Read = whole) -> None:
    """Write the examples into the folder, unless they are there already. `read` is what serving gives of the
    passages that `search` returns.
    """
    if work.prepared:
        return
    recipe = work.job.recipe
    parts = split(work.pairs(), seed=recipe.seed)
    if not parts.train:
        raise TrainingFailed(NO_PAIRS)
    measured = measured_on(parts, recipe.seed)
    wordings = {pair.wording for pair in measured} if measured else set()
    learned = augment(parts.train, recipe.seed) if recipe.augment else parts.train
    shown = [pair for pair in learned if pair.wording not in wordings]
    work.prepare(
        examples(
            shown,
            search if recipe.raft else None,
            recipe.seed,
            read=read,
            alone=learned[len(parts.train) :],
        ),
        [Example(pair.question, pair.answer) for pair in measured or parts.train],
    )


def preferences_of(work: Work) -> Parted:
    """What a tuning on preferences may learn, and what it is measured on."""
    parts = parted(work.preferences(), taught(work).held_out, work.job.recipe.seed)
    if not parts.learned:
        raise TrainingFailed(NOTHING_TO_LEARN)
    return parts


def taught(work: Work) -> Taught:
    """The pairs that this training may learn."""
    return split(work.pairs(), seed=work.job.recipe.seed).train


def measured_on(parts: Split, seed: int) -> tuple[Pair, ...]:
    """Held-out wordings of what is taught. A desk that has one wording of each question has none: there,
    wordings of our own making are held out.
    """
    if parts.held_out_paraphrases:
        return parts.held_out_paraphrases
    return tuple(augment(parts.train, seed + 1, copies=1))[len(parts.train) :]
