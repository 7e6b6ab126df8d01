"""Delivery reports: prove that a callback is the vendor's, and read its statuses.

Pure functions of what was received and of the secrets; the newest secret and the one before it are both accepted, so that
secrets can be changed without losing reports.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import importlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast
from urllib.parse import parse_qsl

from hookpoint.providers.errors import CallbackRefused
from hookpoint.providers.message import StatusUpdate

TOLERANCE: Final = 300.0
"""How far a signed time may be off, in seconds, in either direction."""
_LONGEST_STAMP: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """A request as the vendor made it: ``url`` is the one the vendor was given, with scheme, host and query."""

    headers: Mapping[str, str]
    url: str
    body: bytes = b""
    method: str = "POST"

    def header(self, name: str) -> str:
        """A header field by its name in any case; empty when there is none."""
        wanted = name.lower()
        return next((value for key, value in self.headers.items() if key.lower() == wanted), "")

    def required(self, name: str) -> str:
        """A header field that must be there."""
        value = self.header(name)
        if not value:
            raise CallbackRefused(f"the header field {name} is missing")
        return value

    def form(self) -> list[tuple[str, str]]:
        """The body as form fields."""
        try:
            return parse_qsl(self.body.decode("utf-8"), keep_blank_values=True, strict_parsing=bool(self.body))
        except ValueError:
            raise CallbackRefused("the body is no form") from None

    def json(self) -> Any:
        """The body as JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise CallbackRefused("the body is no JSON") from None


class Reader(Protocol):
    """Checks and reads one vendor's callbacks; ``now`` is in seconds since 1970.

    Raises:
        CallbackRefused: no valid signature, too old, or not readable.
    """

    def __call__(
        self, callback: Callback, secrets: Sequence[str], *, provider: str, now: float
    ) -> tuple[StatusUpdate, ...]: ...


_CALLBACKS: Final = "hookpoint.providers.callbacks"
READERS: Final[Mapping[str, str]] = {
    "twilio": f"{_CALLBACKS}.twilio:read",
    "telnyx": f"{_CALLBACKS}.telnyx:read",
    "vonage": f"{_CALLBACKS}.vonage:read",
    "plivo": f"{_CALLBACKS}.plivo:read",
    "sinch": f"{_CALLBACKS}.sinch:read",
    "messagebird": f"{_CALLBACKS}.messagebird:read",
    "bird": f"{_CALLBACKS}.bird:read",
    "infobip": f"{_CALLBACKS}.infobip:read",
    "kannel": f"{_CALLBACKS}.kannel:read",
}
"""By provider type; ``kannel`` is for the HTTP gateway's preset of that name."""


def reader(kind: str) -> Reader | None:
    """The reader for a provider type; None for those that send no callbacks."""
    target = READERS.get(kind)
    if target is None:
        return None
    module, _, attribute = target.partition(":")
    return cast("Reader", getattr(importlib.import_module(module), attribute))


def check_any(secrets: Sequence[str], given: Iterable[str], sign: Callable[[str], Iterable[str]]) -> None:
    """Accept when a given signature is one that some secret makes; all are compared, each in constant time.

    Raises:
        CallbackRefused: none fits, or there is no secret at all.
    """
    if not any(secrets):
        raise CallbackRefused("no secret is configured")
    signatures = [signature.encode("utf-8") for signature in given]
    fits = False
    for secret in secrets:
        for expected in sign(secret) if secret else ():
            for signature in signatures:
                fits |= hmac.compare_digest(expected.encode("utf-8"), signature)
    if not fits:
        raise CallbackRefused("the signature does not fit")


def check_time(stamp: str, now: float) -> None:
    """Accept a time in seconds since 1970 that is not too far off.

    Raises:
        CallbackRefused: it is, or it is no such time.
    """
    if not stamp.isdecimal() or len(stamp) > _LONGEST_STAMP or abs(now - int(stamp)) > TOLERANCE:
        raise CallbackRefused("the signed time is too far off")


def encoded(digest: bytes) -> str:
    """Base64, as most vendors write signatures."""
    return base64.b64encode(digest).decode("ascii")


def decoded(text: str) -> bytes:
    """Base64 back to bytes.

    Raises:
        CallbackRefused: it is not.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise CallbackRefused("a signature or key is no base64") from None
