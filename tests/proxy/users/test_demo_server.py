"""Sign-up and passwords at the demo's server, which answers as Auth0 does; hookpoint is an administrator of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from joserfc.jwk import ECKey

from hookpoint.hooks import PostChangePassword, PostUserRegistration, User
from hookpoint.hooks.deliveries import CannotTell, DidNotHappen, Happened, Intent
from hookpoint.proxy.config.upstream import AdminSettings
from hookpoint.proxy.demo.authorization_server import Mailbox, create_authorization_server
from hookpoint.proxy.dialects import load_dialect
from hookpoint.proxy.upstream import Upstream
from hookpoint.proxy.users.admin import open_admin
from hookpoint.proxy.users.calls import ServerCalls
from hookpoint.proxy.users.resolving import SignUpResolver
from hookpoint.proxy.wrapped import document_request
from tests.partners.loopback import open_http
from tests.proxy.demo.tenant import ADMIN, CHEAP, GOOD_PASSWORD, OTHER_PASSWORD, tenant_clients
from tests.proxy.e2e.serving import serve_in_thread
from tests.proxy.users.stage import Seen, run_hooked

CONNECTION = "Username-Password-Authentication"
ISSUER = "https://login.example.com"


class DemoStage:
    """hookpoint at `url`, the demo's server at `server`."""

    def __init__(self, url: str, server: str, seen: Seen, mailbox: Mailbox) -> None:
        self.url = url
        self.server = server
        self.seen = seen
        self.mailbox = mailbox

    async def sign_up(self, email: str, **more: object) -> httpx2.Response:
        self.seen.clear()
        body = {"connection": CONNECTION, "email": email, "password": GOOD_PASSWORD, **more}
        async with open_http() as http:
            return await http.post(f"{self.url}/dbconnections/signup", json=body)

    async def manage(self, method: str, path: str, **arguments: Any) -> httpx2.Response:
        """A call of the Management API, through hookpoint."""
        form = {"grant_type": "client_credentials", "audience": f"{ISSUER}/api/v2/"}
        async with open_http() as http:
            auth = (ADMIN.client_id, ADMIN.client_secret)
            token = (await http.post(f"{self.url}/oauth/token", data=form, auth=auth)).json()["access_token"]
            headers = {"authorization": f"Bearer {token}"}
            return await http.request(method, f"{self.url}/api/v2{path}", headers=headers, **arguments)


@contextmanager
def run_demo_server(mailbox: Mailbox) -> Iterator[str]:
    app = create_authorization_server(
        ISSUER,
        clients=tenant_clients(ISSUER),
        signing_key=ECKey.generate_key("P-256"),
        mailer=mailbox,
        hasher=CHEAP,
    )
    with serve_in_thread(app) as url:
        yield url


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoStage]:
    mailbox = Mailbox()
    admin = {
        "client_id": ADMIN.client_id,
        "client_secret": ADMIN.client_secret,
        "parameters": {"audience": f"{ISSUER}/api/v2/"},
    }
    folder = tmp_path_factory.mktemp("demo")
    with run_demo_server(mailbox) as server, run_hooked(folder, server, dialect="auth0", admin=admin) as (url, seen):
        yield DemoStage(url, server, seen, mailbox)


async def test_app_metadata_is_written_by_the_management_api(stage: DemoStage) -> None:
    answer = await stage.sign_up("entitle@example.com")
    assert answer.status_code == 200
    event = await stage.seen.delivered("post-user-registration")
    assert event["user"]["id"] == answer.json()["_id"]
    assert event["user"]["app_metadata"] == {"roles": ["member"]}
    (user,) = (await stage.manage("GET", "/users-by-email", params={"email": "entitle@example.com"})).json()
    assert user["app_metadata"] == {"roles": ["member"]}


async def test_an_administrator_creates_a_user_and_changes_the_password(stage: DemoStage) -> None:
    stage.seen.clear()
    body = {"connection": CONNECTION, "email": "made@example.com", "password": GOOD_PASSWORD}
    created = await stage.manage("POST", "/users", json=body)
    assert created.status_code == 201
    assert stage.seen.events("pre-user-registration")[0]["user"]["email"] == "made@example.com"
    assert (await stage.seen.delivered("post-user-registration"))["user"]["email"] == "made@example.com"
    user_id = created.json()["user_id"]
    target = f"/users/{user_id.replace('|', '%7C')}"
    renamed = await stage.manage("PATCH", target, json={"name": "Made"})
    assert renamed.status_code == 200
    changed = await stage.manage("PATCH", target, json={"password": OTHER_PASSWORD, "connection": CONNECTION})
    assert changed.status_code == 200
    event = await stage.seen.delivered("post-change-password")
    assert (event["user"]["email"], event["connection"]["name"]) == ("made@example.com", CONNECTION)
    assert event["user"]["id"] == user_id.removeprefix("auth0|")
    denied = await stage.manage("POST", "/users", json={**body, "email": "deny@example.com"})
    assert (denied.status_code, denied.json()["message"]) == (400, "You cannot sign up <here>.")


async def test_a_reset_is_told_once_it_is_done(stage: DemoStage) -> None:
    signed_up = await stage.sign_up("reset@example.com")
    await stage.seen.delivered("post-user-registration")
    stage.seen.clear()
    async with open_http() as http:
        asked = {"connection": CONNECTION, "email": "reset@example.com"}
        await http.post(f"{stage.url}/dbconnections/change_password", json=asked)
        link = stage.mailbox.mails[-1].text.split("ticket=")[1].split()[0]
        form = {"ticket": link, "email": "reset@example.com", "newPassword": "weak", "confirmNewPassword": "weak"}
        assert (await http.post(f"{stage.url}/lo/reset", data=form)).status_code == 400
        form |= {"newPassword": OTHER_PASSWORD, "confirmNewPassword": OTHER_PASSWORD}
        assert (await http.post(f"{stage.url}/lo/reset", data=form)).status_code == 200
    event = await stage.seen.delivered("post-change-password")
    assert (event["user"]["email"], event["user"]["id"]) == ("reset@example.com", signed_up.json()["_id"])


# A sign-up whose answer was lost.


def resolver(server: str, *, admin: bool = True) -> SignUpResolver:
    upstream = Upstream(server, reuse="never")
    settings = AdminSettings.model_validate(
        {
            "client_id": ADMIN.client_id,
            "client_secret": ADMIN.client_secret,
            "parameters": {"audience": f"{ISSUER}/api/v2/"},
        }
    )
    access = open_admin(
        settings if admin else None, upstream, elsewhere=Upstream, token_path="/oauth/token", timeout=20.0
    )
    calls = ServerCalls(upstream, admin=access, timeout=20.0)
    return SignUpResolver(load_dialect("auth0"), calls, lambda: document_request("login.example.com", "https", "/", ""))


def intent(email: str, *, began: datetime | None = None) -> Intent:
    event = PostUserRegistration(id="1", user=User(email=email))
    lookup = {"route": "database", "email": email}
    return Intent(event=event, began=began or datetime.now(UTC), lookup=lookup)


async def test_a_lost_sign_up_is_found_by_the_look_up_of_the_dialect(stage: DemoStage) -> None:
    look_up = resolver(stage.server)
    began = datetime.now(UTC)
    signed_up = await stage.sign_up("lost@example.com")
    found = await look_up(intent("lost@example.com", began=began))
    assert isinstance(found, Happened)
    assert found.event.user.id == signed_up.json()["_id"]
    assert isinstance(await look_up(intent("nobody@example.com")), DidNotHappen)
    # Whoever was there before has not signed up now.
    later = intent("lost@example.com", began=datetime.now(UTC) + timedelta(hours=1))
    assert isinstance(await look_up(later), DidNotHappen)


async def test_what_cannot_be_looked_up_is_said(stage: DemoStage) -> None:
    assert isinstance(await resolver(stage.server, admin=False)(intent("lost@example.com")), CannotTell)
    nameless = replace(intent(""), lookup={"route": "database"})
    assert isinstance(await resolver(stage.server)(nameless), CannotTell)
    change = PostChangePassword(id="2", user=User(email="lost@example.com"), changed_at=datetime.now(UTC))
    assert isinstance(await resolver(stage.server)(replace(intent("x"), event=change)), CannotTell)
