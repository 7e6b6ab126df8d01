"""All that is there while faults happen: the server behind, the network to it, the store, hookpoint, and clients."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from joserfc.jwk import RSAKey

from tests.faults.gate import Gate
from tests.faults.load import Load
from tests.faults.product import CLAIM, Running, free_ports
from tests.partners.processes import ServerProcess, server_process

REPOSITORY = Path(__file__).parents[2]
CLIENTS = 8
LIMIT = 6.0
"""Seconds that hookpoint gives the server behind."""
SLOW = 60.0
_CONFIGURATION = """
[server]
workers = {workers}
[upstream]
url = "http://127.0.0.1:{gate}"
issuer = "{issuer}"
dialect = "auth0"
[store]
url = "{store}"
timeout = 2.0
[tokens]
key_publish_delay = 1
[limits]
connect_timeout = 2.0
upstream_header_timeout = {limit}
token_timeout = {limit}
[[hooks]]
run = "hooks.py"
"""
_SCRIPT = """
[[hooks]]
trigger = "credentials-exchange"
run = "from_node.js"
on_error = "skip"
"""


class Behind:
    """The server behind; it can be killed and started again at the same port, with the same key and users."""

    def __init__(self, folder: Path, port: int, issuer: str) -> None:
        self.users = folder / "users.jsonl"
        self.users.touch()
        key = RSAKey.generate_key(2048, {"kid": "upstream", "alg": "RS256", "use": "sig"})
        self._settings = {"port": port, "issuer": issuer, "users": str(self.users), "key": key.as_dict(private=True)}
        self._stack = ExitStack()
        self._process: ServerProcess | None = None

    async def start(self) -> None:
        """Start it; returns when it accepts."""
        run = server_process([sys.executable, "-m", "tests.faults.server"], settings=self._settings, cwd=REPOSITORY)
        self._process = await asyncio.to_thread(self._stack.enter_context, run)

    async def kill(self) -> None:
        """End it as a machine does that loses power."""
        assert self._process is not None
        self._process.kill()
        await self.stop()

    async def stop(self) -> None:
        """Clear away what is left of it."""
        stack, self._stack = self._stack, ExitStack()
        await asyncio.to_thread(stack.close)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Everything that a fault can reach."""

    behind: Behind
    gate: Gate
    hookpoint: Running
    load: Load

    def created(self) -> list[str]:
        """The e-mail addresses of the users that the server behind has."""
        return [str(json.loads(line)["email"]) for line in self.behind.users.read_text().splitlines()]

    def delivered(self) -> list[tuple[str, str]]:
        """The events that the hook was told of, and their users' e-mail addresses."""
        told = self.hookpoint.folder / "delivered.txt"
        lines = told.read_text().splitlines() if told.exists() else []
        return [(line.split()[0], line.split()[1]) for line in lines]


@asynccontextmanager
async def set_stage(
    folder: Path, store: str, *, workers: int, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Stage]:
    """Start everything, with clients that ask; ends it all with the block, the clients first."""
    folder.mkdir(parents=True, exist_ok=True)
    front, between, server = free_ports(3)
    issuer = f"http://127.0.0.1:{front}"
    text = _CONFIGURATION.format(workers=workers, gate=between, issuer=issuer, store=store, limit=LIMIT)
    if shutil.which("node") is not None:
        text += _SCRIPT
    behind, gate = Behind(folder, server, issuer), Gate(server, delay=SLOW)
    running = Running(folder / "hookpoint", text, port=front, environment=environment)
    load = Load(running.url, clients=CLIENTS, claim=CLAIM)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(behind.stop)
        await behind.start()
        await stack.enter_async_context(gate.open(between))
        stack.push_async_callback(running.stop)
        await running.start()
        load.start()
        stack.push_async_callback(load.stop)
        yield Stage(behind=behind, gate=gate, hookpoint=running, load=load)
