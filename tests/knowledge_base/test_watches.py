"""Pages and sitemaps that are looked at again: what changed is read, what did not costs nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from knowledge_base.database import now
from knowledge_base.errors import NotFetched, NotFound
from knowledge_base.fetching.addresses import Gate
from knowledge_base.fetching.fetcher import Fetcher
from knowledge_base.library import Library
from knowledge_base.limits import Limits
from knowledge_base.watches import AGAIN_SECONDS, Looked, Watches
from tests.knowledge_base.conftest import Start, found
from tests.knowledge_base.internet import Page, Site, served

FILTER = "Water filter\n<p>Change the water filter every 60 days.</p>"
KETTLE = "Kettle\n<p>The kettle holds 1.7 litres.</p>"
DAY = 24 * 3600


@pytest.fixture
def site() -> Iterator[Site]:
    with served(Site()) as site:
        yield site


@pytest.fixture
def watches(library: Library) -> Watches:
    fetcher = Fetcher(Gate(private_hosts=("127.0.0.1",)), Limits(page_bytes=200_000, page_seconds=5))
    return Watches(library.engine, library, fetcher, wait=lambda _seconds: None)


Look = Callable[[str], Looked]


@pytest.fixture
def look(watches: Watches, library: Library) -> Look:
    """Look at a watch and ingest what changed, as a worker does."""

    def look(watch_id: str) -> Looked:
        looked = watches.look(watch_id)
        for document_id in looked.changed:
            assert library.ingest(document_id).state == "live"
        return looked

    return look


def test_a_page_answers_and_an_unchanged_one_is_not_even_sent_again(
    watches: Watches, library: Library, site: Site, look: Look
) -> None:
    watch = watches.add(site.shows("/filter", FILTER), every=DAY, by="ann@example.com")
    assert watches.due() == [watch.id]
    looked = look(watch.id)
    assert (looked.watch.kind, looked.watch.state, looked.pages) == ("page", "looked", {"changed": 1})
    assert found(library, "water filter") == ["Change the water filter every 60 days."]
    (document,) = library.documents()
    assert (document.title, document.source) == ("Water filter", watch.url)
    assert watches.due() == []
    before = library.version()
    assert look(watch.id).pages == {"unchanged": 1}
    assert site.sent == ["/robots.txt", "/filter", "/robots.txt"]
    assert library.version() == before


def test_a_page_that_changed_takes_the_place_of_what_it_said(
    watches: Watches, library: Library, site: Site, look: Look
) -> None:
    watch = watches.add(site.shows("/filter", FILTER))
    look(watch.id)
    site.shows("/filter", FILTER.replace("60", "90"))
    assert look(watch.id).pages == {"changed": 1}
    assert found(library, "water filter") == ["Change the water filter every 90 days."]
    (document,) = library.documents()
    assert document.version == 2


def test_a_page_whose_source_changed_and_whose_words_did_not_costs_no_ingestion(
    watches: Watches, library: Library, site: Site, look: Look
) -> None:
    watch = watches.add(site.shows("/filter", FILTER))
    look(watch.id)
    page = site.pages["/filter"]
    site.pages["/filter"] = Page(page.body.replace(b"<head>", b"<head><!-- rendered at 12:03 -->"))
    looked = look(watch.id)
    assert looked.pages == {"unchanged": 1}
    assert site.sent.count("/filter") == 2
    assert library.documents()[0].version == 1
    assert look(watch.id).pages == {"unchanged": 1}
    assert site.sent.count("/filter") == 2  # its new ETag is known


@pytest.mark.parametrize("status", [404, 500])
def test_what_was_read_last_goes_on_answering_when_a_page_cannot_be_had(
    watches: Watches, library: Library, site: Site, look: Look, status: int
) -> None:
    watch = watches.add(site.shows("/filter", FILTER), every=DAY)
    look(watch.id)
    whole = site.pages["/filter"]
    site.pages["/filter"] = Page(b"sorry", status=status)
    looked = look(watch.id)
    assert looked.watch.state == "failed"
    assert str(status) in looked.watch.error
    (page,) = watches.pages(watch.id)
    assert page.state == ("gone" if status == 404 else "failed")
    assert found(library, "water filter") == ["Change the water filter every 60 days."]
    due = watches.get(watch.id).due_at
    assert due is not None
    assert due - now() < timedelta(seconds=AGAIN_SECONDS)  # and not only tomorrow
    site.pages["/filter"] = whole
    assert look(watch.id).watch.state == "looked"
    assert watches.pages(watch.id)[0].state == "read"


def test_a_page_that_becomes_unreadable_keeps_its_last_good_version(
    watches: Watches, library: Library, site: Site, look: Look
) -> None:
    watch = watches.add(site.shows("/filter", FILTER))
    look(watch.id)
    site.pages["/filter"] = Page(b"%PDF-1.7 and nothing more", kind="application/pdf")
    looked = look(watch.id)
    assert looked.pages == {"failed": 1}
    assert "is damaged" in watches.pages(watch.id)[0].error
    assert library.documents()[0].state == "live"
    assert found(library, "water filter") == ["Change the water filter every 60 days."]


def test_a_sitemap_brings_its_pages_once_however_often_it_lists_them(
    watches: Watches, library: Library, site: Site, look: Look
) -> None:
    pages = [site.shows("/filter", FILTER), site.shows("/kettle", KETTLE)]
    inner = site.lists("/pages.xml", *pages, pages[0], "https://elsewhere.example/page", packed=True)
    watch = watches.add(site.lists("/sitemap.xml", inner, inner, kind="sitemapindex"))
    looked = look(watch.id)
    assert (looked.watch.kind, looked.pages) == ("sitemap", {"changed": 2})
    assert {document.source for document in library.documents()} == set(pages)
    assert look(watch.id).pages == {"unchanged": 2}
    assert len(library.documents()) == 2


def test_the_same_page_under_two_addresses_is_one_document(
    watches: Watches, library: Library, site: Site, look: Look
) -> None:
    look(watches.add(site.lists("/s.xml", site.shows("/filter", FILTER), site.shows("/filter/", FILTER))).id)
    assert len(library.documents()) == 1


def test_one_broken_page_does_not_hold_up_the_others(
    watches: Watches, library: Library, site: Site, look: Look
) -> None:
    endless = f"{site.origin}/endless"
    site.pages["/endless"] = Page(stream=lambda: iter(lambda: b"x" * 65536, b""))
    site.pages["/robots.txt"] = Page(b"User-agent: *\nDisallow: /kettle\n", kind="text/plain")
    listed = [endless, site.shows("/kettle", KETTLE), f"{site.origin}/nothing", site.shows("/filter", FILTER)]
    watch = watches.add(site.lists("/sitemap.xml", *listed))
    assert look(watch.id).pages == {"failed": 3, "changed": 1}
    told = {page.url.removeprefix(site.origin): (page.state, page.error) for page in watches.pages(watch.id)}
    assert told["/filter"] == ("read", "")
    assert "larger than" in told["/endless"][1]
    assert "robots.txt" in told["/kettle"][1]
    assert told["/nothing"][0] == "gone"


def test_a_page_that_the_sitemap_no_longer_lists_stays_until_an_admin_decides(
    watches: Watches, library: Library, site: Site, look: Look
) -> None:
    kettle, filter_ = site.shows("/kettle", KETTLE), site.shows("/filter", FILTER)
    watch = watches.add(site.lists("/sitemap.xml", kettle, filter_))
    look(watch.id)
    site.lists("/sitemap.xml", filter_)
    assert look(watch.id).pages == {"unchanged": 1, "unlisted": 1}
    assert found(library, "litres") != []
    site.lists("/sitemap.xml", filter_, kettle)
    look(watch.id)
    assert {page.state for page in watches.pages(watch.id)} == {"read"}


def test_only_pages_below_an_address_are_taken_when_an_admin_says_so(
    watches: Watches, library: Library, site: Site, look: Look
) -> None:
    listed = site.shows("/help/filter", FILTER), site.shows("/blog/kettle", KETTLE)
    look(watches.add(site.lists("/sitemap.xml", *listed), below=f"{site.origin}/help/").id)
    assert [document.title for document in library.documents()] == ["Water filter"]


def test_a_deleted_document_does_not_come_back_with_the_next_look(
    watches: Watches, library: Library, site: Site, look: Look
) -> None:
    listed = [site.shows("/kettle", KETTLE), site.shows("/filter", FILTER)]
    watch = watches.add(site.lists("/sitemap.xml", *listed))
    look(watch.id)
    kettle = next(document for document in library.documents() if document.title == "Kettle")
    library.remove(kettle.id)
    site.shows("/kettle", KETTLE + "<p>New.</p>")
    assert look(watch.id).pages == {"left out": 1, "unchanged": 1}
    assert [document.title for document in library.documents()] == ["Water filter"]
    watches.include(watch.id, listed[0])
    assert look(watch.id).pages == {"changed": 1, "unchanged": 1}
    assert found(library, "litres") != []


def test_a_retired_document_stays_retired_when_its_page_changes(
    watches: Watches, library: Library, site: Site, look: Look
) -> None:
    watch = watches.add(site.shows("/filter", FILTER))
    look(watch.id)
    (document,) = library.documents()
    library.retire(document.id)
    site.shows("/filter", FILTER.replace("60", "90"))
    assert look(watch.id).pages == {"left out": 1}
    assert found(library, "water filter") == []
    library.restore(document.id)
    assert look(watch.id).pages == {"changed": 1}
    assert found(library, "water filter") == ["Change the water filter every 90 days."]


def test_a_document_deleted_while_its_page_is_looked_at_stays_deleted(
    watches: Watches, library: Library, site: Site, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = watches.add(site.shows("/filter", FILTER))
    look(watch.id)
    (document,) = library.documents()
    receive = library.receive_page

    def beaten(*arguments: object, **more: object) -> object:
        received = receive(*arguments, **more)  # type: ignore[arg-type]
        library.remove(document.id)
        return received

    monkeypatch.setattr(library, "receive_page", beaten)
    site.shows("/filter", FILTER.replace("60", "90"))
    watches.look(watch.id)
    monkeypatch.undo()
    assert watches.pages(watch.id)[0].state == "left out"
    look(watch.id)
    assert library.documents() == []


def test_a_look_that_was_cut_off_begins_again_and_takes_nothing_twice(
    watches: Watches, library: Library, start: Start, site: Site, look: Look
) -> None:
    watch = watches.add(site.lists("/s.xml", site.shows("/kettle", KETTLE), site.shows("/filter", FILTER)))

    class Killed(BaseException):
        pass

    def kill(url: str, share: float) -> None:
        if share >= 0.5:
            raise Killed

    with pytest.raises(Killed):
        watches.look(watch.id, kill)
    assert watches.due() == [watch.id]
    assert len(library.pending()) == 1  # what was received is ingested by whoever comes next
    look(watch.id)
    for document_id in library.pending():
        library.ingest(document_id)
    assert site.sent.count("/kettle") == 1
    assert {document.state for document in library.documents()} == {"live"}


def test_a_watch_may_be_ended_and_its_documents_stay(
    watches: Watches, library: Library, site: Site, look: Look
) -> None:
    watch = watches.add(site.shows("/filter", FILTER), every=DAY)
    look(watch.id)
    watches.remove(watch.id)
    assert watches.list() == []
    with pytest.raises(NotFound):
        watches.get(watch.id)
    assert found(library, "water filter") != []


def test_the_same_address_twice_is_one_watch_with_the_new_interval(watches: Watches, site: Site) -> None:
    url = site.shows("/filter", FILTER)
    first = watches.add(url, every=DAY)
    assert watches.add(f" {url}#top ", every=2 * DAY).id == first.id
    (only,) = watches.list()
    assert only.every == 2 * DAY


def test_a_watch_that_would_bother_a_server_is_refused(watches: Watches, site: Site) -> None:
    with pytest.raises(NotFetched, match="every 5 minutes at most"):
        watches.add(f"{site.origin}/", every=10)
