"""The OpenAPI document tells the truth: whatever is made from it is answered as it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
import schemathesis
from apiflask import APIFlask
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import CHECKS, load_all_checks

from tests.people import Customer
from web.chat import schemas

load_all_checks()
NOT_ALL_TEXT_IS_A_QUESTION = [CHECKS.get_one("positive_data_acceptance")]

OPERATIONS = [
    ("POST", "/api/conversations"),
    ("GET", "/api/conversation"),
    ("POST", "/api/messages"),
    ("GET", "/api/messages/{question_id}/answer"),
    ("GET", "/api/messages/{message_id}/followups"),
    ("GET", "/api/messages/{message_id}/sources/{number}"),
    ("POST", "/api/conversation/end"),
    ("GET", "/api/conversation/transcript"),
    ("POST", "/api/messages/{message_id}/feedback"),
    ("POST", "/api/messages/{message_id}/stop"),
]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_answer_is_one_that_the_document_describes(
    app: APIFlask, customer: Customer, method: str, path: str
) -> None:
    app.config["NEW_CONVERSATIONS"] = "100000 per minute"
    headers = customer.headers
    excluded = NOT_ALL_TEXT_IS_A_QUESTION if path == "/api/messages" else []
    document = schemathesis.openapi.from_wsgi("/openapi.json", app)

    @given(document[path][method].as_strategy())
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    def asked(case: schemathesis.Case) -> None:
        case.call_and_validate(headers=headers, excluded_checks=excluded)

    asked()


def test_the_document_holds_the_customer_api_and_nothing_of_the_console(app: APIFlask) -> None:
    document = app.test_client().get("/openapi.json").json
    described = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert described - {("PARAMETERS", path) for _, path in OPERATIONS} == set(OPERATIONS)
    assert document["components"]["securitySchemes"]["BearerAuth"]["scheme"] == "bearer"


def test_the_page_about_the_api_names_every_request_field_and_event() -> None:
    page = (Path(__file__).parents[2] / "docs" / "http-api.md").read_text(encoding="utf-8")
    models = (
        schemas.NewConversation,
        schemas.NewMessage,
        schemas.Rating,
        schemas.Farewell,
        schemas.Followups,
        schemas.Document,
        schemas.Part,
        schemas.Opened,
        schemas.Source,
        schemas.Message,
        schemas.Conversation,
        schemas.Error,
    )
    names = {name for model in models for name in model.model_fields}
    names |= set(get_args(schemas.ServerSentEvent.model_fields["event"].annotation))
    assert [name for name in sorted(names) if not re.search(rf'["`]{name}["`]', page)] == []
    assert [path for _, path in OPERATIONS if path not in page] == []
