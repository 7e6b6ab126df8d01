"""Acme's API: POST /v1/texts with a bearer key, answered 201 with an id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import httpx2

from hookpoint.providers import Capabilities, Message, Receipt, Rejected, setting
from hookpoint.providers.exchange import Answer
from hookpoint.providers.http_provider import ErrorType, OneCallProvider, text_at
from hookpoint.providers.http_settings import HttpSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class AcmeSettings(HttpSettings):
    """What the configuration gives."""

    api_key: str = setting("key of the account", secret=True)
    base_url: str = setting("address of the API", default="https://api.acme.example")


class Acme(OneCallProvider):
    """Texts only; Acme picks the sender."""

    settings_type: ClassVar[type[Any]] = AcmeSettings
    capabilities = Capabilities(max_characters=480)
    by_code: ClassVar[Mapping[str, ErrorType]] = {"number_blocked": Rejected}

    def __init__(
        self, name: str, settings: AcmeSettings, *, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        super().__init__(name, settings, transport=transport)
        self._settings = settings

    async def build(self, message: Message) -> httpx2.Request:
        """The one call."""
        return httpx2.Request(
            "POST",
            f"{self._settings.base_url}/v1/texts",
            json={"to": message.recipient, "text": message.text, "reference": message.reference},
            headers={"authorization": f"Bearer {self._settings.api_key}"},
        )

    def read(self, answer: Answer, message: Message) -> Receipt | None:
        """The id in a positive answer."""
        del message
        id_ = text_at(answer.json(), "id")
        return Receipt(provider=self.name, id=id_) if id_ else None

    def explain(self, answer: Answer) -> tuple[str, str]:
        """Acme's own code and words."""
        body = answer.json()
        return text_at(body, "error"), text_at(body, "hint")
