"""Personal data taken out of a text before anybody trains on it.

E-mail addresses, phone numbers, payment cards, IBANs and public IP addresses: what has a form that can be
verified, by `phonenumbers` (is there such a number?) and `python-stdnum` (are its check digits right?), so
that product codes, prices, times and order numbers stay. Names and postal addresses have no such form and
are not found.

What the desk tells everybody is not personal: addresses of a role (support@…), freephone numbers, addresses
of private networks and of the well-known name servers.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from knowledge_base.readers.text import words

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

Kind = Literal["email", "card", "iban", "ip", "phone"]
Span = tuple[int, int]

REGIONS = ("US", "GB", "JP")  # whose numbers are known without their country's code

ROLES = words(
    """abuse accounts b2b billing business care contact customercare customerservice desk enquiries events
    export feedback hello help helpdesk hr info inquiries inquiry jobs legal mail marketing media news
    newsletter noreply no-reply office order orders parts postmaster press privacy recycling repair repairs
    returns sales security service shipping shop spares support team trade warranty webmaster wholesale"""
)
NAME_SERVERS = words("8.8.8.8 8.8.4.4 1.1.1.1 1.0.0.1 9.9.9.9")

EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])([A-Za-z0-9._%+'-]{1,64})@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24}(?![A-Za-z0-9])"
)
FILE = re.compile(r"\.(?:png|jpe?g|gif|webp|svg|pdf|bmp)$", re.IGNORECASE)  # logo@2x.png
CARD = re.compile(r"(?<![\w.+-])\d(?:[ -]?\d){13,18}(?![\w-]|\.\d)", re.ASCII)
ISSUED = re.compile(
    r"4\d{15}|4\d{18}|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|3[068]\d{12}|35\d{14}|6[0245]\d{14}"
)
IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?![A-Za-z0-9])")
IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)", re.ASCII)
IPV6 = re.compile(r"(?<![\w:.])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])", re.IGNORECASE | re.ASCII)
VERSION = re.compile(
    r"(?:\bv|version|ver\.?|firmware|release|build|バージョン|ファームウェア)[\s:：]*$", re.IGNORECASE
)
CALL = re.compile(
    r"(?:call|phone|tel|mobile|cell|text|ring|fax|whatsapp|電話|携帯|TEL)\W*(?:\w+\W+){0,3}$", re.IGNORECASE
)
FEWEST_DIGITS = 7  # of a phone number; shorter texts are not searched


@dataclass(frozen=True)
class Found:
    """What was taken out, shown so that its owner would know it and nobody else could use it."""

    kind: Kind
    masked: str


@dataclass(frozen=True)
class Redacted:
    text: str
    found: tuple[Found, ...] = ()


def redact(text: str, *, keep: Collection[str] = (), regions: Collection[str] = REGIONS) -> Redacted:
    """The text with [email], [phone] … in place of personal data. What is in `keep` stays as it is."""
    plain = text.translate(_NARROW)  # same length: offsets hold for both
    kept = {_core(one) for one in keep}
    found: list[tuple[Span, Kind]] = []
    for kind, (start, end) in _candidates(plain, regions):
        free = all(end <= other or start >= stop for (other, stop), _ in found)
        if free and _core(plain[start:end]) not in kept:
            found.append(((start, end), kind))
    found.sort()
    pieces, at = [], 0
    for (start, end), kind in found:
        pieces += [text[at:start], f"[{kind}]"]
        at = end
    taken = tuple(Found(kind, masked(plain[start:end])) for (start, end), kind in found)
    return Redacted("".join([*pieces, text[at:]]), taken)


def masked(said: str) -> str:
    """The first two characters and the last two, or where the mail goes."""
    name, at, place = said.partition("@")
    return f"{name[:2]}…@{place}" if at else f"{said[:2]}…{said[-2:]}"


def _candidates(text: str, regions: Collection[str]) -> Iterator[tuple[Kind, Span]]:
    """The surest kinds first: what is a card is no phone number."""
    yield from (("email", span) for span in _emails(text))
    yield from (("iban", span) for span in _ibans(text))
    yield from (("card", span) for span in _cards(text))
    yield from (("ip", span) for span in _addresses(text))
    yield from (("phone", span) for span in _phones(text, regions))


def _emails(text: str) -> Iterator[Span]:
    for match in EMAIL.finditer(text):
        if match[1].casefold().split("+")[0] not in ROLES and not FILE.search(match[0]):
            yield match.span()


def _cards(text: str) -> Iterator[Span]:
    from stdnum import luhn

    for match in CARD.finditer(text):
        digits = re.sub("[ -]", "", match[0])
        if ISSUED.fullmatch(digits) and luhn.is_valid(digits):
            yield match.span()


def _ibans(text: str) -> Iterator[Span]:
    from stdnum import iban

    for match in IBAN.finditer(text):
        said = match[0]
        while said and not iban.is_valid(said):  # a word in capitals may follow
            said = said.rpartition(" ")[0]
        if said:
            yield match.start(), match.start() + len(said)


def _addresses(text: str) -> Iterator[Span]:
    for match in (*IPV4.finditer(text), *IPV6.finditer(text)):
        if match[0] not in NAME_SERVERS and _public(match[0]) and not VERSION.search(text[: match.start()]):
            yield match.span()


def _public(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_global
    except ValueError:
        return False


def _phones(text: str, regions: Collection[str]) -> Iterator[Span]:
    if sum(letter.isdigit() for letter in text) < FEWEST_DIGITS:
        return
    import phonenumbers

    for region in regions:
        strict = phonenumbers.PhoneNumberMatcher(text, region, leniency=phonenumbers.Leniency.STRICT_GROUPING)
        for match in strict:
            if _of_a_person(match.number) and _said_as_a_number(text, match.start, match.raw_string):
                yield match.start, match.end


def _of_a_person(number: PhoneNumber) -> bool:
    """Freephone numbers and the like are those of companies."""
    from phonenumbers import PhoneNumberType, number_type

    companies = {
        PhoneNumberType.TOLL_FREE,
        PhoneNumberType.PREMIUM_RATE,
        PhoneNumberType.SHARED_COST,
        PhoneNumberType.UAN,
    }
    return number_type(number) not in companies


def _said_as_a_number(text: str, start: int, said: str) -> bool:
    """Ten digits in a row are an order number, unless they begin with 0 or + or somebody says to call."""
    return not said.isdigit() or said.startswith("0") or bool(CALL.search(text[max(0, start - 40) : start]))


def _core(said: str) -> str:
    """Spaces, hyphens and brackets make no difference to what shall be kept."""
    return re.sub(r"[\s()-]", "", said.translate(_NARROW)).casefold()


_NARROW = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | dict.fromkeys(map(ord, "‐‑‒–—―−ー"), "-")
