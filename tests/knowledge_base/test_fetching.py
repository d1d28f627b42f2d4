"""Fetching pages of other servers: nothing private, nothing endless, nothing that was asked not to be."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from knowledge_base.errors import NotFetched, TooLarge, Unavailable, Unreadable
from knowledge_base.fetching.addresses import Gate, is_public, normalised
from knowledge_base.fetching.fetcher import Fetcher, Gone
from knowledge_base.fetching.robots import LONGEST_PAUSE, Robots
from knowledge_base.fetching.sitemap import listing
from knowledge_base.limits import Limits
from tests.knowledge_base.internet import Page, Site, served, trickle

PRIVATE = (
    *("10.0.0.1", "127.0.0.1", "169.254.169.254", "192.168.1.1", "100.64.0.1", "0.0.0.0", "224.0.0.1"),
    *("::1", "fe80::1%eth0", "fc00::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::", "nonsense"),
)
HERE = Gate(private_hosts=("127.0.0.1",))


@pytest.fixture
def site() -> Iterator[Site]:
    with served(Site()) as site:
        yield site


@pytest.fixture
def fetcher() -> Fetcher:
    return Fetcher(HERE, Limits(page_bytes=1_000_000, page_seconds=5))


# Which addresses are asked


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_private_in_every_disguise(address: str) -> None:
    assert not is_public(address)


def test_a_public_address_is_public_in_both_families() -> None:
    assert is_public("93.184.216.34")
    assert is_public("2606:2800:220:1:248:1893:25c8:1946")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "http://2130706433/", "http://0x7f.1/", "http://[::1]/", "http://localhost/"]
)
def test_our_own_network_is_not_fetched_from_however_it_is_spelled(url: str) -> None:
    with pytest.raises(NotFetched, match="leads into a private network"):
        Fetcher().fetch(url)


def test_a_name_with_one_private_address_among_public_ones_is_not_asked() -> None:
    gate = Gate(resolve=lambda _host, _port: ["93.184.216.34", "10.0.0.1"])
    with pytest.raises(NotFetched, match="private network"):
        gate.address(httpx.URL("https://mixed.example/"))


def test_a_private_host_that_the_installation_names_is_asked_and_only_at_its_port(site: Site) -> None:
    url = site.shows("/faq", "Questions\n<p>Nine.</p>")
    host = httpx.URL(url).netloc.decode()
    assert b"Nine." in Fetcher(Gate(private_hosts=(host,))).fetch(url).body
    with pytest.raises(NotFetched, match=r"add '127\.0\.0\.1' to fetching\.private_hosts"):
        Fetcher(Gate(private_hosts=("127.0.0.1:1",))).fetch(url)


def test_a_name_is_looked_up_once_so_that_it_cannot_mean_another_server_a_moment_later(site: Site) -> None:
    port = httpx.URL(site.shows("/faq", "Questions\n<p>Nine.</p>")).port
    answers = iter([["127.0.0.1"], ["10.0.0.1"], ["10.0.0.1"]])
    asked: list[str] = []

    def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    gate = Gate(private_hosts=("shop.example",), resolve=resolve)
    assert b"Nine." in Fetcher(gate).fetch(f"http://shop.example:{port}/faq").body
    assert asked == ["shop.example"]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("file:///etc/passwd", "is no address of a page"),
        ("gopher://shop.example/", "is no address of a page"),
        ("shop.example/faq", "is no address of a page"),
        ("http://", "is no address of a page"),
        ("https://admin:secret@shop.example/", "user name or a password"),
        ("https://shop.example/" + "x" * 3000, "longer than"),
    ],
)
def test_what_is_no_address_of_a_page_is_refused(url: str, why: str) -> None:
    with pytest.raises(NotFetched, match=why):
        normalised(url)


def test_a_name_that_nobody_knows_is_told(site: Site) -> None:
    def unknown(_host: str, _port: int) -> list[str]:
        raise socket.gaierror("Name or service not known")

    with pytest.raises(Unavailable, match=r"'nobody\.example' is not known"):
        Fetcher(Gate(resolve=unknown)).fetch("https://nobody.example/")


# Redirects


def test_a_redirect_is_followed_and_told(site: Site, fetcher: Fetcher) -> None:
    there = site.shows("/new", "Moved\n<p>Here now.</p>")
    found = fetcher.fetch(site.leads("/old", "/new", 301))
    assert found.url == there
    assert b"Here now." in found.body


def test_a_redirect_into_a_private_network_is_not_followed(site: Site) -> None:
    with served(Site()) as inside:
        secret = inside.shows("/latest/meta-data", "Secret\n<p>key</p>")
        port = httpx.URL(site.leads("/", secret)).port
        fetcher = Fetcher(Gate(private_hosts=(f"127.0.0.1:{port}",)))
        with pytest.raises(NotFetched, match="leads into a private network"):
            fetcher.fetch(f"{site.origin}/")
        assert inside.asked == []


def test_a_redirect_to_another_scheme_is_not_followed(site: Site, fetcher: Fetcher) -> None:
    with pytest.raises(NotFetched, match="is no address of a page"):
        fetcher.fetch(site.leads("/", "file:///etc/passwd"))


def test_redirects_without_end_have_one(site: Site, fetcher: Fetcher) -> None:
    with pytest.raises(NotFetched, match="more than 5 times"):
        fetcher.fetch(site.leads("/", "/"))
    assert len(site.asked) == 6


# Size and time


def test_a_page_without_end_is_given_up_at_the_size_limit(site: Site, fetcher: Fetcher) -> None:
    site.pages["/"] = Page(stream=lambda: iter(lambda: b"x" * 65536, b""))
    with pytest.raises(TooLarge, match="larger than the 1000000 bytes"):
        fetcher.fetch(f"{site.origin}/")


def test_a_page_that_trickles_is_given_up_at_the_time_limit(site: Site) -> None:
    site.pages["/"] = Page(stream=trickle)
    fetcher = Fetcher(HERE, Limits(page_seconds=0.4))
    with pytest.raises(Unavailable, match="takes too long"):
        fetcher.fetch(f"{site.origin}/")


def test_a_server_that_trickles_its_headers_is_given_up_at_the_time_limit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        over = threading.Event()

        def drip() -> None:
            line, _ = door.accept()
            with line:
                line.sendall(b"HTTP/1.1 200 OK\r\nX-Header: ")
                while not over.wait(0.05):
                    try:
                        line.sendall(b"x")
                    except OSError:
                        return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        try:
            with pytest.raises(Unavailable, match="takes too long"):
                Fetcher(HERE, Limits(page_seconds=0.4)).fetch(f"http://127.0.0.1:{door.getsockname()[1]}/")
        finally:
            over.set()
            thread.join()


def test_a_small_answer_that_unpacks_to_gigabytes_is_not_unpacked(site: Site, fetcher: Fetcher) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    assert len(bomb) < 100_000
    site.pages["/"] = Page(bomb, headers={"Content-Encoding": "gzip"})
    with pytest.raises(TooLarge):
        fetcher.fetch(f"{site.origin}/")
    site.pages["/twice"] = Page(gzip.compress(bomb), headers={"Content-Encoding": "gzip, gzip"})
    with pytest.raises(NotFetched, match="packed as 'gzip, gzip'"):
        fetcher.fetch(f"{site.origin}/twice")


def test_a_packed_page_is_unpacked(site: Site, fetcher: Fetcher) -> None:
    site.pages["/"] = Page(gzip.compress(b"<p>Nine litres.</p>"), headers={"Content-Encoding": "gzip"})
    assert fetcher.fetch(f"{site.origin}/").body == b"<p>Nine litres.</p>"


def test_a_picture_or_what_says_that_it_is_too_large_is_not_begun(site: Site, fetcher: Fetcher) -> None:
    site.pages["/film"] = Page(b"x", kind="video/mp4", stream=trickle)
    with pytest.raises(NotFetched, match=r"no document \(video/mp4\)"):
        fetcher.fetch(f"{site.origin}/film")
    site.pages["/large"] = Page(stream=trickle, headers={"Content-Length": "2000000"})
    with pytest.raises(TooLarge):
        fetcher.fetch(f"{site.origin}/large")


@pytest.mark.parametrize(
    ("status", "error"), [(404, Gone), (410, Gone), (403, NotFetched), (429, Unavailable), (503, Unavailable)]
)
def test_what_a_server_answers_instead_of_a_page_is_told(
    site: Site, fetcher: Fetcher, status: int, error: type[Exception]
) -> None:
    site.pages["/"] = Page(b"no", status=status)
    with pytest.raises(error, match=str(status)):
        fetcher.fetch(f"{site.origin}/")


def test_a_server_that_is_down_is_told(fetcher: Fetcher) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    with pytest.raises(Unavailable, match="does not answer"):
        fetcher.fetch(f"http://127.0.0.1:{port}/")


def test_a_page_that_has_not_changed_is_not_sent_again(site: Site, fetcher: Fetcher) -> None:
    first = fetcher.fetch(site.shows("/faq", "Questions\n<p>Nine.</p>"))
    again = fetcher.fetch(first.url, etag=first.etag)
    assert again.unchanged
    assert site.sent == ["/faq"]


# robots.txt


def test_robots_txt_is_kept_to_also_behind_a_redirect(site: Site, fetcher: Fetcher) -> None:
    rules = b"User-agent: Kotae\nDisallow: /private/\nCrawl-delay: 3\n\nUser-agent: *\nDisallow: /\n"
    site.pages["/robots.txt"] = Page(rules, kind="text/plain")
    site.shows("/private/price", "Prices\n<p>Nine.</p>")
    public = site.shows("/faq", "Questions\n<p>Nine.</p>")
    robots = Robots(fetcher)
    assert fetcher.fetch(public, judge=robots.judge).body
    assert robots.pause(public, 0.5) == 3
    for url in (f"{site.origin}/private/price", site.leads("/hidden", "/private/price")):
        with pytest.raises(NotFetched, match=r"robots\.txt of http"):
            fetcher.fetch(url, judge=robots.judge)
    assert "/private/price" not in site.asked
    assert site.asked.count("/robots.txt") == 1


def test_without_a_robots_txt_everything_may_be_fetched(site: Site, fetcher: Fetcher) -> None:
    robots = Robots(fetcher)
    robots.judge(f"{site.origin}/anything")
    assert robots.pause(f"{site.origin}/", 0.5) == 0.5


def test_while_robots_txt_cannot_be_had_nothing_is_fetched(site: Site, fetcher: Fetcher) -> None:
    site.pages["/robots.txt"] = Page(b"", status=503)
    with pytest.raises(Unavailable):
        Robots(fetcher).judge(f"{site.origin}/faq")


def test_no_server_makes_us_wait_for_ever(site: Site, fetcher: Fetcher) -> None:
    site.pages["/robots.txt"] = Page(b"User-agent: *\nCrawl-delay: 86400\n", kind="text/plain")
    assert Robots(fetcher).pause(f"{site.origin}/", 0.5) == LONGEST_PAUSE


# Sitemaps


def test_a_sitemap_lists_pages_and_an_index_sitemaps_packed_or_not(site: Site) -> None:
    site.lists("/sitemap.xml", "https://a.example/1", "https://a.example/2", "https://a.example/1")
    site.lists("/index.xml", "https://a.example/s.xml", kind="sitemapindex", packed=True)
    pages = listing(site.pages["/sitemap.xml"].body, "x")
    index = listing(site.pages["/index.xml"].body, "x")
    assert pages is not None
    assert pages.pages == ("https://a.example/1", "https://a.example/2")
    assert index is not None
    assert index.sitemaps == ("https://a.example/s.xml",)


def test_a_page_is_no_sitemap(site: Site) -> None:
    site.shows("/", "Questions\n<p>&lt;urlset&gt;</p>")
    assert listing(site.pages["/"].body, "x") is None


def test_a_sitemap_that_attacks_its_reader_is_refused() -> None:
    laughs = b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha">]><urlset><url><loc>&a;</loc></url></urlset>'
    with pytest.raises(Unreadable, match="defines XML entities"):
        listing(laughs, "https://a.example/s.xml")
    with pytest.raises(TooLarge, match="unpacks to more"):
        listing(gzip.compress(b"<urlset>" + b" " * 60_000_000), "https://a.example/s.xml")
    with pytest.raises(Unreadable, match="is damaged"):
        listing(b"<urlset><url><loc>https://a.example/1</loc>", "https://a.example/s.xml")


def test_limits_of_a_page_are_the_installations(site: Site, fetcher: Fetcher) -> None:
    url = site.shows("/faq", "Questions\n" + "<p>Nine.</p>" * 100)
    with pytest.raises(TooLarge):
        replace(fetcher, limits=Limits(page_bytes=100)).fetch(url)
