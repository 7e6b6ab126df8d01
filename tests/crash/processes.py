"""hookpoint in processes that are killed and started again, each at an address that stays."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from tests.crash.server import DIALECT
from tests.partners.warm_start import HOOKPOINT
from tests.proxy.e2e.product import free_port

START_SECONDS = 120.0

HOOKS = """
import json
import os
import time
from pathlib import Path

from hookpoint.hooks import PostChangePassword, PostUserRegistration, post_change_password, post_user_registration

RAN = os.open(Path(__file__).with_name("ran.jsonl"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)


@post_user_registration
@post_change_password
def note(event: PostUserRegistration | PostChangePassword) -> None:
    changed = isinstance(event, PostChangePassword)
    at = event.changed_at.isoformat() if changed else ""
    line = {"kind": "changed" if changed else "registered", "id": event.id, "email": event.user.email, "at": at}
    time.sleep(0.005)
    os.write(RAN, json.dumps(line).encode() + b"\\n")
"""
CONFIGURATION = """
[server]
listen = "127.0.0.1:{port}"
admin_listen = "127.0.0.1:0"

[upstream]
url = "{upstream}"
dialect = "dialect.toml"

[store]
url = "{store}"

[limits]
hook_timeout = 1.0
hooks_timeout = 1.0
token_timeout = 5.0

[deliveries]
poll = 0.1
timeout = 2.0
lease = 0.5
backoff = [0.1]
lookups = 2

[[hooks]]
run = "hooks.py"
"""


class Replica:
    """One process of hookpoint; `kills` counts how often it was killed."""

    def __init__(self, folder: Path, *, upstream: str, store: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.kills = 0
        self._folder = folder
        self._configuration = folder / f"hookpoint-{self.port}.toml"
        self._configuration.write_text(CONFIGURATION.format(port=self.port, upstream=upstream, store=store))
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it and wait until it serves; raises RuntimeError with its log."""
        with (self._folder / "log.txt").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                HOOKPOINT, "-c", self._configuration, "serve", stdout=asyncio.subprocess.PIPE, stderr=log
            )
        assert self._process.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            line = await self._process.stdout.readline()
        if b"ready" not in line:
            raise RuntimeError((self._folder / "log.txt").read_text()[-4000:])

    async def kill(self) -> None:
        """Kill it as the operating system does when memory is short."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()
        self.kills += 1

    async def stop(self) -> None:
        """End it in good order."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            await self._process.wait()


def prepare(folder: Path) -> None:
    """Write what all processes share."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hooks.py").write_text(HOOKS)
    (folder / "dialect.toml").write_text(DIALECT)
