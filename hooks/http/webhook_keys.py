"""Secrets of Standard Webhooks, as they are written; apart from signatures so that the configuration can check them."""

from __future__ import annotations

import binascii
from base64 import b64decode


def webhook_keys(secret: str) -> list[bytes]:
    """The keys of a secret of Standard Webhooks, prefixes or not; raises ValueError when one is not base64."""
    texts = [text.strip().removeprefix("v1,").removeprefix("whsec_") for text in secret.split("|")]
    try:
        keys = [b64decode(text, validate=True) for text in texts]
    except binascii.Error:
        raise ValueError("a secret of Standard Webhooks is base64, whsec_ before it or not") from None
    if not all(keys):
        raise ValueError("a secret of Standard Webhooks is empty")
    return keys
