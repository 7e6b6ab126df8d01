"""Whatever spelling of the token path is asked for: where the handler ran, the hook ran."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from hookpoint.hooks import CredentialsExchange, credentials_exchange
from hookpoint.proxy import HookpointMiddleware
from hookpoint.proxy.config import Settings
from tests.partners.processes import LOOPBACK
from tests.proxy.e2e.product import free_port, run_hookpoint
from tests.proxy.frameworks.key_server import granted, key_server
from tests.proxy.frameworks.servers import FRAMEWORKS, HANDLED_FIELD, TOKEN_PATH, run_framework
from tests.proxy.frameworks.spellings import ATTEMPTS, Attempt, Spelling, spell, write_request
from tests.proxy.frameworks.test_path_oracle import exchange

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

pytestmark = pytest.mark.slow

EXACT = Spelling(name="exact", target=TOKEN_PATH.encode())
POST = ATTEMPTS[0]
# A line for each time that the hook ran.
HOOKS = """
from pathlib import Path

from hookpoint.hooks import CredentialsExchange, TokenChanges, credentials_exchange


@credentials_exchange
def count(event: CredentialsExchange) -> TokenChanges:
    with Path(__file__).with_name("runs").open("a") as runs:
        print(event.request.id, file=runs)
    return TokenChanges(claims={"counted": True})
"""


@pytest.fixture(scope="module")
def keys() -> Iterator[str]:
    with key_server() as url:
        yield url


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_P_behind_hookpoint_no_handler_runs_without_the_hook(name: str, keys: str, tmp_path: Path) -> None:
    port = free_port()
    issuer = f"http://{LOOPBACK}:{port}"
    host = f"{LOOPBACK}:{port}".encode()
    counted = tmp_path / "runs"
    handled: list[tuple[str, str, int]] = []
    with run_framework(name, answer=granted(issuer)) as server:
        configuration = f"""
        public_url = "{issuer}"

        [upstream]
        url = "{server.url}"
        issuer = "{issuer}"
        jwks_uri = "{keys}"
        routes = {{ token = ["{TOKEN_PATH}"] }}

        [[hooks]]
        run = "hooks.py"
        """
        with run_hookpoint(tmp_path, configuration, hooks=HOOKS, port=port):
            for spelling in (EXACT, *spell(TOKEN_PATH, host=host)):
                for attempt in ATTEMPTS:
                    answer = exchange(port, write_request(spelling, attempt, host=host))
                    assert answer == b"" or answer.startswith(b"HTTP/1.1 "), (spelling, attempt, answer)
                    assert not answer.startswith(b"HTTP/1.1 5"), (spelling, attempt, answer)
                    if HANDLED_FIELD in answer.lower():
                        hook_runs = len(counted.read_text().splitlines()) if counted.exists() else 0
                        handled.append((spelling.name, attempt.name, hook_runs))
        assert [hook_runs for *_, hook_runs in handled] == list(range(1, len(handled) + 1)), handled
        assert server.runs() == len(handled) == len(counted.read_text().splitlines())
    assert ("exact", "POST", 1) in handled


# Mounted: the middleware decides on raw_path, frameworks route on path.


class Counts:
    """How often the handler and the hook of one application have run."""

    def __init__(self) -> None:
        self.handler = 0
        self.hook = 0


def oauth_app(counts: Counts, answer: dict[str, object], path: str) -> Starlette:
    async def token(_: Request) -> JSONResponse:
        counts.handler += 1
        return JSONResponse(answer, headers={"X-Handled": "yes"})

    return Starlette(routes=[Route(path, token, methods=["POST"])])


Wrap = Callable[["ASGIApp"], "ASGIApp"]


class Rewriting:
    """A middleware outside of hookpoint that changes `path` and forgets `raw_path`, as many do."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["path"].removeprefix("/api").rstrip("/")
            scope = {**scope, "path": unquote(path)}
        await self.app(scope, receive, send)


class WithoutRawPath:
    """A server that does not tell `raw_path`, which ASGI allows."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({name: value for name, value in scope.items() if name != "raw_path"}, receive, send)


def plain(wrap: Wrap, counts: Counts, answer: dict[str, object]) -> ASGIApp:
    return wrap(oauth_app(counts, answer, TOKEN_PATH))


def rewriting_outside(wrap: Wrap, counts: Counts, answer: dict[str, object]) -> ASGIApp:
    return Rewriting(plain(wrap, counts, answer))


def without_raw_path(wrap: Wrap, counts: Counts, answer: dict[str, object]) -> ASGIApp:
    return WithoutRawPath(plain(wrap, counts, answer))


def inside_a_mount(wrap: Wrap, counts: Counts, answer: dict[str, object]) -> ASGIApp:
    return Starlette(routes=[Mount("/tenant", plain(wrap, counts, answer))])


def around_a_mount(wrap: Wrap, counts: Counts, answer: dict[str, object]) -> ASGIApp:
    return wrap(Starlette(routes=[Mount("/oauth", oauth_app(counts, answer, "/token"))]))


# How the application is put together, what goes before the token path, and what its handler answers without hookpoint.
MOUNTS = [
    (plain, "", {"exact", "escaped_letter", "escaped_slash"}),
    (rewriting_outside, "", {"exact", "escaped_letter", "slash_at_the_end", "escaped_twice"}),
    (rewriting_outside, "/api", {"exact", "escaped_letter_behind_the_prefix"}),
    (without_raw_path, "", {"exact", "escaped_letter", "escaped_slash"}),
    (inside_a_mount, "/tenant", {"exact", "escaped_letter_behind_the_prefix"}),
    (around_a_mount, "", {"exact", "escaped_letter", "escaped_slash"}),
]


@pytest.mark.parametrize(("build", "prefix", "answered"), MOUNTS)
async def test_P_in_a_mounted_application_no_handler_runs_without_the_hook(
    build: Callable[[Wrap, Counts, dict[str, object]], ASGIApp],
    prefix: str,
    answered: set[str],
    keys: str,
    tmp_path: Path,
) -> None:
    counts = Counts()

    @credentials_exchange
    async def count(event: CredentialsExchange) -> None:
        counts.hook += 1

    with socket.create_server((LOOPBACK, 0)) as listening:
        issuer = f"http://{LOOPBACK}:{listening.getsockname()[1]}"
        settings = Settings.model_validate(
            {
                "upstream": {"issuer": issuer, "jwks_uri": keys, "routes": {"token": [TOKEN_PATH]}},
                "store": {"url": f"sqlite:///{tmp_path / 'hookpoint.db'}"},
            }
        )
        alone = await handled_by(build(lambda app: app, counts, granted(issuer)), listening, prefix, counts)
        assert answered <= alone
        assert counts.hook == 0
        counts.handler = 0

        middlewares: list[HookpointMiddleware] = []

        def wrap(app: ASGIApp) -> ASGIApp:
            middlewares.append(HookpointMiddleware(app, config=settings, hooks=[count]))
            return middlewares[0]

        try:
            handled = await handled_by(build(wrap, counts, granted(issuer)), listening, prefix, counts)
        finally:
            await middlewares[0].runtime.aclose()
    assert counts.hook == counts.handler
    assert handled < alone
    assert ("exact" in handled) is (prefix != "/api"), handled  # hookpoint goes by what the client wrote


async def handled_by(app: ASGIApp, listening: socket.socket, prefix: str, counts: Counts) -> set[str]:
    """Serve an application and try every spelling; returns those for which its handler ran."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listening.dup()]))
    host = f"{LOOPBACK}:{listening.getsockname()[1]}".encode()
    handled: set[str] = set()
    try:
        for spelling, attempt in attempts(prefix, host):
            before, hooks = counts.handler, counts.hook
            request = write_request(spelling, attempt, host=host)
            answer = await asyncio.to_thread(exchange, listening.getsockname()[1], request)
            assert (HANDLED_FIELD in answer.lower()) is (counts.handler > before), (spelling, attempt)
            assert counts.hook in (hooks, counts.handler), (spelling, attempt)
            if counts.handler > before:
                handled.add(spelling.name)
    finally:
        server.should_exit = True
        await serving
    return handled


def attempts(prefix: str, host: bytes) -> Iterator[tuple[Spelling, Attempt]]:
    """Every spelling with POST, which alone the handler takes, and the exact one with every method."""
    exact = Spelling(name="exact", target=f"{prefix}{TOKEN_PATH}".encode())
    yield from ((exact, attempt) for attempt in ATTEMPTS)
    yield from ((spelling, POST) for spelling in spell(prefix + TOKEN_PATH, host=host))
    if prefix:
        yield from ((prefixed(spelling, prefix), POST) for spelling in spell(TOKEN_PATH, host=host))


def prefixed(spelling: Spelling, prefix: str) -> Spelling:
    return Spelling(name=f"{spelling.name}_behind_the_prefix", target=prefix.encode() + spelling.target)
