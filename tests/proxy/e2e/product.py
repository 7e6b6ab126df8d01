"""hookpoint as users run it: `hookpoint serve` in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, TypeVar

import httpx2

from tests.leak_scan import answers_scanned, scan, scan_product
from tests.partners.loopback import PATIENCE, open_http
from tests.partners.warm_start import PipedProcess

READY = re.compile(r"hookpoint ready on (\S+) \(admin (\S+)\)")
STOP_SECONDS = 40.0
LOG_SECONDS = 10.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A running hookpoint: where clients and operators reach it, and what it has logged so far."""

    url: str
    admin: str
    pid: int
    lines: deque[str]
    written: threading.Condition = field(repr=False)

    def events(self, name: str, **members: object) -> list[dict[str, Any]]:
        """The log entries of one event with these members, once there is one: an answer may be here before its log entry."""
        with self.written:
            self.written.wait_for(lambda: self.entries(name, members), LOG_SECONDS)
            return self.entries(name, members)

    def entries(self, name: str, members: Mapping[str, object] = MappingProxyType({})) -> list[dict[str, Any]]:
        """Those that are there now."""
        entries = [json.loads(line) for line in self.lines if f'"event": "{name}"' in line]
        return [entry for entry in entries if entry.items() >= members.items()]

    async def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples of a metric that have these labels."""
        async with open_http() as http:
            text = (await http.get(f"{self.admin}/metrics")).text
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        samples = [line.rpartition(" ") for line in text.splitlines() if line.startswith((f"{name}{{", f"{name} "))]
        return sum(float(value) for sample, _, value in samples if all(each in sample for each in wanted))


def free_port() -> int:
    """A port that nobody listens on at this moment; its number has to be known before hookpoint starts."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def run_hookpoint(
    folder: Path,
    configuration: str,
    *,
    hooks: str = "",
    port: int | None = None,
    environment: Mapping[str, str] | None = None,
    fresh: bool = False,
) -> Iterator[Product]:
    """Run `hookpoint serve` with a configuration until the block ends.

    `hooks` becomes hooks.py beside it, `environment` is added to ours; a `fresh` process imports everything itself. The configuration says nothing of [server] but what may follow `listen`; that is added.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hooks.py").write_text(hooks)
    listen = f'listen = "127.0.0.1:{port or 0}"\nadmin_listen = "127.0.0.1:0"\n'
    text = configuration if "[server]" in configuration else "[server]\n" + configuration
    (folder / "hookpoint.toml").write_text(text.replace("[server]\n", f"[server]\n{listen}", 1))
    reading, writing = os.pipe()
    log = os.fdopen(reading, encoding="utf-8")
    env = os.environ | (environment or {})
    process = PipedProcess(["serve"], cwd=folder, env=env, stderr=writing, fresh=fresh)
    os.close(writing)
    lines: deque[str] = deque(maxlen=50_000)
    written = threading.Condition()
    reader = threading.Thread(target=_keep, args=(log, lines, written), daemon=True)
    reader.start()
    try:
        ready = READY.fullmatch(process.stdout.readline().strip())
        if ready is None:
            process.wait(STOP_SECONDS)
            reader.join()
            raise RuntimeError(f"hookpoint did not start:\n{''.join(lines)}")
        with answers_scanned(ready[1], ready[2]):
            yield Product(url=ready[1], admin=ready[2], pid=process.pid, lines=lines, written=written)
        metrics = _metrics(process, ready[2])
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join()
        process.stdout.close()
        log.close()
    scan_product(folder, log="".join(lines), metrics=metrics)


def _metrics(process: PipedProcess, admin: str) -> bytes:
    """The page of metrics; nothing of a product that the test has ended."""
    if process.poll() is None:
        with suppress(httpx2.TransportError), httpx2.Client(trust_env=False, verify=False, timeout=PATIENCE) as http:
            return http.get(f"{admin}/metrics").content
    return b""


def _keep(log: IO[str], lines: deque[str], written: threading.Condition) -> None:
    for line in log:
        scan([line], "the log of hookpoint")
        with written:
            lines.append(line)
            written.notify_all()


async def eventually(ask: Callable[[], Awaitable[T]], is_it: Callable[[T], bool], *, seconds: float = 15.0) -> T:
    """Ask again and again until the answer is the one that is waited for, and return it."""
    async with asyncio.timeout(seconds):
        while True:
            if is_it(answer := await ask()):
                return answer
            await asyncio.sleep(0.05)


async def post_form(url: str, data: dict[str, str], *, auth: tuple[str, str] | None = None, **headers: str) -> Any:
    """POST a form and return the answer, whatever its status."""
    async with open_http(headers, auth=auth) as http:
        return await http.post(url, data=data)
