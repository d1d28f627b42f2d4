"""An installation of Kotae on a folder of its own, and the people who use it."""

from __future__ import annotations

import functools
import gc
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType
from uuid import uuid4

import pytest
import sqlalchemy as sa
from apiflask import APIFlask
from argon2 import PasswordHasher
from flask import Flask
from hypothesis import HealthCheck
from hypothesis import settings as examples
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.routing import Rule

from bot.access.users import Users
from bot.kotae import Kotae
from bot.settings import Settings
from knowledge_base import library
from knowledge_base.embedding import MiniLM
from tests import servers
from tests.people import Admin, Customer, Operator
from web.app import create_app

# The same examples in every run, however slow the machine is; --hypothesis-profile=default looks for others.
examples.register_profile(
    "steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
examples.load_profile("steady")

# The files that take longest come first, so that no worker goes on alone at the end.
LONGEST = (
    "training/test_apart.py",
    "browser/test_accessibility.py",
    "browser/test_console.py",
    "browser/test_library.py",
    "journeys/test_the_product_model.py",
    "journeys/test_more_than_one_machine.py",
    "web/test_training_commands.py",
    "browser/test_conversation.py",
    "browser/test_embedding.py",
    "browser/test_chat.py",
    "browser/test_product_model.py",
    "training/test_course.py",
    "browser/test_operators.py",
    "browser/test_admin.py",
    "bot/test_training.py",
    "browser/test_people.py",
    "web/test_server.py",
    "lora/test_served.py",
    "llm/test_real_server.py",
    "web/test_command_line.py",
    "evaluation/test_results.py",
    "knowledge_base/test_ingest.py",
    "knowledge_base/test_library.py",
    "shelf/test_canary.py",
    "web/test_openapi.py",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        path = item.path.as_posix()
        return next((at for at, name in enumerate(LONGEST) if path.endswith(name)), len(LONGEST))

    items.sort(key=place)


class Imported:
    """What was imported stays, and the garbage collector goes through none of it again: it would take a tenth
    of the run.
    """

    modules = 0

    @classmethod
    def settles(cls) -> None:
        if len(sys.modules) > cls.modules * 1.02:
            cls.modules = len(sys.modules)
            gc.collect()
            gc.freeze()


def pytest_collection() -> None:
    gc.disable()


def pytest_collection_finish() -> None:
    gc.enable()
    Imported.settles()


def pytest_runtest_logfinish() -> None:
    Imported.settles()


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
    """The real embedder, loaded and warmed up once for all installations of the run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(library, "embedder_of", functools.cache(library.embedder_of))
        patch.setattr(MiniLM, "warm_up", functools.cache(MiniLM.warm_up))
        yield


class Templates(BytecodeCache):
    """What templates compile to."""

    def __init__(self) -> None:
        self.compiled: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self.compiled.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.compiled[bucket.key, bucket.checksum] = bucket.code


@pytest.fixture(scope="session", autouse=True)
def one_compilation() -> Iterator[None]:
    """Templates, and functions that build addresses, are compiled once for all applications of the run."""
    compiled, builders = Rule._compile_builder, {}

    def builder(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        key = (rule.rule, tuple(rule._trace), repr(rule.defaults), append_unknown)
        if key not in builders:
            builders[key] = compiled(rule, append_unknown)
        return builders[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(Flask.jinja_options, "bytecode_cache", Templates())
        patch.setattr(Rule, "_compile_builder", builder)
        yield


Prepared = Callable[[Settings], Path]


@pytest.fixture(scope="session")
def prepared(one_embedder: None, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """The data directory of an installation that was started once and is empty, to be copied: database and
    index are made once for all that have the same product and embedding.
    """

    @functools.cache
    def data(product: str, embedding: str) -> Path:
        data = tmp_path_factory.mktemp("prepared")
        settings = Settings(
            data=data,
            product=product,
            embedding={"model": embedding},
            strategies={"manuals": {"use": "echo"}},
        )
        kotae = Kotae.open(settings)
        kotae.warm_up()
        kotae.close()
        return data

    return lambda settings: data(settings.product, settings.embedding.model)


@pytest.fixture(scope="session")
def _postgresql() -> Iterator[str]:
    with servers.postgresql() as url:
        yield url


@pytest.fixture
def postgresql(_postgresql: str) -> Iterator[str]:
    """The URL of an empty database on a real server."""
    administration = sa.create_engine(f"{_postgresql}postgres", isolation_level="AUTOCOMMIT")
    name = f"kotae_{uuid4().hex}"
    with administration.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield f"{_postgresql}{name}"
    with administration.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    administration.dispose()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[str]:
    """The URL of a real server."""
    with servers.redis(tmp_path) as url:
        yield url


@pytest.fixture
def kotae(settings: Settings, prepared: Prepared) -> Iterator[Kotae]:
    shutil.copytree(prepared(settings), settings.data)
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
