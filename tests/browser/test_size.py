"""What a customer's browser must load, and that what we did not write is what its authors published."""

from __future__ import annotations

import gzip
import hashlib
import re
from pathlib import Path

import web

WIDGET = Path(web.__file__).parent / "static" / "widget"
VENDOR = WIDGET / "vendor"


def packed(*paths: Path) -> int:
    return sum(len(gzip.compress(path.read_bytes(), 9)) for path in paths)


def test_the_loader_is_at_most_5_kilobytes() -> None:
    assert packed(WIDGET / "loader.js") <= 5_000


def test_the_app_is_at_most_40_kilobytes() -> None:
    page = WIDGET.parents[1] / "templates" / "chat" / "frame.html"
    scripts = [path for path in WIDGET.rglob("*.js") if path.name != "loader.js"]
    assert len(scripts) > 5
    assert packed(page, WIDGET / "frame.css", *scripts) <= 40_000


def test_vendored_files_are_as_their_authors_published_them() -> None:
    noted = dict(
        re.findall(r"`(\S+\.js)`.*?`([0-9a-f]{64})`", (VENDOR / "README.md").read_text(encoding="utf-8"))
    )
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VENDOR.glob("*.js")}
    assert found == noted
    assert all((VENDOR / f"{Path(name).stem}.LICENSE").is_file() for name in found)
