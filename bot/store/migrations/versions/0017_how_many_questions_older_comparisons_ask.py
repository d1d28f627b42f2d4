"""How many questions older comparisons ask"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

RUNS = sa.table(
    "evaluation_runs",
    sa.column("id", sa.String),
    sa.column("set_id", sa.String),
    sa.column("set_version", sa.Integer),
    sa.column("chosen", sa.JSON),
)
QUESTIONS = sa.table(
    "set_questions",
    sa.column("set_id", sa.String),
    sa.column("since", sa.Integer),
    sa.column("until", sa.Integer),
    sa.column("part", sa.String),
)


def upgrade() -> None:
    connection = op.get_bind()
    for run in connection.execute(sa.select(RUNS)).all():
        if "limit" not in run.chosen or "asked" in run.chosen:
            continue
        whole = connection.scalar(_of_set(run.set_id, run.set_version, run.chosen.get("part"))) or 0
        asked = whole if run.chosen["limit"] is None else min(run.chosen["limit"], whole)
        told = {**run.chosen, "asked": asked}
        connection.execute(sa.update(RUNS).where(RUNS.c.id == run.id).values(chosen=told))


def _of_set(set_id: str, version: int, part: str | None) -> sa.Select[int]:
    there = sa.or_(QUESTIONS.c.until.is_(None), QUESTIONS.c.until > version)
    counted = sa.select(sa.func.count()).select_from(QUESTIONS)
    counted = counted.where(QUESTIONS.c.set_id == set_id, QUESTIONS.c.since <= version, there)
    return counted if part is None else counted.where(QUESTIONS.c.part == part)
