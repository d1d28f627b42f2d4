"""How a strategy says that it cannot answer.

* StrategyError
  - NoAnswer       it works, and has nothing to say; the next one may
  - Unavailable    it does not work just now; later may help
  - Misconfigured  it cannot work until an operator changes something

NoAnswer and Unavailable hand over to the next strategy of a `first_of`; Misconfigured never does.
"""

from strategies.events import Event


class StrategyError(Exception):
    """The root. The message is for the operator; a customer is never shown it."""


class NoAnswer(StrategyError):
    """The strategy abstains.

    `events` are what it did on the way (usage, decisions) and did not stream before, so that its cost is not
    lost and not counted twice.
    """

    def __init__(self, why: str, events: tuple[Event, ...] = ()) -> None:
        super().__init__(why)
        self.why = why
        self.events = events


class Unavailable(StrategyError):
    """A server is down, slow or cut off; trying again later is worth it."""


class Misconfigured(StrategyError):
    """An option, a file or a package is missing or wrong; the message names it and what to do."""
