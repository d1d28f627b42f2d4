"""What customers say at the end of a conversation, who they are, and how the widget looks"""

import sqlalchemy as sa
from alembic import op

from knowledge_base import database

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    with op.batch_alter_table("conversations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("ended_at", database.Moment(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("stars", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("stars_why", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("customer", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("seen_on", sa.JSON(), nullable=False, server_default="{}"))
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.add_column(sa.Column("replaced", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "appearances",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.JSON(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", database.Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appearances")),
    )
