"""Watched addresses in the console."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import timedelta

import pytest

from bot.jobs import Jobs
from bot.kotae import Kotae
from bot.settings import Fetching, Settings
from knowledge_base.database import now
from tests.knowledge_base.internet import Page, Site, served
from tests.people import Admin, Customer, Operator

FILTER = "Water filter\n<p>Change the water filter of the kettle every 60 days.</p>"
DAY = 24 * 3600


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"fetching": Fetching(private_hosts=("127.0.0.1",))})


@pytest.fixture
def site() -> Iterator[Site]:
    with served(Site()) as site:
        yield site


def test_an_operator_may_not_have_addresses_fetched(operator: Operator, kotae: Kotae) -> None:
    assert operator.opens("/console/documents/watched").status_code == 403
    sent = operator.sends("/console/documents/watched", url="https://shop.example/", every="0")
    assert sent.status_code == 403
    assert kotae.watches.list() == []


def test_without_a_watched_address_the_page_says_what_to_do_first(admin: Admin) -> None:
    assert "Name the sitemap of your help pages" in admin.opens("/console/documents/watched").text


def test_a_page_is_fetched_answers_a_customer_and_shows_where_it_is_from(
    admin: Admin, kotae: Kotae, customer: Customer, site: Site
) -> None:
    url = site.shows("/filter", FILTER)
    admin.sends("/console/documents/watched", url=url, every=str(DAY))
    kotae.jobs.drain()
    page = admin.opens("/console/documents/watched").text
    assert url in page
    assert "Up to date" in page
    answer = customer.asks("How often do I change the water filter?")
    assert "60 days" in answer.text
    assert answer.citations[0]["source"] == url
    (entry,) = [entry for entry in kotae.audit.page() if entry.what == "watch"]
    assert (entry.who, entry.detail["url"]) == (admin.email, url)


def test_an_address_in_our_own_network_is_refused_with_a_sentence(admin: Admin, kotae: Kotae) -> None:
    admin.sends("/console/documents/watched", url="http://10.1.2.3/", every="0")
    kotae.jobs.drain()
    assert "leads into a private network" in admin.opens("/console/documents/watched").text
    answer = admin.sends("/console/documents/watched", url="javascript:alert(1)", every="0")
    assert "is no address of a page" in admin.opens(answer.location).text


def test_what_goes_wrong_with_a_page_of_a_sitemap_stands_beside_it(
    admin: Admin, kotae: Kotae, site: Site
) -> None:
    site.pages["/robots.txt"] = Page(b"User-agent: *\nDisallow: /secret\n", kind="text/plain")
    listed = site.shows("/filter", FILTER), site.shows("/secret", FILTER), f"{site.origin}/gone"
    admin.sends("/console/documents/watched", url=site.lists("/sitemap.xml", *listed), every="0")
    kotae.jobs.drain()
    (watch,) = kotae.watches.list()
    page = admin.opens(f"/console/documents/watched/{watch.id}").text.replace("&#39;", "'")
    assert "asks that" in page
    assert "there is no page at" in page
    assert "Water filter" in page


def test_a_deleted_page_is_left_out_until_the_admin_wants_it_again(
    admin: Admin, kotae: Kotae, site: Site
) -> None:
    url = site.lists("/sitemap.xml", site.shows("/filter", FILTER))
    admin.sends("/console/documents/watched", url=url, every="0")
    kotae.jobs.drain()
    (watch,), (document,) = kotae.watches.list(), kotae.library.documents()
    admin.sends(f"/console/documents/{document.id}/remove")
    admin.sends(f"/console/documents/watched/{watch.id}/look")
    kotae.jobs.drain()
    assert kotae.library.documents() == []
    assert "Fetch it again" in admin.opens(f"/console/documents/watched/{watch.id}").text
    admin.sends(f"/console/documents/watched/{watch.id}/include", url=f"{site.origin}/filter")
    kotae.jobs.drain()
    assert [document.state for document in kotae.library.documents()] == ["live"]


def test_what_is_due_is_looked_at_when_a_minute_has_passed_and_nothing_else(
    admin: Admin, kotae: Kotae, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin.sends("/console/documents/watched", url=site.shows("/filter", FILTER), every=str(DAY))
    kotae.jobs.drain()
    asked = len(site.asked)
    kotae.jobs.tick()
    kotae.jobs.drain()
    assert len(site.asked) == asked
    site.shows("/filter", FILTER.replace("60", "90"))
    tomorrow = now() + timedelta(seconds=DAY + 60)
    with monkeypatch.context() as clock:
        clock.setattr("knowledge_base.watches.now", lambda: tomorrow)
        kotae.jobs.tick()
        kotae.jobs.drain()
    assert "every 90 days" in kotae.library.search("water filter")[0].text


def test_huey_calls_the_tick_every_minute(kotae: Kotae) -> None:
    def names(jobs: Jobs) -> list[str]:
        return [task.name for task in jobs._queue.read_periodic(now().replace(tzinfo=None))]

    assert names(kotae.jobs) == ["tick"]


def test_an_ended_watch_leaves_its_documents(admin: Admin, kotae: Kotae, site: Site) -> None:
    admin.sends("/console/documents/watched", url=site.shows("/filter", FILTER), every=str(DAY))
    kotae.jobs.drain()
    (watch,) = kotae.watches.list()
    admin.sends(f"/console/documents/watched/{watch.id}/end")
    assert admin.opens(f"/console/documents/watched/{watch.id}").status_code == 404
    assert len(kotae.library.documents()) == 1


def test_a_zip_is_received_file_by_file_and_says_what_was_not(admin: Admin, kotae: Kotae) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        packed.writestr("manuals/filter.md", "# Filter\n\nChange it every 60 days.\n")
        packed.writestr("manuals/lamp.md", "# Lamp\n\nIt takes 40 watts.\n")
        packed.writestr("manuals/empty.md", "")
    answer = admin.uploads(("manuals.zip", stream.getvalue()))
    told = admin.opens(answer.location).text
    assert "manuals.zip: 2 documents were received." in told
    assert "is empty" in told
    assert {document.source for document in kotae.library.documents()} == {"filter.md", "lamp.md"}


def test_a_zip_that_unpacks_to_gigabytes_is_refused(admin: Admin, kotae: Kotae) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.md", "# A\n")
        packed.writestr("zeros.md", b"\0" * 80_000_000)
        packed.writestr("later.md", "# Later\n")
    answer = admin.uploads(("bomb.zip", stream.getvalue()))
    assert "unpacks to more than is accepted" in admin.opens(answer.location).text
    assert "later.md" not in {document.source for document in kotae.library.documents()}
