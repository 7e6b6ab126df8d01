"""Apprise, as a bridge to the services that have no adapter here."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from hookpoint.providers.errors import Misconfigured, OutcomeUnknown
from hookpoint.providers.extras import require, silence
from hookpoint.providers.message import Message, Receipt, Status
from hookpoint.providers.provider import Capabilities, SmsProvider
from hookpoint.providers.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class AppriseSettings:
    """The service's Apprise address."""

    url: str = setting("Apprise address with {recipient} or {digits} where the number goes", secret=True)

    def __post_init__(self) -> None:
        if "{recipient}" not in self.url and "{digits}" not in self.url:
            raise ValueError("'url' must contain {recipient} or {digits}")


class Apprise(SmsProvider):
    """Sends by whatever service the address names; Apprise tells success from failure, and nothing more.

    So the receipt's id is our own, no report ever comes, and every failure has an unknown outcome.
    """

    settings_type: ClassVar[type[Any]] = AppriseSettings
    capabilities = Capabilities(extra="apprise")

    def __init__(
        self,
        name: str,
        settings: AppriseSettings,
        *,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        super().__init__(name, settings)
        self._settings = settings
        self._new_id = new_id
        self._apprise = require("apprise", extra="apprise", provider=name)
        # The second is what it sends with, which logs addresses, and numbers stand in those.
        for logger in ("apprise", "urllib3.connectionpool"):
            silence(logger)
        if self._apprise.Apprise.instantiate(self._address("+15005550006"), suppress_exceptions=True) is None:
            raise Misconfigured("'url' is no address that Apprise knows", provider=name)

    async def send(self, message: Message) -> Receipt:
        """Notify in Apprise's thread."""
        self.check(message)
        asset = self._apprise.AppriseAsset(async_mode=True, app_id="", secure_logging=True)
        bridge = self._apprise.Apprise(asset=asset)
        bridge.add(self._address(message.recipient))
        if not await bridge.async_notify(body=message.text, interpret_escapes=False):
            raise OutcomeUnknown("Apprise reported a failure and no reason", provider=self.name)
        return Receipt(provider=self.name, id=self._new_id(), status=Status.SENT)

    def _address(self, recipient: str) -> str:
        digits = recipient.removeprefix("+")
        return self._settings.url.replace("{recipient}", quote(recipient, safe="")).replace("{digits}", digits)
