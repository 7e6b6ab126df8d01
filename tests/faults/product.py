"""hookpoint under faults: `hookpoint serve` on a port that stays, started again when it was ended."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import psutil

from tests.partners.loopback import open_http
from tests.proxy.e2e.product import Product, eventually, run_hookpoint
from tests.proxy.e2e.recorder import JWKS

CLAIM = "https://example.com/plan"
HOOKS = f"""
import os

from hookpoint.hooks import TokenChanges, credentials_exchange, post_user_registration


@credentials_exchange
async def add_plan(event) -> TokenChanges:
    return TokenChanges(claims={{"{CLAIM}": "gold"}})


@post_user_registration
async def tell(event) -> None:
    with open("delivered.txt", "a") as file:
        file.write(f"{{event.id}} {{event.user.email}}\\n")
"""
SCRIPT = """module.exports = function (client, scope, audience, context, cb) {
  cb(null, { scope: scope, "https://example.com/from-node": process.pid });
};
"""
_PATIENCE = 180.0


class Running:
    """One hookpoint; `settings` is its configuration without [server]."""

    def __init__(self, folder: Path, settings: str, *, port: int, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}"
        self._settings = settings
        self._port = port
        self._environment = environment or {}
        self._stack = ExitStack()
        self.product: Product | None = None
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "from_node.js").write_text(SCRIPT)

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        run = run_hookpoint(
            self.folder, self._settings, hooks=HOOKS, port=self._port, environment=dict(self._environment), fresh=True
        )
        self.product = await asyncio.to_thread(self._stack.enter_context, run)
        async with open_http() as http:

            async def status() -> int:
                return int((await http.get(self.url + JWKS)).status_code)

            await eventually(status, lambda found: found == 200, seconds=_PATIENCE)

    async def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        stack, self._stack = self._stack, ExitStack()
        self.product = None
        await asyncio.to_thread(stack.close)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process that was started."""
        os.kill(self._pid, number)

    def workers(self) -> list[psutil.Process]:
        """The worker processes: those that listen where clients connect."""
        children = psutil.Process(self._pid).children()
        return [child for child in children if _listens(child, self._port)]

    def hook_processes(self) -> list[psutil.Process]:
        """The Node.js processes that run hooks."""
        children = psutil.Process(self._pid).children(recursive=True)
        return [child for child in children if "node" in child.name()]

    def log(self) -> str:
        """What it has logged since it was started last."""
        return "".join(self.product.lines) if self.product else ""

    @property
    def _pid(self) -> int:
        assert self.product is not None, "it is not running"
        return self.product.pid


def _listens(process: psutil.Process, port: int) -> bool:
    try:
        found = process.net_connections("inet")
    except psutil.Error:
        return False
    return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in found)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at this moment, all different."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(probe.getsockname()[1]) for probe in probes]
