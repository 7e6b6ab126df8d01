"""better-auth alone: its tokens, its lenient paths, its users and the codes that it sends."""

from __future__ import annotations

import json
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from tests.partners.better_auth import RESOURCE, run_better_auth, sign_in, sign_up
from tests.partners.clients import get_token_with_authlib, get_token_with_openid_client
from tests.partners.loopback import open_http
from tests.partners.processes import reserve_port
from tests.partners.resource_server import read_claims, resource_server_verify

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.partners.partner import Partner


async def test_a_token_for_a_resource_is_signed_with_eddsa(better_auth: Partner) -> None:
    for get_token in (get_token_with_authlib, get_token_with_openid_client):
        grant = await get_token(
            better_auth.issuer, better_auth.client(), headers=better_auth.headers, scope="api:read", resource=RESOURCE
        )
        verified = await resource_server_verify(
            grant.access_token, better_auth.issuer, RESOURCE, headers=better_auth.headers
        )
        assert (verified.header["alg"], verified.header["typ"]) == ("EdDSA", "at+jwt")
        assert (verified.claims["client_id"], verified.claims["scope"]) == ("m2m", "api:read")
        assert grant.answer["expires_at"] == verified.claims["exp"]


async def test_a_token_without_a_resource_is_opaque(better_auth: Partner) -> None:
    answer = (await better_auth.ask_for_token()).json()
    assert "." not in answer["access_token"]
    introspect, revoke = (f"{better_auth.url}/api/auth/oauth2/{each}" for each in ("introspect", "revoke"))
    active = (await better_auth.ask_for_token(introspect, token=answer["access_token"])).json()
    assert (active["active"], active["scope"], active["client_id"]) == (True, "api:read", "m2m")
    assert (await better_auth.ask_for_token(revoke, token=answer["access_token"])).status_code == 200
    assert (await better_auth.ask_for_token(introspect, token=answer["access_token"])).json() == {"active": False}


async def test_nobody_else_may_introspect_an_opaque_token(better_auth: Partner) -> None:
    token = (await better_auth.ask_for_token()).json()["access_token"]
    other = better_auth.clients["m2m-post"]
    form = {"token": token, "client_id": other.client_id, "client_secret": other.client_secret}
    async with open_http(better_auth.headers) as http:
        answer = await http.post(f"{better_auth.url}/api/auth/oauth2/introspect", data=form)
    assert answer.json() == {"active": False}


async def test_it_takes_the_address_of_a_proxy() -> None:
    with reserve_port() as reserved, run_better_auth(reserved.url) as partner:
        assert partner.issuer == f"{reserved.url}/api/auth"
        token = (await partner.ask_for_token(resource=RESOURCE)).json()["access_token"]
        async with open_http(partner.headers) as http:
            found = await http.get(f"{partner.url}/api/auth/.well-known/openid-configuration")
    assert read_claims(token)["iss"] == found.json()["issuer"] == partner.issuer
    assert found.json()["token_endpoint"] == f"{reserved.url}/api/auth/oauth2/token"


async def test_a_user_signs_up_and_gets_tokens(better_auth: Partner) -> None:
    answer = await sign_in(better_auth, better_auth.url, headers=better_auth.headers, resource=RESOURCE)
    claims = read_claims(answer["access_token"])
    assert claims["sub"] == read_claims(answer["id_token"])["sub"]
    assert RESOURCE in claims["aud"]
    assert "refresh_token" in answer


async def test_a_user_changes_the_password(better_auth: Partner) -> None:
    email, password = f"{secrets.token_hex(8)}@example.com", "the first password"
    headers = better_auth.headers | {"origin": better_auth.url}
    async with open_http(headers, base_url=f"{better_auth.url}/api/auth") as http:
        await sign_up(http, better_auth, email=email, password=password)
        change = {"currentPassword": password, "newPassword": "the second password"}
        changed = await http.post("/change-password", json=change)
        old = await http.post("/sign-in/email", json={"email": email, "password": password})
        new = await http.post("/sign-in/email", json={"email": email, "password": "the second password"})
    assert (changed.status_code, old.status_code, new.status_code) == (200, 401, 200)


@pytest.fixture
def inbox() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The URL of a webhook, and what it got so far."""
    got: list[dict[str, Any]] = []

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Leave stderr to errors."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Webhook) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/codes", got
        server.shutdown()
        thread.join()


async def test_codes_go_to_the_webhook(inbox: tuple[str, list[dict[str, Any]]]) -> None:
    webhook, got = inbox
    with run_better_auth(webhook=webhook) as partner:
        async with open_http(partner.headers | {"origin": partner.url}, base_url=f"{partner.url}/api/auth") as http:
            sent = await http.post("/phone-number/send-otp", json={"phoneNumber": "+15005550006"})
            email, password = "jo@example.com", "a password for two"
            await sign_up(http, partner, email=email, password=password)
            enabled = await http.post("/two-factor/enable", json={"password": password})
            await http.post("/sign-in/email", json={"email": email, "password": password})
            second = await http.post("/two-factor/send-otp", json={})
    assert [answer.status_code for answer in (sent, enabled, second)] == [200, 200, 200]
    assert [each["to"] for each in got] == ["+15005550006", email]
    assert all(each["code"].isdigit() and len(each["code"]) == 6 for each in got)
