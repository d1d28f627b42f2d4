"""What web and the command line hold. Everything of this installation is reached from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bot.audit import Audit
from bot.conversation import Conversations
from bot.feedback import Feedback
from bot.jobs import Jobs
from bot.settings import Settings
from bot.switch import Switch
from bot.turn import TurnEvent
from bot.users import Users
from strategies.base import Turn

if TYPE_CHECKING:
    from knowledge_base.library import Library
    from strategies.registry import Strategies


class Kotae:
    settings: Settings
    engine: sa.Engine
    library: Library
    strategies: Strategies
    switch: Switch
    conversations: Conversations
    feedback: Feedback
    users: Users
    jobs: Jobs
    audit: Audit

    @classmethod
    def open(cls, settings: Settings) -> Kotae:
        """Directories made, database upgraded, strategies' options checked; nothing heavy. BadSettings tells all faults."""
        raise NotImplementedError

    def warm_up(self) -> None:
        """Load the index and the strategy that speaks now."""

    def close(self) -> None:
        """Stop what runs and let go of files."""

    def ask(self, conversation_id: str, text: str, *, client: str = "") -> Iterator[TurnEvent]:
        """A customer's turn. Raises UnknownConversation or `bot.limits.Refused` before anything is streamed.

        `client` names who asks (an address, hashed) where several conversations share a limit. Close the iterator when the
        customer leaves: what was said until then is kept.
        """
        raise NotImplementedError

    def try_out(
        self, text: str, *, strategy: str | None = None, history: Sequence[Turn] = ()
    ) -> Iterator[TurnEvent]:
        """The same path, with nothing kept: the console's test and `kotae ask`."""
        raise NotImplementedError
