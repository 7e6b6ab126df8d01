"""What an application in the middleware goes on having: its lifespan, its state, its failures."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from hookpoint.proxy.middleware import HookpointMiddleware
from tests.partners.loopback import open_http
from tests.partners.resource_server import read_claims
from tests.proxy.e2e.hooks import PLAN
from tests.proxy.e2e.mock_stage import assert_is_oauth_error
from tests.proxy.e2e.product import free_port, post_form
from tests.proxy.e2e.recorder import JWKS, METADATA, Recorder
from tests.proxy.e2e.serving import serve_in_thread
from tests.proxy.e2e.test_mounted import write_configuration


class Provider:
    """An OAuth server that finds everything it needs in the state that its lifespan made."""

    def __init__(self, issuer: str) -> None:
        self.recorder = Recorder(issuer=issuer)
        self.log: list[str] = []
        routes = [
            Route(METADATA, self.metadata),
            Route(JWKS, self.keys),
            Route("/oauth/token", self.token, methods=["POST"]),
            Route("/hello", self.hello),
        ]
        self.app = Starlette(routes=routes, lifespan=self.lifespan)

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[dict[str, Any]]:
        self.log.append("started")
        yield {"recorder": self.recorder}
        self.log.append("stopped")

    async def metadata(self, request: Request) -> Response:
        return JSONResponse(request.state.recorder.metadata())

    async def keys(self, request: Request) -> Response:
        return JSONResponse(request.state.recorder.key_set())

    async def hello(self, request: Request) -> Response:
        return PlainTextResponse(request.state.recorder.issuer)

    async def token(self, request: Request) -> Response:
        match parse_qs((await request.body()).decode()).get("fail"):
            case ["raise"]:
                raise RuntimeError("the database is gone")
            case ["break off"]:
                return StreamingResponse(_broken(), media_type="application/json")
            case _:
                return JSONResponse({"access_token": request.state.recorder.token(), "token_type": "Bearer"})


async def _broken() -> AsyncIterator[bytes]:
    yield b'{"access_token":'
    raise RuntimeError("the database is gone")


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Provider]:
    port = free_port()
    provider = Provider(f"http://127.0.0.1:{port}")
    app = HookpointMiddleware(provider.app, config=write_configuration(tmp_path))
    with serve_in_thread(app, port=port):
        assert provider.log == ["started"]
        yield provider
    assert provider.log == ["started", "stopped"]


async def ask(provider: Provider, **parameters: str) -> Any:
    url = f"{provider.recorder.issuer}/oauth/token"
    return await post_form(url, {"grant_type": "client_credentials"} | parameters)


async def test_the_state_of_the_lifespan_is_there_for_requests_and_documents(provider: Provider) -> None:
    answer = await ask(provider)
    assert read_claims(answer.json()["access_token"])[PLAN] == "gold"
    async with open_http() as http:
        assert (await http.get(f"{provider.recorder.issuer}/hello")).text == provider.recorder.issuer
        assert len((await http.get(provider.recorder.issuer + JWKS)).json()["keys"]) == 2


async def test_what_a_framework_answers_when_it_raises_is_the_answer_and_is_logged(
    provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = await ask(provider, fail="raise")
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    written = "".join(capsys.readouterr())
    assert "application_raised" in written
    assert "the database is gone" in written
    assert (await ask(provider)).status_code == 200


async def test_an_answer_that_breaks_off_is_an_error(provider: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    assert_is_oauth_error(await ask(provider, fail="break off"), 502, "server_error")
    assert "upstream_call_failed" in "".join(capsys.readouterr())
    assert (await ask(provider)).status_code == 200


async def test_an_application_that_raises_before_it_answers_is_left_to_its_server(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    recorder = Recorder(issuer=f"http://127.0.0.1:{port}")
    inner: ASGIApp = recorder.app

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            raise RuntimeError("no lifespan here")
        if scope["path"] == "/oauth/token" and b"fail" in scope["query_string"]:
            raise RuntimeError("the database is gone")
        await inner(scope, receive, send)

    with (
        caplog.at_level(logging.ERROR),
        serve_in_thread(HookpointMiddleware(app, config=write_configuration(tmp_path)), port=port) as url,
    ):
        form = {"grant_type": "client_credentials"}
        answer = await post_form(f"{url}/oauth/token?fail=1", form)
        assert (answer.status_code, answer.text) == (500, "Internal Server Error")
        answer = await post_form(f"{url}/oauth/token", form)
        assert read_claims(answer.json()["access_token"])[PLAN] == "gold"
    assert "the database is gone" in caplog.text
