"""Answers are judged when they are read"""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    with op.batch_alter_table("evaluation_answers", schema=None) as batch_op:
        batch_op.drop_column("verdict")
        batch_op.drop_column("judged_by")
