"""Passages are found by their words in PostgreSQL, too"""

from alembic import op

from knowledge_base import lexical

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    lexical.create(op.get_bind())
