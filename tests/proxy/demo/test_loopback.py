from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse

from hookpoint.proxy.demo.loopback import bind_loopback, origin, serve
from hookpoint.proxy.demo.secret_header import RequireSecretHeader


@asynccontextmanager
async def failing(app: Starlette) -> AsyncIterator[None]:
    raise LookupError("no database")
    yield


async def test_an_application_that_cannot_start_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="did not start"):
        async with serve(Starlette(lifespan=failing)):
            pytest.fail("served")


async def test_a_port_is_free_again_afterwards() -> None:
    bound = bind_loopback()
    port = int(origin(bound).rpartition(":")[2])
    async with serve(PlainTextResponse("hello"), bound) as url, httpx2.AsyncClient(trust_env=False) as http:
        assert (await http.get(url)).text == "hello"
    bind_loopback(port).close()


def test_a_port_in_use_is_an_error() -> None:
    bound = bind_loopback()
    bound.listen()
    with pytest.raises(OSError, match="in use"):
        bind_loopback(int(origin(bound).rpartition(":")[2]))
    bound.close()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([], 403),
        ([("X-Upstream-Secret", "wrong")], 403),
        ([("X-Upstream-Secret", "secret"), ("X-Upstream-Secret", "secret")], 403),
        ([("X-Upstream-Secret", "secret")], 200),
        ([("x-upstream-secret", "secret")], 200),
    ],
)
async def test_only_the_secret_header_opens_the_server(headers: list[tuple[str, str]], status: int) -> None:
    app = RequireSecretHeader(PlainTextResponse("hello"), "X-Upstream-Secret", "secret")
    async with serve(app) as url, httpx2.AsyncClient(trust_env=False) as http:
        assert (await http.get(url, headers=headers)).status_code == status
