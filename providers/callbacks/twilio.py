"""Twilio: X-Twilio-Signature over the address and the form, or over the address with the body's hash in it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from urllib.parse import parse_qs, urlsplit, urlunsplit

from hookpoint.providers.errors import CallbackRefused
from hookpoint.providers.message import Status, StatusUpdate
from hookpoint.providers.receipts import Callback, check_any, encoded
from hookpoint.providers.vendors.twilio_session import STATUSES

_HASHES = {"HMAC_SHA1": hashlib.sha1, "HMAC_SHA256": hashlib.sha256}


def read(callback: Callback, secrets: Sequence[str], *, provider: str, now: float) -> tuple[StatusUpdate, ...]:
    """Secrets are auth tokens, or secrets of shared keys where the request names its algorithm."""
    del now
    check(callback, secrets)
    fields = dict(callback.form())
    id_ = fields.get("MessageSid") or fields.get("SmsSid") or fields.get("CallSid")
    word = fields.get("MessageStatus") or fields.get("SmsStatus") or fields.get("CallStatus")
    if not id_ or not word:
        raise CallbackRefused("no message status")
    status = STATUSES.get(word.lower(), Status.UNKNOWN)
    return (StatusUpdate(provider=provider, id=id_, status=status, provider_code=fields.get("ErrorCode", "")),)


def check(callback: Callback, secrets: Sequence[str]) -> None:
    """Verify the signature alone."""
    algorithm = _HASHES.get(_algorithm(callback.header("X-Twilio-Webhooks-Signature-Settings")))
    if algorithm is None:
        raise CallbackRefused("an unknown signature algorithm")
    given = callback.required("X-Twilio-Signature")
    wanted = parse_qs(urlsplit(callback.url).query).get("bodySHA256")
    if wanted:
        body = hashlib.sha256(callback.body).hexdigest()
        if not hmac.compare_digest(body.encode(), wanted[0].lower().encode("utf-8")):
            raise CallbackRefused("the body is not the signed one")
        tail = ""
    else:
        tail = "".join(name + value for name, value in sorted(set(callback.form())))

    def sign(secret: str) -> Iterator[str]:
        for url in _spellings(callback.url):
            yield encoded(hmac.new(secret.encode("utf-8"), (url + tail).encode("utf-8"), algorithm).digest())

    check_any(secrets, [given], sign)


def _algorithm(settings: str) -> str:
    for part in settings.split(","):
        name, _, value = part.partition("=")
        if name.strip() == "algorithm" and value.strip():
            return value.strip().upper()
    return "HMAC_SHA1"


def _spellings(url: str) -> tuple[str, ...]:
    """Twilio signs addresses with and without their port, and does not tell which."""
    parts = urlsplit(url)
    host = parts.netloc.removesuffix(f":{parts.port}") if parts.port else parts.netloc
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return url, urlunsplit(parts._replace(netloc=host)), urlunsplit(parts._replace(netloc=f"{host}:{port}"))
