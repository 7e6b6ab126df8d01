"""Twilio Programmable Messaging and Voice, through the official SDK."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

import httpx2
from twilio.rest import Client  # type: ignore[import-untyped]
from twilio.twiml.voice_response import VoiceResponse  # type: ignore[import-untyped]

from hookpoint.providers.errors import Unsupported
from hookpoint.providers.message import Message, Receipt
from hookpoint.providers.provider import Capabilities
from hookpoint.providers.settings import setting
from hookpoint.providers.spoken import spoken
from hookpoint.providers.vendors.twilio_session import TwilioAccount, TwilioProvider


@dataclass(frozen=True, slots=True, kw_only=True)
class TwilioSettings(TwilioAccount):
    """Senders and what Twilio keeps."""

    sender: str | None = setting("number, short code or alphanumeric sender", key="from", default=None)
    messaging_service_sid: str | None = setting("messaging service, MG…, which picks the sender", default=None)
    voice_from: str | None = setting("number that calls; default: 'from'", default=None)
    whatsapp_from: str | None = setting("number that sends WhatsApp messages", default=None)
    whatsapp_content_sid: str | None = setting("approved WhatsApp template, HX…", default=None)
    status_callback: str | None = setting("address for delivery reports", default=None)
    validity: int | None = setting("seconds after which an undelivered message is dropped", default=None)
    risk_check: bool = setting("let Twilio refuse suspected traffic pumping", default=True)
    keep_content: bool = setting("let Twilio keep text and full number", default=False)

    def __post_init__(self) -> None:
        TwilioAccount.__post_init__(self)
        if not (self.sender or self.messaging_service_sid or self.voice_from or self.whatsapp_from):
            raise ValueError("one of 'from', 'messaging_service_sid', 'voice_from', 'whatsapp_from' must be set")


class Twilio(TwilioProvider):
    """Texts, WhatsApp templates and calls."""

    settings_type: ClassVar[type[Any]] = TwilioSettings
    capabilities = Capabilities(
        kinds=frozenset({"sms", "voice", "whatsapp"}),
        senders=frozenset({"number", "alphanumeric", "short_code", "pool"}),
        receipts="signed",
        validity=True,
        max_characters=1600,
    )

    def __init__(
        self, name: str, settings: TwilioSettings, *, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        super().__init__(name, settings, transport=transport)
        self._settings = settings

    async def send(self, message: Message) -> Receipt:
        """Create a Message or a Call resource (POST /2010-04-01/Accounts/{sid}/Messages.json or Calls.json)."""
        self.check(message)
        if message.kind == "voice":
            arguments = self._voice(message)
            return await self.call(message, lambda client: client.calls.create_async(**arguments))
        arguments = self._whatsapp(message) if message.kind == "whatsapp" else self._text(message)

        async def create(client: Client) -> Any:
            return await client.messages.create_async(**arguments)

        return await self.call(message, create)

    def _text(self, message: Message) -> dict[str, Any]:
        settings = self._settings
        sender = message.sender or settings.sender
        if not sender and not settings.messaging_service_sid:
            raise Unsupported("has no sender for texts", provider=self.name)
        arguments = {"to": message.recipient, "body": message.text, **self._common()}
        if sender:
            arguments["from_"] = sender
        if settings.messaging_service_sid:
            arguments["messaging_service_sid"] = settings.messaging_service_sid
        return arguments

    def _whatsapp(self, message: Message) -> dict[str, Any]:
        settings = self._settings
        sender = message.sender or settings.whatsapp_from
        if not sender:
            raise Unsupported("has no sender for WhatsApp", provider=self.name)
        arguments = {"to": f"whatsapp:{message.recipient}", "from_": f"whatsapp:{sender}", **self._common()}
        if settings.whatsapp_content_sid:
            arguments["content_sid"] = settings.whatsapp_content_sid
            arguments["content_variables"] = json.dumps(dict(message.variables) or {"1": message.code or message.text})
        else:
            arguments["body"] = message.text
        return arguments

    def _common(self) -> dict[str, Any]:
        settings = self._settings
        arguments: dict[str, Any] = {"message_intent": "otp"}
        if not settings.keep_content:
            arguments |= {"content_retention": "discard", "address_retention": "obfuscate"}
        if settings.risk_check:
            arguments["risk_check"] = "enable"
        if settings.status_callback:
            arguments["status_callback"] = settings.status_callback
        if settings.validity:
            arguments["validity_period"] = settings.validity
        return arguments

    def _voice(self, message: Message) -> dict[str, Any]:
        sender = message.sender or self._settings.voice_from or self._settings.sender
        if not sender or not sender.startswith("+"):
            raise Unsupported("has no number to call from", provider=self.name)
        twiml = VoiceResponse()
        twiml.say(spoken(message), language=message.language or None)
        arguments: dict[str, Any] = {"to": message.recipient, "from_": sender, "twiml": str(twiml)}
        if self._settings.status_callback:
            arguments["status_callback"] = self._settings.status_callback
        return arguments
