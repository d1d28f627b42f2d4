"""Whatever anybody types is text on every page of the console, wherever it is shown."""

from __future__ import annotations

import json
import re
from collections import Counter
from html import unescape
from io import BytesIO

from bot.kotae import Kotae
from tests.people import Admin, Customer

MARKUP = "\"><img src=x onerror=alert(1)></script><script>alert(2)</script>'"
RAW = re.compile(r"<img src=x|<script>alert")
LINKS = re.compile(r'href="(/console/[^"#]*)"')
OF_A_KIND = 3  # pages that are looked at where there are many


def types_everywhere(admin: Admin, customer: Customer, kotae: Kotae) -> None:
    admin.uploads(("<img src=x onerror=alert(1)>.md", f"# {MARKUP}\n\n## {MARKUP}\n\nIt {MARKUP}\n".encode()))
    [document] = kotae.library.documents()
    admin.sends(f"/console/documents/{document.id}/tags", tags=MARKUP)
    said = customer.asks(f"{MARKUP} how long does it last?")
    customer.rates(said.id, "down", comment=MARKUP)
    admin.sends(f"/console/answers/{said.id}/correct", answer=MARKUP, question=MARKUP)
    admin.is_there(MARKUP[:40])
    customer.asks_for_a_person()
    admin.takes(customer.conversation)
    admin.replies(customer.conversation, MARKUP)
    admin.does("note", customer.conversation, text=MARKUP)
    admin.sends("/console/conversations/views", name=MARKUP[:40], q=MARKUP)
    kotae.keys.make(MARKUP[:60], ["ask"], by=MARKUP)
    admin.sends("/console/pairs/new", question=MARKUP, answer=MARKUP, language="en")
    question = {"id": MARKUP, "question": MARKUP, "facts": [[MARKUP]], "tags": [MARKUP]}
    file = (BytesIO(json.dumps(question).encode()), "evil.jsonl")
    admin.sends("/console/compare/sets", file=file, name=MARKUP[:60])
    kotae.switch.use("parrot", MARKUP)


def test_what_anybody_types_is_text_on_every_page(admin: Admin, customer: Customer, kotae: Kotae) -> None:
    types_everywhere(admin, customer, kotae)
    gets = [str(rule) for rule in admin.client.application.url_map.iter_rules() if "GET" in rule.methods]
    whole = (rule for rule in gets if rule.startswith("/console/") and "<" not in rule)
    pages = [rule for rule in whole if rule != "/console/inbox/events"]  # which has no end
    pages += [f"/console/{page}?q={MARKUP}" for page in ("search", "conversations", "documents", "audit")]
    seen: set[str] = set()
    kinds: Counter[str] = Counter()
    shown = 0
    while pages:
        path = pages.pop()
        kind = re.sub(r"[0-9a-f]{8,}|\?.*", "…", path)
        if path in seen or kinds[kind] == OF_A_KIND or "language=" in path:
            continue
        seen.add(path)
        kinds[kind] += 1
        with admin.opens(path) as response:
            assert response.status_code < 500, path
            if response.mimetype == "text/html":
                assert not RAW.search(response.text), path
                shown += "onerror=alert(1)" in unescape(response.text)
                pages += [link for link in map(unescape, LINKS.findall(response.text)) if link not in seen]
    assert shown > 20
