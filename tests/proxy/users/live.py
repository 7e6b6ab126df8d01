"""Real servers with sign-up and passwords, and hookpoint in front of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx2

from tests.partners.better_auth import run_better_auth
from tests.partners.django_provider import run_django_provider
from tests.partners.fastapi_users import run_fastapi_users
from tests.partners.loopback import open_http
from tests.partners.partner import Partner
from tests.proxy.users.stage import PASSWORD, Seen, run_hooked

NEW_PASSWORD = "another horse, another battery"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A kind of server: where things are, and what the test's own application has in it."""

    name: str
    run: Callable[[], AbstractContextManager[Partner]]
    dialect: str
    sign_up: str
    passwords: tuple[str, ...]
    handler: str
    """What the server counts sign-ups by."""
    member: str
    """The name of user metadata in the body."""
    more: Mapping[str, object] = field(default_factory=dict)
    forms: bool = False

    def body(self, email: str, **more: object) -> dict[str, object]:
        """The body of a sign-up."""
        return {"email": email, "password": PASSWORD, **self.more, **more}


ALLAUTH = Server(
    name="django-allauth",
    run=run_django_provider,
    dialect='extends = "django-allauth"\n[sign_up.account.request]\nuser_metadata = "/user_metadata"\n',
    sign_up="/_allauth/app/v1/auth/signup",
    passwords=("/_allauth/app/v1/account/password/change", "/_allauth/app/v1/auth/password/reset"),
    handler="headless:app:account:signup",
    member="user_metadata",
)
BETTER_AUTH = Server(
    name="better-auth",
    run=run_better_auth,
    dialect='extends = "better-auth"\n[sign_up.email.request]\nuser_metadata = "/userMetadata"\n',
    sign_up="/api/auth/sign-up/email",
    passwords=("/api/auth/change-password", "/api/auth/reset-password"),
    handler="/sign-up/email",
    member="userMetadata",
    more={"name": "Jo Doe"},
    forms=True,
)
FASTAPI_USERS = Server(
    name="fastapi-users",
    run=run_fastapi_users,
    dialect=(
        'extends = "fastapi-users"\n[sign_up.register.request]\n'
        'user_metadata = "/user_metadata"\napp_metadata = "/app_metadata"\n'
    ),
    sign_up="/auth/register",
    passwords=("/auth/reset-password",),
    handler="register:POST",
    member="user_metadata",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveStage:
    """hookpoint at `url` in front of a server."""

    server: Server
    partner: Partner
    url: str
    seen: Seen

    async def send(self, method: str, path: str, **arguments: Any) -> httpx2.Response:
        """Send a request to hookpoint."""
        headers = {"origin": self.partner.url, **arguments.pop("headers", {})}
        async with open_http() as http:
            return await http.request(method, self.url + path, headers=headers, **arguments)

    async def sign_up(self, email: str, **more: object) -> httpx2.Response:
        """Sign somebody up, after what hooks had seen was forgotten."""
        self.seen.clear()
        return await self.send("POST", self.server.sign_up, json=self.server.body(email, **more))

    def handled(self) -> int:
        """How many sign-ups the server has handled."""
        return self.partner.counts().get(self.server.handler, 0)

    def mailed(self, email: str, before: str) -> str:
        """What follows `before` in the last mail to somebody."""
        texts = [
            mail["text"] for mail in self.partner.mails() if mail["to"] == email and before in mail.get("text", "")
        ]
        return unquote(texts[-1].split(before)[1].split()[0])

    def token(self, email: str) -> str:
        """The token in the last mail to somebody."""
        token: str = [mail["token"] for mail in self.partner.mails() if mail["to"] == email][-1]
        return token


@contextmanager
def run_live_stage(folder: Path, server: Server) -> Iterator[LiveStage]:
    """Run both."""
    with server.run() as partner:
        name, value = partner.secret
        secret = {"name": name, "value": value}
        with run_hooked(folder, partner.url, dialect=server.dialect, secret_header=secret) as (url, seen):
            yield LiveStage(server=server, partner=partner, url=url, seen=seen)
