"""The server as processes: ready, drain, workers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

ROOT = Path(__file__).parents[3]
READY = re.compile(rb"hookpoint ready on http://127\.0\.0\.1:(\d+) \(admin http://127\.0\.0\.1:(\d+)\)\n")


@dataclass
class Running:
    """A running sample."""

    process: Process
    port: int
    admin_port: int

    async def stop(self, number: int = signal.SIGTERM) -> tuple[int, list[dict[str, object]]]:
        """Tell it to stop and wait; return its exit code and its log."""
        self.process.send_signal(number)
        return await self.ended()

    async def ended(self) -> tuple[int, list[dict[str, object]]]:
        """Wait for its end; return its exit code and its log."""
        out, err = await asyncio.wait_for(self.process.communicate(), 15.0)
        assert out == b""
        assert self.process.returncode is not None
        return self.process.returncode, [json.loads(line) for line in err.splitlines()]


async def start(*arguments: str, **environ: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.proxy.server.sample",
        *arguments,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@contextlib.asynccontextmanager
async def running(*arguments: str) -> AsyncIterator[Running]:
    process = await start(*arguments)
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), 20.0)
        match = READY.fullmatch(line)
        assert match is not None, line
        yield Running(process, int(match[1]), int(match[2]))
    finally:
        if process.returncode is None:
            process.terminate()
            await asyncio.wait_for(process.communicate(), 15.0)


async def fetch(port: int, path: str = "/", host: str = "localhost") -> tuple[int, bytes]:
    """Return status and body of one request on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = await asyncio.wait_for(reader.read(-1), 5.0)
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


async def pids(port: int, *, count: int) -> set[int]:
    """Ask until so many processes have answered."""
    found: set[int] = set()
    async with asyncio.timeout(15.0):
        while len(found) < count:
            answers = await asyncio.gather(*(fetch(port) for _ in range(10)))
            found |= {int(body) for _, body in answers}
    return found


@dataclass
class Load:
    """Clients that ask on and on, until the server does not let them in any more."""

    answered: int = 0
    lost: int = 0
    heavy: asyncio.Event = field(default_factory=asyncio.Event)

    def count(self) -> None:
        """Count an answer; from the two-hundredth on this is load."""
        self.answered += 1
        if self.answered >= 200:
            self.heavy.set()

    async def keep_alive(self, port: int, path: str) -> None:
        """Ask on one connection as long as it lives, then on the next."""
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                return
            try:
                while True:
                    writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                    head = await reader.readuntil(b"\r\n\r\n")
                    length = re.search(rb"content-length: (\d+)", head)
                    assert length is not None
                    await reader.readexactly(int(length[1]))
                    self.count()
                    if b"connection: close" in head:
                        break
            except (OSError, asyncio.IncompleteReadError):
                self.lost += 1
            finally:
                writer.close()

    async def one_by_one(self, port: int) -> None:
        """Ask on a new connection each time."""
        while True:
            try:
                await fetch(port)
            except ConnectionRefusedError:
                return
            except (OSError, IndexError):
                self.lost += 1
            else:
                self.count()


async def put_under_load(load: Load, port: int) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(load.keep_alive(port, path)) for path in ("/", "/", "/slow", "/slow", "/slow")]
    tasks += [asyncio.create_task(load.one_by_one(port)) for _ in range(3)]
    await asyncio.wait_for(load.heavy.wait(), 15.0)
    return tasks


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_O_drain_under_load_without_a_lost_answer(workers: str) -> None:
    load = Load()
    async with running(workers) as server:
        tasks = await put_under_load(load, server.port)
        code, log = await server.stop()
        await asyncio.wait_for(asyncio.gather(*tasks), 5.0)
    assert code == 0
    assert load.lost == 0
    assert load.answered >= 200
    events = [entry["event"] for entry in log]
    assert events.count("serving_stopped") == int(workers)
    assert "drain_cut_off" not in events


async def test_O_workers_are_renewed_without_a_lost_answer() -> None:
    load = Load()
    async with running("2") as server:
        before = await pids(server.port, count=2)
        tasks = await put_under_load(load, server.port)
        server.process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(20.0):
            while await pids(server.port, count=2) & before:
                pass
        await server.stop()
        await asyncio.wait_for(asyncio.gather(*tasks), 5.0)
    assert load.lost == 0


async def test_O_draining_process_says_so_and_cuts_off_what_never_ends() -> None:
    async with running("1", "1.5") as server:
        assert await fetch(server.admin_port, "/readyz") == (200, b'{"status":"ready"}')
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
        await reader.readuntil(b"data: 1\n\n")
        async with connect(f"ws://127.0.0.1:{server.port}/") as websocket:
            server.process.terminate()
            status = 200
            while status == 200:
                status, body = await fetch(server.admin_port, "/readyz")
            assert (status, json.loads(body)["reasons"]) == (503, ["draining"])
            with pytest.raises(ConnectionRefusedError):
                await fetch(server.port)
            with pytest.raises(ConnectionClosed) as closed:
                await websocket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012
        assert not (await reader.read(-1)).endswith(b"0\r\n\r\n")
        writer.close()
        code, log = await server.ended()
    assert code == 0
    assert "drain_cut_off" in [entry["event"] for entry in log]


async def test_second_signal_does_not_wait() -> None:
    async with running("1", "60") as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
        await reader.readuntil(b"data: 1\n\n")
        server.process.send_signal(signal.SIGINT)
        while (await fetch(server.admin_port, "/readyz"))[0] == 200:
            pass
        code, _ = await server.stop(signal.SIGINT)
        writer.close()
    assert code == 0


async def test_O_1000_idle_sockets_do_not_hinder_others() -> None:
    async with running("1", "0.1") as server:
        idle: list[socket.socket] = []
        try:
            for _ in range(1000):
                idle.append(socket.create_connection(("127.0.0.1", server.port), timeout=5.0))  # noqa: PERF401
            loop = asyncio.get_running_loop()
            began = loop.time()
            answers = [await fetch(server.port) for _ in range(50)]
            assert {status for status, _ in answers} == {200}
            assert loop.time() - began < 2.0
        finally:
            for connection in idle:
                connection.close()


async def test_O_workers_share_the_port_and_sum_their_metrics() -> None:
    async with running("2") as server:
        processes = await pids(server.port, count=2)
        assert server.process.pid not in processes
        before = await requests_counted(server.admin_port)
        await asyncio.gather(*(fetch(server.port) for _ in range(50)))
        assert await requests_counted(server.admin_port) == before + 50
        children = psutil.Process(server.process.pid).children()
        directories = {child.environ().get("PROMETHEUS_MULTIPROC_DIR") for child in children if child.pid in processes}
        code, _ = await server.stop()
    assert code == 0
    (directory,) = directories
    assert directory is not None
    assert not is_there(directory)


def is_there(path: str) -> bool:
    return Path(path).exists()


async def requests_counted(admin_port: int) -> int:
    status, body = await fetch(admin_port, "/metrics")
    assert status == 200
    match = re.search(rb'hookpoint_requests_total\{outcome="ok",route="sample"\} ([\d.]+)', body)
    assert match is not None, body
    return int(float(match[1]))


async def test_O_killed_worker_is_replaced_and_none_outlives_the_parent() -> None:
    async with running("2") as server:
        before = await pids(server.port, count=2)
        os.kill(min(before), signal.SIGKILL)
        async with asyncio.timeout(15.0):
            while not (after := await pids(server.port, count=2)) - before:
                pass
        assert min(before) not in after
        workers = [psutil.Process(pid) for pid in after]
        server.process.kill()
        _, err = await server.process.communicate()
        loop = asyncio.get_running_loop()
        _, alive = await loop.run_in_executor(None, lambda: psutil.wait_procs(workers, timeout=10.0))
    assert alive == []
    deaths = [entry for entry in map(json.loads, err.splitlines()) if entry["event"] == "worker_died"]
    assert [death["pid"] for death in deaths] == [min(before)]


async def test_port_in_use_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = await start("2", SAMPLE_PORT=str(port))
        out, err = await asyncio.wait_for(process.communicate(), 15.0)
    assert process.returncode == 1
    assert out == b""
    assert err.decode() == f"sample: cannot listen on 127.0.0.1:{port}: address already in use\n"


@pytest.mark.parametrize(
    ("workers", "fault", "reason"),
    [
        ("1", "factory", "no such hook file"),
        ("2", "factory", "no such hook file"),
        ("1", "lifespan", "store is not there"),
    ],
)
async def test_start_that_fails_says_why_and_ends(workers: str, fault: str, reason: str) -> None:
    process = await start(workers, "1", fault)
    out, err = await asyncio.wait_for(process.communicate(), 20.0)
    assert process.returncode == 1
    assert out == b""
    assert reason in err.decode()
    assert "Traceback" not in err.decode()


async def test_O_admin_is_not_reachable_through_the_proxy_and_knows_its_names() -> None:
    async with running("1") as server:
        for path in ("/livez", "/readyz", "/metrics"):
            assert (await fetch(server.admin_port, path))[0] == 200
            assert (await fetch(server.admin_port, path, host=f"127.0.0.1:{server.admin_port}"))[0] == 200
            assert (await fetch(server.admin_port, path, host="rebound.example"))[0] == 421
            status, body = await fetch(server.port, path, host=f"127.0.0.1:{server.admin_port}")
            assert (status, body.isdigit()) == (200, True)  # the product's own answer
