"""What every turn asks of the database: statements over the tables, made once. An ORM's care for each of them
would cost a turn milliseconds.

    OPENING   :conversation                          language, customer, with_a_person
    CLAIM     :conversation :moment :until           resolved_after; no row when it is not free
    BY_ID     :message                               conversation_id, role, position
    HISTORY   :conversation :after :before :most     role, text; the last one said comes first
    FREE      :conversation :moment                  id; no row when there is no such conversation
"""

from __future__ import annotations

from typing import Any, Final, cast

import sqlalchemy as sa

from bot.store.tables import SILENT, ConversationRow, HandoffRow, MessageRow

LAST: Final = 2**31 - 1  # behind every message

_conversations = cast(sa.Table, ConversationRow.__table__).c
_handoffs = cast(sa.Table, HandoffRow.__table__).c
_messages = cast(sa.Table, MessageRow.__table__).c

_this = _conversations.id == sa.bindparam("conversation")
_with_a_person = sa.exists().where(
    _handoffs.conversation_id == _conversations.id, _handoffs.state.in_(SILENT)
)
_not_being_answered = sa.or_(
    _conversations.answering_until.is_(None), _conversations.answering_until < sa.bindparam("moment")
)


def _change(*where: sa.ColumnElement[bool], **values: Any) -> sa.Update:
    changed = sa.update(ConversationRow.__table__).where(_this, *where)  # type: ignore[arg-type]
    return changed.values(updated_at=sa.bindparam("moment"), **values)


OPENING: Final = sa.select(
    _conversations.language, _conversations.customer, _with_a_person.label("with_a_person")
).where(_this)

CLAIM: Final = _change(_not_being_answered, ~_with_a_person, answering_until=sa.bindparam("until")).returning(
    _conversations.resolved_after
)

BY_ID: Final = sa.select(_messages.conversation_id, _messages.role, _messages.position).where(
    _messages.id == sa.bindparam("message")
)

# An answer that said nothing is none, nor is what its customer asked in other words since.
HISTORY: Final = (
    sa.select(_messages.role, _messages.text)
    .where(
        _messages.conversation_id == sa.bindparam("conversation"),
        _messages.position > sa.bindparam("after"),
        _messages.position < sa.bindparam("before"),
        _messages.text != "",
        ~_messages.replaced,
    )
    .order_by(_messages.position.desc())
    .limit(sa.bindparam("most", type_=sa.Integer))
)

FREE: Final = _change(answering_until=None).returning(_conversations.id)
