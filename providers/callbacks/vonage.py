"""Vonage Messages: a bearer JWT (HS256) with the body's hash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from hookpoint.providers.callbacks.tokens import check_hash, claims
from hookpoint.providers.errors import CallbackRefused
from hookpoint.providers.http_provider import text_at
from hookpoint.providers.message import Status, StatusUpdate
from hookpoint.providers.receipts import Callback, check_time

STATUSES: Final[Mapping[str, Status]] = {
    "submitted": Status.SENT,
    "delivered": Status.DELIVERED,
    "read": Status.DELIVERED,
    "rejected": Status.FAILED,
    "undeliverable": Status.UNDELIVERED,
    "unknown": Status.UNKNOWN,
}


def read(callback: Callback, secrets: Sequence[str], *, provider: str, now: float) -> tuple[StatusUpdate, ...]:
    """Secrets are the account's signature secrets."""
    scheme, _, token = callback.required("Authorization").partition(" ")
    if scheme.lower() != "bearer":
        raise CallbackRefused("no bearer token")
    signed = claims(token.strip(), secrets, algorithms=["HS256"])
    check_time(str(signed.get("iat", "")), now)
    check_hash(signed.get("payload_hash"), callback.body)
    body = callback.json()
    id_ = text_at(body, "message_uuid")
    if not id_:
        raise CallbackRefused("no message status")
    status = STATUSES.get(text_at(body, "status"), Status.UNKNOWN)
    return (StatusUpdate(provider=provider, id=id_, status=status, provider_code=text_at(body, "error", "title")),)
