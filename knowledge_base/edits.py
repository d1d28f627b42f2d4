"""What an admin changed about a document's passages, made anew on each version of it.

    cut ──▶ passages as the document has them ──edits, one after the other──▶ passages as they answer

An edit is known by the texts that it changes, not by a place: in a new version it is made wherever these
texts still stand. Where they do not, it changes nothing, and keeps a sentence that says why.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from knowledge_base.chunking import SEPARATOR, Count, Sizes, breadcrumb
from knowledge_base.passages import Cut
from knowledge_base.sentences import sentences
from knowledge_base.tables import edits

Kind = Literal["rewrite", "split", "merge", "disable", "question"]
ALIKE = 0.5  # from here on, the nearest passage is worth naming


@dataclass(frozen=True)
class Edit:
    """`before` are the texts of passages that stand one after the other, `after` those that stand there
    instead: none for what does not answer. Of a question, `after` is the question.

    `places` are positions in `version`, the one that it was last tried on; without any, `why` is a sentence.
    """

    id: str
    document_id: str
    number: int
    kind: Kind
    headings: tuple[str, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]
    by: str
    created_at: datetime
    version: int = 0
    places: tuple[int, ...] = ()
    why: str = ""

    @property
    def state(self) -> Literal["waiting", "made", "unplaced"]:
        return "unplaced" if self.why else "made" if self.places else "waiting"


@dataclass(frozen=True)
class Outcome:
    """What became of an edit in one version."""

    edit_id: str
    places: tuple[int, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class Standing:
    """A passage while edits are made; `origins` are the positions of the document's own that it was."""

    cut: Cut
    origins: tuple[int, ...]
    questions: tuple[str, ...] = ()
    made: tuple[str, ...] = ()  # the edits that brought it here
    answers: bool = True


@dataclass(frozen=True)
class Edited:
    """`cuts` answer, `outcomes` tell of each edit, and `standing` has those that do not answer, too."""

    cuts: tuple[Cut, ...]
    outcomes: tuple[Outcome, ...] = ()
    standing: tuple[Standing, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Remaking:
    """How an edited passage is finished: its breadcrumb, its sentences, and whether it fits."""

    count: Count
    limit: int
    language: str

    def fits(self, text: str, questions: Sequence[str] = ()) -> bool:
        return self.count("\n".join(["", *questions, text])) <= self.limit

    def finish(self, one: Standing, position: int) -> Cut:
        cut = replace(one.cut, position=position)
        if not one.made:
            return cut
        sizes = Sizes(self.count, self.limit, self.limit, self.limit)
        crumbs = cut.context.split(SEPARATOR) if cut.context else []
        context = breadcrumb(crumbs, "\n".join([*one.questions, cut.text]), sizes)
        context = "\n".join(part for part in (context, *one.questions) if part)
        return replace(
            cut,
            context=context,
            tokens=self.count(f"{context}\n{cut.text}"),
            sentences=tuple(sentences(cut.text, self.language)),
        )


def edited(cuts: Sequence[Cut], made: Sequence[Edit], remaking: Remaking) -> Edited:
    """The passages with all edits made, in the order in which they were made first."""
    standing = [Standing(cut, (cut.position,)) for cut in cuts]
    why: dict[str, str] = {}
    for edit in made:
        if runs := list(_runs(standing, edit)):
            standing, why[edit.id] = _made(standing, edit, runs, remaking)
        else:
            why[edit.id] = _not_found(standing, edit)
    places: dict[str, list[int]] = {edit.id: [] for edit in made}
    answering: list[Cut] = []
    for one in standing:
        for id_ in one.made:
            places[id_].append(len(answering))
        if one.answers:
            answering.append(remaking.finish(one, len(answering)))
    outcomes = tuple(
        Outcome(edit.id, () if why[edit.id] else tuple(places[edit.id]), why[edit.id]) for edit in made
    )
    return Edited(tuple(answering), outcomes, tuple(standing))


def of_document(connection: sa.Connection, document_id: str) -> list[Edit]:
    """In the order in which they are made."""
    query = sa.select(edits).where(edits.c.document_id == document_id).order_by(edits.c.number)
    return [_edit(row) for row in connection.execute(query)]


def keep_outcomes(connection: sa.Connection, version: int, outcomes: Sequence[Outcome]) -> None:
    """Unless a later version has told more."""
    for one in outcomes:
        connection.execute(
            sa.update(edits)
            .where(edits.c.id == one.edit_id, edits.c.version <= version)
            .values(version=version, places=list(one.places), why=one.why)
        )


def plain(text: str) -> str:
    """A text as edits compare it: a line broken elsewhere is the same text."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def _runs(standing: Sequence[Standing], edit: Edit) -> Iterator[int]:
    """Where the texts stand: below the same headings, or else wherever they are."""
    wanted = [plain(text) for text in edit.before]
    found = [
        at
        for at in range(len(standing) - len(wanted) + 1)
        if all(
            one.answers and plain(one.cut.text) == text
            for one, text in zip(standing[at : at + len(wanted)], wanted, strict=True)
        )
    ]
    same = [at for at in found if standing[at].cut.headings == edit.headings]
    last = -len(wanted)
    for at in same or found:
        if at - last >= len(wanted):  # not two that overlap
            last = at
            yield at


def _made(
    standing: Sequence[Standing], edit: Edit, runs: Sequence[int], remaking: Remaking
) -> tuple[list[Standing], str]:
    """The edit made at each place, or the passages as they were and a sentence why not."""
    remade, at = [], 0
    for run in runs:
        there = standing[run : run + len(edit.before)]
        instead = list(_instead(there, edit))
        for one in instead:
            if one.answers and not remaking.fits(one.cut.text, one.questions):
                return list(standing), (
                    f"with it the passage is longer than the {remaking.limit} tokens "
                    "that the embedding model reads"
                )
        remade += [*standing[at:run], *instead]
        at = run + len(edit.before)
    return [*remade, *standing[at:]], ""


def _instead(there: Sequence[Standing], edit: Edit) -> Iterator[Standing]:
    first = there[0]
    made = tuple(dict.fromkeys([*(id_ for one in there for id_ in one.made), edit.id]))
    questions = tuple(dict.fromkeys(question for one in there for question in one.questions))
    origins = tuple(dict.fromkeys(origin for one in there for origin in one.origins))
    if edit.kind == "question":
        yield replace(first, questions=tuple(dict.fromkeys([*questions, *edit.after])), made=made)
    elif edit.kind == "disable":
        for one in there:
            yield replace(one, answers=False, made=tuple(dict.fromkeys([*one.made, edit.id])))
    else:
        for text in edit.after:
            yield Standing(replace(first.cut, text=text), origins, questions, made)


def _not_found(standing: Sequence[Standing], edit: Edit) -> str:
    wanted = plain(edit.before[0])
    near = [(likeness(wanted, plain(one.cut.text)), one.cut) for one in standing if one.answers]
    share, nearest = max(near, key=lambda each: each[0], default=(0.0, None))
    if nearest is None or share < ALIKE:
        return "the text that it changes is no longer in the document"
    return (
        f"the text that it changes now reads otherwise; the nearest is passage {nearest.position + 1}, "
        f"{min(int(100 * share), 99)} % the same"
    )


def likeness(one: str, other: str) -> float:
    """0 to 1; quick to say so where two texts have little in common."""
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    if min(matcher.real_quick_ratio(), matcher.quick_ratio()) < ALIKE:
        return 0.0
    return matcher.ratio()


def _edit(row: Any) -> Edit:
    values = {name: getattr(row, name) for name in Edit.__dataclass_fields__}
    for name in ("headings", "before", "after", "places"):
        values[name] = tuple(values[name])
    return Edit(**values)
