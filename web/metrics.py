"""`/metrics`, as Prometheus reads it, for whoever shows the token of `[web] metrics_token`."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator

from flask import Blueprint, Response, abort, request

from bot.reports.measures import Labels, Measure
from web.current import kotae
from web.security import limiter

bp = Blueprint("metrics", __name__)
limiter.exempt(bp)


@bp.get("/metrics")
def metrics() -> Response:
    token = kotae().settings.web.metrics_token.get_secret_value()
    if not token:
        abort(404)
    shown = request.headers.get("Authorization", "").partition("Bearer ")[2]
    if not hmac.compare_digest(shown.encode(), token.encode()):
        abort(401)
    return Response(
        "".join(f"{line}\n" for line in lines(kotae().measures.read())),
        content_type="text/plain; version=0.0.4; charset=utf-8",
    )


def lines(measures: Iterable[Measure]) -> Iterator[str]:
    for measure in measures:
        yield f"# HELP {measure.name} {measure.about}"
        yield f"# TYPE {measure.name} {measure.kind}"
        for labels, value in measure.samples.items():
            yield f"{measure.name}{_told(labels)} {value!r}"


def _told(labels: Labels) -> str:
    """Names of strategies are an operator's: they may hold a quote."""
    quoted = (f'{name}="{_escaped(value)}"' for name, value in labels)
    return f"{{{','.join(quoted)}}}" if labels else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
