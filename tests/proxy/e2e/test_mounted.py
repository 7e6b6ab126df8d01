"""The same hooks and the same configuration around an application: the same answers as through the reverse proxy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from hookpoint.proxy.demo.authorization_server import Client, create_authorization_server
from hookpoint.proxy.middleware import HookpointMiddleware
from tests.partners.loopback import open_http
from tests.partners.resource_server import read_claims, read_header, resource_server_verify
from tests.proxy.e2e.hooks import HOOKS, PLAN
from tests.proxy.e2e.product import free_port, post_form, run_hookpoint
from tests.proxy.e2e.recorder import AUDIENCE, Recorder
from tests.proxy.e2e.serving import serve_in_thread

CLIENT = ("m2m", "secret")
CONFIGURATION = """
[clients.m2m]
metadata = { plan = "gold" }
[[hooks]]
run = "hooks.py"
"""
FORM = {"grant_type": "client_credentials", "scope": "api:read api:write", "audience": AUDIENCE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """An OAuth server with hooks; `issuer` is its public URL, and that of what lies below it."""

    issuer: str

    async def ask(self, path: str = "/oauth/token", secret: str = CLIENT[1], **parameters: str) -> Any:
        """Ask for a token."""
        return await post_form(self.issuer + path, FORM | parameters, auth=(CLIENT[0], secret))

    async def get(self, path: str) -> Any:
        """Get a document."""
        async with open_http() as http:
            return await http.get(self.issuer + path)


def authorization_server(issuer: str) -> ASGIApp:
    """The server of the demo."""
    scopes = frozenset({"api:read", "api:write"})
    client = Client(client_id=CLIENT[0], secret=CLIENT[1], scopes=scopes, audiences=(AUDIENCE,))
    return create_authorization_server(issuer, clients=[client], signing_key=ECKey.generate_key("P-256"))


def write_configuration(folder: Path, text: str = CONFIGURATION) -> Path:
    """A configuration and the hooks it names."""
    (folder / "hooks.py").write_text(HOOKS)
    (folder / "hookpoint.toml").write_text(text)
    return folder / "hookpoint.toml"


def mount(app: HookpointMiddleware) -> ASGIApp:
    """Another application with this one at /auth, whose lifespan does not reach it."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await app.runtime.aclose()

    return Starlette(routes=[Mount("/auth", app)], lifespan=lifespan)


@contextmanager
def run_proxied(folder: Path) -> Iterator[Server]:
    """The demo's server behind the reverse proxy."""
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    with serve_in_thread(authorization_server(issuer)) as upstream:
        text = f'[upstream]\nurl = "{upstream}"\n{CONFIGURATION}'
        with run_hookpoint(folder, text, hooks=HOOKS, port=port):
            yield Server(issuer=issuer)


@contextmanager
def run_wrapped(folder: Path) -> Iterator[Server]:
    """The demo's server in the middleware."""
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    app = HookpointMiddleware(authorization_server(issuer), config=write_configuration(folder))
    with serve_in_thread(app, port=port):
        yield Server(issuer=issuer)


@contextmanager
def run_below_a_mount(folder: Path) -> Iterator[Server]:
    """The middleware, with the demo's server in it, mounted in another application."""
    port = free_port()
    issuer = f"http://127.0.0.1:{port}/auth"
    app = HookpointMiddleware(authorization_server(issuer), config=write_configuration(folder))
    with serve_in_thread(mount(app), port=port):
        yield Server(issuer=issuer)


@contextmanager
def run_around_a_mount(folder: Path) -> Iterator[Server]:
    """The middleware around an application in which the demo's server is mounted."""
    port = free_port()
    issuer = f"http://127.0.0.1:{port}/auth"
    inner = Starlette(routes=[Mount("/auth", authorization_server(issuer))])
    text = f'[upstream]\nissuer = "{issuer}"\n{CONFIGURATION}'
    with serve_in_thread(HookpointMiddleware(inner, config=write_configuration(folder, text)), port=port):
        yield Server(issuer=issuer)


Run = Callable[[Path], AbstractContextManager[Server]]
MOUNTED: dict[str, Run] = {
    "wrapped": run_wrapped,
    "below-a-mount": run_below_a_mount,
    "around-a-mount": run_around_a_mount,
}


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with run_proxied(tmp_path_factory.mktemp("proxied")) as server:
        yield server


@pytest.fixture(scope="module", params=MOUNTED.values(), ids=list(MOUNTED))
def mounted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    run: Run = request.param
    with run(tmp_path_factory.mktemp("mounted")) as server:
        yield server


def comparable(server: Server, answer: Any) -> dict[str, Any]:
    """What must be the same in two answers of two servers."""
    members: dict[str, Any] = answer.json()
    token = members.pop("access_token", None)
    if token is not None:
        header, claims = read_header(token), read_claims(token)
        assert claims["exp"] - claims["iat"] == 3600
        assert abs(members.pop("expires_in") - 3600) <= 2
        assert claims["iss"] == server.issuer
        varying = ("iss", "iat", "exp", "jti")
        members["claims"] = {name: value for name, value in claims.items() if name not in varying}
        members["header"] = {name: value for name, value in header.items() if name != "kid"}
    names = ("content-type", "cache-control", "pragma", "www-authenticate", "allow")
    headers = {name: answer.headers[name] for name in names if name in answer.headers}
    return {"status": answer.status_code, "headers": headers, "members": members}


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"scope": "api:read"},
        {"tenant": "blocked"},
        {"secret": "wrong"},
        {"scope": "unknown"},
        {"grant_type": "password"},
        {"grant_type": ""},
        {"Scope": "admin"},
        {"client_id": "other"},
        {"path": "/oauth/token/"},
        {"path": "/oauth/%74oken"},
        {"path": "/oauth//token"},
        {"path": "/OAuth/token"},
        {"path": "/oauth/token?scope=admin"},
    ],
    ids=str,
)
async def test_answers_are_those_of_the_reverse_proxy(
    proxied: Server, mounted: Server, request_: dict[str, str]
) -> None:
    expected = comparable(proxied, await proxied.ask(**request_))
    assert comparable(mounted, await mounted.ask(**request_)) == expected


async def test_T1_resource_servers_verify_the_token_of_a_mounted_server(mounted: Server) -> None:
    members = (await mounted.ask()).json()
    verified = await resource_server_verify(members["access_token"], mounted.issuer, AUDIENCE)
    assert verified.claims[PLAN] == "gold"
    assert verified.claims["scope"] == members["scope"] == "api:read"
    assert verified.header["alg"] == "ES256"


async def test_documents_are_those_of_the_reverse_proxy(proxied: Server, mounted: Server) -> None:
    for path in ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"):
        texts = [(await server.get(path)).text.replace(server.issuer, "") for server in (proxied, mounted)]
        assert texts[0] == texts[1]
    for server in (proxied, mounted):
        answer = await server.get("/.well-known/jwks.json")
        assert len(answer.json()["keys"]) == 2
        assert answer.headers["cache-control"] == "public, max-age=300"
    assert (await mounted.get("/nothing")).status_code == (await proxied.get("/nothing")).status_code == 404


async def test_T26_a_replaced_jwks_uri_lies_below_the_mount(tmp_path: Path) -> None:
    port = free_port()
    keys = Recorder(issuer="http://127.0.0.1:9")
    recorder = Recorder(issuer=f"http://127.0.0.1:{port}/auth", key=keys.key)
    with serve_in_thread(keys.app) as elsewhere:
        jwks_uri = f"{elsewhere}/.well-known/jwks.json"
        recorder.documents["/.well-known/openid-configuration"]["jwks_uri"] = jwks_uri
        text = f'[upstream]\njwks_uri = "{jwks_uri}"\n{CONFIGURATION}'
        app = HookpointMiddleware(recorder.app, config=write_configuration(tmp_path, text))
        with serve_in_thread(mount(app), port=port):
            server = Server(issuer=recorder.issuer)
            document = (await server.get("/.well-known/openid-configuration")).json()
            assert document["jwks_uri"] == f"{server.issuer}/.well-known/jwks.json"
            token = (await server.ask()).json()["access_token"]
            assert (await resource_server_verify(token, server.issuer, AUDIENCE)).claims[PLAN] == "gold"
