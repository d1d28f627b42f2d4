"""What the documentation says is true: its code runs, its links lead somewhere, its commands exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?!https?:|mailto:|#)([^)#\s]+)")
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
KOTAE = re.compile(r"^\s*(?:\$ )?kotae ((?:--data \S+ )?[a-z-]+(?: [a-z-]+)?)", re.MULTILINE)
MAKE = re.compile(r"`make ([a-z-]+)")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    broken = [
        target for target in LINK.findall(page.read_text("utf-8")) if not (page.parent / target).exists()
    ]
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_the_python_in_a_page_runs(page: Path) -> None:
    code = "\n".join(PYTHON.findall(page.read_text("utf-8")))
    exec(compile(code, name(page), "exec"), {"__name__": "docs"})


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(MAKE.findall(page.read_text("utf-8"))) <= targets


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    import click

    from web.cli import main

    for words in KOTAE.findall(page.read_text("utf-8")):
        command: click.Command = main
        for word in re.sub(r"--data \S+ ", "", words).split():
            if not isinstance(command, click.Group):
                break
            found = command.get_command(click.Context(command), word)
            assert found, f"{name(page)} speaks of 'kotae {words}'"
            command = found


def test_the_pictures_named_in_pages_are_there() -> None:
    for page in PAGES:
        for target in re.findall(r"!\[[^\]]*\]\((?!https?:)([^)\s]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{name(page)} shows {target}"


def test_every_picture_is_shown_and_has_one_in_the_dark() -> None:
    names = {path.stem for path in (ROOT / "docs/images").glob("*.png")}
    light = {name for name in names if not name.endswith("-dark")}
    assert names - light == {f"{name}-dark" for name in light}
    shown = "".join(page.read_text("utf-8") for page in PAGES)
    assert [name for name in sorted(light) if f"images/{name}.png" not in shown] == []
