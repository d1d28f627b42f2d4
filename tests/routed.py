"""An installation whose strategies know different things, and an evaluation that shows it.

`kettles` says "30 months" to everything, `parcels` says "three days", and both say the question back: each is
right about one half.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.evaluation.runs import Run
from bot.evaluation.values import AskedQuestion, Part
from bot.kotae import Kotae

STRATEGIES = {
    "kettles": {"use": "echo", "before": "30 months."},
    "parcels": {"use": "echo", "before": "three days."},
    "router": {"use": "router", "of": ["kettles", "parcels"], "spend": "tokens"},
}
KETTLES = ("How long is the warranty of my {} kettle?", "My {} kettle is broken, is that covered?")
PARCELS = ("When does my {} parcel arrive?", "The {} courier has not come yet, how long does shipping take?")
COLOURS = ("red", "blue", "green", "black", "white", "yellow", "grey", "orange")
SET = "support"


def questions(part: Part = "open") -> list[AskedQuestion]:
    about = [(KETTLES, "30 months"), (PARCELS, "three days")]
    return [
        AskedQuestion(
            f"{part}-{fact}-{n}-{colour}",
            pattern.format(colour) + (" Please!" if part == "held-out" else ""),
            language="en",
            facts=((fact,), (colour,)),
            part=part,
        )
        for patterns, fact in about
        for n, pattern in enumerate(patterns)
        for colour in COLOURS
    ]


def without_an_answer() -> list[AskedQuestion]:
    """What both would answer, and wrongly."""
    return [
        AskedQuestion(f"rocket-{n}-{colour}", text.format(colour), language="en", answerable=False)
        for n, text in enumerate(
            ("Which rocket carries the {} booster to orbit?", "Where is the {} launch pad of your rocket?")
        )
        for colour in COLOURS
    ]


def evaluated(kotae: Kotae, *strategies: str, also: Sequence[AskedQuestion] = ()) -> Run:
    """A finished evaluation of open and held-out questions."""
    kotae.question_sets.put(
        SET, [*questions(), *questions("held-out"), *also], by="admin@example.com", note="written"
    )
    started = kotae.evaluations.start(SET, strategies or ("kettles", "parcels"), by="admin@example.com")
    kotae.jobs.run(started.job.id)
    run = kotae.evaluations.run(started.id)
    assert run.job.state == "done", run.job.error
    return run
