"""The compact serialization of JOSE (RFC 7515 section 7.1, RFC 7516 section 7.1)."""

from __future__ import annotations

import binascii
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Final, Literal

from hookpoint.proxy.tokens.errors import TokenRejected

TokenKind = Literal["jws", "jwe", "opaque"]

_LONGEST_HEADER: Final = 65536
_foreign = re.compile(r"[^A-Za-z0-9+/]+").sub


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactToken:
    """The three decoded parts of a JWS and the bytes its signature covers."""

    header: bytes
    payload: bytes
    signature: bytes
    signing_input: bytes


def classify(token: str) -> TokenKind:
    """Tell what a token is without verifying anything.

    Reads more generously than any verifier does: what somebody's lenient parser might take for a JWS must count as one
    here, so that it is verified (and refused) instead of passed on as opaque.
    """
    parts = token.strip().split(".", 5)
    if len(parts) == 3 and _header_has(parts[0], "alg"):
        return "jws"
    if len(parts) == 5 and _header_has(parts[0], "enc"):
        return "jwe"
    return "opaque"


def _header_has(segment: str, member: str) -> bool:
    if len(segment) > _LONGEST_HEADER:
        return True
    data = _foreign("", segment.replace("-", "+").replace("_", "/"))
    data = data[:-1] if len(data) % 4 == 1 else data
    text = binascii.a2b_base64(data + "=" * (-len(data) % 4))
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        return f'"{member}"'.encode() in text
    return isinstance(header, dict) and member in header


def split(token: str) -> CompactToken:
    """Take a JWS apart; accepts canonical base64url only, so that every token has one spelling."""
    try:
        header, payload, signature = token.encode("ascii").split(b".")
    except ValueError:
        raise TokenRejected("token_malformed", "it is not three parts of ASCII") from None
    parts = CompactToken(
        header=_decode(header, "header"),
        payload=_decode(payload, "payload"),
        signature=_decode(signature, "signature"),
        signing_input=header + b"." + payload,
    )
    if not parts.signature:
        raise TokenRejected("token_malformed", "its signature is empty")
    return parts


def encode_segment(data: bytes) -> bytes:
    """Return bytes as base64url without padding (RFC 7515 section 2)."""
    return urlsafe_b64encode(data).rstrip(b"=")


def _decode(segment: bytes, name: str) -> bytes:
    try:
        data = urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))
    except ValueError:
        data = b""
    # The decoder skips foreign characters and left-over bits; only what it would write itself is canonical.
    if encode_segment(data) != segment:
        raise TokenRejected("token_malformed", f"its {name} is not canonical base64url")
    return data
