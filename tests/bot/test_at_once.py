"""What several processes do at the very same time under one name: on SQLite, and on PostgreSQL."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from bot.access.users import UserRefused, Users
from bot.conversations.archive import Archive, Wanted
from bot.conversations.conversation import Conversations
from bot.evaluation.sets import QuestionSets, SetRefused
from bot.handoff.canned import CannedAnswers, NameTaken
from bot.teaching.candidates import Candidates
from bot.teaching.pairs import PairRefused, Pairs
from knowledge_base.fetching.addresses import Gate
from knowledge_base.fetching.fetcher import Fetcher
from knowledge_base.testing import HashEmbedder, library
from knowledge_base.watches import Watches

Open = Callable[[], sa.Engine]
PROCESSES, ROUNDS = 5, 6
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def at_once(each: Iterable[Callable[[], Any]]) -> list[Any]:
    """What all of them come to: a value, or what was raised."""
    each = list(each)
    gate = threading.Barrier(len(each))

    def one(do: Callable[[], Any]) -> Any:
        gate.wait()
        try:
            return do()
        except Exception as refused:
            return refused

    with ThreadPoolExecutor(len(each)) as processes:
        return list(processes.map(one, each))


def one_is_kept(came_to: list[Any], refused: type[Exception], sentence: str) -> None:
    """One has it; all others are told the same."""
    others = [result for result in came_to if isinstance(result, Exception)]
    assert len(others) == len(came_to) - 1, came_to
    assert {type(other) for other in others} == {refused}, others
    assert {str(other) for other in others} == {sentence}


def test_of_canned_answers_that_get_one_name_at_once_one_is_kept(on_either: Open) -> None:
    desks = [CannedAnswers(on_either()) for _ in range(PROCESSES)]
    for n in range(ROUNDS):
        name = f"hours-{n}"
        came_to = at_once(partial(desk.save, name, "9 to 5", "ann") for desk in desks)
        one_is_kept(came_to, NameTaken, f"there is a canned answer {name!r} already")
    kept = desks[0].all()
    assert len(kept) == ROUNDS
    with pytest.raises(NameTaken):
        desks[0].save(kept[0].name, "Another", "ann", kept[1].id)


def test_of_people_who_are_added_with_one_address_at_once_one_is_kept(on_either: Open) -> None:
    desks = [Users(on_either(), QUICK) for _ in range(PROCESSES)]
    for n in range(ROUNDS):
        email = f"ann{n}@shop.example"
        came_to = at_once(partial(desk.add, email, "long enough", "admin") for desk in desks)
        one_is_kept(came_to, UserRefused, f"there is a user {email!r} already")
    assert len(desks[0].list()) == ROUNDS


def test_of_question_sets_that_are_made_with_one_name_at_once_one_is_kept(on_either: Open) -> None:
    desks = [QuestionSets(on_either()) for _ in range(PROCESSES)]
    for n in range(ROUNDS):
        came_to = at_once(partial(desk.make, f"set {n}", by="ann") for desk in desks)
        one_is_kept(came_to, SetRefused, f"there is a question set 'set {n}' already")


def test_files_that_are_brought_into_one_new_set_at_once_are_all_in_it(on_either: Open) -> None:
    desks = [QuestionSets(on_either()) for _ in range(PROCESSES)]

    def bring(desk: QuestionSets, number: int) -> int:
        line = json.dumps(
            {"id": f"q{number}", "question": f"How large is part {number}?", "facts": ["large"]}
        )
        return desk.import_(BytesIO(line.encode()), "questions.jsonl", "demo", by="ann").version

    for n in range(ROUNDS):
        numbers = range(n * PROCESSES, (n + 1) * PROCESSES)
        came_to = at_once(partial(bring, *each) for each in zip(desks, numbers, strict=True))
        assert sorted(came_to) == [number + 1 for number in numbers]
    assert len(desks[0].get("demo").questions) == PROCESSES * ROUNDS


def test_a_view_that_is_saved_at_many_desks_at_once_is_one(on_either: Open) -> None:
    engines = [on_either() for _ in range(PROCESSES)]
    desks = [
        Archive(engine, Conversations(engine), Candidates(engine, Pairs(engine, HashEmbedder())))
        for engine in engines
    ]
    for n in range(ROUNDS):
        saves = (
            partial(desk.save_view, f"view {n}", Wanted(text=f"word {i}"), by="ann")
            for i, desk in enumerate(desks)
        )
        assert {view.name for view in at_once(saves)} == {f"view {n}"}
    assert len(desks[0].views()) == ROUNDS


def test_a_pair_that_is_added_at_many_desks_at_once_is_one(on_either: Open) -> None:
    desks = [Pairs(on_either(), HashEmbedder()) for _ in range(PROCESSES)]
    for n in range(ROUNDS):
        entry = {"question": f"How large is part {n}?", "answer": f"It is {n} cm."}
        came_to = at_once(partial(desk.add, entry, by="ann") for desk in desks)
        sentence = f"the question {entry['question']!r} is there already with this answer"
        one_is_kept(came_to, PairRefused, sentence)


def test_a_file_of_pairs_that_is_brought_by_many_at_once_is_brought_once(on_either: Open) -> None:
    desks = [Pairs(on_either(), HashEmbedder()) for _ in range(2)]
    for n in range(ROUNDS):
        pairs = [{"question": f"How large is part {n}/{i}?", "answer": f"{n} cm, {i} mm."} for i in range(20)]
        file = "\n".join(map(json.dumps, pairs)).encode()
        came_to = at_once(partial(desk.import_, BytesIO(file), "pairs.jsonl", by="ann") for desk in desks)
        assert sorted(imported.added for imported in came_to) == [0, 20]
    assert desks[0].counts().pairs == 20 * ROUNDS


def test_an_address_that_is_watched_by_many_at_once_is_watched_once(on_either: Open, tmp_path: Path) -> None:
    documents = library(tmp_path / "documents")
    desks = [Watches(on_either(), documents, Fetcher(Gate(), documents.limits)) for _ in range(PROCESSES)]
    for n in range(ROUNDS):
        url = f"https://shop.example/page-{n}"
        came_to = at_once(partial(desk.add, url, every=3600, by="ann") for desk in desks)
        assert len({watch.id for watch in came_to}) == 1
    assert len(desks[0].list()) == ROUNDS
    documents.close()
    documents.engine.dispose()
