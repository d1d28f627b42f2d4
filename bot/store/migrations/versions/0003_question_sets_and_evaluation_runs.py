"""Question sets and evaluation runs"""

import sqlalchemy as sa
from alembic import op

from knowledge_base import database

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "question_sets",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", database.Moment(timezone=True), nullable=False),
        sa.Column("updated_at", database.Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_question_sets")),
        sa.UniqueConstraint("name", name=op.f("uq_question_sets_name")),
    )
    op.create_table(
        "evaluation_runs",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("job_id", sa.String(length=32), nullable=False),
        sa.Column("set_id", sa.String(length=32), nullable=False),
        sa.Column("set_version", sa.Integer(), nullable=False),
        sa.Column("strategies", sa.JSON(), nullable=False),
        sa.Column("chosen", sa.JSON(), nullable=False),
        sa.Column("conditions", sa.JSON(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("created_at", database.Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["set_id"], ["question_sets.id"], name=op.f("fk_evaluation_runs_set_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluation_runs")),
    )
    with op.batch_alter_table("evaluation_runs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_evaluation_runs_created_at"), ["created_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_evaluation_runs_set_id"), ["set_id"], unique=False)

    op.create_table(
        "set_questions",
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("set_id", sa.String(length=32), nullable=False),
        sa.Column("question_id", sa.String(length=200), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("since", sa.Integer(), nullable=False),
        sa.Column("until", sa.Integer(), nullable=True),
        sa.Column("part", sa.String(length=16), nullable=False),
        sa.Column("wording", sa.Text(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["set_id"], ["question_sets.id"], name=op.f("fk_set_questions_set_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_set_questions")),
    )
    with op.batch_alter_table("set_questions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_set_questions_part"), ["part"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_set_questions_set_id_question_id"), ["set_id", "question_id"], unique=False
        )

    op.create_table(
        "set_versions",
        sa.Column("set_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", database.Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["set_id"], ["question_sets.id"], name=op.f("fk_set_versions_set_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("set_id", "number", name=op.f("pk_set_versions")),
    )
    op.create_table(
        "evaluation_answers",
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("strategy", sa.String(length=200), nullable=False),
        sa.Column("question_id", sa.String(length=200), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("verdict", sa.JSON(), nullable=True),
        sa.Column("judged_by", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["evaluation_runs.id"], name=op.f("fk_evaluation_answers_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_evaluation_answers")),
        sa.UniqueConstraint(
            "run_id",
            "strategy",
            "question_id",
            name=op.f("uq_evaluation_answers_run_id_strategy_question_id"),
        ),
    )
