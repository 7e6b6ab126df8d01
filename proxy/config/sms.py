"""Section [sms]: phone messages, from who may ask for them to who delivers them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from hookpoint.proxy.config.secrets import Secret
from hookpoint.proxy.config.section import Number, Seconds, Section, refuse
from hookpoint.proxy.config.sms_gateway import SmsGatewaySettings
from hookpoint.proxy.config.sms_guard import SmsGuardSettings
from hookpoint.proxy.config.sms_provider import SmsProviderSettings
from hookpoint.proxy.config.sms_routing import SmsBreakerSettings, SmsRouteSettings
from hookpoint.proxy.config.sms_signals import SmsReceiptSettings, SmsVerifiedSettings
from hookpoint.proxy.config.sms_texts import SmsTextSettings

_LEAST_PEPPER = 20


def _check_pepper(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < _LEAST_PEPPER:
        raise refuse("a secret this short can be guessed", "Make one with: openssl rand -base64 32")
    return value


class SmsDeliverySettings(Section):
    """Who delivers messages, and who may ask for them."""

    providers: tuple[SmsProviderSettings, ...] = Field(
        default=(), examples=[[{"name": "main", "type": "twilio", "account_sid": "env:TWILIO_ACCOUNT_SID"}]]
    )
    """Providers in the order in which they are tried."""

    routes: tuple[SmsRouteSettings, ...] = Field(default=(), examples=[[{"providers": ["main"], "countries": ["DE"]}]])
    """Which providers are for which messages. Default: all of them for all."""

    breaker: SmsBreakerSettings = SmsBreakerSettings()
    """When a provider is left alone."""

    gateway: tuple[SmsGatewaySettings, ...] = Field(
        default=(), examples=[[{"format": "supabase", "secrets": ["env:SMS_SECRET"]}]]
    )
    """Routes that other servers call to have codes delivered."""

    receipts: tuple[SmsReceiptSettings, ...] = Field(
        default=(), examples=[[{"provider": "main", "secrets": ["env:TWILIO_AUTH_TOKEN"]}]]
    )
    """Routes on which vendors report what became of messages."""

    verified: SmsVerifiedSettings | None = None
    """The route for codes that were typed in correctly. Default: none."""

    deadline: Seconds = 10.0
    """How long all providers together may take for one message; less where the caller waits less."""

    idempotency: Annotated[int, Number, Field(ge=600, le=7 * 86_400)] = 3600
    """Seconds in which the same call is answered as the first was, and sends nothing."""

    keep_days: Annotated[int, Number, Field(ge=1, le=400)] = 30
    """Days for which it is known what became of a message: neither number nor text, a hash of the vendor's id alone."""

    pepper: Annotated[Secret, AfterValidator(_check_pepper)] | None = Field(default=None, examples=["env:SMS_PEPPER"])
    """Goes into every hash of a number, an address or an id. Default: one that is made once and kept in the store; of your own,
    it is kept apart from the hashes. Changing it forgets what was counted."""


class SmsSettings(SmsTextSettings, SmsGuardSettings, SmsDeliverySettings):
    """Text messages, calls and WhatsApp messages that carry one-time codes."""

    @property
    def used(self) -> bool:
        """Whether anything sends messages or asks for them."""
        return bool(self.providers or self.gateway or self.receipts or self.verified)
