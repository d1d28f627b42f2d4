"""`/metrics`, as Prometheus reads it, for whoever shows the token of `[web] metrics_token`."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from dataclasses import dataclass

from flask import Blueprint, Response, abort, request
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from bot.reports.measures import Measures
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
    registry = CollectorRegistry()
    registry.register(Measured(kotae().measures))
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return Response(encode(registry), content_type=content_type)


@dataclass(frozen=True)
class Measured(Collector):
    """What is measured, read anew each time it is collected."""

    measures: Measures

    def collect(self) -> Iterator[Metric]:
        for measure in self.measures.read():
            metric = Metric(measure.name.removesuffix("_total"), measure.about, measure.kind)
            for labels, value in measure.samples.items():
                metric.add_sample(measure.name, dict(labels), value)
            yield metric
