"""The demo's server in Auth0's shapes, with hookpoint in front of it and its text messages in a file."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from joserfc.jwk import Key

from hookpoint.proxy.app import create_app
from hookpoint.proxy.config import load
from hookpoint.proxy.demo.authorization_server import GatewayCodes, Mailbox, create_authorization_server
from hookpoint.proxy.demo.inbox import Inbox
from hookpoint.proxy.demo.journal import Journal
from hookpoint.proxy.demo.loopback import bind_loopback, origin, serve
from tests.proxy.demo.conftest import Clock
from tests.proxy.demo.tenant import ADMIN, CHEAP, Tenant, tenant_clients

GATEWAY_SECRET = "0123456789abcdef-gateway"
HOOKS = Path(__file__).with_name("user_hooks.py")
CONFIGURATION = """
[server]
public_url = "{issuer}"

[upstream]
url = "{upstream}"
issuer = "{issuer}"
dialect = "auth0"

[upstream.admin]
client_id = "{admin_id}"
client_secret = "{admin_secret}"
parameters = {{ audience = "{issuer}api/v2/" }}

[store]
url = "sqlite:///{folder}/hookpoint.db"
seal = "0123456789abcdef0123456789abcdef"

[[hooks]]
run = "{hooks}"
secrets = {{ JOURNAL = "{folder}/journal.txt" }}

[[sms.providers]]
name = "inbox"
type = "file"
path = "{folder}/texts.jsonl"

[[sms.limits]]
scope = "number"
messages = 100
window = 600

[[sms.gateway]]
format = "auth0"
secrets = ["{gateway_secret}"]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth0Stage:
    """`tenant` at hookpoint's address; what has arrived and what hooks have noted; the file of the configuration."""

    tenant: Tenant
    inbox: Inbox
    configuration: Path


@asynccontextmanager
async def open_auth0_stage(signing_key: Key, folder: Path) -> AsyncIterator[Auth0Stage]:
    """Run both; the issuer is written as Auth0 writes it: https, with a slash at the end."""
    public, upstream = bind_loopback(), bind_loopback()
    issuer = f"{origin(public).replace('http://', 'https://')}/"
    clock = Clock(time.time())
    inbox = Inbox(texts=folder / "texts.jsonl", mailbox=Mailbox(), journal=Journal(path=folder / "journal.txt"))
    server = create_authorization_server(
        issuer,
        clients=tenant_clients(issuer),
        signing_key=signing_key,
        mailer=inbox.mailbox,
        codes=GatewayCodes(f"{origin(public)}/hookpoint/sms/auth0", GATEWAY_SECRET),
        hasher=CHEAP,
        names_existing_users=True,
    )
    text = CONFIGURATION.format(
        issuer=issuer,
        upstream=origin(upstream),
        admin_id=ADMIN.client_id,
        admin_secret=ADMIN.client_secret,
        folder=folder,
        hooks=HOOKS,
        gateway_secret=GATEWAY_SECRET,
    )
    configuration = folder / "hookpoint.toml"
    configuration.write_text(text, encoding="utf-8")
    front = create_app(load(configuration, environ={}, proxy=True))
    async with (
        httpx2.AsyncClient(trust_env=False) as http,
        serve(server, upstream),
        serve(front, public) as url,
    ):
        yield Auth0Stage(
            tenant=Tenant(url=url, issuer=issuer, http=http, clock=clock, mailbox=inbox.mailbox),
            inbox=inbox,
            configuration=configuration,
        )
