"""Who a customer is, as the page around the widget says it: believed when the site has signed it.

The site's server makes a JSON text and its HMAC-SHA256 with `web.identity_secret`; the page hands both to the
widget. docs/embedding.md shows how. Who signs nothing is an unnamed customer like any other.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Mapping

FIELDS = ("id", "name", "email")
LONGEST = 200  # characters of a field that are kept
MOST = 20  # audiences that a customer is in


class NotSignedError(ValueError):
    """What the page says of its customer is not believed; the message tells the site's developer why."""


def signature(identity: str, secret: str) -> str:
    """What a site's server writes beside the identity."""
    return hmac.new(secret.encode(), identity.encode(), hashlib.sha256).hexdigest()


def verified(identity: str, signed: str, secret: str) -> Mapping[str, str]:
    """The customer's id, and name, email and audience where they are told. Raises NotSignedError."""
    if not secret:
        raise NotSignedError("web.identity_secret is not set, so no identity can be checked")
    if not hmac.compare_digest(signature(identity, secret).encode(), signed.strip().lower().encode()):
        raise NotSignedError("the signature does not belong to this identity and web.identity_secret")
    try:
        said = json.loads(identity)
        expires = float(said.get("expires", "inf"))
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise NotSignedError('the identity is no JSON object such as {"id": "42"}') from None
    if time.time() > expires:
        raise NotSignedError("the identity has expired; the site must sign a new one")
    customer = {name: str(said[name])[:LONGEST] for name in FIELDS if said.get(name)}
    if audience := _names(said.get("audience")):
        customer["audience"] = ", ".join(audience)
    if "id" not in customer:
        raise NotSignedError('the identity has no "id"')
    return customer


def _names(said: object) -> list[str]:
    """The audiences, a name or a list of them."""
    names = said if isinstance(said, list) else [said] if isinstance(said, str) else []
    clean = (" ".join(str(name).replace(",", " ").split())[:LONGEST] for name in names[:MOST])
    return [name for name in clean if name]
