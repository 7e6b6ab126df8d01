"""Plivo: HMAC-SHA256 in X-Plivo-Signature-V3 and -Ma-V3 over address and form, or in V2 over the address alone."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from hookpoint.providers.errors import CallbackRefused
from hookpoint.providers.message import Status, StatusUpdate
from hookpoint.providers.receipts import Callback, check_any, encoded
from hookpoint.providers.vendors.plivo import STATUSES


def read(callback: Callback, secrets: Sequence[str], *, provider: str, now: float) -> tuple[StatusUpdate, ...]:
    """Secrets are auth tokens; Plivo signs no time, so a report can be repeated, which changes nothing."""
    del now
    check(callback, secrets)
    fields = dict(callback.form())
    id_, word = fields.get("MessageUUID"), fields.get("Status")
    if not id_ or not word:
        raise CallbackRefused("no message status")
    status = STATUSES.get(word.lower(), Status.UNKNOWN)
    return (StatusUpdate(provider=provider, id=id_, status=status, provider_code=fields.get("ErrorCode", "")),)


def check(callback: Callback, secrets: Sequence[str]) -> None:
    """Verify the signature alone; version 2 counts only where Plivo sent no version 3."""
    third = callback.header("X-Plivo-Signature-V3") or callback.header("X-Plivo-Signature-Ma-V3")
    if third:
        signed = f"{canonical(callback.url, callback.form())}.{callback.required('X-Plivo-Signature-V3-Nonce')}"
        given = third.split(",")
    else:
        second = callback.header("X-Plivo-Signature-Ma-V2") or callback.required("X-Plivo-Signature-V2")
        signed = _without_query(callback.url) + callback.required("X-Plivo-Signature-V2-Nonce")
        given = [second]
    check_any(
        secrets,
        [signature.strip() for signature in given],
        lambda secret: [encoded(hmac.new(secret.encode("utf-8"), signed.encode("utf-8"), hashlib.sha256).digest())],
    )


def canonical(url: str, form: Iterable[tuple[str, str]]) -> str:
    """What version 3 signs of a POST: address, sorted query, sorted form."""
    fields = sorted(form)
    query = "&".join(
        f"{name}={value}" for name, value in sorted(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    )
    text = _without_query(url)
    if query or fields:
        text += f"?{query}"
    if query and fields:
        text += "."
    return text + "".join(name + value for name, value in fields)


def _without_query(url: str) -> str:
    return urlunsplit(urlsplit(url)._replace(query="", fragment=""))
