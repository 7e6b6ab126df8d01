"""MessageBird (classic): a JWT in MessageBird-Signature-JWT over the address and the body."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl, urlsplit

from hookpoint.providers.callbacks.tokens import check_hash, claims
from hookpoint.providers.errors import CallbackRefused
from hookpoint.providers.message import Status, StatusUpdate
from hookpoint.providers.receipts import Callback
from hookpoint.providers.vendors.messagebird import STATUSES

_LEEWAY = 1.0


def read(callback: Callback, secrets: Sequence[str], *, provider: str, now: float) -> tuple[StatusUpdate, ...]:
    """Secrets are the account's signing keys; reports are GET requests with everything in the query."""
    token = callback.required("MessageBird-Signature-JWT")
    signed = claims(token, secrets, algorithms=["HS256", "HS384", "HS512"])
    begins, ends = signed.get("nbf"), signed.get("exp")
    if signed.get("iss") != "MessageBird" or not isinstance(begins, int | float) or not isinstance(ends, int | float):
        raise CallbackRefused("the token is not MessageBird's")
    if not begins - _LEEWAY <= now <= ends + _LEEWAY:
        raise CallbackRefused("the signed time is too far off")
    check_hash(signed.get("url_hash"), callback.url.encode("utf-8"))
    if callback.body or signed.get("payload_hash"):
        check_hash(signed.get("payload_hash"), callback.body)
    fields = dict(parse_qsl(urlsplit(callback.url).query)) or dict(callback.form())
    if not fields.get("id") or not fields.get("status"):
        raise CallbackRefused("no message status")
    status = STATUSES.get(fields["status"], Status.UNKNOWN)
    code = fields.get("statusErrorCode", "")
    return (StatusUpdate(provider=provider, id=fields["id"], status=status, provider_code=code),)
