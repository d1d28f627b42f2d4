"""Pairs of a question and its answer"""

import sqlalchemy as sa
from alembic import op

from knowledge_base import database

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "pairs",
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("fact", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("split", sa.String(length=16), nullable=False),
        sa.Column("withdrawn", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("created_at", database.Moment(timezone=True), nullable=False),
        sa.Column("updated_at", database.Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_pairs")),
        sa.UniqueConstraint("id", name=op.f("uq_pairs_id")),
        sa.UniqueConstraint("key", name=op.f("uq_pairs_key")),
    )
    with op.batch_alter_table("pairs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_pairs_document"), ["document"], unique=False)
        batch_op.create_index(batch_op.f("ix_pairs_fact"), ["fact"], unique=False)
