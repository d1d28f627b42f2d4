"""A stranger's strategy, installed as a package: found, configured, combined with ours, proved by its own."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from strategies.base import Question
from strategies.events import collect
from strategies.registry import Strategies, about, kinds, schema
from strategies.testing import kit
from tests.strategies.passages import EVERYTHING

EXAMPLE = Path(__file__).parents[2] / "examples" / "kotae-opening-hours"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the example was installed into, from its sources, without a network."""
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
    command = [*pip, "--no-index", "--no-build-isolation", "--target", str(folder), str(EXAMPLE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{done.stderr}\nBuilding it needs hatchling, which the dev extra brings."
    return folder


@pytest.fixture
def installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(site))
    yield
    for name in [name for name in sys.modules if name.startswith("kotae_opening_hours")]:
        del sys.modules[name]


@pytest.mark.usefixtures("installed")
def test_an_operator_who_installs_it_can_choose_it() -> None:
    assert "opening_hours" in kinds()
    assert about("opening_hours") == "Answers when the shop is open, in English and Japanese."
    assert schema("opening_hours")["properties"]["timezone"]["default"] == "UTC"


@pytest.mark.usefixtures("installed")
def test_it_is_combined_with_ours() -> None:
    always = dict.fromkeys(
        ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"], "0:00-23:59"
    )
    configs = {
        "hours": {"use": "opening_hours", **always},
        "manuals": {"use": "rag", "inner": "echo"},
        "desk": {"use": "first_of", "of": ["hours", "manuals"]},
    }
    made = Strategies(configs, kit(EVERYTHING))
    assert made.check() == []
    desk = made.get("desk")
    desk.warm_up()
    assert "hours are 0:00 to 23:59" in collect(desk.stream(Question("When do you open?"))).text
    answer = collect(desk.stream(Question("How long is the warranty?", language="en")))
    assert answer.text == "How long is the warranty?"
    assert "passed over 'hours'" in [decision.what for decision in answer.decisions]


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (
            {"timezone": "Mars/Olympus"},
            "option 'timezone': there is no time zone 'Mars/Olympus', got 'Mars/Olympus'",
        ),
        ({"monday": "nine to five"}, "option 'monday': string should match pattern"),
        ({"tusday": "9:00-18:00"}, "unknown option 'tusday'; did you mean 'tuesday'?"),
    ],
)
def test_its_options_are_checked_like_ours(option: dict[str, str], sentence: str) -> None:
    (fault,) = Strategies({"hours": {"use": "opening_hours", **option}}, kit()).check()
    assert "strategy 'hours'" in fault
    assert sentence in fault


def test_its_own_tests_pass_where_it_is_installed(site: Path) -> None:
    options = ["-q", "-p", "no:cacheprovider", "--rootdir", str(EXAMPLE), str(EXAMPLE)]
    code = f"import sys, pytest; sys.path.insert(0, {str(site)!r}); sys.exit(pytest.main({options!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False, cwd=site
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
