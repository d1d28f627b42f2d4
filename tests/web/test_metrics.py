"""A program collects what can be counted, with a token of its own."""

from __future__ import annotations

from datetime import timedelta

import pytest
from apiflask import APIFlask
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain
from pydantic import SecretStr

from bot.kotae import Kotae
from bot.reports.measures import Measure
from bot.settings import Settings
from tests.people import Admin, Customer

TOKEN = {"Authorization": "Bearer for-prometheus"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    web = settings.web.model_copy(update={"metrics_token": SecretStr("for-prometheus")})
    return settings.model_copy(update={"web": web})


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers of this moment count."""
    monkeypatch.setattr("bot.reports.measures.SETTLED", timedelta(seconds=-5))


def test_answers_jobs_and_engines_are_counted_and_nothing_that_was_said_is_told(
    app: APIFlask, customer: Customer, another_customer: Customer, admin: Admin, kotae: Kotae
) -> None:
    customer.asks("Who is Zaphod?")
    kotae.switch.use("parrot", "ann")
    customer.asks("Zaphod?")
    client = app.test_client()

    def told() -> list[str]:
        response = client.get("/metrics", headers=TOKEN)
        assert response.status_code == 200
        assert "Zaphod" not in response.text
        return response.text.splitlines()

    for _ in range(2):
        lines = told()
        assert 'kotae_answers_total{outcome="abstained",strategy="manuals"} 1.0' in lines
        assert 'kotae_answers_total{outcome="answered",strategy="parrot"} 1.0' in lines
        assert 'kotae_engine_up{engine="store"} 1.0' in lines
        assert "kotae_customers_waiting 0.0" in lines
    another_customer.asks("And Ford?")
    kotae.jobs.enqueue("reindex")
    lines = told()
    assert 'kotae_answers_total{outcome="answered",strategy="parrot"} 2.0' in lines
    assert 'kotae_jobs{kind="reindex",state="queued"} 1.0' in lines
    assert "# TYPE kotae_answers_total counter" in lines


def test_names_hold_whatever_an_operator_calls_a_strategy_and_in_either_format(
    app: APIFlask, customer: Customer, kotae: Kotae, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = (("strategy", 'the "best" \\ of\nall'), ("outcome", "answered"))
    measure = Measure("kotae_answers_total", "Answers that were kept.", "counter", {labels: 3.0})
    monkeypatch.setattr(kotae.measures, "read", lambda: iter([measure]))
    client = app.test_client()
    for accept, read in (("text/plain", plain), ("application/openmetrics-text", openmetrics)):
        told = client.get("/metrics", headers={**TOKEN, "Accept": f"{accept}; version=1.0.0"})
        assert told.content_type.startswith(accept)
        [family] = read(told.text)
        assert (family.type, family.documentation) == ("counter", "Answers that were kept.")
        assert [(one.name, one.labels, one.value) for one in family.samples] == [
            ("kotae_answers_total", dict(labels), 3.0)
        ]


def test_without_its_token_nobody_reads_them(app: APIFlask) -> None:
    client = app.test_client()
    for headers in ({}, {"Authorization": "Bearer guessed"}, {"Authorization": "Bearer "}):
        assert client.get("/metrics", headers=headers).status_code == 401


def test_where_no_token_is_set_there_is_no_such_page(kotae: Kotae, app: APIFlask) -> None:
    kotae.settings = kotae.settings.model_copy(update={"web": Settings().web})
    for headers in ({}, {"Authorization": "Bearer "}):
        assert app.test_client().get("/metrics", headers=headers).status_code == 404
