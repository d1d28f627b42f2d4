"""The demo as an installation: its manuals indexed, a product model trained on its pairs, all by the commands
that an admin types.

Of the wordings that `demo/pairs.jsonl` holds out, the first of each fact goes along with the training, which
chooses the best checkpoint and its thresholds by them. Figures come from the others, which never enter.
"""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.libraries import ROOT
from benchmarks.server import KOTAE
from bot.kotae import Kotae
from bot.settings import Settings
from demo.pairs import DemoPair, pairs, suggested
from strategies.lora.shelf.card import CARD

NAME = "desk"
OFTENER = ("--contrast", "3")  # which pays where most wordings are nobody's copies


@dataclass(frozen=True)
class Desk:
    """`seconds` is what the command for the training took; None when an adapter was given."""

    kotae: Kotae
    seconds: float | None


def for_training(*, japanese: bool = False, few: bool = False) -> list[DemoPair]:
    """What `kotae train` is given: what is taught, and one held-out wording of each fact."""
    return [
        *taught(japanese=japanese, few=few),
        *(pair for pair in chosen_by() if japanese or in_english(pair)),
    ]


def taught(*, japanese: bool = False, few: bool = False) -> list[DemoPair]:
    """The training wordings; those too that a language model suggested, unless it shall be `few`."""
    given = [*pairs("train"), *([] if few else suggested())]
    return [pair for pair in given if japanese or in_english(pair)]


def in_english(pair: DemoPair) -> bool:
    return pair.language == "en"


def chosen_by() -> list[DemoPair]:
    """The held-out wordings that checkpoint and thresholds are chosen by."""
    first: dict[str, DemoPair] = {}
    for pair in pairs("held-out"):
        first.setdefault(pair.fact, pair)
    return list(first.values())


def never_shown() -> list[DemoPair]:
    """The held-out wordings that nothing was chosen by."""
    kept = {pair.question for pair in chosen_by()}
    return [pair for pair in pairs("held-out") if pair.question not in kept]


@contextmanager
def desk(
    base: str = "",
    adapter: Path | None = None,
    options: tuple[str, ...] = (),
    *,
    japanese: bool = False,
    few: bool = False,
    also: Sequence[Path] = (),
) -> Iterator[Desk]:
    """An installation with the demo and a promoted adapter: the given one, or one trained now with these
    options of `kotae train`. `base` is another than the configured one, `also` are further adapters for the
    shelf.
    """
    with tempfile.TemporaryDirectory() as folder:
        if base:
            os.environ["KOTAE_STRATEGIES__PRODUCT__BASE"] = base
        data = Path(folder) / "data"
        kotae_command(data, "demo")
        began, seconds = time.monotonic(), None
        if adapter is None:
            given = Path(folder) / "pairs.jsonl"
            wordings = for_training(japanese=japanese, few=few)
            given.write_text("".join(f"{json.dumps(asdict(pair))}\n" for pair in wordings), "utf-8")
            on = ("--base", base) if base else ()
            chosen = options or (() if few else OFTENER)
            kotae_command(data, "train", "--pairs", given, "--name", NAME, *on, *chosen)
            seconds = time.monotonic() - began
        else:
            kotae_command(data, "adapters", "import", adapter)
        for another in also:
            kotae_command(data, "adapters", "import", another)
        kotae_command(data, "adapters", "promote", name_of(adapter) if adapter else NAME)
        kotae = Kotae.open(Settings.load(ROOT / "kotae.toml", data))
        try:
            kotae.warm_up()
            yield Desk(kotae, seconds)
        finally:
            kotae.close()


def kotae_command(data: Path, *words: str | Path) -> None:
    subprocess.run(
        [KOTAE, "--config", ROOT / "kotae.toml", "--data", data, *words],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def name_of(adapter: Path) -> str:
    """What an adapter's folder says it is called."""
    return str(json.loads((adapter / CARD).read_text("utf-8"))["name"])
