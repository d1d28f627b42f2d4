"""A library on a real catalogue; ChromaDB and the model only where a test is about them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from knowledge_base import testing
from knowledge_base.index import Chroma, Collections
from knowledge_base.library import Library

Start = Callable[..., Library]

KETTLE = """# Kettle

## Filling
The kettle holds 1.7 litres. Fill it to the upper mark.

## Cleaning
Descale the kettle with vinegar every month. Rinse it twice.
"""
LAMP = """# Lamp

## Bulbs
The lamp takes a bulb of 40 watts.
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def memory() -> testing.MemoryCollections:
    return testing.MemoryCollections()


@pytest.fixture
def start(data: Path, memory: testing.MemoryCollections) -> Iterator[Start]:
    """Start a library on the test's data directory; started again, it finds what the one before left."""
    started: list[Library] = []

    def start(collections: Collections = memory, **options: Any) -> Library:
        library = testing.library(data, collections, **options)
        started.append(library)
        return library

    yield start
    for library in started:
        library.close()
        library.engine.dispose()


@pytest.fixture
def library(start: Start) -> Library:
    return start()


@pytest.fixture
def on_chroma(start: Start, data: Path) -> Library:
    return start(Chroma(data / "chroma"))


def found(library: Library, question: str) -> list[str]:
    """The texts that a search returns."""
    return [passage.text for passage in library.search(question, 50)]
