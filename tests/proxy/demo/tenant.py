"""The demo's authorization server with users, as its tests and those of hookpoint in front of it run it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2
from joserfc.jwk import Key

from hookpoint.proxy.demo.authorization_server import (
    USER_GRANTS,
    Client,
    Mailbox,
    PasswordHasher,
    create_authorization_server,
)
from hookpoint.proxy.demo.authorization_server.codes import CodeMessage, CodeNotSentError
from hookpoint.proxy.demo.loopback import bind_loopback, origin, serve
from tests.partners import partner
from tests.proxy.demo.conftest import API, Clock

APP: Final = partner.Client(client_id="app", client_secret="app-secret")
BANK: Final = partner.Client(client_id="bank", client_secret="bank-secret")
ADMIN: Final = partner.Client(client_id="admin", client_secret="admin-secret")
GOOD_PASSWORD: Final = "Correct-horse-7"
OTHER_PASSWORD: Final = "Other-horse-8!"
CHEAP: Final = PasswordHasher(cost=16)
_LINK = re.compile(r"https?://\S+")


def tenant_clients(issuer: str) -> list[Client]:
    """An application that logs users in, one that wants a second factor each time, and the administrators'."""
    base = issuer.rstrip("/")
    scopes = frozenset({"openid", "profile", "email", "reports:read", "read:authenticators", "remove:authenticators"})
    audiences = (API, f"{base}/mfa/")
    return [
        Client(client_id="app", secret="app-secret", scopes=scopes, audiences=audiences, grant_types=USER_GRANTS),
        Client(
            client_id="bank",
            name="The bank",
            secret="bank-secret",
            scopes=scopes,
            audiences=audiences,
            grant_types=USER_GRANTS,
            second_factor=True,
        ),
        Client(
            client_id="admin",
            secret="admin-secret",
            scopes=frozenset({"create:users", "read:users", "update:users"}),
            audiences=(f"{base}/api/v2/",),
        ),
    ]


class Phone:
    """Keeps the codes that were sent; `broken` is what the sender says when it is out of order."""

    def __init__(self) -> None:
        self.messages: list[CodeMessage] = []
        self.broken: str | None = None

    async def send(self, message: CodeMessage) -> None:
        if self.broken is not None:
            raise CodeNotSentError(self.broken)
        self.messages.append(message)

    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A server that runs at `url` and calls itself `issuer`; the mails and codes that it has sent, and its clock."""

    url: str
    issuer: str
    http: httpx2.AsyncClient
    clock: Clock
    mailbox: Mailbox = field(default_factory=Mailbox)
    phone: Phone = field(default_factory=Phone)

    async def sign_up(self, email: str, password: str = GOOD_PASSWORD, **members: Any) -> httpx2.Response:
        """Sign somebody up, without more ado."""
        named = {"connection": "Username-Password-Authentication", "email": email, "password": password}
        return await self.http.post(f"{self.url}/dbconnections/signup", json={**named, **members})

    async def log_in(
        self, username: str, password: str = GOOD_PASSWORD, client: partner.Client = APP, **parameters: str
    ) -> httpx2.Response:
        """Ask for a token by a password."""
        form = {"grant_type": "password", "username": username, "password": password, **parameters}
        return await self.http.post(f"{self.url}/oauth/token", auth=(client.client_id, client.client_secret), data=form)

    async def ask_reset(self, email: str) -> httpx2.Response:
        """Ask for a mail."""
        form = {"email": email, "connection": "Username-Password-Authentication"}
        return await self.http.post(f"{self.url}/dbconnections/change_password", data=form)

    def newest_link(self) -> str:
        """The link of the newest mail."""
        found = _LINK.search(self.mailbox.mails[-1].text)
        assert found is not None
        return found[0]

    async def reset(
        self, link: str, password: str, email: str, changes: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        """Send the form of the page behind a link, as the page itself would."""
        form = {
            "ticket": httpx2.URL(link).params["ticket"],
            "email": email,
            "newPassword": password,
            "confirmNewPassword": password,
            **(changes or {}),
        }
        return await self.http.post(f"{self.url}/lo/reset", data=form)

    async def management_token(self, scope: str = "") -> str:
        """An access token for the Management API."""
        form = {"grant_type": "client_credentials", **({"scope": scope} if scope else {})}
        response = await self.http.post(
            f"{self.url}/oauth/token", auth=(ADMIN.client_id, ADMIN.client_secret), data=form
        )
        assert response.status_code == 200, response.text
        return str(response.json()["access_token"])


@asynccontextmanager
async def open_tenant(signing_key: Key, **options: Any) -> AsyncIterator[Tenant]:
    """Run a server under its own address; `options` are those of `create_authorization_server`.

    Its issuer is written as Auth0 writes it: https, with a slash at the end.
    """
    bound = bind_loopback()
    url = origin(bound)
    issuer = f"{url.replace('http://', 'https://')}/"
    async with httpx2.AsyncClient(trust_env=False) as http:
        tenant = Tenant(url=url, issuer=issuer, http=http, clock=Clock(1_800_000_000.25))
        settings: Mapping[str, Any] = {
            "mailer": tenant.mailbox,
            "codes": tenant.phone,
            "hasher": CHEAP,
            "clock": tenant.clock,
            **options,
        }
        app = create_authorization_server(issuer, clients=tenant_clients(issuer), signing_key=signing_key, **settings)
        async with serve(app, bound):
            yield tenant
