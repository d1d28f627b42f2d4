"""What keeps a browser safe with us: the secret, cookies, headers, and limits on what and how often.

The customer API carries a token in a header and no cookie, so it needs no CSRF protection; all else has it.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from flask import Flask, Response, current_app, request
from flask.json.provider import DefaultJSONProvider
from flask.sessions import SecureCookieSessionInterface
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_wtf.csrf import CSRFProtect

from bot.settings import BadSettings

WRITING_SECONDS = 2.0  # until a secret that another process makes stands there
BODY_BYTES = 64 * 1024  # what a request may carry, unless its view says otherwise

csrf = CSRFProtect()
limiter = Limiter(key_func=get_remote_address, strategy="moving-window", headers_enabled=False)

View = TypeVar("View", bound=Callable[..., Any])


def secret(data: Path) -> str:
    """The key that signs sessions and tokens: made once, kept in `data/secret`, for its owner alone.

    Raises BadSettings where nothing stands in it: anybody could sign with that.
    """
    path = data / "secret"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _kept(path)
    made = secrets.token_urlsafe(48)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(made)
    except OSError:  # the disk is full
        path.unlink()
        raise
    return made


def _kept(path: Path) -> str:
    """What another process may be writing just now."""
    end = time.monotonic() + WRITING_SECONDS
    while not (kept := path.read_text().strip()):
        if time.monotonic() > end:
            raise BadSettings([f"{str(path)!r} is empty: delete it; whoever is signed in signs in anew then"])
        time.sleep(0.05)
    return kept


def accepts_bytes(limit: Callable[[], int]) -> Callable[[View], View]:
    """Let a view receive a larger body than others; `limit` is asked with each request."""

    def mark(view: View) -> View:
        view.accepts_bytes = limit  # type: ignore[attr-defined]
        return view

    return mark


def policy(frame_ancestors: Sequence[str] = ("'none'",), connect: Sequence[str] = ("'self'",)) -> str:
    """A Content-Security-Policy: our own files, nothing inline. `data:` images are Bootstrap's icons."""
    return "; ".join(
        (
            "default-src 'self'",
            "img-src 'self' data:",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            f"connect-src {' '.join(connect)}",
            f"frame-ancestors {' '.join(frame_ancestors)}",
        )
    )


class ShallowJson(DefaultJSONProvider):
    """JSON nested deeper than Python reads is as broken as any other."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        try:
            return super().loads(s, **kwargs)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error


class Sessions(SecureCookieSessionInterface):
    """A session that began over https never travels over http."""

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002
        return request.is_secure


def protect(app: Flask) -> None:
    """Put the protections on an application."""
    app.json = ShallowJson(app)
    app.session_interface = Sessions()
    app.config.update(
        MAX_CONTENT_LENGTH=BODY_BYTES,
        SESSION_COOKIE_NAME="kotae",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session
        WTF_CSRF_SSL_STRICT=False,  # it would depend on a Referer, which our own policy may withhold
    )
    app.before_request(_allow_body)  # before CSRFProtect, which reads the form
    csrf.init_app(app)
    limiter.init_app(app)
    app.after_request(_headers)


def _allow_body() -> None:
    view = current_app.view_functions.get(request.endpoint or "")
    limit = getattr(view, "accepts_bytes", None)
    if limit is not None:
        request.max_content_length = limit()


def _headers(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", policy())
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "strict-origin-when-cross-origin")
    response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
    if request.path.startswith("/console"):  # nobody reads it with the back button after signing out
        response.headers.setdefault("Cache-Control", "no-store")
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response
