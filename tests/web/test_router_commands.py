"""`kotae router`: trained, shown and given a budget from a terminal."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bot.evaluation.values import AskedQuestion
from bot.kotae import Kotae
from bot.settings import Settings
from tests.routed import SET, evaluated, without_an_answer
from web.cli import main

CONFIG = """
[chat]
strategy = "router"
[strategies.kettles]
use = "echo"
before = "30 months."
[strategies.parcels]
use = "echo"
before = "three days."
[strategies.router]
use = "router"
of = ["kettles", "parcels"]
spend = "tokens"
"""


class Terminal:
    def __init__(self, folder: Path) -> None:
        self.config = folder / "kotae.toml"
        self.config.write_text(CONFIG, encoding="utf-8")
        self.data = folder / "data"

    def __call__(self, *words: str) -> Result:
        place = ["--data", str(self.data), "--config", str(self.config)]
        return CliRunner().invoke(main, [*place, *words])

    def json(self, *words: str) -> Any:
        done = self(*words, "--json")
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def evaluates(self, *also: AskedQuestion) -> str:
        kotae = Kotae.open(Settings.load(self.config, self.data))
        try:
            return evaluated(kotae, also=also).id
        finally:
            kotae.close()


@pytest.fixture
def terminal(tmp_path: Path, one_embedder: None) -> Terminal:
    return Terminal(tmp_path)


def test_untrained_it_says_who_answers(terminal: Terminal) -> None:
    shown = terminal("router", "show")
    assert shown.exit_code == 0
    assert "answers with 'kettles': it was never trained" in shown.output
    assert terminal.json("router", "show")["curve"] == []


def test_a_router_is_trained_shown_and_given_a_budget(terminal: Terminal) -> None:
    run = terminal.evaluates()
    told = terminal.json("router", "train", "--run", run[:8])
    assert told["questions"] == 32
    assert told["plan"]["right"] > 0.9
    assert min(told["plan"]["shares"].values()) > 0.4
    assert {one["strategy"]: one["quality"] for one in told["singles"]} == {"kettles": 0.5, "parcels": 0.5}
    assert terminal.json("router", "train", "--set", SET)["learned_from"] == told["learned_from"]
    assert "→" in terminal("router", "show").output
    assert terminal.json("router", "budget", "20")["budget"] == 20
    assert "may spend 20 prompt tokens on average" in terminal("router", "show").output
    assert terminal.json("router", "budget", "none")["budget"] is None


def test_how_well_it_refuses_what_nobody_answers_is_told(terminal: Terminal) -> None:
    terminal.config.write_text(f"{CONFIG}refuse = 0.1\n", encoding="utf-8")
    told = terminal.json("router", "train", "--run", terminal.evaluates(*without_an_answer()))
    assert told["refusing"]["of"] == 16
    assert told["refusing"]["falsely"] <= 0.1
    assert told["refusing"]["rightly"] > 0.5
    assert told["plan"]["refused"] > 0
    said = terminal("router", "show").output
    assert "of 16 questions without an answer" in said
    assert "refused" in said


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("train",), 2, "say what to learn from"),
        (("train", "--run", "nowhere"), 1, "there is no evaluation 'nowhere'"),
        (("train", "--set", "nowhere"), 1, "there is no question set 'nowhere'"),
        (("show", "--router", "rooter"), 1, "there is no router 'rooter'; configured: router"),
        (("budget", "much"), 2, "neither"),
    ],
)
def test_what_cannot_be_done_is_a_sentence_and_an_exit_code(
    terminal: Terminal, words: tuple[str, ...], code: int, told: str
) -> None:
    done = terminal("router", *words)
    assert done.exit_code == code
    assert told in done.output
