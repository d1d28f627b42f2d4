"""What people do at the surfaces, point by point, and the marks of the journeys that do it.

Every point has a journey, in English at a desk and in Japanese at a telephone: tests/test_journeys.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

CUSTOMER = {
    "opens the chat and reads an answer while it is written",
    "has the chat inside the page",
    "is led by the page: opened, asked, listened to",
    "is known by the page's signed word and asks about the page",
    "finds the chat in the desk's colours",
    "begins with a question that is offered",
    "goes on with a question that is suggested",
    "reads tables and code",
    "stops an answer",
    "tries again",
    "copies an answer",
    "asks the last question in other words",
    "opens a source at the quoted words",
    "presses a thumb, with a reason and words",
    "finds the chat after a reload",
    "has the chat in two tabs",
    "loses the line in the middle of an answer",
    "is told about being offline",
    "is told about a limit",
    "reads what is agreed to",
    "has the chat sent",
    "downloads the chat",
    "ends the chat and says how it was",
    "does everything by keyboard",
    "asks for a person and comes back to the bot",
    "is offered a person when nothing is found twice",
    "is offered a person by a rule",
    "leaves an address where nobody is there",
}

OPERATOR = {
    "sees who waits, live, and takes a chat",
    "replies with Markdown and a canned answer",
    "has an answer drafted with its sources",
    "writes a note that no customer sees",
    "hands a chat back",
    "closes a chat with an outcome",
    "sees a colleague at the same chat",
    "reads how far conversations came, and takes the table along",
    "looks at one strategy, language and span of days",
    "makes a pair of an unanswered question",
    "finds a conversation by its words and filters",
    "keeps a view",
    "reads how an answer came about",
    "asks again with another strategy",
    "reports an answer with the right one",
    "takes conversations along as a file",
    "erases a customer",
    "compares the cards of the strategies and switches",
    "changes an option, reads the difference and goes back",
    "gives a strategy a share of the conversations",
    "lets a strategy answer in the shadow",
}

ADMIN = {
    "drops files and watches them arrive",
    "uploads a folder",
    "uploads a ZIP",
    "names a page or a sitemap, and how often it is fetched",
    "reads why a document failed and tries again",
    "reads what a version changed, in the document and in answers",
    "sees which documents are used, and which are not",
    "tags a document and says whom it is for",
    "rewrites a passage beside a search",
    "splits and joins passages",
    "silences a passage",
    "gives a passage a question",
    "writes a pair and says what it is used for",
    "imports pairs",
    "reviews candidates",
    "sees pairs that ask the same or answer otherwise",
    "builds an index beside, pauses it, switches over and goes back",
    "changes colours and words of the chat with a preview",
    "makes a key with scopes and an end, and takes it back",
    "reads what was told to others, and tells it again",
    "reads the reference of the interface",
    "reads who changed what",
}

POINTS = CUSTOMER | OPERATOR | ADMIN

Journey = Callable[..., Any]


def shows(*points: str) -> Callable[[Journey], Journey]:
    """A journey by `language` and `width`, and the points that it shows."""
    unknown = set(points) - POINTS
    if unknown:
        raise ValueError(f"no points of the surfaces: {sorted(unknown)}")
    sittings = pytest.mark.parametrize(("language", "width"), [("en", 1280), ("ja", 360)])
    return lambda journey: pytest.mark.shows(*points)(sittings(journey))
