"""The one place that knows which HTTP status an error has, and what its reader is told.

The API answers `{"error": sentence, "retry": bool}`, the console a page with the same sentence. A customer is
never shown our insides: what nobody foresaw is logged under a reference, and only the reference is told.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from apiflask import HTTPError
from flask import Flask, Response, g, jsonify, make_response, render_template, request
from flask_babel import gettext as _
from flask_limiter import RateLimitExceeded
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from bot.access.users import UserRefused
from bot.answering.switch import NoWayBack
from bot.conversations.conversation import UnknownConversation
from bot.conversations.feedback import UnknownMessage
from bot.conversations.limits import Busy, Nothing, Refused, TooLong, TooMany
from bot.jobs import UnknownJob
from knowledge_base import errors as knowledge
from strategies import errors as strategies
from strategies.lora.shelf import ShelfError
from web.sentences import told

log = logging.getLogger(__name__)

DRAIN_BYTES = 32 * 1024 * 1024
ANSWERING = "answering_an_error"  # in `flask.g`: the page must do without whatever failed


@dataclass(frozen=True)
class Said:
    """What the reader of an error gets."""

    status: int
    sentence: str
    retry: bool = False


def answer_errors(app: Flask) -> None:
    """Let the application answer every error in a sentence."""
    app.register_error_handler(HTTPError, lambda error: _answer(_of_ours(error), dict(error.headers)))
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(CSRFError, lambda _error: _answer(Said(400, _csrf_sentence())))
    for kind, said in _domain().items():
        app.register_error_handler(kind, partial(_of_domain, said))
    app.register_error_handler(Exception, _unforeseen)


def _domain() -> dict[type[Exception], Callable[[Any], Said]]:
    """Errors of the layers below. What refuses a question is the operator's own words, fit for a customer."""
    return {
        Refused: lambda error: Said(_refusals().get(type(error), 503), error.text, retry=error.retry),
        UnknownConversation: lambda _error: Said(
            404, _("There is no such conversation. Please start a new one.")
        ),
        UnknownMessage: lambda _error: Said(404, _("There is no such answer in this conversation.")),
        UnknownJob: lambda _error: Said(404, _("There is no such job.")),
        NoWayBack: lambda error: Said(409, told(error)),
        UserRefused: lambda error: Said(400, told(error)),
        knowledge.NotFound: lambda error: Said(404, _for_the_house(error, _("There is no such page."))),
        knowledge.TooLarge: lambda error: Said(413, _for_the_house(error, _("This is too large."))),
        knowledge.Unreadable: lambda error: Said(422, _for_the_house(error, _busy())),
        knowledge.KnowledgeError: lambda error: Said(503, _for_the_house(error, _busy()), retry=True),
        ShelfError: lambda error: Said(409, told(error)),
        strategies.StrategyError: lambda error: Said(503, _for_the_house(error, _busy()), retry=True),
    }


def _refusals() -> dict[type[Refused], int]:
    return {Nothing: 400, TooLong: 413, TooMany: 429, Busy: 409}


def _of_domain(said: Callable[[Any], Said], error: Exception) -> Response:
    return _answer(said(error))


def _for_the_house(error: Exception, customer: str) -> str:
    """Operators and admins read what happened; a customer reads the plain sentence."""
    return customer if _is_api() else told(error)


def _of_ours(error: HTTPError) -> Said:
    sentence = error.message or _sentences().get(error.status_code, "")
    faults = [
        f"{field}: {'; '.join(messages)}"
        for fields in (error.detail or {}).values()
        if isinstance(fields, dict)
        for field, messages in fields.items()
    ]
    if faults:
        sentence = _("This request is not understood: %(faults)s", faults=" · ".join(faults))
    return Said(error.status_code, sentence, bool(error.extra_data.get("retry", False)))


def _of_http(error: HTTPException) -> Response:
    if error.response is not None:
        return make_response(error.response)
    status = error.code or 500
    if status < 400:
        return make_response(error.get_response())
    if status == 413:
        _drain()
    sentence = _sentences().get(status) or _("This did not work: %(name)s.", name=error.name)
    headers = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
    return _answer(
        Said(status, sentence, retry=isinstance(error, RateLimitExceeded) or status >= 500), headers
    )


def _unforeseen(error: Exception) -> Response:
    reference = secrets.token_hex(4)
    log.error("%s %s failed, reference %s", request.method, request.path, reference, exc_info=error)
    sentence = _(
        "Something went wrong on our side. Please try again. (Reference: %(reference)s)", reference=reference
    )
    return _answer(Said(500, sentence, retry=True))


def _sentences() -> dict[int, str]:
    return {
        400: _("This request is not understood. A JSON object is expected."),
        401: _("Please sign in first."),
        403: _("This is not open to you."),
        404: _("There is no such page."),
        405: _("This address does not take that kind of request."),
        413: _("This is too large."),
        415: _("This kind of content is not understood. JSON is expected."),
        429: _("That was too often in a short time. Please wait a minute and try again."),
        503: _busy(),
    }


def _busy() -> str:
    return str(_("This does not work just now. Please try again in a moment."))


def _csrf_sentence() -> str:
    return str(_("This form has expired. Please go back, reload the page and try again."))


def _answer(said: Said, headers: dict[str, str] | None = None) -> Response:
    if (
        _is_api()
        or request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"
    ):
        response = jsonify(error=said.sentence, retry=said.retry)
    else:
        setattr(g, ANSWERING, True)
        response = make_response(render_template("errors/error.html", said=said))
    response.status_code = said.status
    response.headers.extend(headers or {})
    response.headers["Cache-Control"] = "no-store"
    return response


def _is_api() -> bool:
    return request.path.startswith("/api/")


def _drain() -> None:
    """Read on for a while: a client that is still sending would see a broken connection, not our sentence."""
    raw = request.input_stream
    left = min(request.content_length or DRAIN_BYTES, DRAIN_BYTES)
    while left > 0 and (piece := raw.read(min(left, 256 * 1024))):
        left -= len(piece)
