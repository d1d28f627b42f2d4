"""Since when a chat is looked at"""

import sqlalchemy as sa
from alembic import op

from knowledge_base import database

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("looks", sa.Column("opened_at", database.Moment(timezone=True), nullable=True))
