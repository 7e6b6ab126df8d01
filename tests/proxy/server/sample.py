"""A small product to serve: `python -m tests.proxy.server.sample WORKERS [DRAIN_TIMEOUT [FAULT]]`."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from hookpoint.proxy.observability import Metrics, configure_logging, exposition, new_registry
from hookpoint.proxy.server import (
    Endpoint,
    Product,
    RequestLimits,
    ServerError,
    Serving,
    ServingStatus,
    StartError,
    create_admin,
)

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class Sample:
    """Answers with the process id; `/slow` after a while, `/events` for ever, WebSockets until told to stop."""

    def __init__(self) -> None:
        """Count requests."""
        self.metrics = Metrics(new_registry())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            while (await receive())["type"] != "websocket.disconnect":
                pass
        else:
            await self._answer(scope["path"], receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        if "lifespan" in sys.argv:
            await send({"type": "lifespan.startup.failed", "message": "the store is not there"})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, path: str, receive: Receive, send: Send) -> None:
        if path == "/events":
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        if path == "/slow":
            await asyncio.sleep(0.3)
        self.metrics.request("sample", "ok", 0.001)
        body = b"%d" % os.getpid()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})


def create_sample() -> ASGIApp:
    """Return the application of one process."""
    if "factory" in sys.argv:
        raise StartError("there is no such hook file")
    return Sample()


def create_sample_admin(app: ASGIApp, status: ServingStatus) -> ASGIApp:
    """Return the admin application of one process."""
    assert isinstance(app, Sample)
    return create_admin(not_ready=status.not_ready, exposition=partial(exposition, app.metrics.registry))


@dataclass(frozen=True, slots=True)
class Arguments:
    """The command line."""

    workers: int
    drain_timeout: float
    port: int


def main() -> None:
    """Serve until told to stop."""
    arguments = Arguments(
        workers=int(sys.argv[1]),
        drain_timeout=float(sys.argv[2]) if len(sys.argv) > 2 else 10.0,
        port=int(os.environ.get("SAMPLE_PORT", "0")),
    )
    product = Product(
        app_factory=create_sample,
        admin_factory=create_sample_admin,
        prepare=configure_logging,
        limits=RequestLimits(drain_grace=0.3),
        drain_timeout=arguments.drain_timeout,
    )
    serving = Serving(
        product=product,
        listen=Endpoint("127.0.0.1", arguments.port),
        admin_listen=Endpoint("127.0.0.1", 0),
        workers=arguments.workers,
    )
    try:
        serving.run()
    except ServerError as error:
        sys.exit(f"sample: {error}")


if __name__ == "__main__":
    main()
