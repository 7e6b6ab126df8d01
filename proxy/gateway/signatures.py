"""Signatures over a body and the time it was sent at."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hookpoint.hooks.http.webhook_keys import webhook_keys
from hookpoint.proxy.gateway.authentication import mac_matches
from hookpoint.proxy.gateway.call import Call
from hookpoint.proxy.gateway.errors import Unauthenticated

TOLERANCE: Final = 300.0
"""How far the sender's clock may be from ours, either way, in seconds."""
_MAX_SIGNATURES: Final = 16
_SECONDS: Final = re.compile(r"[0-9]{1,12}")
# Standard Webhooks separates entries by a space, Supabase by a comma and a space.
_BETWEEN_ENTRIES: Final = re.compile(r",? +")


class StandardWebhooks:
    """Standard Webhooks: `webhook-id`, `webhook-timestamp`, and `webhook-signature` with `v1` entries.

    Takes Supabase's spellings as well: entries joined by comma and space, secrets `v1,whsec_…`, several of those joined by `|`.
    Raises ValueError for a secret that is not base64.
    """

    __slots__ = ("_keys", "_tolerance")

    def __init__(self, secrets: Sequence[str], *, tolerance: float = TOLERANCE) -> None:
        self._keys = [key for secret in secrets for key in webhook_keys(secret)]
        self._tolerance = tolerance

    def check(self, call: Call) -> None:
        """Raises Unauthenticated."""
        message_id, sent_at = call.header("webhook-id"), call.header("webhook-timestamp")
        signatures = call.header("webhook-signature")
        if not message_id or not sent_at or not signatures:
            raise Unauthenticated("a header of Standard Webhooks is missing")
        require_recent(sent_at, call, self._tolerance)
        signed = f"{message_id}.{sent_at}.".encode("latin-1") + call.body
        found = False
        for entry in _entries(signatures, _BETWEEN_ENTRIES):
            version, _, value = entry.partition(",")
            found |= version == "v1" and mac_matches(_unbase64(value), signed, self._keys)
        if not found:
            raise Unauthenticated("wrong signature")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TimedHex:
    """`t=<seconds>,v1=<hexadecimal>`, with any number of `v1`: HMAC-SHA256 over the seconds, a full stop and the body."""

    secrets: Sequence[str]
    headers: Sequence[str]
    tolerance: float = TOLERANCE

    def check(self, call: Call) -> None:
        """Raises Unauthenticated."""
        given = next((value for name in self.headers if (value := call.header(name))), None)
        if given is None:
            raise Unauthenticated(f"no {self.headers[0]}")
        pairs = [entry.strip().partition("=") for entry in _entries(given, re.compile(","))]
        times = [value for name, _, value in pairs if name == "t"]
        if len(times) != 1:
            raise Unauthenticated("the signature does not say when it was made")
        require_recent(times[0], call, self.tolerance)
        signed = times[0].encode("latin-1") + b"." + call.body
        keys = [secret.encode() for secret in self.secrets]
        found = False
        for name, _, value in pairs:
            found |= name == "v1" and mac_matches(_unhex(value), signed, keys)
        if not found:
            raise Unauthenticated("wrong signature")


def require_recent(sent_at: str, call: Call, tolerance: float) -> None:
    """Return when a time in Unix seconds is near that of the call; raises Unauthenticated."""
    if not _SECONDS.fullmatch(sent_at) or abs(call.at - int(sent_at)) > tolerance:
        raise Unauthenticated("the signature is too old, or a clock is wrong")


def _entries(text: str, separator: re.Pattern[str]) -> list[str]:
    return separator.split(text, _MAX_SIGNATURES)[:_MAX_SIGNATURES]


def _unbase64(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _unhex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
