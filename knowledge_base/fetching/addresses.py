"""Which addresses may be asked, and where they really are.

A name is looked up once, and the connection goes to what was found and judged: a name server that gives
another answer a moment later (DNS rebinding) is not asked again.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Collection
from dataclasses import dataclass

import httpx

from knowledge_base.errors import NotFetched, Unavailable

PORTS = {"http": 80, "https": 443}
LONGEST = 2000  # letters of an address
TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # IPv4 seen through NAT64

Resolve = Callable[[str, int], Collection[str]]


def normalised(url: str) -> str:
    """One spelling of an address. Raises NotFetched for what is no address of a page.

    >>> normalised(" HTTPS://Shop.Example:443/faq#returns ")
    'https://shop.example/faq'
    """
    text = url.strip()
    try:
        parsed = httpx.URL(text)
    except (httpx.InvalidURL, ValueError) as error:
        raise NotFetched(f"{text[:LONGEST]!r} is no address of a page: {error}") from error
    if parsed.scheme not in PORTS or not parsed.host:
        raise NotFetched(
            f"{text[:LONGEST]!r} is no address of a page; one such as https://shop.example/faq is"
        )
    if parsed.userinfo:
        raise NotFetched("an address with a user name or a password in it is not fetched; take them out")
    if len(text) > LONGEST:
        raise NotFetched(f"the address is longer than the {LONGEST} letters that are accepted")
    return str(parsed.copy_with(fragment=None, path=parsed.path or "/"))


def port_of(url: httpx.URL) -> int:
    return url.port or PORTS[url.scheme]


def origin(url: str) -> str:
    """The server of an address.

    >>> origin("https://shop.example/faq?page=2")
    'https://shop.example'
    """
    parsed = httpx.URL(url)
    return f"{parsed.scheme}://{parsed.netloc.decode('ascii')}"


def resolved(host: str, port: int) -> list[str]:
    """All addresses that the system knows for a name."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def is_public(address: str) -> bool:
    """Whether anybody on the Internet could ask it, also when it is an IPv4 address in disguise.

    >>> [is_public(one) for one in ("192.0.43.8", "10.1.2.3", "::1", "169.254.169.254", "::ffff:127.0.0.1")]
    [True, False, False, False, False]
    """
    try:
        ip = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in TRANSLATED:
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        if inner:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


@dataclass(frozen=True)
class Gate:
    """Lets through what is public, and those private hosts that the installation names.

    `private_hosts` are names as they stand in an address, with or without a port.
    """

    private_hosts: Collection[str] = ()
    resolve: Resolve = resolved

    def address(self, url: httpx.URL) -> str:
        """The IP address to connect to. Raises NotFetched, or Unavailable when the name is not known."""
        host, port = url.host, port_of(url)
        try:
            found = self.resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise Unavailable(f"the name {host!r} is not known to any name server; is it right?") from error
        if not found:
            raise Unavailable(f"the name {host!r} has no address")
        if not self._named(host, port) and not all(is_public(each) for each in found):
            raise NotFetched(
                f"{host!r} leads into a private network, which is not fetched from; "
                f"if it is meant, add {host!r} to fetching.private_hosts in kotae.toml"
            )
        return next(iter(found))

    def _named(self, host: str, port: int) -> bool:
        return host in self.private_hosts or f"{host}:{port}" in self.private_hosts
