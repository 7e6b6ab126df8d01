"""The servers of the demo, each on a port of its own.

client ─► hookpoint ─► OAuth server          client ─► resource server ─► hookpoint (discovery and keys)
OAuth server ─► hookpoint (SMS gateway) ─► inbox
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey
from starlette.types import ASGIApp

from hookpoint.proxy.config import Settings, validate
from hookpoint.proxy.demo.authorization_server import (
    USER_GRANTS,
    Client,
    GatewayCodes,
    Mailbox,
    create_authorization_server,
)
from hookpoint.proxy.demo.inbox import Inbox
from hookpoint.proxy.demo.journal import Journal
from hookpoint.proxy.demo.loopback import bind_loopback, origin, serve
from hookpoint.proxy.demo.resource_server import create_resource_server
from hookpoint.proxy.demo.secret_header import RequireSecretHeader

AUDIENCE = "https://api.example.com"
REPORTING = ("reporting", "demo")  # client id and secret
DORMANT = ("dormant", "demo")
APP = ("app", "demo")  # logs users in, and asks each for a second factor
HOOKS_FILE = Path(__file__).resolve().with_name("hooks.py")
SECRET_HEADER = "X-Upstream-Secret"  # noqa: S105 - the name of the header
GATEWAY_PATH = "/hookpoint/sms/auth0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where the servers of the demo are; `upstream_headers` open the OAuth server to whoever goes around hookpoint."""

    public_url: str
    upstream_url: str
    api_url: str
    inbox_url: str
    inbox: Inbox
    upstream_headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What the servers have to know of each other before they start."""

    issuer: str
    upstream_url: str
    inbox: Inbox
    upstream_secret: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    gateway_secret: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)


@asynccontextmanager
async def open_stage(create_front: Callable[[Settings], ASGIApp]) -> AsyncIterator[Stage]:
    """Starts the servers, hookpoint being what `create_front` makes of the demo's settings, and stops them at the end."""
    with tempfile.TemporaryDirectory(prefix="hookpoint-demo-") as folder:
        public, upstream = bind_loopback(), bind_loopback()
        journal = Journal(path=Path(folder, "journal.txt"))
        inbox = Inbox(texts=Path(folder, "texts.jsonl"), mailbox=Mailbox(), journal=journal)
        plan = _Plan(issuer=origin(public), upstream_url=origin(upstream), inbox=inbox)
        front = create_front(_settings(plan))
        async with (
            serve(_authorization_server(plan), upstream) as upstream_url,
            serve(front, public) as public_url,
            serve(create_resource_server(plan.issuer, audience=AUDIENCE)) as api_url,
            serve(inbox.create_app()) as inbox_url,
        ):
            yield Stage(
                public_url=public_url,
                upstream_url=upstream_url,
                api_url=api_url,
                inbox_url=inbox_url,
                inbox=inbox,
                upstream_headers={SECRET_HEADER: plan.upstream_secret},
            )


def _authorization_server(plan: _Plan) -> ASGIApp:
    server = create_authorization_server(
        plan.issuer,
        clients=_clients(),
        signing_key=ECKey.generate_key("P-256"),
        mailer=plan.inbox.mailbox,
        codes=GatewayCodes(plan.issuer + GATEWAY_PATH, plan.gateway_secret),
        names_existing_users=True,
    )
    return RequireSecretHeader(server, SECRET_HEADER, plan.upstream_secret)


def _clients() -> list[Client]:
    scopes = frozenset({"reports:read", "debug"})
    app, secret = APP
    return [
        *(
            Client(client_id=client_id, secret=secret, scopes=scopes, audiences=(AUDIENCE,))
            for client_id, secret in (REPORTING, DORMANT)
        ),
        Client(
            client_id=app,
            name="Example Shop",
            secret=secret,
            scopes=frozenset({"openid", "email", "reports:read"}),
            audiences=(AUDIENCE,),
            grant_types=USER_GRANTS,
            second_factor=True,
        ),
    ]


def _settings(plan: _Plan) -> Settings:
    values: dict[str, Any] = {
        "server": {"public_url": plan.issuer},
        "upstream": {
            "url": plan.upstream_url,
            "issuer": plan.issuer,
            "dialect": "auth0",
            "secret_header": {"name": SECRET_HEADER, "value": plan.upstream_secret},
        },
        "store": {"url": "sqlite://"},
        "clients": {
            "reporting": {"name": "Reporting job", "metadata": {"plan": "gold"}},
            "dormant": {"name": "Dormant job", "metadata": {"suspended": "yes"}},
        },
        "hooks": [{"run": str(HOOKS_FILE), "secrets": {"JOURNAL": str(plan.inbox.journal.path)}}],
        "sms": {
            "providers": [{"name": "inbox", "type": "file", "path": str(plan.inbox.texts)}],
            "gateway": [{"format": "auth0", "path": GATEWAY_PATH, "secrets": [plan.gateway_secret]}],
        },
    }
    # The demo is the same for everybody, whatever HOOKPOINT_ variables say.
    return validate(values, environ={}, proxy=True)
