"""What the layers below say is told to people in their own language."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask_babel import force_locale
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from strategies.registry import Kind, fault, installed, kind
from web.operator.options import changeable
from web.operator.strategy import ABOUT
from web.sentences import SENTENCES, VALUE, failure, patterns, pieces_of, told, values

ROOT = Path(__file__).parents[2]
JAPANESE = re.compile(r"[぀-ヿ一-鿿]")

Say = Callable[[str], str]


@pytest.fixture
def in_japanese(app: Flask) -> Say:
    def say(sentence: str) -> str:
        with app.test_request_context(), force_locale("ja"):
            return told(sentence)

    return say


def written_below() -> str:
    """Everything that the layers below have in quotation marks, with a mark where a value is put in."""
    folders = [
        ROOT / package
        for package in ("knowledge_base", "strategies", "bot", "web/admin", "web/operator", "web/cli")
    ]
    paths = [path for folder in folders for path in folder.rglob("*.py")]
    nodes = (node for path in paths for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    return "\n".join(
        node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def is_in(piece: str, below: str) -> bool:
    """As it is, or put together of two."""
    return piece in below or any(piece[:at] in below and piece[at:] in below for at in range(1, len(piece)))


def test_every_sentence_is_still_written_somewhere_below() -> None:
    below = written_below()
    for sentence in (one for one in SENTENCES if one not in values.SENTENCES):
        pieces = [piece.strip("'") for piece in pieces_of(sentence)[::2]]
        missing = [piece for piece in pieces if len(piece.strip(" .;'")) > 3 and not is_in(piece, below)]
        assert not missing, (sentence, missing)


def test_what_is_wrong_with_an_option_is_said_in_japanese(in_japanese: Say) -> None:
    refused = {
        fault("manuals", one, kind(name))
        for name in ABOUT
        for option in changeable(name)
        for value in ("", "x", "x" * 10_000, -1, 1e12, float("nan"), True, [], None)
        for one in wrong_with(kind(name), {option: value})
    }
    assert len(refused) > 50
    assert [one for one in refused if not JAPANESE.search(in_japanese(one).partition("」: ")[2])] == []


def wrong_with(made_of: type[Kind], options: dict[str, object]) -> list[ErrorDetails]:
    try:
        made_of.Options.model_validate(options)
    except ValidationError as error:
        return [one for one in error.errors() if one["type"] != "missing"]
    return []


def test_every_sentence_is_said_in_japanese_with_what_was_put_into_it(in_japanese: Say) -> None:
    for sentence in SENTENCES:
        values = {name: name.upper() for name in VALUE.findall(sentence)}
        said = in_japanese(sentence % values)
        assert JAPANESE.search(said), said
        assert [value for value in values.values() if value not in said] == [], said


COUNTS = ("count", "made", "waiting", "few", "fewer", "others", "held")
OF_SEVERAL = ("%(most)s", "times with one answer", "in %(count)s ways", "exchanges was taken")  # never of one


def test_what_is_there_once_is_spoken_of_as_one() -> None:
    one_alone = {sentence for sentence in SENTENCES if re.search(r"\b1 ", sentence)}
    for sentence in SENTENCES:
        if any(told in sentence for told in OF_SEVERAL):
            continue
        said = sentence % {name: 1 if name in COUNTS else "x" for name in VALUE.findall(sentence)}
        many = re.search(r"\b1 (?!of )\w+s\b|\b1 of \w+ .*\bare\b", said)
        assert not many or said[: many.start() + 3] in " ".join(one_alone), said


def test_a_file_with_an_apostrophe_in_its_name_is_named(in_japanese: Say) -> None:
    assert "Ann's.pdf" in in_japanese(f"{chr(34)}Ann's.pdf{chr(34)} holds no text.")


def test_reasons_that_stand_one_behind_the_other_are_told_one_by_one(in_japanese: Say) -> None:
    said = in_japanese("no passage was found; the moon is full")
    assert JAPANESE.search(said)
    assert said.endswith("; the moon is full")


def test_what_a_record_says_of_a_failure_is_told_by_its_sentence_alone(app: Flask) -> None:
    with app.test_request_context(), force_locale("ja"):
        assert failure("Unavailable: the answer took longer than 30 s") == "回答に30秒以上かかりました"
        assert failure("KeyError: 'tank'") == "KeyError: 'tank'"
    with app.test_request_context(), force_locale("en"):
        assert failure("Unavailable: the answer took longer than 30 s") == "the answer took longer than 30 s"


def test_an_unknown_sentence_is_shown_as_it_is(in_japanese: Say) -> None:
    assert in_japanese("the moon is full") == "the moon is full"


def test_a_sentence_stands_for_itself_alone() -> None:
    for sentence in SENTENCES:
        as_it_is = sentence % dict.fromkeys(VALUE.findall(sentence), "x")
        same = [other for other, _, pattern in patterns() if pattern.fullmatch(as_it_is)]
        assert same[0] == sentence


def test_a_reason_inside_a_sentence_is_told_too(in_japanese: Say) -> None:
    said = in_japanese("'hosted' cannot be asked: the question is empty")
    assert "hosted" in said
    assert said.endswith("質問が空です")


def test_a_sentence_with_a_semicolon_of_its_own_is_found_among_others(in_japanese: Say) -> None:
    one = "the file of 'a.md' is gone from the data directory; upload it again"
    said = in_japanese(f"{one}; the moon is full; abstained")
    assert said == f"{in_japanese(one)}; the moon is full; {in_japanese('abstained')}"


# ---- nothing is forgotten ----

SILENT = {  # what goes wrong inside, or is told in other words: settings to who starts the server, lost pages
    "ValueError", "NotImplementedError", "SystemExit", "LookupError", "BadSettings", "UserRefused",
    "HeldOutRead", "Superseded", "InUse", "AlreadyRunning", "Ungrounded", "Gated", "TooFew", "Taken",
    "UnknownConversation", "UnknownJob", "UnknownDelivery", "UnknownKey", "UnknownMessage", "UnknownSet",
    "UnknownRun", "UnknownCandidate", "UnknownPair", "Nothing", "TooLong", "TooMany", "Busy", "Unkept",
    "BadDesk", "FloatingPointError",
}  # fmt: skip
PUT_TOGETHER = ("x is no strategy 'x'; x",)  # it begins otherwise each time
TOLD = {"Decision": (1, 2), "Fault": (1,), "note": (0,)}  # which of its arguments people read


def sentences_below() -> Iterator[tuple[str, str]]:
    """Where and what the layers below tell people: the messages of errors, decisions and faults."""
    for package in ("knowledge_base", "strategies", "bot"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if path.name in ("testing.py", "settings.py"):
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                for argument in said_by(node):
                    yield from ((f"{path.name}:{argument.lineno}", text) for text in literal(argument))


def said_by(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
        name = ast.unparse(node.exc.func).rpartition(".")[2]
        return [] if name in SILENT or name.startswith("_") else node.exc.args[:1]
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "faults.append":
        return node.args
    if isinstance(node, ast.Call) and (places := TOLD.get(ast.unparse(node.func).rpartition(".")[2])):
        named = [keyword.value for keyword in node.keywords if keyword.arg in ("what", "why")]
        return [*(node.args[place] for place in places if place < len(node.args)), *named]
    return []


def literal(node: ast.expr) -> list[str]:
    """What is written there, with a mark in place of each value; nothing where it comes from elsewhere."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) and " " in node.value else []
    if isinstance(node, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else mark(part) for part in node.values]
        return ["".join(map(str, parts))]
    if isinstance(node, ast.IfExp):
        return [*literal(node.body), *literal(node.orelse)]
    if isinstance(node, ast.List):
        return [text for one in node.elts for text in literal(one)]
    return []


def mark(part: ast.expr) -> str:
    return "'x'" if isinstance(part, ast.FormattedValue) and part.conversion == ord("r") else "x"


def test_what_the_layers_below_say_to_people_is_known(in_japanese: Say) -> None:
    found = [(where, text) for where, text in sentences_below() if re.search("[a-wyz]", text)]
    assert len(found) > 250
    unknown = [(where, text) for where, text in found if not JAPANESE.search(in_japanese(text))]
    assert [one for one in unknown if one[1] not in PUT_TOGETHER] == []


def test_what_the_options_of_a_strategy_mean_is_known(in_japanese: Say) -> None:
    told_there = [
        (kind, name, option["description"])
        for kind in installed()
        if kind in ABOUT
        for name, option in changeable(kind).items()
        if option.get("description")
    ]
    assert len(told_there) > 25
    assert [one for one in told_there if not JAPANESE.search(in_japanese(one[-1]))] == []


def done_and_kept() -> Iterator[str]:
    """What the audit is told that was done, and the names of the details."""
    for package in ("bot", "web"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("audit.note"):
                    what = node.args[2] if ast.unparse(node.args[0]) == "session" else node.args[1]
                    yield from [*literal(what), *([what.value] if isinstance(what, ast.Constant) else [])]
                    yield from (keyword.arg for keyword in node.keywords if len(keyword.arg or "") > 1)


def test_what_the_audit_keeps_is_known(in_japanese: Say) -> None:
    kept = set(done_and_kept())
    assert len(kept) > 70
    states = ("accepted", "rejected")
    said = {
        one.replace("x ", f"{state} ", 1) if one.startswith("x ") else one for one in kept for state in states
    }
    assert sorted(one for one in said if not JAPANESE.search(in_japanese(one)) and one != "url") == []
