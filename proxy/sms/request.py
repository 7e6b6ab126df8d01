"""A phone message that somebody wants delivered."""

from __future__ import annotations

from dataclasses import dataclass, field

from hookpoint.hooks import Client, Request, User
from hookpoint.providers import Kind
from hookpoint.providers.numbers import masked


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DeliveryRequest:
    """One message that somebody wants delivered; its repr shows neither text, code, full number nor user.

    `recipient` is as the caller wrote it. `text` is rendered from the templates when it is None, which takes a `code`. `purpose` is
    such as `enrollment`; `language` BCP 47. `provider` names one in place of a route. `idempotency_key` is unique among all callers: begin it with what tells them apart.
    """

    recipient: str
    code: str | None = None
    text: str | None = None
    kind: Kind = "sms"
    purpose: str = ""
    language: str = ""
    client: Client | None = None
    user: User = field(default_factory=User)
    request: Request = field(default_factory=Request)
    provider: str | None = None
    idempotency_key: str | None = None

    def __post_init__(self) -> None:
        if not self.text and not self.code:
            raise ValueError("a message needs a text or a code")

    def __repr__(self) -> str:
        return f"DeliveryRequest({masked(self.recipient)!r}, kind={self.kind!r}, purpose={self.purpose!r})"
