"""What was said is found by its words"""

from alembic import op

from bot.store import words

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    words.create(op.get_bind())
    words.rebuild(op.get_bind())
