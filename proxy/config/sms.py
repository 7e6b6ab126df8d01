"""Section [sms]: the providers that deliver text messages."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from hookpoint.proxy.config.secrets import Secret
from hookpoint.proxy.config.section import Section


class SmsProviderSettings(Section):
    """One provider; the keys besides `name` and `type` are the provider's own and may be secrets."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Secret] = Field(init=False)

    name: str = Field(min_length=1, examples=["main"])
    """How logs, hooks and the router call it."""

    type: str = Field(min_length=1, examples=["twilio"])
    """A provider that comes with hookpoint, one that a package registers, or `module:Class`."""


class SmsSettings(Section):
    """Text messages."""

    providers: tuple[SmsProviderSettings, ...] = Field(
        default=(), examples=[[{"name": "main", "type": "twilio", "account_sid": "env:TWILIO_ACCOUNT_SID"}]]
    )
    """Providers in the order in which they are tried."""
