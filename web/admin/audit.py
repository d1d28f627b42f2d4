"""The audit as a page: every change by people and keys, the newest first. Nothing here changes a line."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from flask import render_template, request
from flask.typing import ResponseReturnValue

from web.admin import bp
from web.auth import requires
from web.current import kotae

PAGE = 50


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
        before=request.args.get("before", type=int),
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
    )


def day(name: str) -> date | None:
    try:
        return date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None


def begin(of: date) -> datetime:
    return datetime.combine(of, time(), UTC)
