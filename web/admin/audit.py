"""The audit as a page: every change by people and keys, the newest first. Nothing here changes a line."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue

from bot.teaching.pairs import UnknownPair
from knowledge_base.errors import NotFound
from web.admin import bp
from web.auth import requires
from web.current import kotae
from web.numbers import whole

PAGE = 50
ID = re.compile("[0-9a-f]{32}")
PAIR, DOCUMENT = ("admin.pair", "pair_id"), ("admin.document", "document_id")
SUBJECTS = {  # what was done: the page of what it was done to
    **dict.fromkeys(("add pair", "edit pair", "use pair", "restore pair"), PAIR),
    **dict.fromkeys(("upload", "tag", "retire", "restore"), DOCUMENT),
    **dict.fromkeys(("switch", "rehearse cache"), ("operator.strategy_options", "name")),
}
DETAILS = {  # the name of a detail: the page of its value
    "pair": PAIR,
    "run": ("operator.comparison", "run_id"),
    "job": ("admin.run", "run_id"),
}


@bp.get("/audit")
@requires("admin")
def audit() -> ResponseReturnValue:
    wanted = {name: request.args.get(name, "").strip()[:200] for name in ("who", "what", "subject")}
    first, last = day("first"), day("last")
    entries = kotae().audit.page(
        PAGE + 1,
        **wanted,
        first=begin(first) if first else None,
        until=begin(last + timedelta(days=1)) if last else None,
        before=request.args.get("before", type=whole),
    )
    who, what = kotae().audit.known()
    chosen = {**wanted, "first": first or "", "last": last or ""}
    return render_template(
        "console/audit.html",
        entries=entries[:PAGE],
        older=entries[PAGE - 1].id if len(entries) > PAGE else None,
        newest=request.args.get("before") is None,
        who=who,
        what=what,
        chosen=chosen,
        query={name: value for name, value in chosen.items() if value},
        is_id=lambda text: ID.fullmatch(text) is not None,
        subject_page=subject_page,
        detail_page=detail_page,
    )


def subject_page(what: str, subject: str) -> str:
    """Where it can be looked at; "" where it cannot, or is gone since."""
    return _page(DOCUMENT if what.startswith("passage ") else SUBJECTS.get(what), subject)


def detail_page(name: str, value: object) -> str:
    return _page(DETAILS.get(name), value)


def _page(there: tuple[str, str] | None, value: Any) -> str:
    return url_for(there[0], **{there[1]: value}) if there and value and is_there(there, value) else ""


def is_there(there: tuple[str, str], value: Any) -> bool:
    try:
        if there == PAIR:
            kotae().pairs.get(value)
        if there == DOCUMENT:
            kotae().library.document(value)
    except (UnknownPair, NotFound):
        return False
    return True


def day(name: str) -> date | None:
    try:
        return date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None


def begin(of: date) -> datetime:
    return datetime.combine(of, time(), UTC)
