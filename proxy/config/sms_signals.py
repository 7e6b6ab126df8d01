"""Sections [[sms.receipts]] and [sms.verified]: what vendors and servers report of messages that were sent."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from hookpoint.proxy.config.own_paths import OwnPath
from hookpoint.proxy.config.secrets import Secret
from hookpoint.proxy.config.section import Section, refuse

_LEAST_SECRET = 16


def _check_secret(secret: Secret) -> Secret:
    if len(secret.get_secret_value()) < _LEAST_SECRET:
        raise refuse(f"the secret has less than {_LEAST_SECRET} characters", "Write a random one.")
    return secret


class SmsReceiptSettings(Section):
    """The route of one provider's delivery reports."""

    provider: str = Field(min_length=1, examples=["main"])
    """The name of the provider."""

    secrets: tuple[Secret, ...] = Field(min_length=1, examples=[["env:TWILIO_AUTH_TOKEN"]])
    """What reports are signed with, as the provider's page says; all of them hold at once."""

    path: OwnPath = Field(default="", examples=["/hookpoint/receipts/main"])
    """Where it is; `/hookpoint/receipts/` and the provider's name when nothing is said."""

    @property
    def route_path(self) -> str:
        """The path of the route, chosen or not."""
        return self.path or f"/hookpoint/receipts/{self.provider}"


class SmsVerifiedSettings(Section):
    """The route on which servers say that a code was typed in correctly, for `sms.budgets`."""

    secrets: tuple[Annotated[Secret, AfterValidator(_check_secret)], ...] = Field(
        min_length=1, examples=[["env:SMS_VERIFIED_SECRET"]]
    )
    """Bearer tokens, 16 characters or more; all of them hold at once."""

    path: OwnPath = Field(default="/hookpoint/sms/verified", examples=["/hookpoint/sms/verified"])
    """Where it is."""
