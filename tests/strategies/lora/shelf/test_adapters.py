"""Adapters on disk: what may stand on the shelf, who is promoted, and how one goes back."""

from __future__ import annotations

import io
import itertools
import json
import multiprocessing
import os
import stat
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from strategies.lora.shelf import (
    Adapter,
    InUse,
    NoWayBack,
    Proof,
    Shelf,
    ShelfError,
    UnknownAdapter,
)
from strategies.lora.shelf.card import CONFIG, WEIGHTS
from strategies.lora.shelf.inspection import modules_of
from strategies.lora.shelf.parcel import Refused, content_hash
from strategies.lora.testing import tiny_base
from tests.strategies.lora.adapters import MODULE, on_paper


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "adapters")


@pytest.fixture
def spring(shelf: Shelf, tmp_path: Path) -> Adapter:
    return shelf.put(on_paper(tmp_path / "spring", "spring"))


@pytest.fixture
def summer(shelf: Shelf, tmp_path: Path) -> Adapter:
    return shelf.put(on_paper(tmp_path / "summer", "summer", seed=1))


def proven(_: Adapter) -> Proof:
    return Proof()


def zipped(**files: bytes) -> io.BytesIO:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    packed.seek(0)
    return packed


# ---- what stands there ----


def test_an_adapter_is_named_by_its_content_and_putting_it_twice_is_once(
    shelf: Shelf, spring: Adapter, tmp_path: Path
) -> None:
    again = shelf.put(tmp_path / "spring")
    assert again.hash == spring.hash == spring.path.name == content_hash(spring.path)
    assert [adapter.hash for adapter in shelf.all()] == [spring.hash]
    assert spring.figures == {"held_out": 0.25}


def test_another_byte_is_another_adapter(shelf: Shelf, spring: Adapter, tmp_path: Path) -> None:
    (tmp_path / "spring" / "samples.jsonl").write_text('{"step": 1}\n')
    assert shelf.put(tmp_path / "spring").hash != spring.hash


def test_nobody_writes_into_an_adapter_by_mistake(spring: Adapter) -> None:
    assert all(not path.stat().st_mode & stat.S_IWUSR for path in spring.path.iterdir())


def test_an_adapter_is_found_by_its_name_or_the_beginning_of_its_hash(
    shelf: Shelf, spring: Adapter, summer: Adapter
) -> None:
    assert shelf.get("spring").hash == spring.hash
    assert shelf.get(summer.hash[:6]).hash == summer.hash
    with pytest.raises(UnknownAdapter, match=r"no adapter 'autumn'; known: .*spring"):
        shelf.get("autumn")


def test_a_name_that_two_adapters_have_is_refused_with_their_hashes(
    shelf: Shelf, spring: Adapter, tmp_path: Path
) -> None:
    other = shelf.put(on_paper(tmp_path / "other", "spring", seed=2))
    with pytest.raises(UnknownAdapter, match=rf"(?s){spring.hash}.*{other.hash}|{other.hash}.*{spring.hash}"):
        shelf.get("spring")
    assert shelf.get(other.hash).hash == other.hash


def test_a_broken_card_is_left_out_of_the_list_and_a_broken_promoted_one_is_said_in_a_sentence(
    shelf: Shelf, spring: Adapter, summer: Adapter
) -> None:
    shelf.promote("spring", "ada", proven)
    (spring.path / "card.json").chmod(0o644)
    (spring.path / "card.json").write_text("{")
    assert [adapter.name for adapter in shelf.all()] == ["summer"]
    with pytest.raises(ShelfError, match=r"the promoted adapter .* is broken: its card\.json"):
        shelf.current()


# ---- coming in ----


def test_an_exported_adapter_comes_in_elsewhere_as_the_same(
    shelf: Shelf, spring: Adapter, tmp_path: Path
) -> None:
    file = shelf.export("spring", tmp_path)
    elsewhere = Shelf(tmp_path / "elsewhere")
    assert elsewhere.import_(file).hash == spring.hash
    with file.open("rb") as stream:
        assert elsewhere.import_(stream).hash == spring.hash


def test_importing_an_adapter_again_repairs_it(shelf: Shelf, spring: Adapter, tmp_path: Path) -> None:
    file = shelf.export("spring", tmp_path)
    (spring.path / WEIGHTS).chmod(0o644)
    (spring.path / WEIGHTS).write_bytes(b"torn")
    with pytest.raises(Refused, match="import it again"):
        shelf.promote("spring", "ada", proven)
    assert shelf.import_(file).hash == spring.hash
    assert shelf.promote("spring", "ada", proven).hash == spring.hash


@pytest.mark.parametrize("name", ["adapter_model.bin", "adapter_model.pt", "weights.pkl"])
def test_a_pickle_is_refused(shelf: Shelf, tmp_path: Path, name: str) -> None:
    folder = on_paper(tmp_path / "pickled")
    (folder / name).write_bytes(b"\x80\x04")
    with pytest.raises(Refused, match="is a pickle, which can run code"):
        shelf.import_(folder)


@pytest.mark.parametrize("name", ["modeling_mine.py", "run.sh", "template.jinja", ".hidden.json"])
def test_code_does_not_belong_to_an_adapter(shelf: Shelf, tmp_path: Path, name: str) -> None:
    folder = on_paper(tmp_path / "coded")
    (folder / name).write_text("import os")
    with pytest.raises(Refused, match="does not belong to an adapter"):
        shelf.import_(folder)


@pytest.mark.parametrize(
    "name", ["../card.json", "/card.json", "a/../../card.json", "a\\..\\card.json", "deep/er/card.json"]
)
def test_a_zip_file_whose_names_lead_elsewhere_is_refused(shelf: Shelf, tmp_path: Path, name: str) -> None:
    with pytest.raises(Refused, match="leads elsewhere"):
        shelf.import_(zipped(**{name: b"{}"}))
    assert not list(tmp_path.glob("*.json"))


def test_a_link_is_refused_in_a_zip_file_and_in_a_folder(shelf: Shelf, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        link = zipfile.ZipInfo("card.json")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(Refused, match="is a link"):
        shelf.import_(packed)
    folder = on_paper(tmp_path / "linked")
    (folder / "samples.jsonl").symlink_to("/etc/passwd")
    with pytest.raises(Refused, match="not a plain file"):
        shelf.import_(folder)


def test_bytes_are_counted_as_they_come_not_as_they_were_announced(shelf: Shelf, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("samples.jsonl", b"0" * 10_000_000)
    assert len(packed.getvalue()) < 100_000
    with pytest.raises(Refused, match="larger than 1 MiB"):
        shelf.import_(packed, largest=2**20)


def test_what_is_no_zip_file_is_refused(shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no zip file"):
        shelf.import_(io.BytesIO(b"hello"))
    with pytest.raises(Refused, match="there is no file"):
        shelf.import_(tmp_path / "nowhere.zip")


def test_an_adapter_without_a_card_is_refused(shelf: Shelf, tmp_path: Path) -> None:
    folder = on_paper(tmp_path / "bare")
    (folder / "card.json").unlink()
    with pytest.raises(Refused, match=r"it has no card\.json; only adapters that were trained by Kotae"):
        shelf.import_(folder)


def test_an_adapter_called_current_is_refused(shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no adapter may be called 'current'"):
        shelf.import_(on_paper(tmp_path / "made", "Current"))


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_weights_that_are_no_finite_numbers_are_refused(shelf: Shelf, tmp_path: Path, wrong: float) -> None:
    folder = on_paper(tmp_path / "diverged")
    tensors = load_file(folder / WEIGHTS)
    tensors[f"{MODULE}.lora_B.weight"][3, 1] = wrong
    save_file(tensors, folder / WEIGHTS)
    with pytest.raises(Refused, match=r"lora_B\.weight' holds values that are no finite numbers"):
        shelf.import_(folder)


def test_weights_that_are_no_safetensors_are_refused(shelf: Shelf, tmp_path: Path) -> None:
    folder = on_paper(tmp_path / "odd")
    (folder / WEIGHTS).write_bytes(b"\x80\x04" * 100)
    with pytest.raises(Refused, match="no safetensors file"):
        shelf.import_(folder)


def test_tensors_that_are_no_pairs_of_one_rank_are_refused(shelf: Shelf, tmp_path: Path) -> None:
    folder = on_paper(tmp_path / "halves")
    a, b = (np.ones(shape, np.float32) for shape in ((2, 32), (96, 3)))
    for tensors, why in (
        ({f"{MODULE}.lora_A.weight": a}, "no counterpart"),
        ({f"{MODULE}.lora_A.weight": a, f"{MODULE}.lora_B.weight": b}, "different rank"),
        ({"decoder.wte.weight": a}, "belongs to no LoRA"),
        ({}, "no tensors"),
    ):
        save_file(tensors, folder / WEIGHTS)
        with pytest.raises(Refused, match=why):
            shelf.import_(folder)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"peft_type": "IA3"}, "only LoRA can be served"),
        ({"r": 0}, "only LoRA can be served"),
        ({"modules_to_save": ["lm_head"]}, "trained with modules_to_save"),
        ({"megatron_config": {"a": 1}}, "trained with megatron_config"),
        ({"bias": "all"}, "trained with bias='all'"),
    ],
)
def test_an_adapter_that_changes_more_than_a_lora_is_refused(
    shelf: Shelf, tmp_path: Path, options: dict[str, object], why: str
) -> None:
    folder = on_paper(tmp_path / "odd")
    told = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps({**told, **options}))
    with pytest.raises(Refused, match=why):
        shelf.import_(folder)


def test_a_refused_import_leaves_nothing_behind(shelf: Shelf, spring: Adapter, tmp_path: Path) -> None:
    before = sorted(path.name for path in shelf.folder.iterdir())
    folder = on_paper(tmp_path / "bad")
    (folder / "x.py").write_text("")
    with pytest.raises(Refused):
        shelf.import_(folder)
    assert sorted(path.name for path in shelf.folder.iterdir()) == before


def test_a_full_disk_is_a_sentence(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("strategies.lora.shelf.parcel._copy", full)
    with pytest.raises(ShelfError, match=r"cannot be written to .*No space left"):
        shelf.import_(on_paper(tmp_path / "made"))


# ---- the base ----


def test_an_adapter_of_another_base_is_refused(shelf: Shelf, tmp_path: Path) -> None:
    base = tiny_base(tmp_path / "base")
    with pytest.raises(Refused, match=r"trained on the base 'shipped' .* is another one here"):
        shelf.import_(on_paper(tmp_path / "made"), base=str(base))


def test_tensors_must_fit_the_modules_of_the_base(shelf: Shelf, tmp_path: Path) -> None:
    from strategies.lora import bases

    base = tiny_base(tmp_path / "base")
    told = {"base": str(base), "base_hash": bases.identity(str(base))}
    assert shelf.import_(on_paper(tmp_path / "fits", **told), base=str(base))

    folder = on_paper(tmp_path / "wide", **told)
    a, b = (np.ones(shape, np.float32) for shape in ((2, 48), (96, 2)))
    save_file({f"{MODULE}.lora_A.weight": a, f"{MODULE}.lora_B.weight": b}, folder / WEIGHTS)
    with pytest.raises(Refused, match=r"of shape \(2, 48\), which does not fit the base"):
        shelf.import_(folder, base=str(base))

    elsewhere = MODULE.replace("h.0", "h.7")
    save_file({f"{elsewhere}.lora_A.weight": a, f"{elsewhere}.lora_B.weight": b}, folder / WEIGHTS)
    with pytest.raises(Refused, match=r"the base .* has no such module"):
        shelf.import_(folder, base=str(base))


@pytest.mark.parametrize("family", ["encoder-decoder", "t5", "llama", "qwen3"])
def test_the_modules_of_every_family_are_known_without_its_weights(tmp_path: Path, family: str) -> None:
    from strategies.lora import bases

    folder = str(tiny_base(tmp_path / "base", family))
    loaded = {
        path: tuple(module.weight.shape)
        for path, module in bases.load(folder).model.named_modules()
        if type(module).__name__ == "Linear"
    }
    known = modules_of(folder)
    assert loaded
    assert {path: known[path][::-1] for path in loaded} == loaded


# ---- who speaks ----


def test_a_promoted_adapter_speaks_and_history_says_who_and_when(
    shelf: Shelf, spring: Adapter, summer: Adapter
) -> None:
    assert shelf.current() is None
    before = shelf.stamp()
    shelf.promote("spring", "ada", proven)
    assert shelf.stamp() != before
    change = shelf.promote(summer.hash, "bob", proven)
    assert shelf.current() == summer == shelf.get("current")
    assert (change.by, change.hash, change.previous) == ("bob", summer.hash, spring.hash)
    assert [(each.by, each.hash) for each in shelf.history()] == [
        ("bob", summer.hash),
        ("ada", spring.hash),
    ]


def test_promoting_what_is_promoted_makes_no_history(shelf: Shelf, spring: Adapter) -> None:
    assert shelf.promote("spring", "ada", proven) == shelf.promote("spring", "bob", proven)
    assert len(shelf.history()) == 1


def test_an_adapter_that_is_not_proven_does_not_speak(shelf: Shelf, spring: Adapter, summer: Adapter) -> None:
    shelf.promote("spring", "ada", proven)
    with pytest.raises(Refused, match=r"summer .* may not speak: it changes nothing; it is late"):
        shelf.promote("summer", "ada", lambda _: Proof(faults=("it changes nothing", "it is late")))
    assert shelf.current() == spring


def test_going_back_restores_what_spoke_before(shelf: Shelf, spring: Adapter, summer: Adapter) -> None:
    with pytest.raises(NoWayBack, match="nothing was promoted"):
        shelf.back("ada")
    shelf.promote("spring", "ada", proven)
    shelf.promote("summer", "ada", proven)
    change = shelf.back("bob")
    assert shelf.current() == spring
    assert (change.by, change.note) == ("bob", "back")
    assert shelf.back("bob").hash == summer.hash


def test_before_the_first_promotion_nobody_spoke(shelf: Shelf, spring: Adapter) -> None:
    shelf.promote("spring", "ada", proven)
    assert shelf.back("ada").hash == ""
    assert shelf.current() is None
    shelf.remove("spring")


def test_what_was_removed_is_no_way_back(shelf: Shelf, spring: Adapter, summer: Adapter) -> None:
    shelf.promote("spring", "ada", proven)
    shelf.promote("summer", "ada", proven)
    shelf.remove("spring")
    with pytest.raises(NoWayBack, match="was removed"):
        shelf.back("ada")


def test_an_adapter_that_speaks_is_not_removed(shelf: Shelf, spring: Adapter, summer: Adapter) -> None:
    shelf.promote("spring", "ada", proven)
    with pytest.raises(InUse, match=r"spring .* speaks just now"):
        shelf.remove("spring")
    with pytest.raises(InUse):
        shelf.remove("summer", speaking=[summer.hash])
    shelf.remove("summer")
    assert [adapter.name for adapter in shelf.all()] == ["spring"]


def test_a_torn_pointer_is_a_sentence_and_promoting_again_mends_it(shelf: Shelf, spring: Adapter) -> None:
    shelf.promote("spring", "ada", proven)
    (shelf.folder / "current.json").write_text('{"changes": [{"id"')
    with pytest.raises(ShelfError, match=r"cannot be read from .*; promote one again"):
        shelf.current()
    assert shelf.promote("spring", "ada", proven).hash == spring.hash
    assert shelf.current() == spring
    assert (shelf.folder / "current.broken.json").exists()


def test_promotions_at_once_are_all_in_the_history_one_after_the_other(
    shelf: Shelf, spring: Adapter, summer: Adapter
) -> None:
    names = ["spring", "summer"] * 6
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda name: shelf.promote(name, name, proven), names))
    changes = shelf.history(100)[::-1]
    assert [change.id for change in changes] == list(range(1, len(changes) + 1))
    assert all(before.hash == after.previous for before, after in itertools.pairwise(changes))


def promotes(folder: Path) -> None:
    for name in ("spring", "summer") * 5:
        Shelf(folder).promote(name, "another process", proven)


def test_other_processes_see_a_promotion_whole(shelf: Shelf, spring: Adapter, summer: Adapter) -> None:
    other = multiprocessing.get_context("spawn").Process(target=promotes, args=(shelf.folder,))
    other.start()
    seen = set()
    while other.is_alive():
        adapter = shelf.current()  # never half of a file
        seen.add(adapter and adapter.name)
    other.join()
    assert other.exitcode == 0
    assert seen & {"spring", "summer"}
    assert shelf.current() == summer


# ---- what became known later ----


def test_an_adapter_trained_on_a_deleted_document_is_marked_and_its_folder_is_not_touched(
    shelf: Shelf, spring: Adapter, tmp_path: Path
) -> None:
    taught = shelf.put(on_paper(tmp_path / "taught", "taught", documents={"d1": 3}))
    assert [adapter.hash for adapter in shelf.outdate("d1", "the document 'Warranty' was deleted")] == [
        taught.hash
    ]
    assert shelf.get("taught").stale == "the document 'Warranty' was deleted"
    assert shelf.get("spring").stale == ""
    assert content_hash(taught.path) == taught.hash
    shelf.remove("taught")
    assert shelf.put(tmp_path / "taught").stale == ""


def test_what_a_killed_import_left_is_swept_away_with_the_next(shelf: Shelf, tmp_path: Path) -> None:
    left, running = shelf.folder / ".coming-left", shelf.folder / ".coming-running"
    for folder in (left, running):
        folder.mkdir(parents=True)
    os.utime(left, (0, 0))
    shelf.put(on_paper(tmp_path / "made"))
    assert (left.exists(), running.exists()) == (False, True)
