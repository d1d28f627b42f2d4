"""How often an answer cache answers wrongly"""

import sqlalchemy as sa
from alembic import op

from knowledge_base import database

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_table(
        "rehearsals",
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("strategy", sa.String(length=200), nullable=False),
        sa.Column("set_id", sa.String(length=32), nullable=False),
        sa.Column("set_version", sa.Integer(), nullable=False),
        sa.Column("alike", sa.Double(), nullable=False),
        sa.Column("embedding", sa.Text(), nullable=False),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("again", sa.Integer(), nullable=False),
        sa.Column("wrong", sa.JSON(), nullable=False),
        sa.Column("at", database.Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["set_id"], ["question_sets.id"], name=op.f("fk_rehearsals_set_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_rehearsals")),
        sa.UniqueConstraint("strategy", "set_id", name=op.f("uq_rehearsals_strategy_set_id")),
    )
