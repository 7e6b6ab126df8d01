"""Real servers whose codes hookpoint delivers: better-auth's for phones and second factors, django-allauth's for phones."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.partners.better_auth import run_better_auth, sign_up
from tests.partners.loopback import open_http
from tests.partners.partner import SECRET_HEADER, Partner
from tests.partners.processes import ServerProcess, server_process
from tests.proxy.gateway.live import LiveGateway, live_gateway

REPOSITORY = Path(__file__).parents[3]
NUMBER = "+4915112345678"
SECRET = "the secret that both of them know"
PASSWORD = "a password for two factors"
ROUTES = [
    {"format": "generic", "path": "/codes/better-auth", "secrets": [SECRET]},
    {"format": "generic", "path": "/codes/django", "secrets": [SECRET], "authentication": "hmac"},
]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveGateway]:
    with live_gateway(tmp_path_factory.mktemp("gateway"), ROUTES) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def better_auth(gateway: LiveGateway) -> Iterator[Partner]:
    headers = {"authorization": f"Bearer {SECRET}"}
    with run_better_auth(webhook=f"{gateway.url}/codes/better-auth", webhook_headers=headers) as partner:
        yield partner


@pytest.fixture(scope="module")
def django(gateway: LiveGateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    settings = {
        "folder": str(tmp_path_factory.mktemp("django")),
        "secret": SECRET_HEADER,
        "gateway": {"url": f"{gateway.url}/codes/django", "secret": SECRET},
    }
    command = [sys.executable, "-m", "tests.proxy.gateway.phone_server"]
    with server_process(command, settings=settings, cwd=REPOSITORY) as process:
        yield process


async def test_better_auths_codes_for_phones_and_second_factors(gateway: LiveGateway, better_auth: Partner) -> None:
    headers = better_auth.headers | {"origin": better_auth.url}
    async with open_http(headers, base_url=f"{better_auth.url}/api/auth") as http:
        await sign_up(http, better_auth, email="jo@example.com", password=PASSWORD)
        asked = await http.post("/phone-number/send-otp", json={"phoneNumber": NUMBER})
        assert asked.status_code == 200
        phone = gateway.last()
        proof = {"phoneNumber": NUMBER, "code": phone.code, "updatePhoneNumber": True}
        verified = await http.post("/phone-number/verify", json=proof)
        assert verified.status_code == 200
        assert (await http.post("/two-factor/enable", json={"password": PASSWORD})).status_code == 200
        assert (await http.post("/two-factor/send-otp", json={})).status_code == 200
        enabled = await http.post("/two-factor/verify-otp", json={"code": gateway.last().code})
        assert enabled.status_code == 200
    async with open_http(headers, base_url=f"{better_auth.url}/api/auth") as http:
        first = await http.post("/sign-in/email", json={"email": "jo@example.com", "password": PASSWORD})
        assert first.json()["twoFactorRedirect"] is True
        assert (await http.post("/two-factor/send-otp", json={})).status_code == 200
        second = gateway.last()
        assert (await http.post("/two-factor/verify-otp", json={"code": "000000"})).status_code == 401
        signed_in = await http.post("/two-factor/verify-otp", json={"code": second.code})
        assert signed_in.status_code == 200
        assert signed_in.json()["user"]["email"] == "jo@example.com"
    assert phone.recipient == second.recipient == NUMBER
    assert phone.code != second.code
    assert second.text == f"{second.code} is your verification code."


async def test_better_auth_hears_of_a_number_that_is_none(gateway: LiveGateway, better_auth: Partner) -> None:
    before = len(gateway.messages)
    headers = better_auth.headers | {"origin": better_auth.url}
    async with open_http(headers, base_url=f"{better_auth.url}/api/auth") as http:
        await http.post("/phone-number/send-otp", json={"phoneNumber": "+49123"})
    assert await better_auth.process.says("the webhook answered 422")
    assert len(gateway.messages) == before


async def test_django_allauths_phone_check(gateway: LiveGateway, django: ServerProcess) -> None:
    headers = {SECRET_HEADER[0]: SECRET_HEADER[1]}
    async with open_http(headers, base_url=f"{django.ready['url']}/_allauth/app/v1/auth") as http:
        signed_up = await http.post("/signup", json={"phone": NUMBER, "password": PASSWORD})
        assert signed_up.status_code == 401, signed_up.text
        pending = [flow["id"] for flow in signed_up.json()["data"]["flows"] if flow.get("is_pending")]
        assert pending == ["verify_phone"]
        message = gateway.last()
        session = {"x-session-token": signed_up.json()["meta"]["session_token"]}
        wrong = await http.post("/phone/verify", json={"code": "wrong"}, headers=session)
        assert wrong.status_code == 400
        right = await http.post("/phone/verify", json={"code": message.code}, headers=session)
        assert right.status_code == 200
        assert right.json()["meta"]["is_authenticated"] is True
    assert (message.recipient, message.purpose) == (NUMBER, "verification")
