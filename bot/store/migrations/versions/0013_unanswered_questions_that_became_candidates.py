"""Unanswered questions that became candidates, and where questions of sets were asked"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    with op.batch_alter_table("set_questions", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("conversation_id", sa.String(length=32), server_default="", nullable=False)
        )
        batch_op.create_index(batch_op.f("ix_set_questions_conversation_id"), ["conversation_id"])

    op.create_table(
        "candidate_questions",
        sa.Column("message_id", sa.String(length=32), nullable=False),
        sa.Column("candidate_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["candidate_id"],
            ["candidates.id"],
            name=op.f("fk_candidate_questions_candidate_id_candidates"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["messages.id"],
            name=op.f("fk_candidate_questions_message_id_messages"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_candidate_questions")),
    )
    op.create_index(op.f("ix_candidate_questions_candidate_id"), "candidate_questions", ["candidate_id"])
