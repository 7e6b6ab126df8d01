"""A message, what a provider answered to it, and the statuses it goes through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

from hookpoint.providers.numbers import masked

Kind = Literal["sms", "voice", "whatsapp"]
KINDS: tuple[Kind, ...] = ("sms", "voice", "whatsapp")


class Status(StrEnum):
    """Where a message is; a vendor's word that is not in its table becomes ``unknown``."""

    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    EXPIRED = "expired"
    UNKNOWN = "unknown"

    @property
    def final(self) -> bool:
        """Whether no later status is to be expected."""
        return self in (Status.DELIVERED, Status.UNDELIVERED, Status.FAILED, Status.EXPIRED)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Message:
    """One text for one phone; its repr shows neither text, code, full number, user nor address."""

    recipient: str
    """E.164, with the plus sign."""
    text: str
    code: str | None = None
    """The one-time code inside the text, for voice calls and for providers that write the text themselves."""
    kind: Kind = "sms"
    purpose: str = ""
    """Such as ``mfa``, ``sign-up``, ``password-reset``."""
    language: str = ""
    """BCP 47, such as ``de`` or ``pt-BR``; empty when not known."""
    client: str | None = None
    user: str | None = None
    ip: str | None = None
    sender: str | None = None
    """Overrides the sender of the provider's settings."""
    reference: str = ""
    """The caller's own id of this message; given to vendors that take one, which makes a repeat harmless at some."""
    variables: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Values for provider-side templates (WhatsApp, Verify)."""

    def __repr__(self) -> str:
        return (
            f"Message(recipient={masked(self.recipient)!r}, kind={self.kind!r}, purpose={self.purpose!r}, "
            f"language={self.language!r}, client={self.client!r}, reference={self.reference!r})"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A provider took the message over; ``id`` is the vendor's, and names the message in later callbacks."""

    provider: str
    id: str
    status: Status = Status.QUEUED


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusUpdate:
    """What a vendor reported later about the message that its receipt named."""

    provider: str
    id: str
    status: Status
    provider_code: str = ""
    """The vendor's own reason, when it gave one."""
