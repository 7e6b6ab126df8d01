"""Delivery of one-time codes to phones: through a gateway, or to a terminal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol, TextIO

import httpx2

# RFC 6749 section 5.2: what a description may hold.
_UNSPEAKABLE: Final = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")
_SECONDS: Final = 20.0

Channel = Literal["sms", "voice"]
Action = Literal["enrollment", "second-factor-authentication"]


class CodeNotSentError(Exception):
    """The code could not be delivered; the message is for the client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeMessage:
    """One code for one phone; `client` and `user` are what Auth0 tells of them."""

    recipient: str = field(repr=False)
    code: str = field(repr=False)
    channel: Channel
    action: Action
    language: str
    ip: str
    user_agent: str
    client: Mapping[str, Any]
    user: Mapping[str, Any] = field(repr=False)

    @property
    def text(self) -> str:
        """What the phone shows or says."""
        return f"{self.code} is your verification code."


class CodeSender(Protocol):
    """Delivers codes."""

    async def send(self, message: CodeMessage) -> None:
        """Raises CodeNotSentError."""

    async def aclose(self) -> None:
        """Release what is held."""


class PrintedCodes:
    """Writes codes to a terminal, where no gateway is configured."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    async def send(self, message: CodeMessage) -> None:
        self._stream.write(f"text to {message.recipient}: {message.text}\n")
        self._stream.flush()

    async def aclose(self) -> None: ...


class GatewayCodes:
    """Has codes delivered by a gateway that is called as Auth0's hook `send-phone-message` was.

    `secret` is what Auth0 called `auth0-extension-secret`. The gateway always answers 200, with an envelope that says how it went.
    """

    def __init__(self, url: str, secret: str) -> None:
        self._url = url
        self._http = httpx2.AsyncClient(
            timeout=_SECONDS, trust_env=False, headers={"Authorization": f"Bearer {secret}"}
        )

    async def send(self, message: CodeMessage) -> None:
        """Raises CodeNotSentError with what the gateway says to the user."""
        try:
            response = await self._http.post(self._url, json=_hook_body(message))
        except httpx2.HTTPError:
            raise CodeNotSentError("The SMS gateway cannot be reached.") from None
        if response.status_code != 200:
            raise CodeNotSentError(f"Unexpected response while calling the SMS gateway: {response.status_code}")
        try:
            sent, said = _read_envelope(response.json())
        except (ValueError, TypeError, AttributeError):
            raise CodeNotSentError("The answer of the SMS gateway cannot be read.") from None
        if not sent:
            raise CodeNotSentError(_UNSPEAKABLE.sub("?", said))

    async def aclose(self) -> None:
        await self._http.aclose()


def _read_envelope(envelope: Any) -> tuple[bool, str]:
    """Whether the hook called back without an error, and what else the user may know."""
    data = envelope.get("data") or {}
    return envelope.get("status") == "success", data.get("friendlyMessage") or "The code could not be sent."


def _hook_body(message: CodeMessage) -> dict[str, Any]:
    return {
        "recipient": message.recipient,
        "text": message.text,
        "context": {
            "message_type": message.channel,
            "action": message.action,
            "language": message.language,
            "code": message.code,
            "ip": message.ip,
            "request": {"ip": message.ip},
            "user_agent": message.user_agent,
            "client": message.client,
            "user": message.user,
        },
    }
