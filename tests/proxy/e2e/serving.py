"""Applications of this process on ports of their own, and hookpoint as one of them where a process of its own is not the point."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from hookpoint.proxy.app import create_app
from hookpoint.proxy.config import validate
from hookpoint.proxy.demo.loopback import bind_loopback, origin


@contextmanager
def run_proxy(values: Mapping[str, Any], *, port: int = 0) -> Iterator[str]:
    """Run the reverse proxy of a configuration, with its store in memory; gives its URL."""
    settings = validate({"store": {"url": "sqlite://"}, **values}, environ={}, proxy=True)
    with serve_in_thread(create_app(settings), port=port) as url:
        yield url


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepting = threading.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets=sockets)
        self.accepting.set()


@contextmanager
def serve_in_thread(app: ASGIApp, *, port: int = 0) -> Iterator[str]:
    """Serve an application, lifespan included, from an event loop in another thread; gives its URL."""
    bound = bind_loopback(port)
    server = _Server(uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    try:
        if not server.accepting.wait(20):
            raise RuntimeError("the application did not start")
        yield origin(bound)
    finally:
        server.should_exit = True
        thread.join(20)
        bound.close()
