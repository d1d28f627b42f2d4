"""Several webhooks, and answers that other processes read along"""

import sqlalchemy as sa
from alembic import op

from knowledge_base import database

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.add_column(sa.Column("receiver", sa.String(length=64), nullable=False, server_default=""))
    op.create_table(
        "writings",
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("question_id", sa.String(length=32), nullable=False),
        sa.Column("wanted_until", database.Moment(timezone=True), nullable=False),
        sa.Column("stopped", sa.String(length=32), nullable=False),
        sa.Column("message_id", sa.String(length=32), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("citations", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
            name=op.f("fk_writings_conversation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("conversation_id", name=op.f("pk_writings")),
    )
