"""Kannel: a GET of the address given as dlr-url, such as ``…?id={id}&status=%d&token=…``; the token is the only proof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from hookpoint.providers.errors import CallbackRefused
from hookpoint.providers.message import Status, StatusUpdate
from hookpoint.providers.receipts import Callback, check_any

# Kannel user guide, "Delivery reports".
STATUSES: Final[Mapping[str, Status]] = {
    "1": Status.DELIVERED,
    "2": Status.UNDELIVERED,
    "4": Status.QUEUED,
    "8": Status.SENT,
    "16": Status.FAILED,
}


def read(callback: Callback, secrets: Sequence[str], *, provider: str, now: float) -> tuple[StatusUpdate, ...]:
    """Secrets are tokens of your choice."""
    del now
    fields = dict(parse_qsl(urlsplit(callback.url).query))
    check_any(secrets, [fields.get("token", "")], lambda secret: [secret])
    if not fields.get("id") or not fields.get("status"):
        raise CallbackRefused("no message status")
    status = STATUSES.get(fields["status"], Status.UNKNOWN)
    return (StatusUpdate(provider=provider, id=fields["id"], status=status),)
