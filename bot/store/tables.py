"""The tables of the bot. The knowledge base keeps its own in the same database (knowledge_base/catalogue.py).

conversations ──< messages ── feedback        users        switches        jobs        audit        pairs
question_sets ──< set_versions, set_questions, rehearsals, evaluation_runs ──< evaluation_answers
conversations ──< handoffs, notes, looks, deliveries, writings        users ──< presence, looks        canned
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Final

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from knowledge_base.database import Moment


class Base(DeclarativeBase):
    # Constraints carry a name, so that a later revision can change them on every database.
    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: sa.Text,
        datetime: Moment,
        dict[str, Any]: sa.JSON,
        list[dict[str, Any]]: sa.JSON,
    }


class UserRow(Base):
    __tablename__ = "users"

    id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    email: Mapped[str] = mapped_column(sa.String(254), unique=True)  # normalised
    password: Mapped[str]  # argon2
    role: Mapped[str] = mapped_column(sa.String(16))
    created_at: Mapped[datetime]


class ConversationRow(Base):
    __tablename__ = "conversations"

    id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    site: Mapped[str]
    language: Mapped[str] = mapped_column(sa.String(16))
    channel: Mapped[str] = mapped_column(sa.String(16))
    started_at: Mapped[datetime]
    updated_at: Mapped[datetime] = mapped_column(index=True)
    resolved_at: Mapped[datetime | None]  # turns before it are no longer history
    resolved_after: Mapped[int] = mapped_column(default=0)  # the position of the last message before it
    answering_until: Mapped[datetime | None]  # somebody is being answered; a promise that outlives a crash
    customer: Mapped[dict[str, Any]] = mapped_column(default=dict)  # who it is, as their site signed it
    seen_on: Mapped[dict[str, Any]] = mapped_column(default=dict)  # the page they asked from, as it says
    ended_at: Mapped[datetime | None]  # by its customer
    stars: Mapped[int | None]  # 1 to 5, for the whole conversation
    stars_why: Mapped[str] = mapped_column(default="")

    messages: Mapped[list[MessageRow]] = relationship(order_by="MessageRow.position")


class MessageRow(Base):
    __tablename__ = "messages"
    __table_args__ = (sa.Index(None, "conversation_id", "position"),)

    position: Mapped[int] = mapped_column(primary_key=True)  # the order in which things were said
    id: Mapped[str] = mapped_column(sa.String(32), unique=True)
    conversation_id: Mapped[str] = mapped_column(sa.ForeignKey("conversations.id", ondelete="CASCADE"))
    role: Mapped[str] = mapped_column(sa.String(16))
    by: Mapped[str] = mapped_column(default="")  # which operator, by email
    text: Mapped[str]
    at: Mapped[datetime] = mapped_column(index=True)
    erased_at: Mapped[datetime | None]  # its words lived as long as they may; what they cost stays
    language: Mapped[str] = mapped_column(sa.String(16), default="")
    notice: Mapped[str] = mapped_column(
        default=""
    )  # the operator's words shown beside or instead of the text
    handoff: Mapped[str] = mapped_column(default="")  # why a person was offered
    abstained: Mapped[bool] = mapped_column(default=False)
    partial: Mapped[bool] = mapped_column(default=False)
    error: Mapped[str] = mapped_column(default="")  # for operators
    strategy: Mapped[str] = mapped_column(default="")
    model: Mapped[str] = mapped_column(default="")
    adapter: Mapped[str] = mapped_column(default="")  # by content hash
    prompt_version: Mapped[str] = mapped_column(default="")
    index_version: Mapped[str] = mapped_column(default="")
    prompt_tokens: Mapped[int] = mapped_column(default=0)
    passage_tokens: Mapped[int] = mapped_column(default=0)
    completion_tokens: Mapped[int] = mapped_column(default=0)
    tokens_estimated: Mapped[bool] = mapped_column(default=False)  # not counted by the model's own tokenizer
    ms_first: Mapped[float | None]
    ms: Mapped[float | None]
    decisions: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    citations: Mapped[list[dict[str, Any]]] = mapped_column(default=list)  # as they were shown
    replaced: Mapped[bool] = mapped_column(default=False)  # its customer asked in other words instead

    feedback: Mapped[FeedbackRow | None] = relationship()


class FeedbackRow(Base):
    __tablename__ = "feedback"

    message_id: Mapped[str] = mapped_column(
        sa.ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True
    )
    value: Mapped[str] = mapped_column(sa.String(8))
    reason: Mapped[str] = mapped_column(default="")
    comment: Mapped[str] = mapped_column(default="")
    updated_at: Mapped[datetime]


class SwitchRow(Base):
    __tablename__ = "switches"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    by: Mapped[str]
    at: Mapped[datetime]
    previous: Mapped[str]
    note: Mapped[str] = mapped_column(default="")
    overrides: Mapped[dict[str, Any]] = mapped_column(default=dict)  # strategy: its options, over the file's
    shares: Mapped[dict[str, Any]] = mapped_column(default=dict)  # strategy: per cent of the conversations
    shadows: Mapped[dict[str, Any]] = mapped_column(default=dict)  # strategy: per cent of the answers


class JobRow(Base):
    __tablename__ = "jobs"
    __table_args__ = (sa.Index(None, "state", "created_at"),)

    id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(32))
    arguments: Mapped[dict[str, Any]]
    key: Mapped[str]  # the arguments as text: the same work waits only once
    state: Mapped[str] = mapped_column(sa.String(16))
    progress: Mapped[float] = mapped_column(default=0.0)
    step: Mapped[str] = mapped_column(default="")
    error: Mapped[str] = mapped_column(default="")
    attempts: Mapped[int] = mapped_column(default=0)
    owner: Mapped[str] = mapped_column(default="")  # the worker that runs it
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]  # not before
    started_at: Mapped[datetime | None]
    beat_at: Mapped[datetime | None]  # its worker was alive then
    ended_at: Mapped[datetime | None]


class PairRow(Base):
    __tablename__ = "pairs"

    position: Mapped[int] = mapped_column(primary_key=True)  # the order in which they came
    id: Mapped[str] = mapped_column(sa.String(32), unique=True)
    key: Mapped[str] = mapped_column(sa.String(64), unique=True)  # the same pair is kept once
    question: Mapped[str]
    answer: Mapped[str]
    fact: Mapped[str] = mapped_column(index=True)
    language: Mapped[str] = mapped_column(sa.String(16))
    tags: Mapped[str]  # ";one;other;", as no two databases search a list alike
    document: Mapped[str] = mapped_column(index=True)  # the id of the one it was drawn from, or ""
    split: Mapped[str] = mapped_column(sa.String(16))
    withdrawn: Mapped[str] = mapped_column(default="")  # why it is not taught any longer
    use: Mapped[str] = mapped_column(sa.String(16), default="training", server_default="training")
    by: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class WordingRow(Base):
    """Other words for a pair's question, suggested by a model."""

    __tablename__ = "wordings"

    position: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(sa.String(32), unique=True)
    pair_id: Mapped[str] = mapped_column(sa.ForeignKey("pairs.id", ondelete="CASCADE"), index=True)
    batch: Mapped[str] = mapped_column(sa.String(32))  # what was suggested together
    question: Mapped[str]
    wording: Mapped[str]  # as `bare` has it: nothing is suggested twice
    nearer: Mapped[str]  # another fact's question that it is nearer to, or ""
    made_by: Mapped[str] = mapped_column(sa.String(200))  # the model
    state: Mapped[str] = mapped_column(sa.String(16), index=True)
    by: Mapped[str]
    created_at: Mapped[datetime]
    decided_by: Mapped[str] = mapped_column(default="")
    decided_at: Mapped[datetime | None]


class QuestionSetRow(Base):
    __tablename__ = "question_sets"

    id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(80), unique=True)
    version: Mapped[int]  # the newest
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class SetVersionRow(Base):
    __tablename__ = "set_versions"

    set_id: Mapped[str] = mapped_column(
        sa.ForeignKey("question_sets.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    note: Mapped[str]  # what changed
    by: Mapped[str]
    at: Mapped[datetime]


class SetQuestionRow(Base):
    """A question as it stood from one version on, and until another replaced it or took it away."""

    __tablename__ = "set_questions"
    __table_args__ = (sa.Index(None, "set_id", "question_id"),)

    position: Mapped[int] = mapped_column(primary_key=True)
    set_id: Mapped[str] = mapped_column(sa.ForeignKey("question_sets.id", ondelete="CASCADE"))
    question_id: Mapped[str] = mapped_column(sa.String(200))
    place: Mapped[int]  # in the set, the same for all that it ever said
    since: Mapped[int]
    until: Mapped[int | None]  # the first version without it
    part: Mapped[str] = mapped_column(sa.String(16), index=True)
    wording: Mapped[str]  # the text without what does not change it
    content: Mapped[dict[str, Any]]
    conversation_id: Mapped[str] = mapped_column(  # in which a customer asked it, or ""
        sa.String(32), index=True, default="", server_default=""
    )


class EvaluationRunRow(Base):
    __tablename__ = "evaluation_runs"

    id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    job_id: Mapped[str] = mapped_column(sa.String(32), default="")
    set_id: Mapped[str] = mapped_column(sa.ForeignKey("question_sets.id", ondelete="CASCADE"), index=True)
    set_version: Mapped[int]
    strategies: Mapped[list[str]] = mapped_column(sa.JSON)
    chosen: Mapped[dict[str, Any]]  # which of the set's questions
    conditions: Mapped[dict[str, Any]]  # under which it was measured
    by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(index=True)


class EvaluationAnswerRow(Base):
    __tablename__ = "evaluation_answers"
    __table_args__ = (sa.UniqueConstraint("run_id", "strategy", "question_id"),)

    position: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(sa.ForeignKey("evaluation_runs.id", ondelete="CASCADE"))
    strategy: Mapped[str] = mapped_column(sa.String(200))
    question_id: Mapped[str] = mapped_column(sa.String(200))
    content: Mapped[dict[str, Any]]


class OpinionRow(Base):
    __tablename__ = "evaluation_opinions"
    __table_args__ = (sa.UniqueConstraint("run_id", "judge", "a", "b", "question_id"),)

    position: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(sa.ForeignKey("evaluation_runs.id", ondelete="CASCADE"))
    judge: Mapped[str] = mapped_column(sa.String(200))  # the model
    a: Mapped[str] = mapped_column(sa.String(200))
    b: Mapped[str] = mapped_column(sa.String(200))
    question_id: Mapped[str] = mapped_column(sa.String(200))
    choice: Mapped[str] = mapped_column(sa.String(16))
    turned: Mapped[bool]
    prompt_tokens: Mapped[int]
    completion_tokens: Mapped[int]
    cost: Mapped[float]


class RehearsalRow(Base):
    __tablename__ = "rehearsals"
    __table_args__ = (sa.UniqueConstraint("strategy", "set_id"),)

    position: Mapped[int] = mapped_column(primary_key=True)
    strategy: Mapped[str] = mapped_column(sa.String(200))
    set_id: Mapped[str] = mapped_column(sa.ForeignKey("question_sets.id", ondelete="CASCADE"))
    set_version: Mapped[int]
    alike: Mapped[float]
    embedding: Mapped[str]  # the embedder's identity
    asked: Mapped[int]
    again: Mapped[int]
    wrong: Mapped[list[dict[str, Any]]]  # the ids of two questions: which was asked, whose answer it got
    at: Mapped[datetime]


class QuestionDraftRow(Base):
    __tablename__ = "question_drafts"
    __table_args__ = (sa.Index(None, "set_id", "state"),)

    position: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(sa.String(32), unique=True)
    set_id: Mapped[str] = mapped_column(sa.ForeignKey("question_sets.id", ondelete="CASCADE"))
    batch: Mapped[str] = mapped_column(sa.String(32))  # what was drafted together
    origin: Mapped[str] = mapped_column(sa.String(16))
    made_by: Mapped[str] = mapped_column(sa.String(200))  # a model, or ""
    conversation_id: Mapped[str | None] = mapped_column(  # where a customer asked it
        sa.ForeignKey("conversations.id", ondelete="CASCADE"), index=True
    )
    wording: Mapped[str]  # as `bare` has it: nothing is drafted twice
    content: Mapped[dict[str, Any]]
    passage: Mapped[dict[str, Any]]  # what it was drafted from
    state: Mapped[str] = mapped_column(sa.String(16))
    by: Mapped[str]
    created_at: Mapped[datetime]
    decided_by: Mapped[str] = mapped_column(default="")
    decided_at: Mapped[datetime | None]


class AuditRow(Base):
    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    who: Mapped[str]
    what: Mapped[str] = mapped_column(sa.String(64))
    subject: Mapped[str] = mapped_column(default="")
    detail: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class CandidateRow(Base):
    __tablename__ = "candidates"

    position: Mapped[int] = mapped_column(primary_key=True)  # the order in which they came
    id: Mapped[str] = mapped_column(sa.String(32), unique=True)
    question: Mapped[str]
    answer: Mapped[str]
    why: Mapped[str]
    language: Mapped[str] = mapped_column(sa.String(16))
    by: Mapped[str]
    message_id: Mapped[str] = mapped_column(sa.String(32), index=True)  # the answer it corrects, or ""
    conversation_id: Mapped[str] = mapped_column(sa.String(32), index=True)  # where it was asked, or ""
    state: Mapped[str] = mapped_column(sa.String(16), index=True)
    pair_id: Mapped[str] = mapped_column(sa.String(32), default="")  # what it became
    decided_by: Mapped[str] = mapped_column(default="")
    decided_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class CandidateQuestionRow(Base):
    """A question without an answer that is waiting in a candidate, or was decided on with it."""

    __tablename__ = "candidate_questions"

    message_id: Mapped[str] = mapped_column(  # of the answer that was none
        sa.ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True
    )
    candidate_id: Mapped[str] = mapped_column(sa.ForeignKey("candidates.id", ondelete="CASCADE"), index=True)


class ViewRow(Base):
    __tablename__ = "views"

    id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    query: Mapped[dict[str, Any]]
    by: Mapped[str]
    at: Mapped[datetime]


class ShadowRow(Base):
    __tablename__ = "shadows"

    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[str] = mapped_column(sa.ForeignKey("messages.id", ondelete="CASCADE"), index=True)
    strategy: Mapped[str]
    text: Mapped[str]
    abstained: Mapped[bool]
    error: Mapped[str]
    model: Mapped[str]
    adapter: Mapped[str]
    prompt_version: Mapped[str]
    prompt_tokens: Mapped[int]
    passage_tokens: Mapped[int]
    completion_tokens: Mapped[int]
    ms_first: Mapped[float | None]
    ms: Mapped[float | None]
    citations: Mapped[list[dict[str, Any]]]
    at: Mapped[datetime]


class KeyRow(Base):
    __tablename__ = "keys"

    id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    name: Mapped[str]
    hash: Mapped[str] = mapped_column(sa.String(64), unique=True)  # of the secret, which nobody keeps
    scopes: Mapped[str]  # separated by spaces
    per_minute: Mapped[int]
    by: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]


class AppearanceRow(Base):
    __tablename__ = "appearances"

    id: Mapped[int] = mapped_column(primary_key=True)  # the newest one counts
    tokens: Mapped[dict[str, Any]]
    by: Mapped[str]
    at: Mapped[datetime]


SILENT: Final = ("waiting", "person")  # states of a handoff while which the bot says nothing


class HandoffRow(Base):
    __tablename__ = "handoffs"
    __table_args__ = (
        sa.Index(  # one at a time in a conversation, whoever is quicker
            "uq_handoffs_open",
            "conversation_id",
            unique=True,
            sqlite_where=sa.text("state != 'closed'"),
            postgresql_where=sa.text("state != 'closed'"),
        ),
    )

    id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(
        sa.ForeignKey("conversations.id", ondelete="CASCADE"), index=True
    )
    state: Mapped[str] = mapped_column(sa.String(16))
    reason: Mapped[str] = mapped_column(sa.String(16))
    detail: Mapped[str] = mapped_column(default="")  # which words, which topic
    asked_at: Mapped[datetime]  # the wait begins here, and never anew
    asked_after: Mapped[int]  # the position of the last message before it
    email: Mapped[str] = mapped_column(default="")  # where the customer wants to be written to
    operator: Mapped[str] = mapped_column(sa.String(32), default="")  # who has it, by id
    taken_at: Mapped[datetime | None]  # for the first time
    closed_at: Mapped[datetime | None]
    closed_after: Mapped[int] = mapped_column(default=0)  # the position of the last message in it
    closed_by: Mapped[str] = mapped_column(default="")
    outcome: Mapped[str] = mapped_column(sa.String(16), default="")
    updated_at: Mapped[datetime] = mapped_column(index=True)


class PresenceRow(Base):
    __tablename__ = "presence"

    user_id: Mapped[str] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    available: Mapped[bool] = mapped_column(default=False)  # as they said
    name: Mapped[str] = mapped_column(default="")  # what customers call them
    seen_at: Mapped[datetime | None]  # their inbox was open then


class LookRow(Base):
    __tablename__ = "looks"

    user_id: Mapped[str] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(
        sa.ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True
    )
    opened_at: Mapped[datetime | None]  # when the newest of their pages on it was
    seen_at: Mapped[datetime]  # they had it open then
    typing_at: Mapped[datetime | None]
    read_to: Mapped[int] = mapped_column(default=0)  # the position of the last message they have seen


class NoteRow(Base):
    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[str] = mapped_column(
        sa.ForeignKey("conversations.id", ondelete="CASCADE"), index=True
    )
    by: Mapped[str]
    text: Mapped[str]
    at: Mapped[datetime]


class CannedRow(Base):
    __tablename__ = "canned"

    id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(64), unique=True)  # what is typed behind the slash
    text: Mapped[str]
    by: Mapped[str]
    updated_at: Mapped[datetime]


class DeliveryRow(Base):
    __tablename__ = "deliveries"

    id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(
        sa.ForeignKey("conversations.id", ondelete="CASCADE"), index=True
    )
    channel: Mapped[str] = mapped_column(sa.String(16))
    event: Mapped[str] = mapped_column(sa.String(64))
    target: Mapped[str]  # an address or a URL
    receiver: Mapped[str] = mapped_column(sa.String(64), default="", server_default="")  # which webhook
    content: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(sa.String(16), index=True)
    attempts: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    created_at: Mapped[datetime] = mapped_column(index=True)
    due_at: Mapped[datetime | None]  # the next attempt


class WritingRow(Base):
    """An answer that is being written, while readers at another process want it."""

    __tablename__ = "writings"

    conversation_id: Mapped[str] = mapped_column(
        sa.ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True
    )
    question_id: Mapped[str] = mapped_column(sa.String(32))
    wanted_until: Mapped[datetime]  # by a reader, or by a stop
    stopped: Mapped[str] = mapped_column(sa.String(32), default="")  # the answer of which no more is wanted
    message_id: Mapped[str] = mapped_column(sa.String(32), default="")
    text: Mapped[str] = mapped_column(default="")
    citations: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
