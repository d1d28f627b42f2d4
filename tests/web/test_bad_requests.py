"""What broken clients and attackers send: a clear sentence, the right status, nothing of our insides."""

from __future__ import annotations

import json
import logging
import sqlite3
from contextlib import closing

import pytest
import sqlalchemy as sa
from apiflask import APIFlask

from bot.kotae import Kotae
from knowledge_base.errors import Unavailable
from strategies.errors import Misconfigured
from tests.people import Admin, Customer, Operator
from tests.web.conftest import cites

INSIDES = ("Traceback", "sqlalchemy", "sqlite", "werkzeug", "pydantic", "/tmp", ".py", "Exception")


def ask(customer: Customer, body: bytes, kind: str = "application/json"):
    return customer.client.post("/api/messages", data=body, content_type=kind, headers=customer.headers)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"{}",
        b'{"text": null}',
        b'{"text": 7}',
        b'{"text": ["Hi"]}',
        b'{"text": {"$ne": ""}}',
        b'{"text": "\xff\xfe"}',
        b"[" * 30_000,
        b'{"text": ' + b"9" * 10_000 + b"}",
    ],
)
def test_a_body_that_is_no_question_is_refused_in_a_sentence(customer: Customer, body: bytes) -> None:
    response = ask(customer, body)
    assert response.status_code == 400
    assert response.json["error"].startswith("This request is not understood")
    assert response.json["retry"] is False
    assert not any(inside in response.text for inside in INSIDES)


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\x00", "\u202e", "\ud800"])
def test_an_empty_question_is_answered_in_the_operators_words(customer: Customer, text: str) -> None:
    reply = customer.asks(text)
    assert (reply.status, reply.error) == (400, "Please type a question.")


def test_a_question_beyond_the_limit_is_told_the_limit(customer: Customer) -> None:
    reply = customer.asks("a" * 2001)
    assert reply.status == 413
    assert reply.error == "Your message is too long. Please keep it under 2,000 characters."
    assert customer.asks("a " * 1000).status == 200


def test_a_question_of_ten_megabytes_is_refused_without_being_read(customer: Customer) -> None:
    response = ask(customer, json.dumps({"text": "a" * 10_000_000}).encode())
    assert response.status_code == 413
    assert response.json == {"error": "This is too large.", "retry": False}


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "\x1b[31mred\x07 bell",
        "مرحبا، كم السعر؟ \u202eسعر",
        "'; DROP TABLE messages; --",
        "🫖" * 200,
        "{{ 7 * 7 }} %s %(x)s {0}",
    ],
)
def test_odd_questions_are_questions(customer: Customer, text: str) -> None:
    reply = customer.asks(text)
    assert reply.status == 200
    assert reply.end["text"] == reply.text
    assert customer.reads_again()[0]["role"] == "customer"


def test_control_characters_in_a_comment_are_left_out_and_half_a_character_is_refused(
    customer: Customer, kotae: Kotae, speaks
) -> None:
    speaks(cites)
    reply = customer.asks("When does it boil?")
    assert customer.rates(reply.id, "down", comment="bad \ud83d answer").status_code == 400
    assert customer.rates(reply.id, "down", comment="bad \x00answer\x1b").status_code == 200
    (conversation,) = kotae.conversations.page()
    rating = kotae.conversations.get(conversation.id).messages[-1].rating
    assert rating is not None
    assert rating.comment == "bad answer"


def test_a_question_sent_as_a_form_is_not_taken(customer: Customer) -> None:
    assert ask(customer, b"text=Hi", "application/x-www-form-urlencoded").status_code == 400


def test_an_address_that_is_not_there_and_a_method_that_is_not_taken(app: APIFlask) -> None:
    client = app.test_client()
    missing, wrong = client.get("/api/nothing"), client.get("/api/messages")
    assert (missing.status_code, missing.json["error"]) == (404, "There is no such page.")
    assert (wrong.status_code, "POST" in wrong.headers["Allow"]) == (405, True)
    assert wrong.json["error"] == "This address does not take that kind of request."


def test_what_nobody_foresaw_is_logged_and_told_by_its_reference_alone(
    customer: Customer, kotae: Kotae, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def explode(*_args: object) -> None:
        raise RuntimeError("the password is hunter2")

    token = customer.headers
    monkeypatch.setattr(kotae.conversations, "get", explode)
    with caplog.at_level(logging.ERROR, logger="web.errors"):
        response = customer.client.get("/api/conversation", headers=token)
    assert response.status_code == 500
    assert response.json["retry"] is True
    reference = response.json["error"].rsplit(" ", 1)[1].rstrip(".)")
    assert reference in caplog.text
    assert "hunter2" in caplog.text
    assert "hunter2" not in response.text


@pytest.mark.parametrize("fault", [Unavailable("ChromaDB at /srv/data"), Misconfigured("key sk-123 is bad")])
def test_a_fault_of_an_engine_is_a_plain_sentence_to_a_customer(
    customer: Customer, kotae: Kotae, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def fail(*_args: object, **_more: object) -> None:
        raise fault

    headers = customer.headers
    monkeypatch.setattr(kotae, "ask", fail)
    response = customer.client.post("/api/messages", json={"text": "Hi"}, headers=headers)
    assert response.status_code == 503
    sentence = "This does not work just now. Please try again in a moment."
    assert response.json == {"error": sentence, "retry": True}


def test_a_locked_database_is_a_sentence_and_nothing_is_lost(
    customer: Customer, kotae: Kotae, speaks
) -> None:
    speaks(cites)
    customer.asks("When does it boil?")

    @sa.event.listens_for(kotae.engine, "checkout")
    def impatient(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute("PRAGMA busy_timeout = 100")

    with closing(sqlite3.connect(kotae.settings.data / "kotae.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        reply = customer.asks("And in white?")
    assert reply.status == 503
    assert "database" not in reply.error
    assert customer.asks("And in white?").status == 200
    assert [m["text"] for m in customer.reads_again() if m["role"] == "customer"] == [
        "When does it boil?",
        "And in white?",
    ]


def test_a_database_that_does_not_answer_is_a_page_that_says_so(
    operator: Operator, kotae: Kotae, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_connection: sa.Connection) -> None:
        raise sa.exc.OperationalError("", {}, Exception("connection refused"))

    client = operator.client
    assert client.get("/healthz/engines").json == {
        "engines": {"store": True, "vectors": True, "jobs": True, "limits": True}
    }
    monkeypatch.setattr("bot.engines.KEPT_SECONDS", 0.0)
    sa.event.listen(kotae.engine, "begin", gone)
    watched = client.get("/healthz/engines")
    assert (watched.status_code, watched.json["engines"]["store"]) == (503, False)
    response = operator.opens("/console/conversations")
    assert response.status_code == 503
    assert "does not answer: connection refused" in response.text
    assert "Try again" in response.text
    sa.event.remove(kotae.engine, "begin", gone)
    assert operator.opens("/console/conversations").status_code == 200
    assert client.get("/healthz/engines").status_code == 200


def test_errors_are_told_in_japanese_to_who_reads_japanese(app: APIFlask) -> None:
    response = app.test_client().get("/api/conversation", headers={"Accept-Language": "ja"})
    assert response.status_code == 401
    assert any("\u3040" <= letter <= "\u30ff" for letter in response.json["error"])


def test_the_console_answers_an_error_with_a_page(admin: Admin) -> None:
    response = admin.opens("/console/nothing-here")
    assert response.status_code == 404
    assert "<h1" in response.text
    assert "There is no such page." in response.text


def test_questions_that_come_too_fast_are_told_so_in_the_operators_words(customer: Customer) -> None:
    replies = [customer.asks(f"Question {n}") for n in range(21)]
    assert [reply.status for reply in replies[:20]] == [200] * 20
    assert replies[20].status == 429
    assert replies[20].error.startswith("You are asking faster than I can answer.")


def test_one_address_cannot_open_conversations_without_end(app: APIFlask) -> None:
    client = app.test_client()
    statuses = [client.post("/api/conversations", json={}).status_code for _ in range(121)]
    assert statuses[:120] == [201] * 120
    assert statuses[120] == 429


def test_until_kotae_is_warm_a_question_is_asked_to_wait(kotae: Kotae) -> None:
    from web.app import create_app
    from web.readiness import Readiness, State

    readiness = Readiness()
    readiness.state = State("loading")
    client = create_app(kotae, readiness).test_client()
    response = client.post("/api/conversations", json={})
    assert (response.status_code, response.json["retry"]) == (503, True)
    assert client.get("/healthz").status_code == 503
    assert client.get("/healthz/live").status_code == 200
    readiness.state = State("ready")
    assert client.post("/api/conversations", json={}).status_code == 201
    assert client.get("/healthz").json == {"live": True, "ready": True, "state": "ready"}
