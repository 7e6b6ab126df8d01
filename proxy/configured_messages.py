"""The phone messages that a configuration asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hookpoint.hooks import Chain
from hookpoint.proxy.config import Settings
from hookpoint.proxy.observability import Metrics

if TYPE_CHECKING:
    from hookpoint.proxy.sms.composition import PhoneMessages


def configured_messages(settings: Settings, chain: Chain, metrics: Metrics) -> PhoneMessages | None:
    """What delivers them; None where none are sent."""
    if not settings.sms.used:
        return None
    # Loaded only where messages are sent: it brings the plans of all numbers.
    from hookpoint.proxy.sms.composition import PhoneMessages

    return PhoneMessages(settings, chain=chain, metrics=metrics)
