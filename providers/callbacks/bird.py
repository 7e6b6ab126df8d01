"""Bird: HMAC-SHA256 over the time, the address and the body's hash."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from hookpoint.providers.errors import CallbackRefused
from hookpoint.providers.http_provider import text_at
from hookpoint.providers.message import Status, StatusUpdate
from hookpoint.providers.receipts import Callback, check_any, check_time, encoded
from hookpoint.providers.vendors.bird import STATUSES


def read(callback: Callback, secrets: Sequence[str], *, provider: str, now: float) -> tuple[StatusUpdate, ...]:
    """Secrets are the signing keys of the webhook subscription."""
    stamp = callback.required("messagebird-request-timestamp")
    signed = f"{stamp}\n{callback.url}\n".encode() + hashlib.sha256(callback.body).digest()
    check_any(
        secrets,
        [callback.required("messagebird-signature")],
        lambda secret: [encoded(hmac.new(secret.encode("utf-8"), signed, hashlib.sha256).digest())],
    )
    check_time(stamp, now)
    body = callback.json()
    id_ = text_at(body, "payload", "id")
    if not id_:
        raise CallbackRefused("no message status")
    status = STATUSES.get(text_at(body, "payload", "status"), Status.UNKNOWN)
    return (StatusUpdate(provider=provider, id=id_, status=status, provider_code=text_at(body, "payload", "reason")),)
