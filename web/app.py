"""The Flask application, made around a Kotae that somebody else opened."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from apiflask import APIFlask
from flask_bootstrap import Bootstrap5
from werkzeug.middleware.proxy_fix import ProxyFix

from bot.conversations.limits import patience
from bot.kotae import Kotae
from web import admin, auth, errors, health, languages, markdown, metrics, operator, security, shop
from web.chat import api, pages, people, schemas  # noqa: F401 - people adds its views to api's
from web.chat.running import Running
from web.current import KEY
from web.integration import api as programs
from web.integration import reference
from web.readiness import Readiness
from web.streams import Streams


def create_app(kotae: Kotae, readiness: Readiness | None = None) -> APIFlask:
    """`readiness` says from when on questions are taken; without it the Kotae handed in is warm."""
    app = APIFlask("web", title="Kotae", version=version("kotae"), docs_path=None, json_errors=False)
    app.secret_key = kotae.settings.web.secret.get_secret_value() or security.secret(kotae.settings.data)
    counted_at = kotae.settings.limits.url.get_secret_value()
    app.config.update(
        BOOTSTRAP_SERVE_LOCAL=True,
        NEW_CONVERSATIONS=f"{2 * kotae.settings.limits.client_questions_per_minute} per minute",
        TRANSCRIPTS="10 per hour",  # that one address on the network asks for, over all of its conversations
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=True,  # while the Redis that counts does not answer
        RATELIMIT_STORAGE_URI=counted_at or "memory://",
        RATELIMIT_STORAGE_OPTIONS=patience(counted_at),
        VALIDATION_ERROR_STATUS_CODE=400,
        VALIDATION_ERROR_SCHEMA=schemas.Error.model_json_schema(),
        HTTP_ERROR_SCHEMA=schemas.Error.model_json_schema(),
    )
    app.extensions.update(
        {
            KEY: kotae,
            "readiness": readiness or Readiness(),
            "running": Running(kotae.settings.limits.away_seconds, kotae.writings),
            "streams": Streams(),
        }
    )
    if proxies := kotae.settings.web.proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies)  # type: ignore[method-assign]
    Bootstrap5(app)
    languages.speak(app)
    markdown.teach(app)
    security.protect(app)
    errors.answer_errors(app)
    auth.know_people(app)
    for_people = (pages.bp, shop.bp, operator.bp, admin.bp)
    for blueprint in (health.bp, metrics.bp, api.bp, *for_people, programs.bp, reference.bp):
        app.register_blueprint(blueprint)
    app.spec_processor(_with_required_bodies)
    return app


def _with_required_bodies(document: dict[str, Any] | str) -> dict[str, Any] | str:
    """APIFlask leaves out that a body must be there."""
    assert isinstance(document, dict)  # JSON, not YAML
    for operations in document["paths"].values():
        for operation in operations.values():
            if "requestBody" in operation:
                operation["requestBody"]["required"] = True
    return document
