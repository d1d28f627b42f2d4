"""Programs have keys: made by admins, shown once, each with its scopes, its pace and its end."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from apiflask import APIFlask
from click.testing import CliRunner
from werkzeug.test import TestResponse

from bot.access.keys import SCOPES
from bot.kotae import Kotae
from bot.store import writing
from bot.store.tables import KeyRow
from knowledge_base.database import now
from tests.people import Admin, Operator
from web.cli import main

GUIDE = b"# Descaling\n\nDescale the kettle every month with two spoons of citric acid.\n"


class Program:
    """Somebody's software, with a key."""

    def __init__(self, app: APIFlask, secret: str) -> None:
        self.client = app.test_client()
        self.headers = {"Authorization": f"Bearer {secret}"} if secret else {}

    def gets(self, path: str, **query: Any) -> TestResponse:
        return self.client.get(f"/api/v1/{path}", query_string=query, headers=self.headers)

    def sends(self, path: str, body: Any = None, data: bytes | None = None) -> TestResponse:
        return self.client.post(f"/api/v1/{path}", json=body, data=data, headers=self.headers)

    def deletes(self, path: str) -> TestResponse:
        return self.client.delete(f"/api/v1/{path}", headers=self.headers)


@pytest.fixture
def program(app: APIFlask, kotae: Kotae) -> Program:
    """It may do everything."""
    return Program(app, kotae.keys.make("crm", SCOPES, by="ada", per_minute=1000)[1])


def test_a_key_is_shown_once_and_its_secret_is_kept_by_nobody(
    admin: Admin, app: APIFlask, kotae: Kotae
) -> None:
    assert "No key yet" in admin.opens("/console/keys").text
    made = admin.sends("/console/keys", name="crm", scopes="search", days="30", per_minute="60").text
    found = re.search(r"kotae_[\w-]{43}", made)
    assert found
    secret = found[0]
    assert Program(app, secret).gets("search", q="kettle").status_code == 200
    page = admin.opens("/console/keys").text
    assert "crm" in page
    assert secret not in page
    assert secret.encode() not in b"".join(
        path.read_bytes() for path in kotae.settings.data.glob("kotae.db*")
    )
    assert secret not in str([entry.detail for entry in kotae.audit.page()])


def test_a_key_does_what_its_scopes_say_and_no_more(app: APIFlask, kotae: Kotae) -> None:
    reader = Program(app, kotae.keys.make("reader", ["search", "pairs:read"], by="ada")[1])
    assert reader.gets("search", q="kettle").status_code == 200
    assert reader.gets("pairs").status_code == 200
    refused = reader.sends("pairs", {"question": "Why?", "answer": "Because."})
    assert (refused.status_code, "pairs:write" in refused.json["error"]) == (403, True)
    assert reader.sends("ask", {"question": "Why?"}).status_code == 403
    assert reader.deletes("documents/any").status_code == 403


def test_without_a_key_and_with_a_wrong_expired_or_revoked_one_there_is_nothing(
    app: APIFlask, kotae: Kotae, admin: Admin
) -> None:
    key, secret = kotae.keys.make("crm", ["search"], by="ada", days=1)
    for wrong in ("", "nonsense", "kotae_" + "a" * 43, secret[:-1]):
        assert Program(app, wrong).gets("search", q="kettle").status_code == 401
    program = Program(app, secret)
    assert program.gets("search", q="kettle").status_code == 200
    with writing(kotae.engine) as session:
        session.execute(sa.update(KeyRow).values(expires_at=now() - timedelta(seconds=1)))
    assert program.gets("search", q="kettle").status_code == 401
    with writing(kotae.engine) as session:
        session.execute(sa.update(KeyRow).values(expires_at=None))
    assert program.gets("search", q="kettle").status_code == 200
    admin.sends(f"/console/keys/{key.id}/revoke")
    assert program.gets("search", q="kettle").status_code == 401


def test_each_key_has_its_own_pace(app: APIFlask, kotae: Kotae) -> None:
    slow, other = (
        Program(app, kotae.keys.make(name, ["search"], by="ada", per_minute=2)[1])
        for name in ("slow", "other")
    )
    assert [slow.gets("search", q="kettle").status_code for _ in range(3)] == [200, 200, 429]
    answer = slow.gets("search", q="kettle")
    assert (answer.headers["Retry-After"], answer.json["retry"]) == ("60", True)
    assert other.gets("search", q="kettle").status_code == 200


def test_a_program_brings_a_document_asks_and_takes_it_away(program: Program, kotae: Kotae) -> None:
    brought = program.sends("documents/descaling.md", data=GUIDE)
    assert (brought.status_code, brought.json["state"]) == (202, "received")
    kotae.jobs.drain()
    (document,) = program.gets("documents").json["documents"]
    assert (document["source"], document["state"]) == ("descaling.md", "live")
    assert "citric acid" in program.gets("search", q="descale").json["passages"][0]["text"]
    answer = program.sends("ask", {"question": "How often should I descale the kettle?"}).json
    assert "every month" in answer["answer"]
    assert answer["citations"][0]["source"] == "descaling.md"
    assert kotae.conversations.page() == []
    assert program.sends("ask", {"question": "Why?", "strategy": "nobody"}).status_code == 400
    assert program.deletes(f"documents/{document['id']}").status_code == 202
    kotae.jobs.drain()
    assert program.gets("documents").json["documents"] == []
    assert program.deletes(f"documents/{document['id']}").status_code == 404


def test_a_program_adds_finds_and_removes_a_pair(program: Program) -> None:
    made = program.sends("pairs", {"question": "Is it blue?", "answer": "No.", "tags": ["colour"]})
    assert made.status_code == 201, made.text
    assert program.sends("pairs", {"question": "Is it blue?", "answer": "No."}).status_code == 409
    found = program.gets("pairs", q="blue").json
    assert (found["total"], found["pairs"][0]["tags"]) == (1, ["colour"])
    assert program.deletes(f"pairs/{made.json['id']}").json == {"done": True}
    assert program.deletes(f"pairs/{made.json['id']}").status_code == 404


def test_only_admins_make_keys_and_a_key_needs_name_and_scope(
    operator: Operator, admin: Admin, kotae: Kotae
) -> None:
    assert operator.opens("/console/keys").status_code == 403
    assert admin.sends("/console/keys", name="", scopes="search").status_code == 400
    assert admin.sends("/console/keys", name="crm").status_code == 400
    assert admin.sends("/console/keys", name="crm", scopes="everything").status_code == 400
    assert kotae.keys.list() == []


def test_what_was_typed_of_a_key_that_is_refused_is_still_there(admin: Admin) -> None:
    page = admin.sends("/console/keys", name="", days="30", per_minute="7", scopes="search").text
    for typed in ('value="search" checked', 'value="30" selected', 'value="7"'):
        assert typed in page, typed
    assert "checked" not in admin.opens("/console/keys").text


@pytest.mark.parametrize(
    "asked",
    [
        {"days": "abc"},
        {"days": "0"},
        {"days": "999999999999"},
        {"per_minute": "abc"},
        {"per_minute": "0"},
        {"per_minute": "99999999999999999999"},
    ],
)
def test_a_key_is_not_made_of_numbers_that_nobody_meant(
    admin: Admin, kotae: Kotae, asked: dict[str, str]
) -> None:
    form = {"name": "crm", "scopes": "search", "days": "30", "per_minute": "60", **asked}
    for language, told in (("en", "a key holds for 1 to 36,500 days"), ("ja", "1～36,500日")):
        admin.client.set_cookie("language", language)
        refused = admin.sends("/console/keys", **form)
        assert (refused.status_code, told in refused.text) == (400, True)
    assert kotae.keys.list() == []


def test_what_programs_and_people_changed_is_in_the_audit(program: Program, admin: Admin) -> None:
    program.sends("pairs", {"question": "Is it blue?", "answer": "No."})
    admin.switches_to("parrot")
    page = admin.opens("/console/audit").text
    assert "key crm" in page
    assert "add pair" in page
    assert re.search(r'<a href="/console/pairs/(\w{8})\w{24}">\s*<span title="\1', page)  # to the pair
    only = admin.opens(f"/console/audit?who={admin.email}&what=switch").text
    assert "<td>switch</td>" in only
    assert "<td>add pair</td>" not in only
    assert "No line matches" in admin.opens("/console/audit?subject=giraffe").text
    tomorrow = (now().date() + timedelta(days=1)).isoformat()
    assert "No line matches" in admin.opens(f"/console/audit?first={tomorrow}").text


def test_the_reference_is_drawn_here_and_names_every_operation(app: APIFlask) -> None:
    page = app.test_client().get("/api/reference", headers={"Accept": "text/html"})
    document = app.test_client().get("/openapi.json").json
    for path in document["paths"]:
        assert path in page.text
    assert "https://" not in page.text  # nothing is loaded from elsewhere
    assert "unsafe" not in page.headers["Content-Security-Policy"]


def test_keys_on_the_command_line(kotae: Kotae) -> None:
    kotae.close()

    def run(*arguments: str) -> Any:
        done = CliRunner().invoke(main, ["--json", "--data", str(kotae.settings.data), "keys", *arguments])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    made = run("add", "crm", "--scope", "search", "--days", "30")
    assert made["secret"].startswith("kotae_")
    (listed,) = run("list")
    assert "secret" not in listed
    assert run("revoke", made["id"][:8])["revoked_at"]
