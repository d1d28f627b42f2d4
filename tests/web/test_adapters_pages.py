"""The shelf as a page: side by side, proven and promoted, back, tried, brought in, taken out."""

from __future__ import annotations

import json
from dataclasses import asdict
from io import BytesIO
from pathlib import Path

import pytest

from bot.kotae import Kotae
from strategies.lora.shelf import Adapter, Proof
from strategies.lora.testing import tiny_base
from strategies.lora.training.work import Told
from tests.people import Admin, Operator
from tests.strategies.lora.adapters import on_paper, speaking


@pytest.fixture
def spring(kotae: Kotae, tmp_path: Path) -> Adapter:
    """An adapter that could not speak, with all that a training leaves behind."""
    folder = on_paper(tmp_path / "spring", "spring", figures={"held_out_loss": 0.47, "seconds": 92.0})
    curve = [Told(10, 100, 0.1, 3.0, 2.5, 1e-3, 90.0), Told(100, 100, 1.0, 0.5, 0.75, 1e-3, 0.0)]
    (folder / "curve.jsonl").write_text("".join(json.dumps(asdict(one)) + "\n" for one in curve))
    samples = [(10, "It is the lamp."), (100, "It lasts **12 hours**.")]
    (folder / "samples.jsonl").write_text(
        "".join(
            json.dumps(
                {"step": step, "question": "How long?", "answer": text, "refuses": False, "wanted": "- 12 h."}
            )
            + "\n"
            for step, text in samples
        )
    )
    return kotae.shelf.put(folder)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("base"))


def proven(_: Adapter) -> Proof:
    return Proof()


def told(admin: Admin, path: str, **fields: object) -> str:
    """The page that a form leads to."""
    return admin.client.get(admin.sends(path, **fields).location, follow_redirects=True).text


def test_an_operator_may_not_open_the_shelf(operator: Operator, spring: Adapter) -> None:
    assert operator.opens("/console/adapters").status_code == 403
    assert operator.opens(f"/console/adapters/{spring.hash}").status_code == 403
    assert operator.sends(f"/console/adapters/{spring.hash}/promote").status_code == 403


def test_an_empty_shelf_says_what_to_do_first(admin: Admin) -> None:
    page = admin.opens("/console/adapters").text
    assert "The shelf is empty." in page
    assert "Train the first adapter." in page
    assert "No adapter has spoken yet" in page


def test_adapters_stand_side_by_side_with_their_figures(
    admin: Admin, kotae: Kotae, spring: Adapter, tmp_path: Path
) -> None:
    kotae.shelf.put(on_paper(tmp_path / "summer", "summer", seed=1, figures={"held_out_loss": 0.31}))
    page = admin.opens("/console/adapters").text
    for part in ("spring", "summer", "Held-out loss", "0.47", "0.31", "Seconds of training", "92"):
        assert part in page, part
    assert "Held-out answers" not in page


def test_the_page_of_an_adapter_tells_all_that_is_known_of_it(admin: Admin, spring: Adapter) -> None:
    page = admin.opens(f"/console/adapters/{spring.hash}").text
    for part in (
        spring.hash,
        "best 0.750 at step 100",
        "It is the lamp.",
        "<p>It lasts <strong>12 hours</strong>.</p>",
        "<li>12 h.</li>",
        "0.47",
    ):
        assert part in page, part


def test_an_adapter_is_proven_before_it_speaks_and_goes_back_with_one_click(
    admin: Admin, kotae: Kotae, base: Path, tmp_path: Path
) -> None:
    spring = kotae.shelf.put(speaking(tmp_path / "spring", base, "spring"))
    summer = kotae.shelf.put(speaking(tmp_path / "summer", base, "summer", seed=1))
    page = told(admin, f"/console/adapters/{spring.hash}/promote")
    assert "spring speaks from the next question on. Proven on 1 question:" in page
    assert "speaks now" in page
    told(admin, f"/console/adapters/{summer.hash}/promote")
    assert f"Back to spring ({spring.hash[:8]})" in admin.opens("/console/adapters").text
    assert "Back to spring: it speaks within a second." in told(admin, "/console/adapters/back")
    current = kotae.shelf.current()
    assert current is not None
    assert current.hash == spring.hash
    assert (admin.email, "promote adapter") in [(entry.who, entry.what) for entry in kotae.audit.page()]


def test_back_from_the_first_adapter_there_is_none_and_the_page_says_so(
    admin: Admin, kotae: Kotae, spring: Adapter
) -> None:
    kotae.shelf.promote(spring.hash, "ada", proven)
    assert "Back to no adapter" in admin.opens("/console/adapters").text
    page = told(admin, "/console/adapters/back")
    assert "No adapter speaks any more: until one is promoted, the product model gives no answers." in page
    assert kotae.shelf.current() is None
    assert "Back to spring: it speaks within a second." in told(admin, "/console/adapters/back")


def test_an_adapter_that_changes_nothing_is_refused_with_the_reason(
    admin: Admin, kotae: Kotae, base: Path, tmp_path: Path
) -> None:
    silent = kotae.shelf.put(speaking(tmp_path / "silent", base, "silent", loud=0.0))
    page = told(admin, f"/console/adapters/{silent.hash}/promote")
    assert "silent does not speak" in page
    assert "it changes nothing in what the base says" in page
    assert kotae.shelf.current() is None


def test_before_the_first_promotion_there_is_no_way_back(admin: Admin, spring: Adapter) -> None:
    assert "Could not go back" in told(admin, "/console/adapters/back")
    assert "Back to" not in admin.opens("/console/adapters").text.split("<main")[1].split("Try a question")[0]


def test_one_that_speaks_is_not_removed_and_another_one_is(
    admin: Admin, kotae: Kotae, spring: Adapter
) -> None:
    kotae.shelf.promote(spring.hash, "ada", proven)
    assert "was not removed" in told(admin, f"/console/adapters/{spring.hash}/remove")
    kotae.shelf.back("ada")
    assert "is gone from the shelf" in told(admin, f"/console/adapters/{spring.hash}/remove")
    assert admin.opens(f"/console/adapters/{spring.hash}").status_code == 404


def test_what_is_exported_comes_in_again_as_the_same(admin: Admin, kotae: Kotae, spring: Adapter) -> None:
    file = admin.opens(f"/console/adapters/{spring.hash}/file")
    assert file.headers["Content-Disposition"].startswith("attachment")
    packed = file.data
    file.close()
    kotae.shelf.remove(spring.hash)
    assert "stands on the shelf" in told(admin, "/console/adapters", file=(BytesIO(packed), "spring.zip"))
    assert [adapter.hash for adapter in kotae.shelf.all()] == [spring.hash]


@pytest.mark.parametrize(
    ("content", "why"), [(b"no zip", "no zip file"), (b"", "no zip file"), (None, "Choose a file first.")]
)
def test_what_is_no_adapter_is_refused_in_a_sentence(
    admin: Admin, kotae: Kotae, content: bytes | None, why: str
) -> None:
    fields = {} if content is None else {"file": (BytesIO(content), "cat.zip")}
    assert why in told(admin, "/console/adapters", **fields)
    assert kotae.shelf.all() == []


def test_a_stale_adapter_is_marked_with_the_reason(admin: Admin, kotae: Kotae, tmp_path: Path) -> None:
    kotae.shelf.put(on_paper(tmp_path / "old", "old", documents={"d1": 1}))
    (old,) = kotae.shelf.outdate("d1", "the document 'Guide' was deleted")
    assert "stale" in admin.opens("/console/adapters").text
    assert "the document &#39;Guide&#39; was deleted" in admin.opens(f"/console/adapters/{old.hash}").text


def test_a_question_is_put_to_everybody_at_once(
    admin: Admin, kotae: Kotae, base: Path, tmp_path: Path
) -> None:
    admin.uploads(("lamp.md", b"# Lamp\n\nThe battery of the lamp lasts 12 hours.\n"))
    spring = kotae.shelf.put(speaking(tmp_path / "spring", base, "spring"))
    page = admin.opens(
        f"/console/adapters?q=How+long+does+the+battery+of+the+lamp+last%3F&adapter={spring.hash}"
    ).text
    for voice in ("The base without an adapter", "The adapter", "The nearest taught question", "Quotes from"):
        assert voice in page
    assert "lasts 12 hours" in page
    assert "the adapter does not tell what it was taught" in page
    assert " ms</span>" in page


def test_a_question_without_any_adapter_says_so_and_the_quotes_still_answer(admin: Admin) -> None:
    admin.uploads(("lamp.md", b"# Lamp\n\nThe battery of the lamp lasts 12 hours.\n"))
    page = admin.opens("/console/adapters?q=How+long+does+the+battery+of+the+lamp+last%3F").text
    assert "no adapter is promoted; choose one, or train the first" in page
    assert "lasts 12 hours" in page


def test_a_broken_pointer_is_a_sentence_and_the_page_still_opens(
    admin: Admin, kotae: Kotae, spring: Adapter
) -> None:
    (kotae.shelf.folder / "current.json").write_text("{")
    page = admin.opens("/console/adapters")
    assert page.status_code == 200
    assert "promote one again" in page.text


def test_markup_in_a_card_is_text_in_the_console(admin: Admin, kotae: Kotae, tmp_path: Path) -> None:
    evil = kotae.shelf.put(on_paper(tmp_path / "evil", "<script>alert(1)<script>", base="<img src=x>"))
    for path in ("/console/adapters", f"/console/adapters/{evil.hash}"):
        assert "<script>alert" not in admin.opens(path).text
        assert "<img" not in admin.opens(path).text


def test_nothing_is_changed_without_the_csrf_token(admin: Admin, kotae: Kotae, spring: Adapter) -> None:
    for path in ("", "/back", f"/{spring.hash}/promote", f"/{spring.hash}/remove"):
        assert admin.client.post(f"/console/adapters{path}").status_code == 400
    assert kotae.shelf.current() is None


def test_how_true_it_foretells_is_drawn_with_the_numbers_behind_it(
    admin: Admin, kotae: Kotae, spring: Adapter, tmp_path: Path
) -> None:
    assert "It is not known" in admin.opens(f"/console/adapters/{spring.hash}").text
    folder = on_paper(tmp_path / "summer", "summer", seed=1)
    piles = [{"likely": 0.1, "right": 0.05, "of": 40}, {"likely": 0.9, "right": 0.88, "of": 41}]
    told = {"evidence": {}, "bias": 0.0, "enough": 0.75, "reliability": piles}
    (folder / "confidence.json").write_text(json.dumps(told))
    page = admin.opens(f"/console/adapters/{kotae.shelf.put(folder).hash}").text
    assert "It is not known" not in page
    assert 'd="M100.0 950.0 L900.0 120.0"' in page
    assert 'd="M750.0 1000.0 L750.0 0.0"' in page, "the line from which on it answers"
    for number in ("88\N{NO-BREAK SPACE}%", '<td class="text-end">41</td>'):
        assert number in page
