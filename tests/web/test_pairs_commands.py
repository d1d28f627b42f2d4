"""`kotae pairs`: check, import, list, export."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.strategies.llm.model_server import Reply, model_server
from tests.web.test_command_line import CONFIG, Terminal

PAIRS = [
    {"question": "How big is the lamp?", "answer": "The lamp is 12 cm.", "tags": ["size"], "language": "en"},
    {"question": "What is the size of the lamp?", "answer": "The lamp is 12 cm.", "language": "en"},
    {"question": "ランプの色は何色ですか。", "answer": "白です。", "language": "ja"},
]


@pytest.fixture
def terminal(tmp_path: Path, one_embedder: None) -> Terminal:
    return Terminal(tmp_path)


def write(terminal: Terminal, *entries: dict[str, object] | str, name: str = "desk.jsonl") -> str:
    lines = [entry if isinstance(entry, str) else json.dumps(entry) for entry in entries]
    return str(terminal.write(name, "\n".join(lines)))


def test_a_file_is_checked_and_nothing_is_kept(terminal: Terminal) -> None:
    file = write(terminal, *PAIRS)
    told = terminal.json("pairs", "check", file)
    assert (told["sound"], told["new"], told["facts"]) == (True, 3, 2)
    assert terminal.json("pairs", "list") == {"total": 0, "pairs": []}
    assert "kotae pairs import FILE" in terminal("pairs", "list").stdout


def test_what_is_wrong_is_told_by_line_and_the_exit_code_says_so(terminal: Terminal) -> None:
    file = write(terminal, *PAIRS, {"question": "How big is the lamp?", "answer": "It is 99 cm."}, "nothing")
    done = terminal("pairs", "check", file)
    assert done.exit_code == 1
    assert "line 5" in done.stdout
    assert "(line 1, 4)" in done.stdout
    told = terminal.json("pairs", "check", file, code=1)
    assert not told["sound"]
    assert [fault["line"] for fault in told["faults"]] == [5]


def test_a_comma_outside_quotation_marks_is_told_with_its_line_and_nothing_is_kept(
    terminal: Terminal,
) -> None:
    file = write(terminal, "question,answer", "How long, in months?,24", "How hot?,95 °C.", name="faq.csv")
    for command in ("check", "import"):
        done = terminal("pairs", command, file)
        assert done.exit_code == 1
        assert "line 2: it has 3 columns instead of 2 (question, answer)" in done.output
    assert terminal.json("pairs", "list")["total"] == 0


def test_a_file_with_faulty_lines_is_kept_only_on_request(terminal: Terminal) -> None:
    file = write(terminal, *PAIRS, "nothing")
    refused = terminal("pairs", "import", file)
    assert refused.exit_code == 1
    assert "nothing was kept" in refused.stderr
    assert "line 4" in refused.stderr
    assert terminal.json("pairs", "import", file, "--despite-faults")["added"] == 3
    assert terminal.json("pairs", "list")["total"] == 3


def test_pairs_are_imported_once_listed_and_exported(terminal: Terminal) -> None:
    file = write(terminal, *PAIRS)
    assert terminal.json("pairs", "import", file)["added"] == 3
    again = terminal.json("pairs", "import", file)
    assert (again["added"], again["known"]) == (0, 3)
    assert terminal.json("pairs", "list", "--language", "ja")["total"] == 1
    assert terminal.json("pairs", "list", "size", "--tag", "size")["total"] == 0
    assert terminal.json("pairs", "list", "big", "--tag", "size")["total"] == 1
    assert "ランプ" in terminal("pairs", "list").stdout
    assert "and 2 more" in terminal("pairs", "list", "-n", "1").stdout
    printed = terminal("pairs", "export", "--format", "openai").stdout.splitlines()
    assert [json.loads(line)["messages"][0]["content"] for line in printed] == [
        pair["question"] for pair in PAIRS
    ]
    to = terminal.folder / "pairs.csv"
    assert terminal.json("pairs", "export", str(to), "--format", "csv")["pairs"] == 3
    assert "12 cm" in to.read_text(encoding="utf-8-sig")


def test_a_file_that_holds_no_pairs_is_a_sentence(terminal: Terminal) -> None:
    done = terminal("pairs", "check", write(terminal, "nothing at all", name="cat.txt"))
    assert done.exit_code == 1
    assert "Traceback" not in done.output
    assert terminal("pairs", "check", "/no/such/file").exit_code == 2


# ---- wordings that a model suggests ----


def test_wordings_are_suggested_looked_at_accepted_and_dropped(terminal: Terminal) -> None:
    pairs = [{**pair, "split": "train"} for pair in PAIRS[:2]]
    terminal.json("pairs", "import", write(terminal, *pairs))
    assert "kotae pairs suggest" in terminal("pairs", "suggested").stdout
    none = terminal("pairs", "suggest")
    assert none.exit_code == 1
    assert "no chat model is configured" in none.stderr
    with model_server(
        Reply([json.dumps(["Lamp, how tall?", "Its measures, please?", "How high?"])])
    ) as server:
        terminal.write("kotae.toml", f'{CONFIG}[helper]\nbase_url = "{server.url}"\nmodel = "wise-1"\n')
        made = terminal.json("pairs", "suggest", "-n", "3")
        assert (
            "no pair is taught of the fact 'price'" in terminal("pairs", "suggest", "--fact", "price").stderr
        )
    assert [(one["question"], one["like"]) for one in made] == [
        ("Lamp, how tall?", "How big is the lamp?"),
        ("Its measures, please?", "How big is the lamp?"),
        ("How high?", "How big is the lamp?"),
    ]
    assert terminal.json("pairs", "suggested")["total"] == 3
    assert "and 2 more" in terminal("pairs", "suggested", "-n", "1").stdout
    assert terminal.json("pairs", "accept", made[0]["id"][:8])["added"] == 1
    assert terminal.json("pairs", "drop", made[1]["id"])[0]["question"] == "Its measures, please?"
    assert terminal.json("pairs", "accept", "--all")["added"] == 1
    listed = terminal.json("pairs", "list", "--tag", "suggested")["pairs"]
    assert [one["pair"]["question"] for one in listed] == ["Lamp, how tall?", "How high?"]
    assert {one["pair"]["answer"] for one in listed} == {"The lamp is 12 cm."}
    again = terminal("pairs", "accept", made[0]["id"])
    assert again.exit_code == 1
    assert "'Lamp, how tall?' was accepted by" in again.stderr
    assert "there is no suggestion 'x'" in terminal("pairs", "drop", "x").stderr
    assert "say --all" in terminal("pairs", "drop").stderr
