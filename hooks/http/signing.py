"""How a call proves that it comes from hookpoint. Of several secrets the first is the newest; signatures are made with all of them,
so that the other side can change its secret at any time, and what can only be sent once is the first."""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hookpoint.hooks.http.formats.format import Authentication, Facts
from hookpoint.hooks.http.webhook_keys import webhook_keys

Headers = list[tuple[str, str]]


class Credentials(Protocol):
    """Adds what proves a call to its header fields."""

    def headers(self, body: bytes, facts: Facts) -> Headers:
        """The fields of one attempt; `facts.at` is when it is made."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class Nothing:
    """No proof in the header: a client certificate, or a network that is trusted."""

    def headers(self, body: bytes, facts: Facts) -> Headers:
        """No field."""
        return []


@dataclass(frozen=True, slots=True, repr=False)
class Fixed:
    """A field that is the same in every call."""

    name: str
    value: str

    def headers(self, body: bytes, facts: Facts) -> Headers:
        """The field."""
        return [(self.name, self.value)]


@dataclass(frozen=True, slots=True, repr=False)
class StandardWebhooksSignature:
    """`webhook-timestamp` and `webhook-signature` with an entry for each key (Standard Webhooks); `webhook-id` is sent anyway."""

    keys: Sequence[bytes]

    def headers(self, body: bytes, facts: Facts) -> Headers:
        """The fields."""
        sent_at = str(int(facts.at))
        signed = f"{facts.id}.{sent_at}.".encode() + body
        macs = [b64encode(hmac.digest(key, signed, "sha256")).decode() for key in self.keys]
        return [("webhook-timestamp", sent_at), ("webhook-signature", " ".join(f"v1,{mac}" for mac in macs))]


@dataclass(frozen=True, slots=True, repr=False)
class ZitadelSignature:
    """`ZITADEL-Signature: t=…,v1=…` with a `v1` for each key (zitadel/zitadel, pkg/actions/signing.go)."""

    keys: Sequence[bytes]

    def headers(self, body: bytes, facts: Facts) -> Headers:
        """The field."""
        sent_at = str(int(facts.at))
        signed = sent_at.encode() + b"." + body
        entries = [f"v1={hmac.digest(key, signed, 'sha256').hex()}" for key in self.keys]
        return [("zitadel-signature", ",".join([f"t={sent_at}", *entries]))]


def credentials_of(kind: Authentication, secrets: Sequence[str], *, header: str = "authorization") -> Credentials:
    """The credentials of a kind; raises ValueError for secrets that it cannot use."""
    if kind == "none":
        return Nothing()
    if not secrets:
        raise ValueError(f"{kind} needs a secret")
    newest = secrets[0]
    match kind:
        case "standard-webhooks":
            return StandardWebhooksSignature([key for secret in secrets for key in webhook_keys(secret)])
        case "zitadel":
            return ZitadelSignature([secret.encode() for secret in secrets])
        case "bearer":
            return Fixed("authorization", f"Bearer {newest}")
        case "basic":
            return Fixed("authorization", f"Basic {b64encode(newest.encode()).decode()}")
        case "header":
            return Fixed(header.lower(), newest)
