"""Every address of the application, and who may open it. A new one is looked at by itself."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

import pytest
from apiflask import APIFlask
from werkzeug.test import TestResponse

from bot.access.keys import SCOPES
from bot.kotae import Kotae
from tests.people import TOKEN, Admin, Customer, Operator

FOR_EVERYBODY = {
    "auth.sign_in",
    "bootstrap.static",
    "chat.frame",
    "chat.home",
    "chat.loader",
    "chat.loader_at_its_long_name",
    "chat.stylesheet",
    "chat_api.open_conversation",
    "health.engines",
    "health.live",
    "health.ready",
    "metrics.metrics",  # with a token of its own
    "openapi.spec",
    "reference.reference",
    "shop.front",
    "static",
}
UNDERSTOOD = {
    "integration.ask": {"json": {"question": "How long?"}},
    "integration.search": {"query_string": {"q": "warranty"}},
    "integration.add_pair": {"json": {"question": "How long?", "answer": "Two years."}},
}
SIGNED_IN = {"auth.sign_out"}  # whatever their role
Door = tuple[str, str, str]


def doors(app: APIFlask, *kinds: str, but: Collection[str] = FOR_EVERYBODY) -> Iterator[Door]:
    """The endpoints of these blueprints: name, method, and an address of it."""
    for rule in app.url_map.iter_rules():
        name = str(rule.endpoint)
        if name not in but and (not kinds or name.partition(".")[0] in kinds):
            path = re.sub(r"<[^>]+>", "x", re.sub(r"<int:[^>]+>", "1", rule.rule))
            for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
                yield name, method, path


def tries(client: object, door: Door, **more: object) -> TestResponse:
    _, method, path = door
    return client.open(path, method=method, buffered=True, **more)  # type: ignore[attr-defined,no-any-return]


def test_every_address_is_of_the_console_of_customers_or_of_programs(app: APIFlask) -> None:
    kinds = {name.partition(".")[0] for name, _, _ in doors(app, but={*FOR_EVERYBODY, *SIGNED_IN})}
    assert kinds == {"operator", "admin", "chat_api", "integration"}
    for name, _, path in doors(app, "operator", "admin"):
        assert path.startswith("/console"), name


def test_nobody_comes_in_without_signing_in(app: APIFlask) -> None:
    stranger = app.test_client()
    token = TOKEN.search(stranger.get("/console/sign-in").text)
    assert token
    for door in doors(app, "operator", "admin", "auth"):
        response = tries(stranger, door, data={"csrf_token": token[1]})
        led_away = response.status_code == 302 and response.location.startswith("/console/sign-in")
        assert led_away or response.status_code == 401, door


def test_operators_open_no_address_of_admins(app: APIFlask, operator: Operator) -> None:
    for door in doors(app, "admin"):
        response = tries(operator.client, door, data={"csrf_token": operator.csrf()})
        assert response.status_code == 403, door


def test_no_form_of_the_console_is_taken_from_another_site(app: APIFlask, admin: Admin) -> None:
    for door in doors(app, "operator", "admin", "auth", but=()):
        if door[1] != "GET":
            response = tries(admin.client, door, data={}, headers={"Accept": "text/html"})
            assert (response.status_code, "This form has expired." in response.text) == (400, True), door


def test_no_address_of_customers_opens_without_their_token(app: APIFlask) -> None:
    for door in doors(app, "chat_api"):
        assert tries(app.test_client(), door, json={}).status_code == 401, door


def test_nobody_reaches_another_customers_messages(
    app: APIFlask, customer: Customer, another_customer: Customer
) -> None:
    said = customer.asks("How long is the warranty?")
    for door in doors(app, "chat_api"):
        if "/x" in door[2] and door[0] != "chat_api.stop":  # which stops nothing, and says that it is done
            name, method, path = door
            theirs = (name, method, path.replace("/x", f"/{said.id}"))
            body = {"json": {"value": "up"}} if method == "POST" else {}
            response = tries(another_customer.client, theirs, headers=another_customer.headers, **body)
            assert response.status_code == 404, door
    assert [message["feedback"] for message in customer.reads_again() if message["role"] == "bot"] == [None]


@pytest.mark.parametrize("scope", SCOPES)
def test_a_key_opens_the_addresses_of_its_scope_alone(app: APIFlask, kotae: Kotae, scope: str) -> None:
    _, secret = kotae.keys.make("a program", [scope], by="ann", per_minute=1000)
    opened = set()
    for door in doors(app, "integration"):
        assert tries(app.test_client(), door).status_code == 401, door
        bearer = {"Authorization": f"Bearer {secret}"}
        if tries(app.test_client(), door, headers=bearer, **UNDERSTOOD.get(door[0], {})).status_code != 403:
            opened.add(door[0].partition(".")[2])
    assert (
        opened
        == {
            "ask": {"ask"},
            "search": {"search"},
            "documents:read": {"documents"},
            "documents:write": {"upload", "remove"},
            "pairs:read": {"pairs"},
            "pairs:write": {"add_pair", "remove_pair"},
        }[scope]
    )
