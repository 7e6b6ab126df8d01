"""Proving that a call comes from a server that has one of the secrets.

All comparisons take the same time whatever is wrong, and all secrets are tried, so that old and new ones hold at once.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hookpoint.proxy.gateway.call import Call, Members
from hookpoint.proxy.gateway.errors import Unauthenticated


class Authentication(Protocol):
    """How one format proves itself."""

    def check(self, call: Call) -> None:
        """Return when the call is authentic; raises Unauthenticated."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class HeaderSecret:
    """The whole value of a header field is the secret."""

    secrets: Sequence[str]
    header: str = "authorization"

    def check(self, call: Call) -> None:
        """Raises Unauthenticated."""
        given = call.header(self.header)
        if given is None:
            raise Unauthenticated(f"no {self.header}")
        require_secret(given, self.secrets)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Bearer:
    """`Authorization: Bearer` and the secret (RFC 6750 section 2.1)."""

    secrets: Sequence[str]

    def check(self, call: Call) -> None:
        """Raises Unauthenticated."""
        require_secret(credentials(call, "bearer"), self.secrets)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Basic:
    """`Authorization: Basic` (RFC 7617); each secret is `user:password`."""

    secrets: Sequence[str]

    def check(self, call: Call) -> None:
        """Raises Unauthenticated."""
        try:
            given = b64decode(credentials(call, "basic"), validate=True).decode()
        except (binascii.Error, ValueError):
            raise Unauthenticated("the credentials are not base64 of UTF-8") from None
        require_secret(given, self.secrets)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BodyHmac:
    """A header field holds the hexadecimal HMAC-SHA256 of the body, `sha256=` before it or not."""

    secrets: Sequence[str]
    header: str

    def check(self, call: Call) -> None:
        """Raises Unauthenticated."""
        given = call.header(self.header)
        if given is None:
            raise Unauthenticated(f"no {self.header}")
        require_hmac(given.removeprefix("sha256="), call.body, [secret.encode() for secret in self.secrets])


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class MemberSecret:
    """A member of the body is the secret, as some callers can do no better; `read` gives the members of a call."""

    secrets: Sequence[str]
    path: Sequence[str]
    read: ReadMembers

    def check(self, call: Call) -> None:
        """Raises Unauthenticated, and Malformed when the body cannot be read."""
        given = self.read(call).text(*self.path)
        if not given:
            raise Unauthenticated(f"no {'.'.join(self.path)}")
        require_secret(given, self.secrets)


class ReadMembers(Protocol):
    """Reads the body of a call."""

    def __call__(self, call: Call, /) -> Members: ...


def credentials(call: Call, scheme: str) -> str:
    """The credentials after a scheme in any letter case (RFC 9110 section 11.4); raises Unauthenticated."""
    name, _, given = (call.header("authorization") or "").partition(" ")
    if name.lower() != scheme or not given:
        raise Unauthenticated(f"no {scheme} credentials")
    return given.strip()


def require_secret(given: str, secrets: Sequence[str]) -> None:
    """Return when a text is one of the secrets; raises Unauthenticated."""
    digest = hashlib.sha256(given.encode("utf-8", "surrogatepass")).digest()
    found = False
    for secret in secrets:
        found |= hmac.compare_digest(digest, hashlib.sha256(secret.encode()).digest())
    if not found:
        raise Unauthenticated("wrong secret")


def require_hmac(signature: str, signed: bytes, keys: Sequence[bytes]) -> None:
    """Return when a hexadecimal HMAC-SHA256 is that of one of the keys; raises Unauthenticated."""
    require_mac(_unhex(signature), signed, keys)


def require_mac(signature: bytes, signed: bytes, keys: Sequence[bytes]) -> None:
    """Return when an HMAC-SHA256 is that of one of the keys; raises Unauthenticated."""
    if not mac_matches(signature, signed, keys):
        raise Unauthenticated("wrong signature")


def mac_matches(signature: bytes, signed: bytes, keys: Sequence[bytes]) -> bool:
    """Whether an HMAC-SHA256 is that of one of the keys; tries them all."""
    found = False
    for key in keys:
        found |= hmac.compare_digest(signature, hmac.digest(key, signed, "sha256"))
    return found


def _unhex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise Unauthenticated("the signature is not hexadecimal") from None
