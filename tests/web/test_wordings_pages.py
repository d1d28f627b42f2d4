"""Wordings that a model suggests: what it is told, what is left out, and that a person decides."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.evaluation.files import read_question
from bot.kotae import Kotae
from bot.settings import Helper, Settings
from strategies.lora.pairs import split
from tests.people import Admin, Operator
from tests.strategies.llm.model_server import ModelServer, Reply, model_server

KETTLE = {"answer": "The kettle holds 1.7 litres.", "fact": "size.kettle", "language": "en", "split": "train"}
JUG = {"answer": "The jug holds 2 litres.", "fact": "size.jug", "language": "en", "split": "train"}


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with model_server() as server:
        yield server


@pytest.fixture
def settings(tmp_path: Path, server: ModelServer) -> Settings:
    return Settings(
        data=tmp_path / "data",
        strategies={"manuals": {"use": "rag", "inner": "quotes"}},
        helper=Helper(base_url=server.url, model="wise-1"),
    )


@pytest.fixture
def desk(kotae: Kotae) -> None:
    for question in ("How much does the kettle hold?", "Size of the kettle?"):
        kotae.pairs.add({"question": question, **KETTLE}, by="ann")
    kotae.pairs.add({"question": "How much goes into the jug?", **JUG}, by="ann")
    kotae.pairs.add({"question": "Kettle: how big?", **KETTLE, "split": "held-out"}, by="ann")


def says(server: ModelServer, *answers: object) -> None:
    """What the model writes, one answer a fact."""
    server.replies[:] = [
        Reply([each if isinstance(each, str) else json.dumps(each)]) for each in (*answers, [])
    ]


def suggest(admin: Admin, kotae: Kotae, **fields: object) -> str:
    """The page after some were suggested."""
    answer = admin.sends("/console/pairs/wordings", **{"count": "8", **fields})
    kotae.jobs.drain()
    return html.unescape(admin.opens(answer.location).text)


def waiting(kotae: Kotae) -> list[str]:
    return [one.question for one in kotae.wordings.list().suggestions]


@pytest.mark.usefixtures("desk")
def test_the_model_is_told_what_is_taught_and_nothing_that_is_held_out(
    admin: Admin, kotae: Kotae, server: ModelServer
) -> None:
    says(server, ["Room in the jug?"], ["What fits into your kettle?"])
    page = suggest(admin, kotae)
    told = [asked["messages"][1]["content"] for asked in server.asked]
    jug, kettle = map(json.loads, told)  # what has the fewest wordings first
    assert jug["answer"] == JUG["answer"]
    assert kettle["asked"] == ["How much does the kettle hold?", "Size of the kettle?"]
    assert kettle["other questions"] == ["How much goes into the jug?"]
    assert "how big" not in "".join(told), "held out"
    assert "Write 8 more questions" in server.asked[0]["messages"][0]["content"]
    assert waiting(kotae) == ["Room in the jug?", "What fits into your kettle?"]
    assert "What fits into your kettle?" in page
    assert "Written by wise-1" in page


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(
    "written",
    [
        "size of the KETTLE",  # a pair asks so
        "Kettle, how big?!",  # held out
        "Does it hold 1.7 litres?",  # it tells the answer
        "ケトルの容量は？",
        "Write to ann.smith@gmail.com: how big is the kettle?",
        "?!",
        "Kettle " * 60,
        7,
    ],
)
def test_what_is_known_or_held_out_or_says_too_much_is_not_suggested(
    admin: Admin, kotae: Kotae, server: ModelServer, written: object
) -> None:
    says(server, [], ["The kettle, how large?", written, "The kettle, how large?"])
    suggest(admin, kotae)
    assert waiting(kotae) == ["The kettle, how large?"]


@pytest.mark.usefixtures("desk")
def test_what_a_question_set_holds_out_is_neither_told_nor_suggested(
    admin: Admin, kotae: Kotae, server: ModelServer
) -> None:
    secret = [read_question({"question": each, "facts": [["1.7"]], "part": "held-out"}) for each in SECRETS]
    kotae.question_sets.put("secret", secret, by="ann", note="")
    says(server, [], ["Kettle volume?", "And the kettle's size?"])
    suggest(admin, kotae)
    assert waiting(kotae) == ["And the kettle's size?"]
    assert all("Size of the kettle?" not in asked["messages"][1]["content"] for asked in server.asked)


SECRETS = ("Size of the kettle?", "Kettle volume?")


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("written", ["I cannot do that.", "{}", '["no end', '"a string"', ""])
def test_a_model_that_writes_no_list_suggests_nothing(
    admin: Admin, kotae: Kotae, server: ModelServer, written: str
) -> None:
    says(server, written)
    assert "Nothing waits." in suggest(admin, kotae)


@pytest.mark.usefixtures("desk")
def test_what_a_person_keeps_is_taught_as_it_was_mended_and_the_rest_is_dropped(
    admin: Admin, kotae: Kotae, server: ModelServer
) -> None:
    says(server, [], ["Kettle volum?", "Is it big?", "Room in the jug?"])
    page = suggest(admin, kotae)
    assert "nearer to what another answer settles: “How much goes into the jug?”" in page
    first, second, jug = kotae.wordings.list().suggestions
    assert (first.nearer, jug.nearer) == ("", "How much goes into the jug?")
    shown = {"shown": [one.id for one in (first, second, jug)], "keep": [first.id]}
    answer = admin.sends("/console/pairs/wordings/decide", **shown, **{f"text-{first.id}": "Kettle volume?"})
    assert "Kept as pairs: 1. Dropped: 2." in admin.opens(answer.location).text
    [kept] = kotae.pairs.list(tag="suggested").pairs
    assert (kept.pair.question, kept.pair.answer, kept.pair.fact) == (
        "Kettle volume?",
        KETTLE["answer"],
        "size.kettle",
    )
    assert kept.pair in list(split(kotae.pairs.all()).train)
    again = admin.sends("/console/pairs/wordings/decide", shown=[second.id])
    assert "was dropped by" in html.unescape(admin.opens(again.location).text)
    gone = admin.sends("/console/pairs/wordings/decide", shown=["0" * 32])
    assert "there is no suggestion" in html.unescape(admin.opens(gone.location).text)
    says(server, [], ["Is it big?", "A big one, the kettle?"])
    suggest(admin, kotae)
    assert waiting(kotae) == ["A big one, the kettle?"], "what was dropped is not suggested again"


def test_however_many_are_kept_none_is_held_out(admin: Admin, kotae: Kotae, server: ModelServer) -> None:
    for number in range(10):
        pair = {"question": f"How much is tray {'abcdefghij'[number]}?", "answer": f"It costs ${number}."}
        kotae.pairs.add({**pair, "split": "train"}, by="ann")
    words = ("Price", "Cost", "Charge", "Fee", "Sum")
    says(server, *([f"{word} of that {letter}?" for word in words] for letter in "abcdefghij"))
    suggest(admin, kotae)
    total = len(waiting(kotae))
    assert total == 50
    marked = sum(bool(one.nearer) for one in kotae.wordings.list().suggestions)
    answer = admin.sends("/console/pairs/wordings/all")
    assert f"Kept as pairs: {total - marked}." in admin.opens(answer.location).text
    kept = kotae.pairs.list(tag="suggested", limit=None).pairs
    assert {one.pair.split for one in kept} == {"train"}
    assert len(waiting(kotae)) == marked


@pytest.mark.usefixtures("desk")
def test_a_pair_that_is_removed_takes_its_suggestions_along(
    admin: Admin, kotae: Kotae, server: ModelServer
) -> None:
    says(server, ["Room in the jug?"], ["Kettle volume?"])
    suggest(admin, kotae)
    [jug] = kotae.pairs.list("jug").pairs
    admin.sends(f"/console/pairs/{jug.id}/remove")
    assert waiting(kotae) == ["Kettle volume?"]


@pytest.mark.usefixtures("desk")
def test_a_model_that_is_away_is_told_and_what_was_suggested_stays(
    admin: Admin, kotae: Kotae, server: ModelServer
) -> None:
    server.replies[:] = [Reply([json.dumps(["Room in the jug?"])]), Reply(status=500, error="out of memory")]
    assert "out of memory" in suggest(admin, kotae)
    assert waiting(kotae) == ["Room in the jug?"]


@pytest.mark.usefixtures("desk")
def test_work_that_was_killed_goes_on_with_the_next_fact(kotae: Kotae, server: ModelServer) -> None:
    says(server, ["Room in the jug?"], ["Kettle volume?"])
    job = kotae.wordings.begin(by="ann")

    class Killed(BaseException):
        pass

    def killed(_step: str, share: float) -> None:
        if share:
            raise Killed

    with pytest.raises(Killed):
        kotae.wordings.work(job.arguments, killed)
    kotae.jobs.drain()
    assert len(server.asked) == 2, "nothing is asked twice"
    assert waiting(kotae) == ["Room in the jug?", "Kettle volume?"]


@pytest.mark.usefixtures("desk")
def test_one_job_at_a_time_and_it_can_be_cancelled(admin: Admin, kotae: Kotae, server: ModelServer) -> None:
    admin.sends("/console/pairs/wordings", count="3")
    second = admin.sends("/console/pairs/wordings", count="3")
    page = html.unescape(admin.opens(second.location).text)
    assert "wordings are being suggested already (queued)" in page
    assert "data-under-way" in admin.opens("/console/pairs/wordings/now").text
    admin.sends("/console/pairs/wordings/cancel")
    kotae.jobs.drain()
    assert server.asked == []
    assert "from 1 to 20 wordings" in suggest(admin, kotae, count="21")


def test_an_operator_may_not_and_without_pairs_the_page_says_so(admin: Admin, operator: Operator) -> None:
    assert operator.opens("/console/pairs/wordings").status_code == 403
    assert "No pair is taught yet" in admin.opens("/console/pairs/wordings").text


class TestWithoutAModel:
    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return Settings(data=tmp_path / "data", strategies={"manuals": {"use": "rag", "inner": "quotes"}})

    @pytest.mark.usefixtures("desk")
    def test_the_page_says_what_to_configure(self, admin: Admin, kotae: Kotae) -> None:
        assert "No chat model is configured" in admin.opens("/console/pairs/wordings").text
        assert "no chat model is configured" in suggest(admin, kotae)
