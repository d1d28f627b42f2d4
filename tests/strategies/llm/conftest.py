"""A model for the tests of `llm`, made once for the whole run."""

import os
from pathlib import Path

import pytest

from tests.strategies.llm.tiny_model import make_tiny_model

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read when the library is imported: nothing is asked of a hub


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny")
