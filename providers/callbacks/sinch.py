"""Sinch (SMS and Conversation): HMAC-SHA256 over body, nonce and time."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from hookpoint.providers.errors import CallbackRefused
from hookpoint.providers.http_provider import at, text_at
from hookpoint.providers.message import Status, StatusUpdate
from hookpoint.providers.receipts import Callback, check_any, check_time, encoded
from hookpoint.providers.vendors.sinch import STATUSES


def read(callback: Callback, secrets: Sequence[str], *, provider: str, now: float) -> tuple[StatusUpdate, ...]:
    """Secrets are those of the webhook."""
    if callback.header("x-sinch-webhook-signature-algorithm") not in ("", "HmacSHA256"):
        raise CallbackRefused("an unknown signature algorithm")
    nonce = callback.required("x-sinch-webhook-signature-nonce")
    stamp = callback.required("x-sinch-webhook-signature-timestamp")
    signed = callback.body + f".{nonce}.{stamp}".encode()
    check_any(
        secrets,
        [callback.required("x-sinch-webhook-signature")],
        lambda secret: [encoded(hmac.new(secret.encode("utf-8"), signed, hashlib.sha256).digest())],
    )
    check_time(stamp, now)
    return (_update(callback.json(), provider),)


def _update(body: object, provider: str) -> StatusUpdate:
    report = at(body, "message_delivery_report")
    if report is not None:
        id_, word, code = text_at(report, "message_id"), text_at(report, "status"), text_at(report, "reason", "code")
    else:
        # A report on a whole batch lists its statuses; our batches have one recipient.
        entry = at(body, "statuses", 0) or body
        id_, word, code = text_at(body, "batch_id"), text_at(entry, "status"), text_at(entry, "code")
    if not id_ or not word:
        raise CallbackRefused("no message status")
    status = STATUSES.get(word.lower(), Status.UNKNOWN)
    return StatusUpdate(provider=provider, id=id_, status=status, provider_code="" if code == "0" else code)
