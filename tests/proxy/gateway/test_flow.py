"""What the connection does to a call."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from starlette.types import Message

from hookpoint.proxy.config.sms_gateway import SmsGatewaySettings
from hookpoint.proxy.flows.intercepted import Directory
from hookpoint.proxy.gateway.gateway import configured_routes, gateway_routes
from hookpoint.proxy.own_routes import OwnRoute, OwnRoutes
from tests.proxy.gateway.stage import ToldDelivery
from tests.proxy.sms.stage import CODE, NUMBER

SECRET = "the secret of the caller"
PATH = "/hookpoint/sms/generic"
BODY = json.dumps({"to": NUMBER, "code": CODE}).encode()


def gateway_of(*settings: dict[str, Any], delivery: ToldDelivery | None = None) -> OwnRoutes:
    configured = configured_routes(
        SmsGatewaySettings.model_validate({"secrets": [SECRET], **each}) for each in settings
    )
    return OwnRoutes(
        gateway_routes(configured, delivery or ToldDelivery(), directory=Directory({}), new_id=lambda: "call-1")
    )


def scope_of(method: str = "POST") -> dict[str, Any]:
    headers = [(b"content-type", b"application/json"), (b"authorization", f"Bearer {SECRET}".encode())]
    return {"type": "http", "method": method, "path": PATH, "raw_path": PATH.encode(), "headers": headers}


async def serve(gateway: OwnRoutes, receive: Callable[[], Message]) -> tuple[str, list[Message]]:
    route = gateway.find(PATH.encode(), PATH)
    assert isinstance(route, OwnRoute)
    sent: list[Message] = []

    async def next_message() -> Message:
        return receive()

    async def keep(message: Message) -> None:
        sent.append(dict(message))

    return await route.flow(scope_of(), next_message, keep), sent


async def test_a_caller_who_leaves_gets_no_answer_and_no_message() -> None:
    delivery = ToldDelivery()
    messages: list[Message] = [
        {"type": "http.request", "body": BODY[:5], "more_body": True},
        {"type": "http.disconnect"},
    ]
    outcome, sent = await serve(gateway_of({"format": "generic"}, delivery=delivery), lambda: messages.pop(0))
    assert (outcome, sent, delivery.requests) == ("client_left", [], [])


async def test_a_body_in_pieces_is_one() -> None:
    pieces = [BODY[:5], BODY[5:20], BODY[20:]]
    messages: list[Message] = [
        {"type": "http.request", "body": piece, "more_body": piece is not pieces[-1]} for piece in pieces
    ]
    outcome, sent = await serve(gateway_of({"format": "generic"}), lambda: messages.pop(0))
    assert outcome == "sent"
    assert sent[0]["status"] == 200


async def test_a_deadline_of_ones_own_holds() -> None:
    delivery = ToldDelivery()
    gateway = gateway_of({"format": "generic", "deadline": 2.5}, delivery=delivery)
    await serve(gateway, lambda: {"type": "http.request", "body": BODY})
    assert 2.0 < delivery.deadlines[0] <= 2.5


def test_one_format_may_have_several_routes() -> None:
    gateway = gateway_of({"format": "generic"}, {"format": "generic", "path": "/codes"})
    assert gateway.find(b"/codes", "/codes") is not gateway.find(PATH.encode(), PATH)
