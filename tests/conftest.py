"""An installation of Kotae on a folder of its own, and the people who use it."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from apiflask import APIFlask
from argon2 import PasswordHasher

from bot.access.users import Users
from bot.kotae import Kotae
from bot.settings import Settings
from knowledge_base import library
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


@pytest.fixture(scope="session")
def one_embedder() -> Iterator[None]:
    """The real embedder, loaded once for all installations of the run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(library, "embedder_of", functools.cache(library.embedder_of))
        yield


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that the migrations made, to be copied: they run once."""
    data = tmp_path_factory.mktemp("migrated")
    Kotae.open(Settings(data=data, strategies={"manuals": {"use": "echo"}})).close()
    return data / "kotae.db"


@pytest.fixture
def kotae(settings: Settings, one_embedder: None, empty_database: Path) -> Iterator[Kotae]:
    settings.data.mkdir(parents=True)
    shutil.copy(empty_database, settings.data / "kotae.db")
    kotae = Kotae.open(settings)
    kotae.users = Users(
        kotae.engine, PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    )  # weak, and quick
    kotae.warm_up()
    yield kotae
    kotae.close()


@pytest.fixture
def app(kotae: Kotae) -> Iterator[APIFlask]:
    app = create_app(kotae)
    yield app
    app.extensions["running"].close()


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
def another_operator(app: APIFlask, kotae: Kotae) -> Operator:
    return Operator(app, kotae, "colleague")


@pytest.fixture
def admin(app: APIFlask, kotae: Kotae) -> Admin:
    return Admin(app, kotae)
