"""What a server or a worker writes to standard error: one line for each thing that happened, with when and by
which ids, and nothing that a customer said.

text   2026-11-29T20:30:12.123Z INFO bot.kotae: answered message=… conversation=… strategy='manuals' ms=41 …
json   {"at": "2026-11-29T20:30:12.123Z", "level": "info", "logger": "bot.kotae", "message": "answered …"}

Whatever was typed by somebody is on its line alone: a line break in it is written as `\\n`. A complaint that
is repeated, of an engine that is down, is written once a minute with how often it was meanwhile.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

OURS = ("bot", "knowledge_base", "strategies", "web")  # of others only what went wrong
AGAIN_SECONDS = 60.0
MOST = 500  # complaints that are remembered

Format = Literal["text", "json"]


def begin(level: str, form: Format) -> None:
    """Write so from here on, also in processes that are forked."""
    grave = getattr(logging, level.upper())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Line() if form == "text" else Json())
    handler.addFilter(Repeated())
    logging.basicConfig(handlers=[handler], level=max(logging.WARNING, grave), force=True)
    for name in OURS:
        logging.getLogger(name).setLevel(grave)


class Line(logging.Formatter):
    """For people."""

    def format(self, record: logging.LogRecord) -> str:
        said = f"{at(record)} {record.levelname} {record.name}: {on_one_line(record.getMessage())}"
        return f"{said}\n{self.formatException(record.exc_info)}" if record.exc_info else said


class Json(logging.Formatter):
    """For programs: an object a line."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "at": at(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            told["trace"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


class Repeated(logging.Filter):
    """Lets a complaint through once a minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._lock = threading.Lock()
        self._said: dict[tuple[object, ...], tuple[float, int]] = {}  # when, and how often since

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        fault = record.exc_info[1] if record.exc_info else None
        complaint = (record.name, record.getMessage(), repr(fault))
        with self._lock:
            last, since = self._said.get(complaint, (float("-inf"), 0))
            if self._clock() - last < AGAIN_SECONDS:
                self._said[complaint] = (last, since + 1)
                return False
            if len(self._said) >= MOST:
                self._said.clear()
            self._said[complaint] = (self._clock(), 0)
        if since:
            record.msg, record.args = f"{record.getMessage()} ({since} times more meanwhile)", ()
        return True


def at(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def on_one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
