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

from bot.access.keys import SCOPES
from bot.kotae import Kotae
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
    ("POST", "/api/conversation/transcript"),
    ("POST", "/api/messages/{message_id}/feedback"),
    ("POST", "/api/messages/{message_id}/stop"),
    ("POST", "/api/handoff"),
    ("DELETE", "/api/handoff"),
    ("GET", "/api/conversation/events"),
]
# but a question, and an address
NOT_ALL_TEXT_IS_GOOD = ("/api/messages", "/api/handoff", "/api/conversation/transcript")
FOR_PROGRAMS = [
    ("POST", "/api/v1/ask"),
    ("GET", "/api/v1/search"),
    ("GET", "/api/v1/documents"),
    ("POST", "/api/v1/documents/{name}"),
    ("DELETE", "/api/v1/documents/{document_id}"),
    ("GET", "/api/v1/pairs"),
    ("POST", "/api/v1/pairs"),
    ("DELETE", "/api/v1/pairs/{pair_id}"),
]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_answer_is_one_that_the_document_describes(
    app: APIFlask, customer: Customer, method: str, path: str
) -> None:
    app.config["NEW_CONVERSATIONS"] = "100000 per minute"
    headers = customer.headers
    excluded = NOT_ALL_TEXT_IS_A_QUESTION if path in NOT_ALL_TEXT_IS_GOOD else []
    document = schemathesis.openapi.from_wsgi("/openapi.json", app)

    @given(document[path][method].as_strategy())
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    def asked(case: schemathesis.Case) -> None:
        case.call_and_validate(headers=headers, excluded_checks=excluded)

    asked()


@pytest.mark.parametrize(
    ("method", "path"), [one for one in FOR_PROGRAMS if one != ("POST", "/api/v1/documents/{name}")]
)
def test_programs_are_answered_as_the_document_says(
    app: APIFlask, kotae: Kotae, method: str, path: str
) -> None:
    _, secret = kotae.keys.make("fuzzer", SCOPES, by="ada", per_minute=100_000)
    document = schemathesis.openapi.from_wsgi("/openapi.json", app)

    @given(document[path][method].as_strategy())
    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    def asked(case: schemathesis.Case) -> None:
        case.call_and_validate(
            headers={"Authorization": f"Bearer {secret}"}, excluded_checks=NOT_ALL_TEXT_IS_A_QUESTION
        )

    asked()


def test_the_document_holds_both_apis_and_nothing_of_the_console(app: APIFlask) -> None:
    document = app.test_client().get("/openapi.json").json
    described = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    known = {*OPERATIONS, *FOR_PROGRAMS}
    assert described - {("PARAMETERS", path) for _, path in known} == known
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
        schemas.State,
        schemas.AskForAPerson,
        schemas.After,
        schemas.Error,
    )
    names = {field.alias or name for model in models for name, field in model.model_fields.items()}
    for events in (schemas.ServerSentEvent, schemas.News):
        names |= set(get_args(events.model_fields["event"].annotation))
    assert [name for name in sorted(names) if not re.search(rf'["`]{name}["`]', page)] == []
    assert [path for _, path in OPERATIONS if path not in page] == []
