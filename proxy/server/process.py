"""One serving process: the product and its admin application on one event loop."""

from __future__ import annotations

import asyncio
import signal
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from hookpoint.proxy.server.configuration import ServerConfig
from hookpoint.proxy.server.limits import RequestLimits
from hookpoint.proxy.server.listener import Listener
from hookpoint.proxy.server.status import ServingStatus

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable

    from starlette.types import ASGIApp

    AppFactory = Callable[[], ASGIApp]
    AdminFactory = Callable[[ASGIApp, ServingStatus], ASGIApp]

_ADMIN_DRAIN_SECONDS = 1.0

_logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """What every process serves, made anew in each; all of it must be picklable when there are several workers.

    `admin_factory` gets the application and the status of its process. `prepare` runs first in every process, before
    the application is made (logging is set up there). `drain_timeout` is in seconds.
    """

    app_factory: AppFactory
    admin_factory: AdminFactory
    prepare: Callable[[], None] | None = None
    limits: RequestLimits = field(default_factory=RequestLimits)
    drain_timeout: float = 30.0
    expected_failures: tuple[type[Exception], ...] = ()


class Stop:
    """The wish to stop: asked once, drain; asked again, hurry."""

    def __init__(self) -> None:
        """Start without the wish."""
        self.asked = asyncio.Event()
        self.hurry = asyncio.Event()

    def ask(self) -> None:
        """Ask to stop."""
        (self.hurry if self.asked.is_set() else self.asked).set()

    def listen_to(self, signals: Iterable[signal.Signals]) -> None:
        """Take signals as the wish to stop; a hang-up repeats itself and is no reason to hurry."""
        loop = asyncio.get_running_loop()
        for number in signals:
            loop.add_signal_handler(number, self.asked.set if number is signal.SIGHUP else self.ask)


def run_process(
    product: Product,
    listener: socket.socket,
    admin_listener: socket.socket,
    arrange: Callable[[Stop], Callable[[], None]],
) -> None:
    """Serve on two bound sockets until told to stop.

    `arrange` runs on the event loop before anything is served: it connects signals or a parent process to the `Stop`
    and returns what is called once requests are accepted. StartError when the application does not start.
    """
    if product.prepare is not None:
        product.prepare()
    _raise_descriptor_limit()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(product, listener, admin_listener, arrange))


async def _serve(
    product: Product,
    listener: socket.socket,
    admin_listener: socket.socket,
    arrange: Callable[[Stop], Callable[[], None]],
) -> None:
    stop = Stop()
    ready = arrange(stop)
    status = ServingStatus()
    app = product.app_factory()
    admin = Listener(
        ServerConfig(product.admin_factory(app, status), limits=product.limits, lifespan="off"), admin_listener
    )
    main = Listener(ServerConfig(app, limits=product.limits, expected_failures=product.expected_failures), listener)
    await admin.start()
    try:
        await main.start()
        status.starting = False
        ready()
        _logger.info("serving_started")
        await stop.asked.wait()
        status.draining = True
        _logger.info("draining_started", timeout=product.drain_timeout)
        await main.drain(product.drain_timeout, stop.hurry)
    finally:
        await admin.drain(_ADMIN_DRAIN_SECONDS, stop.hurry)
    _logger.info("serving_stopped")


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop


def _raise_descriptor_limit() -> None:
    """Allow as many open connections as the system grants: common soft limits are meant for select()."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
