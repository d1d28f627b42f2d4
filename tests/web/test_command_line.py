"""The command line: results on standard output, all else on standard error, exit codes scripts can trust."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bot.kotae import Kotae
from bot.settings import Settings
from tests.knowledge_base.internet import Site, served
from tests.outside import SECRET, receiver
from web.cli import main
from web.cli.page import PAGE, page

CONFIG = """
product = "Kettle"
[chat]
strategy = "manuals"
[strategies.manuals]
use = "rag"
inner = "quotes"
[strategies.parrot]
use = "echo"
"""
WARRANTY = "# Warranty\n\nThe kettle is under warranty for 30 months from the day of delivery.\n"
COLOURS = "# 色\n\nケトルの本体色は黒、白、深緑の三色です。\n"


class Terminal:
    """A terminal in an installation of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        (folder / "kotae.toml").write_text(CONFIG, encoding="utf-8")

    def __call__(self, *words: str, stdin: str | None = None) -> Result:
        place = ["--data", str(self.data), "--config", str(self.folder / "kotae.toml")]
        return CliRunner().invoke(main, [*place, *words], input=stdin, catch_exceptions=False)

    def json(self, *words: str, code: int = 0) -> Any:
        done = self(*words, "--json")
        assert done.exit_code == code, done.output
        return json.loads(done.stdout)

    def lines(self, *words: str, code: int = 0) -> list[dict[str, Any]]:
        done = self(*words)
        assert done.exit_code == code, done.output
        return [json.loads(line) for line in done.stdout.splitlines()]

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path


@pytest.fixture
def terminal(tmp_path: Path, one_embedder: None) -> Terminal:
    return Terminal(tmp_path)


@pytest.fixture
def filled(terminal: Terminal) -> Terminal:
    terminal.write("docs/warranty.md", WARRANTY)
    terminal.write("docs/japanese/colours.md", COLOURS)
    assert terminal("documents", "add", str(terminal.folder / "docs")).exit_code == 0
    return terminal


def test_help_answers_at_once_because_nothing_heavy_is_imported() -> None:
    heavy = "{'flask', 'sqlalchemy', 'pydantic', 'numpy'}"
    code = f"import sys; from web.cli import main; print(*({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split() == []
    began = os.times()
    assert subprocess.run([sys.executable, "-m", "web.cli", "--help"], capture_output=True).returncode == 0
    ended = os.times()
    busy = ended.children_user + ended.children_system - began.children_user - began.children_system
    assert busy < 2  # seconds of a processor, of which it needs a tenth


def test_the_page_of_the_command_line_is_what_help_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run 'make docs'"


def test_folders_are_added_whole_and_a_bad_file_does_not_stop_the_others(terminal: Terminal) -> None:
    terminal.write("docs/warranty.md", WARRANTY)
    terminal.write("docs/deeper/colours.md", COLOURS)
    terminal.write("docs/broken.pdf", b"%PDF-1.7 and nothing more")
    terminal.write("docs/empty.txt", "")
    terminal.write("docs/.hidden/secret.md", "# Secret")
    result = terminal.json("documents", "add", str(terminal.folder / "docs"), code=1)
    states = {Path(one["file"]).name: one["state"] for one in result["documents"]}
    assert states == {
        "warranty.md": "live",
        "colours.md": "live",
        "broken.pdf": "failed",
        "empty.txt": "failed",
    }
    assert result["failed"] == 2
    assert all(one["error"] for one in result["documents"] if one["state"] == "failed")


def test_the_same_files_again_change_nothing(filled: Terminal) -> None:
    result = filled.json("documents", "add", str(filled.folder / "docs"))
    assert {one["outcome"] for one in result["documents"]} == {"unchanged"}
    assert len(filled.json("documents", "list")) == 2


def test_a_document_is_shown_and_removed_from_every_answer(filled: Terminal) -> None:
    documents = filled.json("documents", "list")
    warranty = next(document for document in documents if document["source"] == "warranty.md")
    shown = filled.json("documents", "show", warranty["id"])
    assert "30 months" in shown["passages"][0]["text"]
    assert "30 months" in filled("documents", "show", warranty["id"]).stdout
    assert filled("documents", "remove", warranty["id"]).exit_code == 0
    assert "30 months" not in str(filled.json("search", "How long is the warranty?"))
    assert filled("documents", "show", warranty["id"]).exit_code == 1
    assert filled("documents", "remove", "no-such-id").exit_code == 1


def test_a_search_finds_passages_in_both_languages(filled: Terminal) -> None:
    found = filled.json("search", "How long is the warranty?", "-k", "1")
    (passage,) = found["passages"]
    assert passage["document"] == "Warranty"
    assert passage["source"] == "warranty.md"
    assert passage["rank"] == 1
    assert found["ms"] > 0
    assert filled.json("search", "本体の色は", "-k", "1")["passages"][0]["source"] == "colours.md"
    assert "30 months" in filled("search", "How long is the warranty?").stdout


def test_a_question_is_answered_with_its_sources(filled: Terminal) -> None:
    answer = filled.json("ask", "How long is the kettle under warranty?")
    assert "30 months" in answer["answer"]
    assert answer["citations"][0]["source"] == "warranty.md"
    assert "30 months" in answer["citations"][0]["quote"]
    assert answer["strategy"] == "manuals"
    assert answer["usage"] == {"prompt_tokens": 0, "passage_tokens": 0, "completion_tokens": 0}
    assert answer["ms"] >= answer["ms_first"] > 0
    spoken = filled("ask", "How long is the kettle under warranty?")
    assert "30 months" in spoken.stdout
    assert "[1] Warranty (warranty.md)" in spoken.stdout


def test_another_strategy_can_be_asked(filled: Terminal) -> None:
    answer = filled.json("ask", "Polly wants a cracker", "--strategy", "parrot")
    assert (answer["answer"], answer["strategy"]) == ("Polly wants a cracker", "parrot")
    refused = filled("ask", "Hello", "--strategy", "nobody")
    assert refused.exit_code == 1
    assert "'nobody'" in refused.stderr


def test_nothing_of_what_is_asked_here_is_kept(filled: Terminal) -> None:
    filled("ask", "How long is the kettle under warranty?")
    kotae = Kotae.open(Settings.load(filled.folder / "kotae.toml", filled.data))
    assert kotae.conversations.page() == []
    kotae.close()


def test_a_file_of_questions_gives_a_line_for_each_in_its_order(filled: Terminal) -> None:
    questions = [
        {"id": "w", "question": "How long is the kettle under warranty?"},
        {"id": 7, "question": "Who won the football cup in 1974?"},
        {
            "id": "ja",
            "question": "ケトルの色は何色ありますか。",
            "history": [{"role": "customer", "text": "こんにちは"}],
        },
    ]
    file = filled.write("questions.jsonl", "\n".join(json.dumps(question) for question in questions))
    found = filled.lines("search", "--questions", str(file), "-k", "2")
    assert [line["id"] for line in found] == ["w", 7, "ja"]
    assert all(set(line) == {"id", "passages", "ms"} for line in found)
    answers = filled.lines("ask", "--questions", str(file))
    assert [line["id"] for line in answers] == ["w", 7, "ja"]
    assert [line["abstained"] for line in answers] == [False, True, False]
    assert set(answers[0]) == {
        "id", "answer", "abstained", "citations", "strategy", "usage", "decisions", "ms_first", "ms"
    }  # fmt: skip


def test_a_bad_line_says_so_and_the_others_go_on(filled: Terminal) -> None:
    file = filled.write(
        "questions.jsonl",
        b'{"id": 1, "question": "How long is the warranty?"}\n{"id": 2\n\n[3]\n{"id": 4}\n'
        b'{"id": 5, "question": ""}\n'
        b'{"id": 6, "question": "Hi", "history": [{"role": "cat", "text": "miau"}]}\n'
        b'\xff\n{"id": 9, "question": "How long is the warranty?"}\n',
    )
    for command in ("search", "ask"):
        lines = filled.lines(command, "--questions", str(file), code=1)
        bad = {line["line"]: line["id"] for line in lines if "error" in line and "line" in line}
        assert bad == {2: None, 4: None, 5: 4, 6: 5, 7: 6, 8: None}
        assert [line["id"] for line in lines] == [1, None, None, 4, 5, 6, None, 9]
        assert "error" not in lines[-1]


def test_a_question_or_a_file_of_them_is_needed(terminal: Terminal) -> None:
    for words in (["ask"], ["search"], ["ask", "  "]):
        assert terminal(*words).exit_code == 2


def test_the_data_directory_may_stand_before_or_after_the_command(filled: Terminal, tmp_path: Path) -> None:
    config = str(filled.folder / "kotae.toml")
    before = CliRunner().invoke(
        main, ["--data", str(filled.data), "--config", config, "--json", "documents", "list"]
    )
    after = CliRunner().invoke(
        main, ["documents", "list", "--json", "--data", str(filled.data), "--config", config]
    )
    assert before.stdout == after.stdout
    assert len(json.loads(after.stdout)) == 2
    elsewhere = CliRunner().invoke(main, ["documents", "list", "--json", "--data", str(tmp_path / "new")])
    assert json.loads(elsewhere.stdout) == []


def test_the_data_directory_may_come_from_the_environment(filled: Terminal) -> None:
    environment = {**os.environ, "KOTAE_DATA": str(filled.data)}
    done = subprocess.run(
        [sys.executable, "-m", "web.cli", "documents", "list", "--json"],
        capture_output=True,
        text=True,
        env=environment,
        cwd=filled.folder,
    )
    assert len(json.loads(done.stdout)) == 2, done.stderr


def test_users_are_added_with_a_password_that_is_made_up_or_given(terminal: Terminal) -> None:
    made = terminal.json("users", "add", "ada@example.com", "--role", "admin")
    assert len(made["password"]) >= 12
    given = terminal("users", "add", "bob@example.com", "--password-stdin", stdin="battery horse staple\n")
    assert given.exit_code == 0
    assert "battery" not in given.output
    assert [(user["email"], user["role"]) for user in terminal.json("users", "list")] == [
        ("ada@example.com", "admin"),
        ("bob@example.com", "operator"),
    ]
    kotae = Kotae.open(Settings.load(terminal.folder / "kotae.toml", terminal.data))
    assert kotae.users.check("ada@example.com", made["password"])
    assert kotae.users.check("bob@example.com", "battery horse staple")
    kotae.close()
    other = terminal.json("users", "password", "bob@example.com")["password"]
    assert terminal("users", "remove", "bob@example.com", stdin="n\n").exit_code == 1
    kotae = Kotae.open(Settings.load(terminal.folder / "kotae.toml", terminal.data))
    assert kotae.users.check("bob@example.com", "battery horse staple") is None
    assert kotae.users.check("bob@example.com", other)
    kotae.close()
    assert terminal.json("users", "remove", "bob@example.com", "--yes")["email"] == "bob@example.com"
    assert "is the only admin" in terminal("users", "remove", "ada@example.com", "--yes").stderr
    twice = terminal("users", "add", "ada@example.com")
    assert twice.exit_code == 1
    assert "ada@example.com" in twice.stderr


def test_the_strategy_is_shown_switched_and_switched_back(terminal: Terminal) -> None:
    assert terminal.json("strategy", "show") == {"strategy": "manuals", "strategies": ["manuals", "parrot"]}
    assert terminal("strategy", "back").exit_code == 1
    assert terminal("strategy", "use", "parrot").exit_code == 0
    assert terminal.json("strategy", "show")["strategy"] == "parrot"
    assert terminal("strategy", "use", "nobody").exit_code == 1
    assert terminal.json("strategy", "show")["strategy"] == "parrot"
    assert terminal("strategy", "back").exit_code == 0
    names = [change["name"] for change in terminal.json("strategy", "history")]
    assert names == ["manuals", "parrot"]
    assert "→ manuals" in terminal("strategy", "show").stdout


def test_the_database_is_brought_up_to_date_as_often_as_one_likes(terminal: Terminal) -> None:
    assert terminal("db", "upgrade").exit_code == 0
    assert terminal.json("db", "upgrade")["database"].endswith("kotae.db")


def test_all_faults_of_the_settings_are_told_together_and_by_name(terminal: Terminal) -> None:
    (terminal.folder / "kotae.toml").write_text(
        '[web]\nport = "high"\ncolour = "red"\n[limits]\nhistory_turns = -1\n'
    )
    done = terminal("strategy", "show")
    assert done.exit_code == 2
    for name in ("web.port", "web.colour", "limits.history_turns"):
        assert name in done.stderr
    assert done.stdout == ""


def test_an_unknown_command_and_a_missing_file_are_wrong_usage(terminal: Terminal) -> None:
    assert terminal("dance").exit_code == 2
    assert terminal("documents", "add", "/no/such/file").exit_code == 2
    assert terminal("search", "--questions", "/no/such/file").exit_code == 2


def test_files_of_one_name_in_two_folders_are_two_documents(terminal: Terminal, tmp_path: Path) -> None:
    for folder, text in (("kettle", "The kettle holds 1.7 litres."), ("mug", "The mug holds 0.3 litres.")):
        (tmp_path / "manuals" / folder).mkdir(parents=True)
        (tmp_path / "manuals" / folder / "readme.md").write_text(f"# {folder}\n\n{text}\n")
    terminal("documents", "add", str(tmp_path / "manuals"))
    assert {row["source"] for row in terminal.json("documents", "list")} == {
        "kettle › readme.md",
        "mug › readme.md",
    }


def test_results_are_all_that_standard_output_carries(filled: Terminal) -> None:
    """In a process of its own: what libraries print by themselves would be seen."""
    command = [sys.executable, "-m", "web.cli", "ask", "How long is the warranty?", "--json"]
    place = ["--data", str(filled.data), "--config", str(filled.folder / "kotae.toml")]
    done = subprocess.run([*command, *place], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "30 months" in json.loads(done.stdout)["answer"]
    assert done.stderr == ""


# Pages of a site, and archives


@pytest.fixture
def site(terminal: Terminal) -> Iterator[Site]:
    """A site in our own network that the installation names."""
    with (terminal.folder / "kotae.toml").open("a") as config:
        config.write('[fetching]\nprivate_hosts = ["127.0.0.1"]\n')
    with served(Site()) as site:
        yield site


def test_a_zip_of_manuals_is_added_file_by_file(terminal: Terminal) -> None:
    archive = terminal.folder / "manuals.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("en/warranty.md", WARRANTY)
        packed.writestr("ja/colours.md", COLOURS)
        packed.writestr("ja/broken.pdf", b"%PDF-1.7 and nothing more")
    result = terminal.json("documents", "add", str(archive), code=1)
    assert {one["name"]: one["state"] for one in result["documents"]} == {
        "warranty.md": "live",
        "colours.md": "live",
        "broken.pdf": "failed",
    }


def test_a_page_is_added_watched_looked_at_again_and_let_go(terminal: Terminal, site: Site) -> None:
    url = site.shows("/warranty", "Warranty\n<p>The kettle is under warranty for 30 months.</p>")
    (page,) = terminal.json("documents", "add", url)["documents"]
    assert (page["state"], page["name"], page["passages"]) == ("live", url, 1)
    assert "30 months" in str(terminal.json("search", "How long is the warranty?"))
    assert terminal.json("documents", "watched")[0]["every"] == 0
    terminal.json("documents", "watch", url, "--every", "6h")
    (watched,) = terminal.json("documents", "watched")
    assert (watched["every"], watched["pages"]) == (6 * 3600, {"read": 1})
    assert "6h" in terminal("documents", "watched").stdout
    site.shows("/warranty", "Warranty\n<p>The kettle is under warranty for 36 months.</p>")
    assert terminal.json("documents", "refresh", watched["id"])["state"] == "looked"
    assert "36 months" in str(terminal.json("search", "How long is the warranty?"))
    assert terminal("documents", "unwatch", watched["id"]).exit_code == 0
    assert terminal.json("documents", "watched") == []
    assert len(terminal.json("documents", "list")) == 1


def test_a_sitemap_with_a_page_that_is_gone_adds_the_rest_and_says_so(terminal: Terminal, site: Site) -> None:
    page = site.shows("/warranty", "Warranty\n<p>The kettle is under warranty for 30 months.</p>")
    url = site.lists("/sitemap.xml", page, f"{site.origin}/gone")
    done = terminal("documents", "add", url)
    assert done.exit_code == 1
    assert "there is no page at" in done.stdout
    assert "30 months" in str(terminal.json("search", "How long is the warranty?"))


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://10.1.2.3/faq", "leads into a private network"),
        ("ftp://shop.example/faq", "is no address of a page"),
    ],
)
def test_an_address_that_is_not_fetched_is_a_sentence(terminal: Terminal, url: str, why: str) -> None:
    done = terminal("documents", "add", url)
    assert done.exit_code == 1
    assert why in done.stdout


def test_an_interval_that_is_none_is_refused(terminal: Terminal) -> None:
    done = terminal("documents", "watch", "https://shop.example/", "--every", "often")
    assert done.exit_code == 2
    assert "30m, 6h, 1d and 2w are" in done.stderr


def test_a_path_that_is_not_there_is_refused(terminal: Terminal) -> None:
    done = terminal("documents", "add", str(terminal.folder / "nothing"))
    assert done.exit_code == 2
    assert "there is nothing at" in done.stderr


def test_versions_are_listed_and_compared(filled: Terminal) -> None:
    (warranty,) = [one for one in filled.json("documents", "list") if one["source"] == "warranty.md"]
    assert filled.json("documents", "versions", warranty["id"])["changes"] == []
    filled.write("docs/warranty.md", WARRANTY.replace("30", "36"))
    assert filled("documents", "add", str(filled.folder / "docs" / "warranty.md")).exit_code == 0
    told = filled("documents", "versions", warranty["id"]).stdout
    assert "- The kettle is under warranty for 30 months" in told
    assert "+ The kettle is under warranty for 36 months" in told


def test_a_document_is_tagged_and_untagged(filled: Terminal) -> None:
    id_ = filled.json("documents", "list")[0]["id"]
    assert filled.json("documents", "tag", id_, "dealers", "light")["tags"] == ["dealers", "light"]
    assert filled("documents", "tag", id_).stdout == "Tags: none\n"


def test_another_index_is_paused_built_and_gone_back_from(filled: Terminal) -> None:
    assert filled.json("index", "status")["changing"] is False
    config = filled.folder / "kotae.toml"
    config.write_text(config.read_text().replace("Kettle", "Boiler"))
    assert filled.json("index", "pause")["held"]
    assert filled.json("index", "status")["held"]
    assert filled("index", "build").exit_code == 0
    assert filled.json("index", "status")["changing"] is False
    assert "answers now" in filled("index", "back").stdout
    assert filled.json("index", "status")["held"]
    assert "30 months" in str(filled.json("search", "How long is the warranty?"))
    assert filled("index", "build").exit_code == 0


def test_a_webhook_is_tried_out_before_anybody_waits_for_it(terminal: Terminal) -> None:
    assert "No webhook is configured" in terminal("webhooks", "list").output
    with receiver() as hook:
        table = f'[webhooks.desk]\nurl = "{hook.url}"\nsecret = "{SECRET}"\nevents = ["handoff.asked"]\n'
        terminal.write("kotae.toml", CONFIG + table)
        assert terminal.json("webhooks", "list") == [
            {"name": "desk", "url": hook.url, "events": ["handoff.asked"]}
        ]
        assert terminal.json("webhooks", "test", "desk")["said"] == "204"
        assert hook.events[0]["data"] == {"webhook": "desk"}
        hook.statuses = [500]
        assert "answered 500" in terminal.json("webhooks", "test", "desk", code=1)["said"]
    assert "cannot be reached" in terminal("webhooks", "test", "desk").output
    unknown = terminal("webhooks", "test", "crm")
    assert (unknown.exit_code, "webhooks: desk" in unknown.output) == (1, True)


@pytest.mark.parametrize("words", ["pairs export", "preferences export", "conversations export"])
def test_a_place_that_cannot_be_written_to_is_a_sentence(terminal: Terminal, words: str) -> None:
    place = terminal.folder / "nowhere" / "file.jsonl"
    done = terminal(*words.split(), str(place))
    assert done.exit_code == 1
    assert done.stderr == f"Error: {str(place)!r}: No such file or directory\n"


def test_a_report_that_could_not_be_written_is_refused_before_anything_is_asked(terminal: Terminal) -> None:
    terminal.write("questions.jsonl", json.dumps({"question": "How long?", "facts": [["30 months"]]}))
    file, report = (str(terminal.folder / name) for name in ("questions.jsonl", "nowhere/report.html"))
    done = terminal("evaluate", "--questions", file, "--strategies", "manuals", "--report", report)
    assert done.exit_code == 2
    assert "there is no folder" in done.stderr
    assert terminal.json("questions", "list") == []


def test_no_question_is_asked_of_nobody(terminal: Terminal) -> None:
    for words in (("adapters", "try", " "), ("stages", ""), ("ask", "")):
        done = terminal(*words)
        assert (done.exit_code, "give a question" in done.stderr) == (2, True), words
