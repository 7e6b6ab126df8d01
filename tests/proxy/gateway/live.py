"""The gateway on a port of its own, for servers in other processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from starlette.types import Receive, Scope, Send

from hookpoint.providers import Message
from hookpoint.providers.vendors.memory import Memory
from hookpoint.proxy.answers import Answer
from hookpoint.proxy.config.sms_gateway import SmsGatewaySettings
from hookpoint.proxy.flows.intercepted import Directory
from hookpoint.proxy.gateway.gateway import configured_routes, gateway_routes
from hookpoint.proxy.own_routes import OwnRoute, OwnRoutes
from tests.proxy.e2e.serving import serve_in_thread
from tests.proxy.sms.stage import stage


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveGateway:
    """Where it listens, and what went out so far."""

    url: str
    provider: Memory

    def last(self) -> Message:
        """The message that went out last."""
        return self.provider.messages[-1]


@contextmanager
def live_gateway(routes: Sequence[Mapping[str, Any]]) -> Iterator[LiveGateway]:
    """Serve routes as `[[sms.gateway]]` has them, with everything behind them but a real provider."""
    provider = Memory("main")
    settings = [SmsGatewaySettings.model_validate(route) for route in routes]
    running = AsyncExitStack()
    gateways: list[OwnRoutes] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            it = await running.enter_async_context(stage(providers=[provider]))
            routes = gateway_routes(
                configured_routes(settings), it.delivery, directory=Directory({}), new_id=lambda: "call"
            )
            gateways.append(OwnRoutes(routes))
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await running.aclose()
            await send({"type": "lifespan.shutdown.complete"})
            return
        found = gateways[0].find(scope["raw_path"], scope["path"])
        if isinstance(found, OwnRoute):
            await found.flow(scope, receive, send)
        else:
            await Answer(status=404).send(send)

    with serve_in_thread(app) as url:
        yield LiveGateway(url=url, provider=provider)
