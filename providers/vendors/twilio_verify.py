"""Twilio Verify with a code of our own: Twilio writes the text, keeps the limits and watches for fraud."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final

import httpx2

from hookpoint.providers.errors import Unsupported
from hookpoint.providers.message import Message, Receipt
from hookpoint.providers.provider import Capabilities
from hookpoint.providers.settings import setting
from hookpoint.providers.vendors.twilio_session import TwilioAccount, TwilioProvider

CHANNELS: Final = {"sms": "sms", "voice": "call", "whatsapp": "whatsapp"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TwilioVerifySettings(TwilioAccount):
    """The Verify service."""

    service_sid: str = setting("Verify service, VA…; custom codes must have been enabled by Twilio's support")
    template_sid: str | None = setting("Verify template, HJ…", default=None)
    risk_check: bool = setting("let Twilio refuse suspected traffic pumping", default=True)


class TwilioVerify(TwilioProvider):
    """Sends the code alone; the text is Twilio's template in the language of the message."""

    settings_type: ClassVar[type[Any]] = TwilioVerifySettings
    capabilities = Capabilities(kinds=frozenset({"sms", "voice", "whatsapp"}), own_code=True)

    def __init__(
        self, name: str, settings: TwilioVerifySettings, *, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        super().__init__(name, settings, transport=transport)
        self._settings = settings

    async def send(self, message: Message) -> Receipt:
        """Create a Verification (POST /v2/Services/{sid}/Verifications)."""
        self.check(message)
        if message.code is None or not 4 <= len(message.code) <= 10:
            raise Unsupported("needs a code of 4 to 10 characters", provider=self.name)
        arguments: dict[str, Any] = {
            "to": message.recipient,
            "channel": CHANNELS[message.kind],
            "custom_code": message.code,
            "risk_check": "enable" if self._settings.risk_check else "disable",
        }
        if message.language:
            arguments["locale"] = message.language
        if self._settings.template_sid:
            arguments["template_sid"] = self._settings.template_sid
        if message.ip:
            arguments["device_ip"] = message.ip
        service = self._settings.service_sid
        return await self.call(
            message, lambda client: client.verify.v2.services(service).verifications.create_async(**arguments)
        )
