"""Question sets: what is asked to find out which strategy answers better.

    import · write · grow from a chat ─▶ version 1 ─▶ version 2 ─▶ …     a run names the version that it asked

Each change makes a new version, and every earlier one can still be read. A question is open or held out, and
once held out it stays so: what a model was taught, it cannot be judged by. Training and calibration take
questions as `OpenQuestions`, which cannot be made with a held-out one in it, in whichever set it is held out;
and a pair of the desk that asks what a set holds out is held out from training.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, BinaryIO, overload
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bot.access import audit
from bot.evaluation.files import (
    QUESTIONS,
    Format,
    as_entry,
    read,
    read_question,
    write,
)
from bot.evaluation.values import AskedQuestion, Part
from bot.store import claim, reading, writing
from bot.store.tables import AuditRow, EvaluationRunRow, QuestionSetRow, SetQuestionRow, SetVersionRow
from knowledge_base.database import insert_new, now
from knowledge_base.readers.text import line
from strategies.lora.pairs import HeldOutRead, Pair
from strategies.wording import bare

NAME_CHARACTERS = 80
REMOVED = "remove question set"  # as the audit says it


class UnknownSet(LookupError):
    """There is no such question set, or no such version or question in it."""


class SetRefused(ValueError):
    """A set cannot be changed so; the message says why."""


class OpenQuestions(Sequence[AskedQuestion]):
    """Questions that may be learned from. HeldOutRead if one of them is held out, here or in another set."""

    def __init__(self, questions: Iterable[AskedQuestion], held_out: frozenset[str] = frozenset()) -> None:
        """`held_out` are the wordings that are held out anywhere."""
        self._questions = tuple(questions)
        self.held_out = held_out
        for question in self._questions:
            if question.part == "held-out" or bare(question.text) in held_out:
                raise HeldOutRead(f"the question {question.text!r} is held out and must not be learned from")

    @overload
    def __getitem__(self, index: int) -> AskedQuestion: ...
    @overload
    def __getitem__(self, index: slice) -> OpenQuestions: ...
    def __getitem__(self, index: int | slice) -> AskedQuestion | OpenQuestions:
        found = self._questions[index]
        return found if isinstance(found, AskedQuestion) else OpenQuestions(found, self.held_out)

    def __len__(self) -> int:
        return len(self._questions)

    def __iter__(self) -> Iterator[AskedQuestion]:
        return iter(self._questions)

    def __repr__(self) -> str:
        return f"<{len(self)} questions that may be learned from>"


@dataclass(frozen=True)
class Version:
    number: int
    note: str
    by: str
    at: datetime


@dataclass(frozen=True)
class QuestionSet:
    """One version of a set, with its questions in their order."""

    id: str
    name: str
    version: int
    questions: tuple[AskedQuestion, ...]

    def part(self, part: Part | None) -> tuple[AskedQuestion, ...]:
        return tuple(one for one in self.questions if part is None or one.part == part)


@dataclass(frozen=True)
class Summary:
    """A set as a list shows it, in its newest version."""

    id: str
    name: str
    version: int
    updated_at: datetime
    questions: int
    held_out: int
    answerable: int
    runs: int


@dataclass(frozen=True)
class Imported:
    """What a file brought. `version` is the one that holds it; the same file again makes none."""

    name: str
    version: int
    added: int
    changed: int
    same: int


class QuestionSets:
    """The question sets of this installation."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    # ---- reading ----

    def list(self) -> Sequence[Summary]:
        """By name."""
        live = sa.select(SetQuestionRow.set_id, SetQuestionRow.part, SetQuestionRow.content).where(
            SetQuestionRow.until.is_(None)
        )
        asked = sa.select(EvaluationRunRow.set_id, sa.func.count()).group_by(EvaluationRunRow.set_id)
        with reading(self._engine) as session:
            rows = list(session.scalars(sa.select(QuestionSetRow).order_by(QuestionSetRow.name)))
            counted: dict[str, Counter[str]] = {row.id: Counter() for row in rows}
            for set_id, part, content in session.execute(live):
                counted[set_id].update(
                    ["questions", part, *(["answerable"] if content.get("answerable", True) else [])]
                )
            runs = {set_id: n for set_id, n in session.execute(asked)}  # noqa: C416 - rows, not pairs
        return [_summary(row, counted[row.id], runs.get(row.id, 0)) for row in rows]

    def get(self, name: str, version: int | None = None) -> QuestionSet:
        """The set of this name or id, in its newest version or the one asked for. Raises UnknownSet."""
        with reading(self._engine) as session:
            return _whole(session, _found(session, name), version)

    def version(self, name: str) -> int:
        """The newest one of the set of this name or id; 0 where there is none."""
        with reading(self._engine) as session:
            try:
                return _found(session, name).version
            except UnknownSet:
                return 0

    def question(self, name: str, question_id: str) -> AskedQuestion:
        with reading(self._engine) as session:
            row = _live(session, _found(session, name), question_id)
            return read_question(row.content)

    def versions(self, name: str) -> Sequence[Version]:
        """The newest first."""
        with reading(self._engine) as session:
            rows = (
                sa.select(SetVersionRow)
                .where(SetVersionRow.set_id == _found(session, name).id)
                .order_by(SetVersionRow.number.desc())
            )
            return [Version(row.number, row.note, row.by, row.at) for row in session.scalars(rows)]

    def was_removed(self, name: str) -> bool:
        """Whether somebody has deleted a set of this name, by the audit."""
        gone = sa.select(AuditRow.id).where(AuditRow.what == REMOVED, AuditRow.subject == name).limit(1)
        with reading(self._engine) as session:
            return session.scalar(gone) is not None

    def held_out(self) -> frozenset[str]:
        """The wordings that are held out in any set, in any version."""
        rows = sa.select(SetQuestionRow.wording).where(SetQuestionRow.part == "held-out").distinct()
        with reading(self._engine) as session:
            return frozenset(session.scalars(rows))

    def for_training(self, name: str) -> OpenQuestions:
        """What may be learned from: the open questions that no set holds out."""
        return self.open_ones(self.get(name).questions)

    def open_ones(self, questions: Iterable[AskedQuestion]) -> OpenQuestions:
        """Those of the questions that may be learned from."""
        held_out = self.held_out()
        may = (one for one in questions if one.part == "open" and bare(one.text) not in held_out)
        return OpenQuestions(may, held_out)

    def set_apart(self, pairs: Iterable[Pair]) -> Sequence[Pair]:
        """Pairs for a training, those marked as held out whose question a set holds out."""
        held_out = self.held_out()
        return [replace(pair, split="held-out") if pair.wording in held_out else pair for pair in pairs]

    def export(self, name: str, stream: BinaryIO, format: Format, version: int | None = None) -> int:  # noqa: A002
        """Write the questions as a file that `import_` takes, and say how many."""
        questions = self.get(name, version).questions
        write(questions, stream, format)
        return len(questions)

    # ---- changing ----

    def import_(self, stream: BinaryIO, file: str, name: str, *, by: str, held_out: bool = False) -> Imported:
        """Bring the questions of a file into the set of this name, which is made if there is none.

        A question with the id of one that is there replaces it; all others stay. What names no part is open,
        or held out by `held_out`. Raises BadQuestions, with nothing kept, or SetRefused.
        """
        questions = read(stream, file, "held-out" if held_out else "open")
        return self.put(name, questions, by=by, note=f"imported {file}")

    def put(self, name: str, questions: Sequence[AskedQuestion], *, by: str, note: str) -> Imported:
        """Add questions to a set, or replace those with the same ids."""
        name = _checked(name)
        with writing(self._engine) as session:
            row = _made(session, name)
            live = _live_rows(session, row)
            new = [_kept_apart(one, live) for one in questions]
            changes = [one for one in new if one.id not in live or live[one.id].content != as_entry_json(one)]
            added = sum(one.id not in live for one in changes)
            _check_room(len(live) + added)
            changed = len(changes) - added
            if changes:
                _next(session, row, changes, gone=[], by=by, note=note)
                audit.note(
                    session, by, "import questions", name, version=row.version, added=added, changed=changed
                )
            return Imported(name, row.version, added, changed, len(new) - len(changes))

    def make(self, name: str, *, by: str) -> str:
        """An empty set, to be written into. SetRefused when the name is taken."""
        name = _checked(name)
        with writing(self._engine) as session:
            session.add(QuestionSetRow(**_empty(name)))
            claim(session, SetRefused(f"there is a question set {name!r} already"))
            audit.note(session, by, "make question set", name)
        return name

    def add(
        self, name: str, entry: Mapping[str, Any], *, by: str, note: str = "", conversation_id: str = ""
    ) -> AskedQuestion:
        """A question from a form's fields; `conversation_id` is where a customer asked it, so that it can be
        forgotten with them. Raises BadQuestions, or SetRefused when it is there already.
        """
        question = read_question(entry)
        with writing(self._engine) as session:
            row = _found(session, name, changing=True)
            live = _live_rows(session, row)
            if question.id in live:
                raise SetRefused(f"{row.name!r} has a question {question.id!r} already")
            _check_room(len(live) + 1)
            _next(
                session,
                row,
                [question],
                gone=[],
                by=by,
                note=note or f"added {question.id}",
                conversation_id=conversation_id,
            )
            audit.note(session, by, "add question", row.name, question=question.id)
        return question

    def edit(self, name: str, question_id: str, entry: Mapping[str, Any], *, by: str) -> AskedQuestion:
        """Change a question; its id stays. What is held out cannot be opened."""
        question = replace(read_question({**entry, "id": question_id}), id=question_id)
        with writing(self._engine) as session:
            row = _found(session, name, changing=True)
            before = _live(session, row, question_id)
            if before.part == "held-out" != question.part:
                raise SetRefused(
                    "this question is held out and stays so: what was learned from it would prove nothing"
                )
            if before.content != as_entry_json(question):
                _next(session, row, [question], gone=[], by=by, note=f"changed {question_id}")
                audit.note(session, by, "edit question", row.name, question=question_id)
        return question

    def drop(self, name: str, question_id: str, *, by: str) -> None:
        """Take a question out of the set; earlier versions keep it."""
        with writing(self._engine) as session:
            row = _found(session, name, changing=True)
            _live(session, row, question_id)
            _next(session, row, [], gone=[question_id], by=by, note=f"took out {question_id}")
            audit.note(session, by, "drop question", row.name, question=question_id)

    def remove(self, name: str, *, by: str) -> None:
        """Delete a set with all of its versions, runs and answers."""
        with writing(self._engine) as session:
            row = _found(session, name, changing=True)
            audit.note(session, by, REMOVED, row.name, version=row.version)
            session.execute(sa.delete(QuestionSetRow).where(QuestionSetRow.id == row.id))


# ---- inside ----


def as_entry_json(question: AskedQuestion) -> dict[str, Any]:
    """An entry as it comes back from JSON, where a tuple is a list."""
    listed: dict[str, Any] = _listed(as_entry(question))
    return listed


def _listed(value: Any) -> Any:
    match value:
        case dict():
            return {name: _listed(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_listed(inner) for inner in value]
        case _:
            return value


def _checked(name: str) -> str:
    name = line(name)
    if not name or len(name) > NAME_CHARACTERS:
        raise SetRefused(
            f"a question set needs a name of at most {NAME_CHARACTERS} characters, {name[:100]!r} is none"
        )
    return name


def _check_room(questions: int) -> None:
    if questions > QUESTIONS:
        raise SetRefused(f"that would be {questions:,} questions; a set has at most {QUESTIONS:,}")


def _found(session: Session, name: str, *, changing: bool = False) -> QuestionSetRow:
    """`changing` makes every other process wait that would change it: versions follow one another."""
    wanted = sa.select(QuestionSetRow).where(sa.or_(QuestionSetRow.name == name, QuestionSetRow.id == name))
    row = session.scalar(wanted.with_for_update() if changing else wanted)
    if row is None:
        raise UnknownSet(f"there is no question set {name!r}")
    return row


def _made(session: Session, name: str) -> QuestionSetRow:
    """The set of this name, made if there is none."""
    insert_new(session.connection(), QuestionSetRow.__table__, [_empty(name)])  # type: ignore[arg-type]
    rows = sa.select(QuestionSetRow).where(QuestionSetRow.name == name)
    return session.scalars(rows.with_for_update()).one()


def _empty(name: str) -> dict[str, Any]:
    moment = now()
    return {"id": uuid4().hex, "name": name, "version": 0, "created_at": moment, "updated_at": moment}


def _live_rows(session: Session, row: QuestionSetRow) -> dict[str, SetQuestionRow]:
    """The questions of the newest version, by id."""
    rows = sa.select(SetQuestionRow).where(SetQuestionRow.set_id == row.id, SetQuestionRow.until.is_(None))
    return {one.question_id: one for one in session.scalars(rows)}


def _live(session: Session, row: QuestionSetRow, question_id: str) -> SetQuestionRow:
    found = _live_rows(session, row).get(question_id)
    if found is None:
        raise UnknownSet(f"there is no question {question_id!r} in {row.name!r}")
    return found


def _whole(session: Session, row: QuestionSetRow, version: int | None) -> QuestionSet:
    version = row.version if version is None else version
    if not 0 <= version <= row.version:
        raise UnknownSet(f"{row.name!r} has no version {version}; its newest is {row.version}")
    rows = sa.select(SetQuestionRow.content).where(
        SetQuestionRow.set_id == row.id,
        SetQuestionRow.since <= version,
        sa.or_(SetQuestionRow.until.is_(None), SetQuestionRow.until > version),
    )
    ordered = rows.order_by(SetQuestionRow.place, SetQuestionRow.position)
    questions = tuple(map(read_question, session.scalars(ordered)))
    return QuestionSet(row.id, row.name, version, questions)


def _kept_apart(question: AskedQuestion, live: Mapping[str, SetQuestionRow]) -> AskedQuestion:
    """What is held out stays so, whatever a file says."""
    before = live.get(question.id)
    if before is not None and before.part == "held-out":
        return replace(question, part="held-out")
    return question


def _next(
    session: Session,
    row: QuestionSetRow,
    changed: Iterable[AskedQuestion],
    *,
    gone: Sequence[str],
    by: str,
    note: str,
    conversation_id: str = "",
) -> None:
    """A new version: some questions replaced or added, some gone. One that is replaced was still asked where
    it was.
    """
    changed = list(changed)
    row.version += 1
    row.updated_at = now()
    session.add(SetVersionRow(set_id=row.id, number=row.version, note=note, by=by, at=row.updated_at))
    mine = SetQuestionRow.set_id == row.id
    last = session.scalar(sa.select(sa.func.max(SetQuestionRow.place)).where(mine)) or 0
    live = _live_rows(session, row)
    for question_id in (*gone, *(one.id for one in changed)):
        if question_id in live:
            live[question_id].until = row.version
    for question in changed:
        before = live.get(question.id)
        place = before.place if before else (last := last + 1)
        session.add(
            SetQuestionRow(
                set_id=row.id,
                question_id=question.id,
                place=place,
                since=row.version,
                part=question.part,
                wording=bare(question.text),
                content=as_entry_json(question),
                conversation_id=before.conversation_id if before else conversation_id,
            )
        )
    session.flush()


def _summary(row: QuestionSetRow, counted: Counter[str], runs: int) -> Summary:
    return Summary(
        id=row.id,
        name=row.name,
        version=row.version,
        updated_at=row.updated_at,
        questions=counted["questions"],
        held_out=counted["held-out"],
        answerable=counted["answerable"],
        runs=runs,
    )
