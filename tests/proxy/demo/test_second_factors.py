"""Second factors at the demo's authorization server: what cannot be done with them."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx2
import pytest
import pytest_asyncio
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hookpoint.proxy.demo.authorization_server import GatewayCodes, PrintedCodes
from hookpoint.proxy.demo.authorization_server.codes import CodeMessage, CodeNotSentError
from hookpoint.proxy.demo.loopback import serve
from tests.proxy.demo.tenant import APP, BANK, OTHER_PASSWORD, Tenant, open_tenant

pytestmark = pytest.mark.asyncio(loop_scope="module")
OOB = "http://auth0.com/oauth/grant-type/mfa-oob"
NUMBER = "+491711234567"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tenant(signing_key: RSAKey) -> AsyncIterator[Tenant]:
    async with open_tenant(signing_key) as running:
        yield running


async def begin(tenant: Tenant, email: str | None = None, **parameters: str) -> str:
    """Log in as far as to the second factor; returns the mfa_token."""
    if email is None:
        email = f"{uuid4().hex}@example.com"
        await tenant.sign_up(email)
    answer = await tenant.log_in(email, client=BANK, **parameters)
    assert (answer.status_code, answer.json()["error"]) == (403, "mfa_required")
    return str(answer.json()["mfa_token"])


async def associate(tenant: Tenant, mfa_token: str, **changes: Any) -> httpx2.Response:
    members = {"authenticator_types": ["oob"], "oob_channels": ["sms"], "phone_number": NUMBER, **changes}
    headers = {"Authorization": f"Bearer {mfa_token}", "Accept-Language": "de-AT,de;q=0.9"}
    return await tenant.http.post(f"{tenant.url}/mfa/associate", json=members, headers=headers)


async def confirm(tenant: Tenant, mfa_token: str, oob_code: str, code: str, **changes: str) -> httpx2.Response:
    form = {
        "grant_type": OOB,
        "client_id": BANK.client_id,
        "client_secret": BANK.client_secret,
        "mfa_token": mfa_token,
        "oob_code": oob_code,
        "binding_code": code,
        **changes,
    }
    return await tenant.http.post(f"{tenant.url}/oauth/token", data=form)


async def test_the_answer_says_how_to_go_on(tenant: Tenant) -> None:
    email = f"{uuid4().hex}@example.com"
    await tenant.sign_up(email)
    body = (await tenant.log_in(email, client=BANK)).json()
    assert body.pop("mfa_token")
    assert body == {
        "error": "mfa_required",
        "error_description": "Multifactor authentication required",
        "mfa_requirements": {"enroll": [{"type": "phone"}]},
    }


async def test_whoever_has_a_phone_is_asked_for_it_by_every_client(tenant: Tenant) -> None:
    email = f"{uuid4().hex}@example.com"
    await tenant.sign_up(email)
    assert (await tenant.log_in(email, client=APP)).status_code == 200
    token = await begin(tenant, email)
    oob_code = (await associate(tenant, token)).json()["oob_code"]
    await confirm(tenant, token, oob_code, tenant.phone.messages[-1].code)
    body = (await tenant.log_in(email, client=APP)).json()
    assert body["mfa_requirements"] == {"challenge": [{"type": "phone"}, {"type": "recovery-code"}]}


async def test_a_message_tells_what_hooks_want_to_know(tenant: Tenant) -> None:
    email = f"{uuid4().hex}@example.com"
    user_id = (await tenant.sign_up(email, name="Ann", user_metadata={"plan": "gold"})).json()["_id"]
    await associate(tenant, await begin(tenant, email))
    message = tenant.phone.messages[-1]
    assert (message.recipient, message.channel, message.action) == (NUMBER, "sms", "enrollment")
    assert (message.language, message.ip) == ("de-AT", "127.0.0.1")
    assert message.client == {"client_id": "bank", "name": "The bank"}
    assert message.user == {
        "user_id": f"auth0|{user_id}",
        "name": "Ann",
        "email": email,
        "user_metadata": {"plan": "gold"},
        "app_metadata": {},
    }
    assert len(message.code) == 6
    assert message.code in message.text
    assert message.code not in repr(message)
    assert NUMBER not in repr(message)


async def test_a_login_does_not_wait_for_ever(tenant: Tenant) -> None:
    token = await begin(tenant)
    tenant.clock.now += 601
    answer = await associate(tenant, token)
    assert (answer.status_code, answer.json()) == (
        401,
        {"error": "expired_token", "error_description": "mfa_token is expired"},
    )
    assert (await associate(tenant, "made-up")).json()["error_description"] == "Malformed mfa_token"


async def test_a_code_grows_old(tenant: Tenant) -> None:
    token = await begin(tenant)
    oob_code = (await associate(tenant, token)).json()["oob_code"]
    tenant.clock.now += 301
    answer = await confirm(tenant, token, oob_code, tenant.phone.messages[-1].code)
    assert (answer.status_code, answer.json()["error_description"]) == (403, "MFA Authorization rejected.")


async def test_codes_cannot_be_guessed_on_and_on(tenant: Tenant) -> None:
    token = await begin(tenant)
    oob_code = (await associate(tenant, token)).json()["oob_code"]
    told = [(await confirm(tenant, token, oob_code, "wrong")).json()["error_description"] for _ in range(5)]
    assert told == ["Invalid binding_code."] * 5
    answer = await confirm(tenant, token, oob_code, tenant.phone.messages[-1].code)
    assert answer.json()["error_description"] == "MFA Authorization rejected."
    statuses = [(await confirm(tenant, token, oob_code, "wrong")).status_code for _ in range(10)]
    assert statuses == [403] * 9 + [429]


async def test_nobody_is_flooded_with_messages(tenant: Tenant) -> None:
    token = await begin(tenant)
    answers = [await associate(tenant, token) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429]


async def test_a_code_is_for_the_login_it_was_asked_for(tenant: Tenant) -> None:
    first, second = await begin(tenant), await begin(tenant)
    oob_code = (await associate(tenant, first)).json()["oob_code"]
    code = tenant.phone.messages[-1].code
    assert (await confirm(tenant, second, oob_code, code)).status_code == 403
    other_client = {"client_id": APP.client_id, "client_secret": APP.client_secret}
    answer = await confirm(tenant, first, oob_code, code, **other_client)
    assert answer.json()["error_description"] == "Malformed mfa_token"
    assert (await confirm(tenant, first, oob_code, code)).status_code == 200


async def test_a_phone_that_was_noted_by_somebody_else_cannot_be_confirmed_later(tenant: Tenant) -> None:
    email = f"{uuid4().hex}@example.com"
    await tenant.sign_up(email)
    thief = await begin(tenant, email)
    stolen = (await associate(tenant, thief, phone_number="+491700000000")).json()
    stolen_code = tenant.phone.messages[-1].code
    owner = await begin(tenant, email)
    enrolled = (await associate(tenant, owner)).json()
    assert (await confirm(tenant, owner, enrolled["oob_code"], tenant.phone.messages[-1].code)).status_code == 200
    assert (await confirm(tenant, thief, stolen["oob_code"], stolen_code)).status_code == 403
    recovery = {
        "grant_type": OOB.replace("mfa-oob", "mfa-recovery-code"),
        "recovery_code": stolen["recovery_codes"][0],
    }
    assert (await confirm(tenant, await begin(tenant, email), "", "", **recovery)).status_code == 403


async def test_a_changed_password_ends_logins_that_wait(tenant: Tenant) -> None:
    email = f"{uuid4().hex}@example.com"
    await tenant.sign_up(email)
    token = await begin(tenant, email)
    await tenant.ask_reset(email)
    await tenant.reset(tenant.newest_link(), OTHER_PASSWORD, email)
    assert (await associate(tenant, token)).json()["error_description"] == "Malformed mfa_token"


@pytest.mark.parametrize(
    "changes",
    [
        {"authenticator_types": ["otp"]},
        {"authenticator_types": None},
        {"oob_channels": ["email"]},
        {"oob_channels": None},
        {"oob_channels": [["sms"]]},
        {"phone_number": "0171 1234567"},
        {"phone_number": None},
        {"phone_number": 491711234567},
    ],
)
async def test_an_enrollment_that_makes_no_sense_is_refused(tenant: Tenant, changes: dict[str, Any]) -> None:
    answer = await associate(tenant, await begin(tenant), **changes)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_a_challenge_is_for_clients_that_prove_themselves(tenant: Tenant) -> None:
    form = {"mfa_token": await begin(tenant), "challenge_type": "oob", "client_id": BANK.client_id}
    url = f"{tenant.url}/mfa/challenge"
    assert (await tenant.http.post(url, data={**form, "client_secret": "wrong"})).status_code == 401
    proven = {**form, "client_secret": BANK.client_secret}
    answer = await tenant.http.post(url, data={**proven, "challenge_type": "otp"})
    assert answer.json()["error"] == "unsupported_challenge_type"
    answer = await tenant.http.post(url, data={**proven, "mfa_token": ""})
    assert answer.json()["error"] == "invalid_request"
    assert (await tenant.http.get(f"{tenant.url}/mfa/authenticators")).status_code == 401


MESSAGE = CodeMessage(
    recipient=NUMBER,
    code="123456",
    channel="sms",
    action="enrollment",
    language="en",
    ip="203.0.113.7",
    user_agent="curl",
    client={"client_id": "app", "name": "App"},
    user={"user_id": "auth0|1"},
)


@pytest.mark.parametrize(
    ("status", "answer", "told"),
    [
        (200, {"statusCode": 200, "headers": {}, "status": "success", "data": {}}, None),
        (
            200,
            {"status": "error", "data": {"message": "x", "friendlyMessage": 'No "numbers" there.'}},
            "No .numbers. th",
        ),
        (200, {"status": "error", "data": {"message": "Unauthorized extensibility point"}}, "The code could not be"),
        (200, [], "cannot be read"),
        (503, {}, "Unexpected response while calling the SMS gateway: 503"),
    ],
)
async def test_a_gateway_is_called_as_auth0_called_its_hooks(status: int, answer: object, told: str | None) -> None:
    calls: list[tuple[str, Any]] = []

    async def gateway(request: Request) -> Response:
        calls.append((request.headers["authorization"], await request.json()))
        return JSONResponse(answer, status)

    async with serve(Starlette(routes=[Route("/sms", gateway, methods=["POST"])])) as url:
        codes = GatewayCodes(f"{url}/sms", "the secret")
        if told is None:
            await codes.send(MESSAGE)
        else:
            with pytest.raises(CodeNotSentError, match=told):
                await codes.send(MESSAGE)
        await codes.aclose()
    [(authorization, body)] = calls
    assert authorization == "Bearer the secret"
    assert (body["recipient"], body["text"]) == (NUMBER, "123456 is your verification code.")
    context = body["context"]
    assert (context["message_type"], context["action"], context["code"]) == ("sms", "enrollment", "123456")
    assert context["ip"] == context["request"]["ip"] == "203.0.113.7"


async def test_a_gateway_that_is_not_there_is_told() -> None:
    codes = GatewayCodes("http://127.0.0.1:9/sms", "the secret")
    with pytest.raises(CodeNotSentError, match="cannot be reached"):
        await codes.send(MESSAGE)
    await codes.aclose()


async def test_without_a_gateway_codes_are_printed() -> None:
    stream = io.StringIO()
    await PrintedCodes(stream).send(MESSAGE)
    assert stream.getvalue() == f"text to {NUMBER}: 123456 is your verification code.\n"
