"""How a webhook is signed, so that its receiver knows who sent it and when: https://www.standardwebhooks.com

The receiver computes the same HMAC over id, time and body, and refuses what is older than some minutes; any
library of theirs does so.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64  # bytes, as the specification asks for


def signs(secret: str) -> bool:
    """Whether it can be signed with."""
    try:
        return SHORTEST <= len(key_of(secret)) <= LONGEST
    except ValueError:
        return False


def key_of(secret: str) -> bytes:
    """The bytes in a secret; ValueError if it holds none."""
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as fault:
        raise ValueError("the secret is no base64") from fault


def headers(secret: str, message_id: str, seconds: int, body: bytes) -> dict[str, str]:
    """What goes with the body; `seconds` since 1970 is when it is sent."""
    content = f"{message_id}.{seconds}.".encode() + body
    signature = base64.b64encode(hmac.digest(key_of(secret), content, hashlib.sha256)).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"v1,{signature}",
    }
