"""Telnyx: Ed25519 over the time and the body."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from hookpoint.providers.errors import CallbackRefused
from hookpoint.providers.http_provider import at, text_at
from hookpoint.providers.message import Status, StatusUpdate
from hookpoint.providers.receipts import Callback, check_time, decoded
from hookpoint.providers.vendors.telnyx import STATUSES


def read(callback: Callback, secrets: Sequence[str], *, provider: str, now: float) -> tuple[StatusUpdate, ...]:
    """Secrets are the account's public keys in base64."""
    stamp = callback.required("telnyx-timestamp")
    signature = decoded(callback.required("telnyx-signature-ed25519"))
    if not any(_fits(key, signature, f"{stamp}|".encode() + callback.body) for key in secrets if key):
        raise CallbackRefused("the signature does not fit")
    check_time(stamp, now)
    payload = at(callback.json(), "data", "payload")
    id_ = text_at(payload, "id")
    if not id_:
        raise CallbackRefused("no message status")
    status = STATUSES.get(text_at(payload, "to", 0, "status"), Status.UNKNOWN)
    code = text_at(payload, "errors", 0, "code")
    return (StatusUpdate(provider=provider, id=id_, status=status, provider_code=code),)


def _fits(key: str, signature: bytes, signed: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(decoded(key)).verify(signature, signed)
    except (InvalidSignature, ValueError):
        return False
    return True
