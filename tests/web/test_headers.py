"""What a browser is told: nothing inline, nobody frames us but who may, no proxy keeps a stream."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from apiflask import APIFlask

from bot.kotae import Kotae
from bot.settings import Settings
from tests.people import Admin
from web.app import create_app

SITES = ("https://shop.example", "https://www.shop.example:8443")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"web": settings.web.model_copy(update={"sites": SITES})})


def directives(response) -> dict[str, str]:
    policy = response.headers["Content-Security-Policy"]
    return dict(part.strip().split(" ", 1) for part in policy.split(";"))


class Inline(HTMLParser):
    """Collects what a strict policy would not run or show."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.found += [f"{tag} {name}" for name in given if name == "style" or name.startswith("on")]
        self.found += [f"{tag} {url}" for url in given.values() if (url or "").startswith("javascript:")]
        data = given.get("type") in ("application/json", "importmap")
        if tag == "style" or (tag == "script" and "src" not in given and not data):
            self.found.append(tag)
        source = (
            given.get("src")
            if tag in ("script", "img", "iframe")
            else given.get("href")
            if tag == "link"
            else ""
        )
        if re.match(r"(https?:)?//", source or ""):
            self.found.append(f"{tag} {source}")


def pages(admin: Admin) -> list[str]:
    return [
        "/console/strategy",
        "/console/documents",
        "/console/search",
        "/console/conversations",
        "/console/none",
    ]


def test_no_page_holds_what_the_policy_forbids(admin: Admin, app: APIFlask) -> None:
    anonymous = app.test_client()
    texts = {path: admin.opens(path).text for path in pages(admin)}
    texts |= {path: anonymous.get(path).text for path in ("/console/sign-in", "/widget/frame", "/shop")}
    for path, text in texts.items():
        inline = Inline()
        inline.feed(text)
        assert inline.found == [], path


def test_the_policy_allows_our_own_files_alone(admin: Admin) -> None:
    for path in pages(admin):
        told = directives(admin.opens(path))
        assert told["default-src"] == "'self'"
        assert told["object-src"] == told["base-uri"] == "'none'"
        assert "unsafe" not in str(told)


def test_nobody_may_frame_the_console(admin: Admin) -> None:
    assert directives(admin.opens("/console/strategy"))["frame-ancestors"] == "'none'"


def test_the_widgets_frame_may_be_shown_by_the_configured_sites_alone(app: APIFlask) -> None:
    told = directives(app.test_client().get("/widget/frame"))
    assert told["frame-ancestors"].split() == ["'self'", *SITES]


def test_the_frame_talks_to_no_site_that_is_not_configured(app: APIFlask) -> None:
    client = app.test_client()
    assert f'data-site="{SITES[0]}"' in client.get("/widget/frame", query_string={"site": SITES[0]}).text
    for site in ("https://evil.example", '"><script>alert(1)</script>', f"{SITES[0]}.evil.example"):
        text = client.get("/widget/frame", query_string={"site": site}).text
        assert 'data-site=""' in text
        assert "evil" not in text
        assert "alert(1)" not in text


@pytest.mark.parametrize(
    "path", ["/console/sign-in", "/widget/frame", "/shop", "/widget.js", "/api/conversation"]
)
def test_every_answer_forbids_guessing_its_type(app: APIFlask, path: str) -> None:
    response = app.test_client().get(path, buffered=True)
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "Referrer-Policy" in response.headers
    assert "Content-Security-Policy" in response.headers


def test_the_loader_may_be_loaded_by_any_site_and_carries_no_cookie(app: APIFlask) -> None:
    response = app.test_client().get("/widget.js", buffered=True)
    assert response.status_code == 200
    assert response.mimetype == "text/javascript"
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "Set-Cookie" not in response.headers


FORWARDED = {
    "X-Forwarded-For": "198.51.100.9",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "kotae.example",
}


def test_what_a_proxy_says_is_believed_when_there_is_one(kotae: Kotae) -> None:
    web = kotae.settings.web.model_copy(update={"proxies": 1})
    kotae.settings = kotae.settings.model_copy(update={"web": web})
    page = create_app(kotae).test_client().get("/console/strategy", headers=FORWARDED)
    assert "Strict-Transport-Security" in page.headers


def test_what_anybody_says_they_forward_is_not_believed(kotae: Kotae) -> None:
    page = create_app(kotae).test_client().get("/console/strategy", headers=FORWARDED)
    assert "Strict-Transport-Security" not in page.headers


def test_the_customer_api_sets_no_cookie(app: APIFlask) -> None:
    response = app.test_client().post("/api/conversations", json={})
    assert "Set-Cookie" not in response.headers
