"""The faulty network does to connections what it says."""

from __future__ import annotations

import time

import httpx2
import pytest

from tests.faults.gate import Gate
from tests.partners.loopback import open_http
from tests.proxy.e2e.product import free_port
from tests.proxy.e2e.recorder import JWKS, Recorder
from tests.proxy.e2e.serving import serve_in_thread

_DELAY = 0.3


async def test_answers_pass_come_late_or_are_cut() -> None:
    port = free_port()
    with serve_in_thread(Recorder(issuer=f"http://127.0.0.1:{port}").app) as behind:
        gate = Gate(int(behind.rpartition(":")[2]), delay=_DELAY)
        async with gate.open(port), open_http() as http:
            url = f"http://127.0.0.1:{port}{JWKS}"
            assert (await http.get(url)).status_code == 200
            gate.mode = "slow"
            begun = time.monotonic()
            assert (await http.get(url)).status_code == 200
            assert time.monotonic() - begun >= _DELAY
            gate.mode = "resetting"
            for _ in range(3):
                with pytest.raises(httpx2.TransportError):
                    await http.get(url)
            gate.mode = "good"
            assert (await http.get(url)).status_code == 200
