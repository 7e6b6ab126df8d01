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

from joserfc.jwk import ECKey
from starlette.types import ASGIApp

from hookpoint.proxy.config import Settings, load
from hookpoint.proxy.demo.authorization_server import (
    USER_GRANTS,
    Client,
    GatewayCodes,
    Mailbox,
    create_authorization_server,
)
from hookpoint.proxy.demo.configuration import GATEWAY_PATH, SECRET_HEADER, write_configuration
from hookpoint.proxy.demo.inbox import Inbox
from hookpoint.proxy.demo.journal import Journal
from hookpoint.proxy.demo.loopback import bind_loopback, origin, serve
from hookpoint.proxy.demo.resource_server import create_resource_server
from hookpoint.proxy.demo.secret_header import RequireSecretHeader

AUDIENCE = "https://api.example.com"
REPORTING = ("reporting", "demo")  # client id and secret
DORMANT = ("dormant", "demo")
APP = ("app", "demo")  # logs users in, and asks each for a second factor


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where the servers of the demo are; `upstream_headers` open the OAuth server to whoever goes around hookpoint.

    `configuration` is hookpoint's file, for commands such as `hookpoint sms inbox`.
    """

    public_url: str
    upstream_url: str
    api_url: str
    inbox_url: str
    inbox: Inbox
    configuration: Path
    upstream_headers: Mapping[str, str] = field(repr=False)


@asynccontextmanager
async def open_stage(create_front: Callable[[Settings], ASGIApp]) -> AsyncIterator[Stage]:
    """Starts the servers, hookpoint being what `create_front` makes of the demo's settings, and stops them at the end."""
    with tempfile.TemporaryDirectory(prefix="hookpoint-demo-") as name:
        folder = Path(name)
        public, upstream = bind_loopback(), bind_loopback()
        upstream_secret, gateway_secret = secrets.token_hex(16), secrets.token_hex(16)
        journal = Journal(path=folder / "journal.txt")
        inbox = Inbox(texts=folder / "texts.jsonl", mailbox=Mailbox(), journal=journal)
        configuration = write_configuration(
            folder,
            issuer=origin(public),
            upstream_url=origin(upstream),
            upstream_secret=upstream_secret,
            gateway_secret=gateway_secret,
            texts=inbox.texts,
            journal=journal,
        )
        server = create_authorization_server(
            origin(public),
            clients=_clients(),
            signing_key=ECKey.generate_key("P-256"),
            mailer=inbox.mailbox,
            codes=GatewayCodes(origin(public) + GATEWAY_PATH, gateway_secret),
            names_existing_users=True,
        )
        # The demo is the same for everybody, whatever HOOKPOINT_ variables say.
        front = create_front(load(configuration, environ={}, proxy=True))
        async with (
            serve(RequireSecretHeader(server, SECRET_HEADER, upstream_secret), upstream) as upstream_url,
            serve(front, public) as public_url,
            serve(create_resource_server(origin(public), audience=AUDIENCE)) as api_url,
            serve(inbox.create_app()) as inbox_url,
        ):
            yield Stage(
                public_url=public_url,
                upstream_url=upstream_url,
                api_url=api_url,
                inbox_url=inbox_url,
                inbox=inbox,
                configuration=configuration,
                upstream_headers={SECRET_HEADER: upstream_secret},
            )


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
