"""`kotae questions` and `kotae evaluate`: sets brought and listed, strategies asked, figures told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.kotae import Kotae
from bot.settings import Settings
from strategies.echo import Echo
from strategies.errors import Unavailable
from tests.strategies.llm.model_server import Reply, model_server
from tests.web.test_command_line import CONFIG, WARRANTY, Terminal

QUESTIONS = [
    {"id": "w", "question": "How long is the warranty?", "facts": [["30 months"]], "tags": ["number"]},
    {"id": "d", "question": "From which day does the warranty count?", "facts": ["delivery"]},
    {"id": "x", "question": "Who won the football world cup?", "answerable": False},
]


@pytest.fixture
def terminal(tmp_path: Path, one_embedder: None) -> Terminal:
    return Terminal(tmp_path)


def write(terminal: Terminal, *entries: dict[str, object], name: str = "kettle.jsonl") -> str:
    return str(terminal.write(name, "\n".join(map(json.dumps, entries or QUESTIONS))))


@contextmanager
def opened(terminal: Terminal) -> Iterator[Kotae]:
    kotae = Kotae.open(Settings.load(terminal.folder / "kotae.toml", terminal.data))
    yield kotae
    kotae.close()


def test_a_set_is_brought_listed_shown_exported_and_removed(terminal: Terminal) -> None:
    assert "kotae questions import FILE" in terminal("questions", "list").stdout
    told = terminal.json("questions", "import", write(terminal), "--held-out")
    assert told == {"name": "kettle", "version": 1, "added": 3, "changed": 0, "same": 0}
    assert terminal.json("questions", "import", write(terminal))["same"] == 3  # held out they stay
    [listed] = terminal.json("questions", "list")
    assert (listed["questions"], listed["held_out"], listed["answerable"]) == (3, 3, 2)
    shown = terminal("questions", "show", "kettle", "-n", "1").stdout
    assert "30 months" in shown
    assert "and 2 more" in shown
    printed = terminal("questions", "export", "kettle").stdout.splitlines()
    assert [json.loads(line)["id"] for line in printed] == ["w", "d", "x"]
    to = terminal.folder / "out.csv"
    assert terminal.json("questions", "export", "kettle", str(to), "--format", "csv")["questions"] == 3
    assert terminal.json("questions", "import", str(to), "--name", "copy")["added"] == 3
    assert terminal("questions", "remove", "copy", stdin="n\n").exit_code == 1
    assert terminal.json("questions", "remove", "copy", "--yes")["questions"] == 3
    assert [one["name"] for one in terminal.json("questions", "list")] == ["kettle"]


def test_an_earlier_version_is_shown_and_exported(terminal: Terminal) -> None:
    terminal("questions", "import", write(terminal))
    terminal("questions", "import", write(terminal, {**QUESTIONS[0], "facts": ["2 years"]}))
    assert terminal.json("questions", "show", "kettle")["questions"][0]["facts"] == [["2 years"]]
    first = terminal.json("questions", "show", "kettle", "--version", "1")
    assert first["questions"][0]["facts"] == [["30 months"]]
    line = terminal("questions", "export", "kettle", "--version", "1").stdout.splitlines()[0]
    assert "30 months" in line


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("questions", "show", "nothing"), "there is no question set 'nothing'"),
        (("evaluate", "--set", "nothing"), "there is no question set 'nothing'"),
        (("evaluate", "--show", "abc"), "there is no evaluation 'abc'"),
        (("evaluate", "--resume", "last"), "there is no evaluation 'last'"),
    ],
)
def test_what_is_not_there_is_a_sentence(terminal: Terminal, words: tuple[str, ...], sentence: str) -> None:
    done = terminal(*words)
    assert done.exit_code == 1
    assert sentence in done.stderr


@pytest.mark.parametrize("words", [(), ("--set", "a", "--show", "last")])
def test_evaluate_says_what_it_needs(terminal: Terminal, words: tuple[str, ...]) -> None:
    done = terminal("evaluate", *words)
    assert done.exit_code == 2
    assert "--set" in done.stderr


def test_a_faulty_file_keeps_nothing_and_names_its_lines(terminal: Terminal) -> None:
    done = terminal("questions", "import", write(terminal, QUESTIONS[0], {"id": "empty"}))
    assert done.exit_code == 1
    assert "line 2: it has no question" in done.stderr
    assert terminal.json("questions", "list") == []


def test_two_strategies_are_compared_and_the_table_says_who_is_better(terminal: Terminal) -> None:
    terminal("documents", "add", str(terminal.write("warranty.md", WARRANTY)))
    terminal("questions", "import", write(terminal))
    to = terminal.folder / "report.html"
    done = terminal("evaluate", "--set", "kettle", "--strategies", "manuals, parrot", "--report", str(to))
    assert done.exit_code == 0, done.stderr
    facts = next(line for line in done.stdout.splitlines() if line.startswith("Gold facts said"))
    assert facts.split()[3].startswith("100.0%")
    assert "[" in facts
    assert "manuals and parrot cannot be told apart by gold facts (n 2); some" in done.stdout
    assert "parrot in place of manuals: reject" in done.stdout
    assert "✗ Gold facts" in done.stdout
    assert "<svg" in to.read_text(encoding="utf-8")
    shown = terminal.json("evaluate", "--show", "last")
    assert shown["figures"]["facts"]["manuals"]["value"] == 1.0
    assert shown["figures"]["facts"]["manuals"]["low"] < 1.0
    assert shown["decisions"][0]["outcome"] == "reject"
    assert len(shown["answers"]) == 6
    assert terminal.json("evaluate", "--show", shown["run"][:8])["run"] == shown["run"]


def test_an_evaluation_is_held_against_the_options_that_are_live_and_not_against_those_of_the_file(
    terminal: Terminal,
) -> None:
    terminal("documents", "add", str(terminal.write("warranty.md", WARRANTY)))
    terminal("questions", "import", write(terminal))
    assert terminal("strategy", "set", "parrot", "before=Well.").exit_code == 0
    done = terminal("evaluate", "--set", "kettle", "--strategies", "manuals,parrot")
    assert done.exit_code == 0, done.stderr

    def rules() -> set[str]:
        [decision] = terminal.json("evaluate", "--show", "last")["decisions"]
        return {reason["rule"] for reason in decision["reasons"]}

    answers = terminal.json("evaluate", "--show", "last")["answers"]
    assert any(one["text"].startswith("Well.") for one in answers), "asked with the live options"
    assert "changed" not in rules(), "measured and live are the same"
    terminal("strategy", "set", "parrot")
    assert "changed" in rules(), "the file's options hold again"


def test_a_file_is_asked_without_a_set_of_its_own_first(terminal: Terminal) -> None:
    told = terminal.json("evaluate", "--questions", write(terminal), "--strategies", "parrot", "--limit", "2")
    assert (told["set"], told["questions"], told["state"], told["decisions"]) == ("kettle", 2, "done", [])


def test_a_strategy_that_is_not_there_is_refused(terminal: Terminal) -> None:
    terminal("questions", "import", write(terminal))
    done = terminal("evaluate", "--set", "kettle", "--strategies", "manuals,nobody")
    assert done.exit_code == 1
    assert "there is no strategy 'nobody'; configured: manuals, parrot" in done.stderr


def test_an_evaluation_that_cannot_be_done_fails_and_says_how_to_go_on(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cold(_self: Echo) -> None:
        raise Unavailable("its server is away")

    terminal("questions", "import", write(terminal))
    monkeypatch.setattr(Echo, "warm_up", cold)
    done = terminal("evaluate", "--set", "kettle", "--strategies", "parrot")
    assert done.exit_code == 1
    assert "'parrot' cannot be asked: its server is away" in done.stderr
    assert "kotae evaluate --resume" in done.stderr
    monkeypatch.undo()
    assert terminal.json("evaluate", "--resume", "last")["state"] == "done"


def test_the_demo_brings_its_questions_with_the_test_held_out(terminal: Terminal) -> None:
    from bot.kotae import Kotae
    from bot.settings import Settings
    from web.cli.demo import add_questions

    kotae = Kotae.open(Settings(data=terminal.data))
    for _ in range(2):
        add_questions(kotae)
    held_out, open_ones = kotae.question_sets.get("demo"), kotae.question_sets.get("demo calibration")
    assert (held_out.version, open_ones.version) == (1, 1)
    assert {one.part for one in held_out.questions} == {"held-out"}
    assert {one.part for one in open_ones.questions} == {"open"}
    assert len(kotae.question_sets.for_training("demo")) == 0
    assert len(kotae.question_sets.for_training("demo calibration")) == len(open_ones.questions)
    kotae.close()


def test_the_demos_questions_come_once_and_nothing_that_an_operator_did_is_undone(terminal: Terminal) -> None:
    from bot.kotae import Kotae
    from bot.settings import Settings
    from web.cli.demo import add_questions

    kotae = Kotae.open(Settings(data=terminal.data))
    add_questions(kotae)
    asked = kotae.question_sets.get("demo calibration").questions[0]
    kotae.question_sets.edit("demo calibration", asked.id, {"question": "Mine?"}, by="ann")
    kotae.question_sets.remove("demo", by="ann")
    add_questions(kotae)
    assert kotae.question_sets.question("demo calibration", asked.id).text == "Mine?"
    assert [one.name for one in kotae.question_sets.list()] == ["demo calibration"]
    kotae.close()


def test_a_model_reads_the_answers_and_is_told_apart_with_its_cost(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal("documents", "add", str(terminal.write("warranty.md", WARRANTY)))
    terminal("questions", "import", write(terminal))
    terminal("evaluate", "--set", "kettle", "--strategies", "manuals,parrot")
    nobody = terminal("evaluate", "--show", "last", "--judge")
    assert nobody.exit_code == 1
    assert "no chat model is configured that could do it" in nobody.stderr
    with model_server(Reply(["EQUAL"], usage={"prompt_tokens": 90, "completion_tokens": 1})) as server:
        monkeypatch.setenv("KOTAE_HELPER__BASE_URL", server.url)
        monkeypatch.setenv("KOTAE_HELPER__MODEL", "wise-1")
        monkeypatch.setenv("KOTAE_PRICES", json.dumps({"wise-1": {"prompt": 1000.0}}))
        to = terminal.folder / "report.html"
        told = terminal.json("evaluate", "--show", "last", "--judge", "--report", str(to))
        [opinion] = told["opinions"]
        assert (opinion["judge"], opinion["draws"], opinion["share"]["value"]) == ("wise-1", 3, None)
        assert opinion["cost"] == pytest.approx(6 * 90 * 0.001)
        assert "wise-1" in to.read_text(encoding="utf-8")
        assert "What a model thinks, which decides nothing:" in terminal("evaluate", "--show", "last").stdout
        assert len(server.asked) == 6


def test_a_set_is_asked_of_the_answer_cache_before_anybody_uses_it(terminal: Terminal) -> None:
    other = {**QUESTIONS[0], "id": "w2", "question": "how long is the warranty", "facts": [["24 months"]]}
    terminal("questions", "import", write(terminal, *QUESTIONS, other))
    done = terminal("questions", "repeats", "kettle")
    assert done.exit_code == 1
    assert "Of 4 questions the cache answered 1, 1 of them with the answer to another" in done.stdout
    assert "'how long is the warranty' as 'How long is the warranty?'" in done.stdout
    assert "The cache should not be used: at most 5 % are allowed." in done.stdout
    assert terminal("questions", "repeats", "nothing").exit_code == 1


def test_what_came_of_it_is_kept_for_the_cache_that_is_configured(terminal: Terminal) -> None:
    terminal.write(
        "kotae.toml", f'{CONFIG}[strategies.quick]\nuse = "cached"\ninner = "manuals"\nalike = 0.8\n'
    )
    terminal("questions", "import", write(terminal))
    assert terminal.json("questions", "repeats", "kettle", code=1)["kept"] == "quick"
    with opened(terminal) as kotae:
        [kept] = kotae.rehearsals.of("quick")
    assert (kept.set_name, kept.alike, kept.found.asked, kept.holds) == ("kettle", 0.8, 3, True)
    assert terminal.json("questions", "repeats", "kettle", "--alike", "0.9", code=1)["kept"] is None
    refused = terminal("questions", "repeats", "kettle", "--strategy", "manuals")
    assert "'manuals' keeps no answers" in refused.stderr


def test_questions_are_drafted_looked_at_accepted_and_dropped(terminal: Terminal) -> None:
    terminal("documents", "add", str(terminal.write("warranty.md", WARRANTY)))
    terminal("questions", "import", write(terminal))
    assert "kotae questions draft kettle" in terminal("questions", "drafts", "kettle").stdout
    drafted = terminal.json("questions", "draft", "kettle", "-n", "2")
    assert all(one["question"]["facts"][0][0] in one["passage"]["text"] for one in drafted)
    assert "Waiting for a person: " in terminal("questions", "draft", "kettle", "--unanswered", "7").stdout
    waiting = terminal.json("questions", "drafts", "kettle")
    assert [one["draft"] for one in waiting] == [one["draft"] for one in drafted]
    kept = terminal.json("questions", "accept", waiting[0]["draft"][:8], "--held-out")
    assert kept["questions"][0]["part"] == "held-out"
    assert terminal.json("questions", "list")[0]["questions"] == 4
    again = terminal("questions", "drop", waiting[0]["draft"])
    assert again.exit_code == 1
    assert "this draft was accepted by" in again.stderr
    assert terminal("questions", "draft", "kettle", "--document", "nothing.md").exit_code == 1
