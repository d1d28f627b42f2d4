"""Files between their check and the admin's word: kept beside the data for an hour, then forgotten."""

from __future__ import annotations

import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

SECONDS = 3600  # what nobody keeps may hold personal data
TOKEN = re.compile(r"[0-9a-f]{32}")


class UnknownDraftError(LookupError):
    """There is no such file any more."""


class Drafts:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, stream: BinaryIO, name: str) -> str:
        """Lay a file aside; what it is asked for by."""
        self._forget()
        token = secrets.token_hex(16)
        draft = self._folder / token
        draft.mkdir(parents=True, mode=0o700)
        (draft / "name").write_text(name, encoding="utf-8")
        with (draft / "file").open("wb") as file:
            shutil.copyfileobj(stream, file)
        return token

    @contextmanager
    def open(self, token: str) -> Iterator[tuple[BinaryIO, str]]:
        """The file and its name. Raises UnknownDraftError."""
        draft = self._place(token)
        try:
            name = (draft / "name").read_text(encoding="utf-8")
            file = (draft / "file").open("rb")
        except FileNotFoundError:
            raise UnknownDraftError(token) from None
        with file:
            yield file, name

    def discard(self, token: str) -> None:
        shutil.rmtree(self._place(token), ignore_errors=True)

    def _place(self, token: str) -> Path:
        if not TOKEN.fullmatch(token):
            raise UnknownDraftError(token)
        return self._folder / token

    def _forget(self) -> None:
        if self._folder.is_dir():
            for draft in self._folder.iterdir():
                if time.time() - draft.stat().st_mtime > SECONDS:
                    shutil.rmtree(draft, ignore_errors=True)
