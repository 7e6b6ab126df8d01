"""hookpoint and the server behind it start, stop and come back in any order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.partners.loopback import open_http
from tests.partners.resource_server import resource_server_verify
from tests.proxy.e2e.hooks import HOOKS, PLAN
from tests.proxy.e2e.mock_stage import assert_is_oauth_error
from tests.proxy.e2e.product import Product, eventually, free_port, post_form, run_hookpoint
from tests.proxy.e2e.recorder import AUDIENCE, JWKS, METADATA, Recorder, signing_key
from tests.proxy.e2e.serving import serve_in_thread


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """hookpoint, and the port where its server would be."""

    product: Product
    port: int
    recorder: Recorder

    async def ask(self) -> Any:
        """Ask for a token."""
        return await post_form(f"{self.product.url}/oauth/token", {"grant_type": "client_credentials"})

    async def readiness(self) -> Any:
        """Ask whether hookpoint is ready, after a request that makes it look again."""
        await self.ask()
        async with open_http() as http:
            return await http.get(f"{self.product.admin}/readyz")


@pytest.fixture
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    port, upstream_port = free_port(), free_port()
    configuration = f"""
    [upstream]
    url = "http://127.0.0.1:{upstream_port}"
    [[hooks]]
    run = "hooks.py"
    """
    recorder = Recorder(issuer=f"http://127.0.0.1:{port}")
    with run_hookpoint(tmp_path_factory.mktemp("startup"), configuration, hooks=HOOKS, port=port) as product:
        yield Stage(product=product, port=upstream_port, recorder=recorder)


def is_ready(answer: Any) -> bool:
    return bool(answer.status_code == 200)


async def test_hookpoint_waits_for_its_server_and_survives_its_restarts(stage: Stage) -> None:
    for path in ("/oauth/token", "/userinfo", METADATA):
        async with open_http() as http:
            answer = await http.get(stage.product.url + path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["error"] == "temporarily_unavailable"
    unready = await stage.readiness()
    assert unready.status_code == 503
    assert METADATA in unready.text
    async with open_http() as http:
        assert (await http.get(f"{stage.product.admin}/livez")).status_code == 200

    with serve_in_thread(stage.recorder.app, port=stage.port):
        await eventually(stage.readiness, is_ready)
        first = (await stage.ask()).json()
        verified = await resource_server_verify(first["access_token"], stage.product.url, AUDIENCE)
        assert verified.claims[PLAN] == "none"

    answer = await stage.ask()
    assert answer.status_code == 502
    assert answer.json()["error"] == "server_error"
    assert is_ready(await stage.readiness())

    stage.recorder.key = signing_key("recorder-2")
    stage.recorder.documents[JWKS] = stage.recorder.key_set()
    with serve_in_thread(stage.recorder.app, port=stage.port):
        second = (await stage.ask()).json()
        verified = await resource_server_verify(second["access_token"], stage.product.url, AUDIENCE)
        assert verified.claims[PLAN] == "none"
    assert "Traceback" not in "".join(stage.product.lines)


async def test_a_server_that_is_not_itself_yet_is_waited_for(stage: Stage) -> None:
    metadata = stage.recorder.documents.pop(METADATA)
    stage.recorder.documents[METADATA] = b"starting ..."
    with serve_in_thread(stage.recorder.app, port=stage.port):
        unready = await eventually(stage.readiness, lambda answer: "JSON" in answer.text)
        assert unready.status_code == 503
        assert_unavailable(await stage.ask())
        stage.recorder.documents[METADATA] = {**metadata, "issuer": None}
        await eventually(stage.readiness, lambda answer: "issuer" in answer.text)
        assert_unavailable(await stage.ask())
        stage.recorder.documents[METADATA] = metadata
        await eventually(stage.readiness, is_ready)
        answers = await asyncio.gather(*(stage.ask() for _ in range(10)))
        assert [answer.status_code for answer in answers] == [200] * 10
    assert "Traceback" not in "".join(stage.product.lines)


def assert_unavailable(answer: Any) -> None:
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["error"] == "temporarily_unavailable"


async def test_a_token_request_is_not_sent_twice(stage: Stage) -> None:
    with serve_in_thread(stage.recorder.app, port=stage.port):
        await eventually(stage.readiness, is_ready)
        stage.recorder.token_calls.clear()
        stage.recorder.members["access_token"] = 1
        assert_is_oauth_error(await stage.ask(), 502, "server_error")
    assert len(stage.recorder.token_calls) == 1
