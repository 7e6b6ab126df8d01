"""Running the product: bind, serve in one process or several, say when it is ready."""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hookpoint.proxy.observability import shared_metrics
from hookpoint.proxy.server.listening import Endpoint, bind, endpoint_of
from hookpoint.proxy.server.process import Product, Stop, run_process
from hookpoint.proxy.server.supervisor import Supervisor

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable


def announce(line: str) -> None:
    """Write a line to standard output at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A product on its two addresses.

    `run` returns after a graceful stop (SIGTERM, SIGINT; in one process also SIGHUP, which renews the workers when there
    are several). It raises ListenError or StartError when there is nothing to serve.
    """

    product: Product
    listen: Endpoint
    admin_listen: Endpoint
    workers: int = 1
    announce: Callable[[str], None] = announce

    def run(self) -> None:
        """Serve until told to stop."""
        listener = bind(self.listen)
        try:
            admin_listener = bind(self.admin_listen)
        except BaseException:
            listener.close()
            raise
        line = f"hookpoint ready on http://{endpoint_of(listener)} (admin http://{endpoint_of(admin_listener)})"
        if self.workers == 1:
            self._run_here(listener, admin_listener, line)
        else:
            self._run_workers(listener, admin_listener, line)

    def _run_here(self, listener: socket.socket, admin_listener: socket.socket, line: str) -> None:
        def arrange(stop: Stop) -> Callable[[], None]:
            stop.listen_to([signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
            return lambda: self.announce(line)

        run_process(self.product, listener, admin_listener, arrange)

    def _run_workers(self, listener: socket.socket, admin_listener: socket.socket, line: str) -> None:
        if self.product.prepare is not None:
            self.product.prepare()
        with shared_metrics() as process_ended:
            Supervisor(
                self.product,
                (listener, admin_listener),
                self.workers,
                on_ready=lambda: self.announce(line),
                on_death=process_ended,
            ).run()
