"""The three servers of the demo, each on a port of its own.

client ─► hookpoint ─► OAuth server          client ─► resource server ─► hookpoint (discovery and keys)
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from joserfc.jwk import ECKey
from starlette.types import ASGIApp

from hookpoint.proxy.config import Settings, validate
from hookpoint.proxy.demo.authorization_server import Client, create_authorization_server
from hookpoint.proxy.demo.loopback import bind_loopback, origin, serve
from hookpoint.proxy.demo.resource_server import create_resource_server
from hookpoint.proxy.demo.secret_header import RequireSecretHeader

AUDIENCE = "https://api.example.com"
REPORTING = ("reporting", "demo")  # client id and secret
DORMANT = ("dormant", "demo")
HOOKS_FILE = Path(__file__).resolve().with_name("hooks.py")
SECRET_HEADER = "X-Upstream-Secret"  # noqa: S105 - the name of the header


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where the servers of the demo are; `upstream_headers` open the OAuth server to whoever goes around hookpoint."""

    public_url: str
    upstream_url: str
    api_url: str
    upstream_headers: Mapping[str, str] = field(repr=False)


@asynccontextmanager
async def open_stage(create_front: Callable[[Settings], ASGIApp]) -> AsyncIterator[Stage]:
    """Starts the servers, hookpoint being what `create_front` makes of the demo's settings, and stops them at the end."""
    public, upstream = bind_loopback(), bind_loopback()
    issuer, secret = origin(public), secrets.token_hex(16)
    server = create_authorization_server(issuer, clients=_clients(), signing_key=ECKey.generate_key("P-256"))
    front = create_front(_settings(issuer, origin(upstream), secret))
    async with (
        serve(RequireSecretHeader(server, SECRET_HEADER, secret), upstream) as upstream_url,
        serve(front, public) as public_url,
        serve(create_resource_server(issuer, audience=AUDIENCE)) as api_url,
    ):
        yield Stage(
            public_url=public_url,
            upstream_url=upstream_url,
            api_url=api_url,
            upstream_headers={SECRET_HEADER: secret},
        )


def _clients() -> list[Client]:
    scopes = frozenset({"reports:read", "debug"})
    return [
        Client(client_id=client_id, secret=secret, scopes=scopes, audiences=(AUDIENCE,))
        for client_id, secret in (REPORTING, DORMANT)
    ]


def _settings(issuer: str, upstream_url: str, secret: str) -> Settings:
    values = {
        "server": {"public_url": issuer},
        "upstream": {
            "url": upstream_url,
            "issuer": issuer,
            "secret_header": {"name": SECRET_HEADER, "value": secret},
        },
        "store": {"url": "sqlite://"},
        "clients": {
            "reporting": {"name": "Reporting job", "metadata": {"plan": "gold"}},
            "dormant": {"name": "Dormant job", "metadata": {"suspended": "yes"}},
        },
        "hooks": [{"run": str(HOOKS_FILE)}],
    }
    # The demo is the same for everybody, whatever HOOKPOINT_ variables say.
    return validate(values, environ={}, proxy=True)
