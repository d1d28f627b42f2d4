"""One process owns a data directory, because an embedded ChromaDB stands only one.

The lock is the system's own (flock): it is gone with its process, also after `kill -9`. Beside it lies a
note that says who holds it, for the sentence that whoever comes second reads.
"""

import json
import os
import sys
from pathlib import Path

from filelock import FileLock, Timeout

from knowledge_base.errors import InUse, Misconfigured


class Ownership:
    def __init__(self, data: Path) -> None:
        self._data = data
        self._lock = FileLock(data / "owner.lock", timeout=0, thread_local=False)
        self._note = data / "owner.json"

    def take(self) -> None:
        """Raises InUse when another process has it. Taking it twice is once."""
        if self._lock.is_locked:
            return
        self._data.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire()
        except Timeout:
            raise InUse(
                f"the data directory {str(self._data)!r} is in use by {self._owner()}; "
                "stop it or configure a Chroma server"
            ) from None
        except OSError as fault:
            raise Misconfigured(
                f"the data directory {str(self._data)!r} cannot be written: {fault.strerror}"
            ) from fault
        self._note.write_text(json.dumps({"pid": os.getpid(), "command": _command()}), encoding="utf-8")

    def give_back(self) -> None:
        if self._lock.is_locked:
            self._note.unlink(missing_ok=True)
            self._lock.release(force=True)

    def _owner(self) -> str:
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            return f"process {note['pid']} ({note['command']})"
        except (OSError, ValueError, KeyError):  # it has the lock and has not written its note yet
            return "another process"


def _command() -> str:
    """The program and its first word, as in `kotae serve`; what follows may be secret."""
    program = Path(sys.argv[0]).name or "python"
    first = next((word for word in sys.argv[1:2] if not word.startswith("-")), "")
    return f"{program} {first}".strip()
