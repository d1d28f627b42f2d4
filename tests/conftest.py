"""An installation of Kotae on a folder of its own, and the people who use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from apiflask import APIFlask

from bot.kotae import Kotae
from bot.settings import Settings
from tests.people import Admin, Customer, Operator
from web.app import create_app


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Strategies that need no model; a test that wants others overrides this fixture."""
    return Settings(
        data=tmp_path / "data",
        product="Kettle",
        strategies={"manuals": {"use": "rag", "inner": "quotes"}, "parrot": {"use": "echo"}},
    )


@pytest.fixture
def kotae(settings: Settings) -> Iterator[Kotae]:
    kotae = Kotae.open(settings)
    kotae.warm_up()
    yield kotae
    kotae.close()


@pytest.fixture
def app(kotae: Kotae) -> APIFlask:
    return create_app(kotae)


@pytest.fixture
def customer(app: APIFlask) -> Customer:
    return Customer(app)


@pytest.fixture
def another_customer(app: APIFlask) -> Customer:
    return Customer(app)


@pytest.fixture
def operator(app: APIFlask, kotae: Kotae) -> Operator:
    return Operator(app, kotae)


@pytest.fixture
def admin(app: APIFlask, kotae: Kotae) -> Admin:
    return Admin(app, kotae)
