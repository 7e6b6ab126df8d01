"""Infobip: no signature of its own; HTTP basic authentication as configured at Infobip."""

from __future__ import annotations

from collections.abc import Sequence

from hookpoint.providers.errors import CallbackRefused
from hookpoint.providers.http_provider import at, text_at
from hookpoint.providers.message import Status, StatusUpdate
from hookpoint.providers.receipts import Callback, check_any, decoded
from hookpoint.providers.vendors.infobip import STATUSES


def read(callback: Callback, secrets: Sequence[str], *, provider: str, now: float) -> tuple[StatusUpdate, ...]:
    """Secrets are ``user:password``; one call brings several reports."""
    del now
    scheme, _, credentials = callback.required("Authorization").partition(" ")
    if scheme.lower() != "basic":
        raise CallbackRefused("no basic authentication")
    check_any(secrets, [decoded(credentials.strip()).decode("utf-8", "replace")], lambda secret: [secret])
    results = at(callback.json(), "results")
    if not isinstance(results, list):
        raise CallbackRefused("no message status")
    return tuple(_update(result, provider) for result in results if text_at(result, "messageId"))


def _update(result: object, provider: str) -> StatusUpdate:
    error = text_at(result, "error", "name")
    return StatusUpdate(
        provider=provider,
        id=text_at(result, "messageId"),
        status=STATUSES.get(text_at(result, "status", "groupName"), Status.UNKNOWN),
        provider_code="" if error == "NO_ERROR" else error,
    )
