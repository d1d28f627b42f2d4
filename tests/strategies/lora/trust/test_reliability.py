"""How true it is what an adapter foretells: kept at its calibration, and unknown of older ones."""

import json
from pathlib import Path

import numpy as np
import pytest

from strategies.lora.trust.calibration import fit
from strategies.lora.trust.confidence import CONFIDENCE, EVIDENCE
from strategies.lora.trust.reliability import Reliability, reliability


def kept(folder: Path, told: object) -> Path:
    (folder / CONFIDENCE).write_text(json.dumps(told), "utf-8")
    return folder


def test_who_foretells_rightly_lies_near_the_diagonal_and_every_question_counts(tmp_path: Path) -> None:
    chance = np.random.default_rng(7)
    rows = chance.normal(size=(600, len(EVIDENCE)))
    right = chance.random(600) < 1 / (1 + np.exp(-2 * rows[:, 0]))  # one sign tells, the others do not
    told, _ = fit(rows, right, np.ones(600, bool))

    found = reliability(kept(tmp_path, told))

    assert isinstance(found, Reliability)
    assert sum(one.of for one in found.piles) == 600
    assert [one.likely for one in found.piles] == sorted(one.likely for one in found.piles)
    assert max(abs(one.likely - one.right) for one in found.piles) < 0.15
    assert found.enough == told["enough"]


def test_who_is_too_sure_is_seen_below_it(tmp_path: Path) -> None:
    """What was never taught weighs as customers ask it, however few such questions were tried."""
    chance = np.random.default_rng(7)
    rows = chance.normal(size=(200, len(EVIDENCE)))
    taught = np.arange(200) < 190
    told, _ = fit(rows, taught, taught)  # right wherever it was taught

    found = reliability(kept(tmp_path, told))

    assert found is not None
    whole = sum(one.right * one.of for one in found.piles) / 200
    assert whole < 0.95, "unweighed it would be 190 of 200"


@pytest.mark.parametrize(
    "told",
    [
        {"evidence": {}, "bias": -60.0, "enough": 1.0},
        {"enough": 0.5, "reliability": []},
        {"enough": 0.5, "reliability": [{"likely": "much"}]},
        [],
    ],
)
def test_of_an_adapter_that_was_made_before_it_is_not_known(tmp_path: Path, told: object) -> None:
    assert reliability(kept(tmp_path, told)) is None


def test_of_one_that_was_never_calibrated_it_is_not_known(tmp_path: Path) -> None:
    assert reliability(tmp_path) is None
