"""Operators and admins sign in; nobody else gets in, and nobody is led away."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from io import BytesIO
from typing import NoReturn
from urllib.parse import parse_qsl

import pytest
from apiflask import APIFlask

from bot.access.users import UserRefused
from bot.kotae import Kotae
from knowledge_base.errors import Unavailable
from tests.people import PASSWORD, Admin, Colleague, Customer, Operator

PAGES = ["/console/", "/console/strategy", "/console/search", "/console/conversations", "/console/documents"]


@pytest.fixture
def stranger(app: APIFlask, kotae: Kotae) -> Colleague:
    """Somebody with an account who has signed out again."""
    colleague = Colleague(app, kotae)
    assert colleague.sends("/console/sign-out").status_code == 302
    return colleague


@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_the_console_leads_to_the_sign_in_and_back(stranger: Colleague, page: str) -> None:
    asked = stranger.opens(page)
    assert asked.status_code == 302
    sign_in = asked.headers["Location"]
    assert sign_in.startswith("/console/sign-in?next=")
    done = stranger.sends(sign_in, email=stranger.email, password=PASSWORD)
    assert (done.status_code, done.headers["Location"]) == (302, page)


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/console",
        "//evil.example/console",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/console\\@evil.example",
        "/console//../..//evil.example",
        "",
    ],
)
def test_a_sign_in_never_leads_to_another_site(stranger: Colleague, elsewhere: str) -> None:
    done = stranger.client.post(
        "/console/sign-in",
        query_string={"next": elsewhere},
        data={"email": stranger.email, "password": PASSWORD, "csrf_token": stranger.csrf()},
    )
    assert done.status_code == 302
    target = done.headers["Location"]
    assert target.startswith("/console")
    assert "\\" not in target
    assert "//" not in target


@pytest.mark.parametrize(
    ("email", "password"), [("operator@example.com", "wrong"), ("nobody@example.com", PASSWORD)]
)
def test_a_wrong_password_and_an_unknown_email_are_told_alike(
    stranger: Colleague, email: str, password: str
) -> None:
    response = stranger.sends("/console/sign-in", email=email, password=password)
    assert response.status_code == 400
    assert "This email and password do not go together." in response.text
    assert stranger.opens("/console/strategy").status_code == 302


def test_guessing_passwords_is_slowed_down(stranger: Colleague) -> None:
    statuses = [
        stranger.sends("/console/sign-in", email=stranger.email, password="guess").status_code
        for _ in range(9)
    ]
    assert set(statuses) == {400}
    refused = stranger.sends("/console/sign-in", email=stranger.email, password=PASSWORD)
    assert refused.status_code == 429
    assert "too often" in refused.text


def test_an_admin_reads_who_signed_in_and_out_and_whose_password_was_guessed_at(
    stranger: Colleague, admin: Admin, kotae: Kotae
) -> None:
    for _ in range(3):
        stranger.sends("/console/sign-in", email=f" {stranger.email.upper()} ", password="guess")
        stranger.sends("/console/sign-in", email="nobody@example.com", password="guess")
    stranger.signs_in()
    stranger.sends("/console/sign-out")
    lines = kotae.audit.page(subject=stranger.email)
    assert [(line.who, line.what, line.detail) for line in lines] == [
        (stranger.email, "sign out", {}),
        (stranger.email, "sign in", {"role": "operator"}),
        ("", "sign-in refused", {}),  # one a minute
        (stranger.email, "sign out", {}),
        (stranger.email, "sign in", {"role": "operator"}),
        ("", "add user", {"role": "operator"}),
    ]
    assert kotae.audit.page(subject="nobody") == []
    page = admin.opens("/console/audit?what=sign-in+refused").text
    assert f"{stranger.email}</td>" in page
    assert '<option value="sign-in refused" selected>' in page
    assert "127.0.0.1" not in admin.opens("/console/audit").text


def test_who_guesses_for_longer_makes_a_line_every_minute(
    stranger: Colleague, kotae: Kotae, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger.signs_in("guess")
    monkeypatch.setattr("bot.access.users.REFUSED_EVERY", timedelta())
    stranger.signs_in("another guess")
    assert len(kotae.audit.page(what="sign-in refused", subject=stranger.email)) == 2


def test_who_signs_in_and_out_while_nothing_can_be_written_is_not_kept_waiting_at_the_door(
    stranger: Colleague, kotae: Kotae, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> NoReturn:
        raise Unavailable("the disk of the database is full")

    monkeypatch.setattr("bot.access.audit.note", full)
    assert stranger.signs_in("guess").status_code == 400
    assert stranger.signs_in().status_code == 302
    assert stranger.opens("/console/strategy").status_code == 200
    assert stranger.sends("/console/sign-out").status_code == 302
    assert stranger.opens("/console/strategy").status_code == 302


def test_signing_out_ends_the_session(operator: Operator) -> None:
    assert operator.opens("/console/strategy").status_code == 200
    operator.sends("/console/sign-out")
    assert operator.opens("/console/strategy").status_code == 302


def test_an_operator_may_not_do_what_admins_do_and_an_admin_may_do_all(
    operator: Operator, admin: Admin
) -> None:
    refused = operator.opens("/console/documents")
    assert refused.status_code == 403
    assert "admin" in refused.text
    sent = operator.sends("/console/documents", files=[(BytesIO(b"# Filter"), "filter.md")])
    assert sent.status_code == 403
    for page in PAGES[1:]:
        assert admin.opens(page).status_code == 200


def test_a_customers_token_opens_nothing_in_the_console(customer: Customer) -> None:
    assert customer.client.get("/console/strategy", headers=customer.headers).status_code == 302


@pytest.mark.parametrize(
    "path", ["/console/strategy", "/console/strategy/back", "/console/documents", "/console/sign-out"]
)
def test_a_form_from_another_site_is_refused(admin: Admin, kotae: Kotae, path: str) -> None:
    """The session cookie comes along by itself; the token of our own page does not."""
    before = kotae.switch.name()
    for headers in ({}, {"X-CSRFToken": "guessed"}, {"Origin": "https://evil.example"}):
        response = admin.client.post(
            path, data={"name": "parrot"}, headers={"Accept": "text/html", **headers}
        )
        assert response.status_code == 400
        assert "This form has expired." in response.text
    assert kotae.switch.name() == before
    assert admin.opens("/console/strategy").status_code == 200


def test_a_script_of_ours_sends_the_token_in_a_header(operator: Operator, kotae: Kotae) -> None:
    done = operator.client.post(
        "/console/strategy", data={"name": "parrot"}, headers={"X-CSRFToken": operator.csrf()}
    )
    assert done.status_code == 302
    assert kotae.switch.name() == "parrot"


def test_a_script_whose_session_is_over_is_told_so_in_json(stranger: Colleague) -> None:
    response = stranger.client.get("/console/documents/state.json", headers={"Accept": "application/json"})
    assert (response.status_code, response.json["error"]) == (401, "Please sign in first.")


def test_the_session_cookie_is_kept_from_scripts_and_other_sites(stranger: Colleague) -> None:
    stranger.signs_in()
    cookie = stranger.client.get_cookie("kotae")
    assert cookie is not None
    assert cookie.http_only
    assert cookie.same_site == "Lax"
    assert not cookie.secure


def test_over_https_the_session_cookie_is_secure(app: APIFlask, stranger: Colleague) -> None:
    page = app.test_client().get("/console/sign-in", base_url="https://kotae.example")
    assert "Secure" in page.headers["Set-Cookie"]
    assert page.headers["Strict-Transport-Security"].startswith("max-age=")


def test_choosing_a_language_keeps_where_one_was_going(stranger: Colleague) -> None:
    page = stranger.opens("/console/sign-in?next=/console/search%3Fq%3Dfilter").text
    links = [unescape(link) for link in re.findall(r'href="([?][^"]+)"', page)]
    assert {"next": "/console/search?q=filter", "language": "ja"} in [
        dict(parse_qsl(link[1:])) for link in links
    ]


def test_the_console_speaks_the_language_that_was_chosen_and_remembers_it(operator: Operator) -> None:
    assert 'lang="ja"' in operator.opens("/console/strategy?language=ja").text
    assert 'lang="ja"' in operator.opens("/console/strategy").text
    assert 'lang="en"' in operator.opens("/console/strategy?language=en").text
    assert 'lang="en"' in operator.opens("/console/strategy?language=xx").text


def test_another_password_ends_what_was_signed_in_with_the_one_before(
    operator: Operator, kotae: Kotae
) -> None:
    assert operator.opens("/console/strategy").status_code == 200
    kotae.users.change_password(operator.email, "another long password", by="ann")
    assert operator.opens("/console/strategy").status_code == 302
    assert operator.signs_in().status_code == 400
    assert operator.signs_in("another long password").status_code == 302
    assert operator.opens("/console/strategy").status_code == 200


def test_whoever_is_removed_is_signed_out_and_comes_in_no_more(
    operator: Operator, customer: Customer, kotae: Kotae
) -> None:
    operator.is_there("Anna")
    customer.asks_for_a_person()
    operator.takes(customer.conversation)
    with pytest.raises(UserRefused, match="has a customer's chat"):
        kotae.users.remove(operator.email, by="ann")
    operator.closes(customer.conversation)
    page = operator.client.get(f"/console/inbox/events?open={customer.conversation}", buffered=False)
    removed = kotae.users.remove(operator.email, by="ann")
    assert next(iter(page.response))  # which was open, and beats on
    page.close()
    kotae.presence.seen(removed.id)
    assert operator.opens("/console/strategy").status_code == 302
    assert operator.signs_in().status_code == 400
    assert kotae.presence.online() == []
