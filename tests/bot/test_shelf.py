"""The shelf of an installation: proven before it speaks, written down, and told of deleted documents."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.access.audit import Audit
from bot.answering.shelf import Shelf
from bot.settings import Settings
from strategies.lora.shelf import InUse, Proof
from strategies.lora.shelf.parcel import Refused
from strategies.lora.testing import tiny_base
from tests.strategies.lora.adapters import on_paper, speaking


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("bases") / "tiny")


@pytest.fixture
def audit(engine: sa.Engine) -> Audit:
    return Audit(engine)


def shelf_of(data: Path, audit: Audit, **strategies: dict[str, object]) -> Shelf:
    return Shelf.of(data, {name: {"use": "lora", **options} for name, options in strategies.items()}, audit)


def content(_: object) -> Proof:
    return Proof()


def test_a_new_installation_has_an_empty_shelf_and_two_strategies_that_speak_from_it(
    tmp_path: Path, audit: Audit
) -> None:
    settings = Settings(data=tmp_path)
    assert settings.strategies["product"] == {"use": "lora"}
    assert settings.strategies["both"] == {"use": "rag", "inner": "product", "k": 8}
    shelf = Shelf.of(tmp_path, settings.strategies, audit)
    assert (shelf.all(), shelf.current()) == ([], None)


def test_an_adapter_is_proven_on_the_base_that_speaks_and_the_audit_says_who_promoted_it(
    tmp_path: Path, audit: Audit, base: Path
) -> None:
    shelf = shelf_of(tmp_path, audit, product={"base": str(base)})
    adapter = shelf.import_(speaking(tmp_path / "made", base), by="ada@example.com")
    shelf.promote("spring", "bob@example.com")
    shelf.back("eve@example.com")
    shelf.remove("spring", by="eve@example.com")
    assert [(entry.who, entry.what) for entry in audit.page()][::-1] == [
        ("ada@example.com", "import adapter"),
        ("bob@example.com", "promote adapter"),
        ("eve@example.com", "adapter back"),
        ("eve@example.com", "remove adapter"),
    ]
    assert audit.page()[-1].subject == adapter.called


def test_an_adapter_that_fails_its_canary_does_not_speak_and_the_reason_is_told(
    tmp_path: Path, audit: Audit, base: Path
) -> None:
    shelf = shelf_of(tmp_path, audit, product={"base": str(base)})
    shelf.put(speaking(tmp_path / "made", base, loud=0))
    with pytest.raises(Refused, match="changes nothing in what the base says"):
        shelf.promote("spring", "ada")
    assert shelf.current() is None
    assert not [entry for entry in audit.page() if entry.what == "promote adapter"]


def test_an_adapter_of_a_base_that_nobody_speaks_with_is_refused_with_what_to_set(
    tmp_path: Path, audit: Audit, base: Path
) -> None:
    shelf = shelf_of(tmp_path, audit, product={"base": str(base)})
    shelf.put(on_paper(tmp_path / "made", base="Qwen/Qwen3-8B"))
    with pytest.raises(Refused, match=r"trained on the base 'Qwen/Qwen3-8B', .* set base = 'Qwen/Qwen3-8B'"):
        shelf.promote("spring", "ada")


def test_a_base_that_is_missing_is_a_reason_too(tmp_path: Path, audit: Audit) -> None:
    shelf = shelf_of(tmp_path, audit, product={"base": "/nowhere"})
    shelf.put(on_paper(tmp_path / "made"))
    with pytest.raises(Refused, match="there is no base model '/nowhere'"):
        shelf.promote("spring", "ada")


def test_an_adapter_that_a_strategy_names_is_not_removed(tmp_path: Path, audit: Audit) -> None:
    shelf = shelf_of(tmp_path, audit, product={}, fixed={"adapter": "spring"}, other={"adapter": "gone"})
    shelf.put(on_paper(tmp_path / "spring"))
    shelf.put(on_paper(tmp_path / "summer", "summer", seed=1))
    with pytest.raises(InUse):
        shelf.remove("spring")
    shelf.remove("summer")


def test_deleting_a_document_marks_the_adapters_that_were_trained_on_it(tmp_path: Path) -> None:
    from io import BytesIO

    from bot.kotae import Kotae

    kotae = Kotae.open(Settings(data=tmp_path / "data"))
    try:
        received = kotae.library.receive(BytesIO(b"# Warranty\n\nIt lasts 2 years.\n"), "warranty.md")
        document = received.document
        kotae.shelf.put(on_paper(tmp_path / "made", documents={document.id: 1}))
        kotae.shelf.put(on_paper(tmp_path / "other", "other", seed=1))
        kotae.remove(document.id)
        assert "was deleted" in kotae.shelf.get("spring").stale
        assert kotae.shelf.get("other").stale == ""
    finally:
        kotae.close()
