"""The routes of hookpoint's own for phone messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hookpoint.proxy.config import Settings
from hookpoint.proxy.flows.intercepted import Directory
from hookpoint.proxy.gateway import verified
from hookpoint.proxy.gateway.gateway import configured_routes, gateway_routes
from hookpoint.proxy.own_routes import OwnRoute
from hookpoint.proxy.sms.composition import PhoneMessages
from hookpoint.proxy.sms.receipts import receipt_routes


def sms_routes(
    settings: Settings, messages: PhoneMessages, *, directory: Directory, new_id: Callable[[], str]
) -> Iterator[OwnRoute]:
    """Where servers ask for messages, vendors report on them, and servers say which codes were typed in."""
    yield from gateway_routes(configured_routes(settings.sms.gateway), messages, directory=directory, new_id=new_id)
    yield from receipt_routes(settings, messages.report)
    if settings.sms.verified is not None:
        secrets = [secret.get_secret_value() for secret in settings.sms.verified.secrets]
        flow = verified.VerifiedFlow(secrets, messages.verified)
        yield OwnRoute(kind=verified.KIND, path=settings.sms.verified.path, flow=flow)
