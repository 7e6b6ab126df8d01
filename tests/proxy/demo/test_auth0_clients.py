"""The demo's authorization server, driven by Auth0's own clients."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from auth0.authentication import Users
from joserfc.jwk import RSAKey

from tests.partners.auth0_clients import (
    CONNECTION,
    Auth0ClientError,
    DatabaseClient,
    ManagementClient,
    MfaRequired,
    NodeClient,
    PythonClient,
)
from tests.partners.auth0_script import auth0_script
from tests.partners.running_script import RunningScript
from tests.proxy.demo.conftest import API
from tests.proxy.demo.tenant import APP, BANK, GOOD_PASSWORD, OTHER_PASSWORD, Tenant, open_tenant

__all__ = ["auth0_script"]
PHONE = {"authenticatorTypes": ["oob"], "oobChannels": ["sms"], "phoneNumber": "+491711234567"}
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tenant(signing_key: RSAKey) -> AsyncIterator[Tenant]:
    async with open_tenant(signing_key, names_existing_users=True) as running:
        yield running


@pytest.fixture(params=["auth0-python", "auth0 (npm)"])
def client(request: pytest.FixtureRequest, tenant: Tenant) -> DatabaseClient:
    if request.param == "auth0-python":
        return PythonClient(origin=tenant.url, client=APP)
    return NodeClient(script=request.getfixturevalue("auth0_script"), origin=tenant.url, client=APP)


@pytest.fixture
def node(tenant: Tenant, auth0_script: RunningScript) -> NodeClient:
    return NodeClient(script=auth0_script, origin=tenant.url, client=BANK)


def new_email() -> str:
    return f"{uuid4().hex}@example.com"


async def test_a_user_signs_up_and_logs_in(tenant: Tenant, client: DatabaseClient) -> None:
    email = new_email()
    profile: dict[str, Any] = {"given_name": "Ann", "user_metadata": {"plan": "gold"}}
    answer = await client.sign_up(email, GOOD_PASSWORD, **profile)
    assert answer["_id"]
    assert answer.items() >= {"email": email, "email_verified": False, **profile}.items()
    token = await client.log_in(email.upper(), GOOD_PASSWORD, scope="reports:read admin", audience=API)
    assert (token["token_type"], token["scope"]) == ("Bearer", "reports:read")


async def test_an_existing_user_is_an_error_that_can_be_read(client: DatabaseClient) -> None:
    email = new_email()
    await client.sign_up(email, GOOD_PASSWORD)
    with pytest.raises(Auth0ClientError) as refused:
        await client.sign_up(email, OTHER_PASSWORD)
    assert (refused.value.code, refused.value.status) == ("user_exists", 400)


async def test_a_weak_password_is_an_error_that_can_be_read(client: DatabaseClient) -> None:
    with pytest.raises(Auth0ClientError) as refused:
        await client.sign_up(new_email(), "weak")
    assert (refused.value.code, refused.value.status) == ("invalid_password", 400)


async def test_a_wrong_password_is_an_error_that_can_be_read(client: DatabaseClient) -> None:
    email = new_email()
    await client.sign_up(email, GOOD_PASSWORD)
    with pytest.raises(Auth0ClientError, match=r"Wrong email or password\.") as refused:
        await client.log_in(email, OTHER_PASSWORD)
    assert (refused.value.code, refused.value.status) == ("invalid_grant", 403)


async def test_a_password_is_changed_by_a_mail(tenant: Tenant, client: DatabaseClient) -> None:
    email = new_email()
    await client.sign_up(email, GOOD_PASSWORD)
    assert await client.change_password(email) == "We've just sent you an email to reset your password."
    await client.log_in(email, GOOD_PASSWORD)  # so far, nothing has changed
    assert (await tenant.reset(tenant.newest_link(), OTHER_PASSWORD, email)).status_code == 200
    await client.log_in(email, OTHER_PASSWORD)
    with pytest.raises(Auth0ClientError):
        await client.log_in(email, GOOD_PASSWORD)


async def test_an_administrator_creates_and_changes_users(tenant: Tenant) -> None:
    email = new_email()
    client = PythonClient(origin=tenant.url, client=APP)
    management = ManagementClient(origin=tenant.url, token=await tenant.management_token())
    user_id = await management.create(email=email, password=GOOD_PASSWORD, app_metadata={"plan": "gold"})
    await client.log_in(email, GOOD_PASSWORD)
    await management.update(user_id, password=OTHER_PASSWORD)
    await client.log_in(email, OTHER_PASSWORD)
    await management.update(user_id, app_metadata={"plan": None, "team": "blue"})
    user = await management.get(user_id)
    assert (user.email, user.app_metadata["team"]) == (email, "blue")
    assert "plan" not in user.app_metadata
    with pytest.raises(Auth0ClientError) as refused:
        await management.create(email=email, password=GOOD_PASSWORD)
    assert (refused.value.code, refused.value.status) == ("auth0_idp_error", 409)
    with pytest.raises(Auth0ClientError) as refused:
        await management.update(user_id, password="weak")
    assert refused.value.status == 400
    assert "PasswordStrengthError" in str(refused.value)


async def test_userinfo_tells_what_the_scope_covers(tenant: Tenant) -> None:
    email = new_email()
    client = PythonClient(origin=tenant.url, client=APP)
    signed_up = await client.sign_up(email, GOOD_PASSWORD, given_name="Ann")
    token = await client.log_in(email, GOOD_PASSWORD, scope="openid email")
    users = Users(tenant.url.removeprefix("http://"), protocol="http")
    told = await asyncio.to_thread(users.userinfo, token["access_token"])
    assert told == {"sub": f"auth0|{signed_up['_id']}", "email": email, "email_verified": False}


async def test_a_phone_is_enrolled(tenant: Tenant, node: NodeClient) -> None:
    email = new_email()
    await node.act("sign_up_js", {"email": email, "password": GOOD_PASSWORD, "connection": CONNECTION})
    with pytest.raises(MfaRequired, match="Multifactor authentication required") as asked:
        await node.log_in(email, GOOD_PASSWORD, scope="reports:read")
    assert asked.value.status == 403
    mfa = {"mfaToken": asked.value.mfa_token}
    assert await node.act("authenticators", mfa) == []
    with pytest.raises(Auth0ClientError, match="not enrolled") as refused:
        await node.act("challenge", {**mfa, "challengeType": "oob"})
    assert refused.value.code == "association_required"

    enrolled = await node.act("enroll", {**mfa, **PHONE})
    assert enrolled["oobChannel"] == "sms"
    assert len(enrolled["recoveryCodes"]) == 1
    message = tenant.phone.messages[-1]
    assert (message.recipient, message.action, message.channel) == ("+491711234567", "enrollment", "sms")
    confirmed = {"factorType": "oob", "oobCode": enrolled["oobCode"], "bindingCode": message.code}
    token = await node.act("verify", {**mfa, **confirmed})
    assert (token["tokenType"].lower(), token["scope"]) == ("bearer", "reports:read")


async def enrolled_user(tenant: Tenant, node: NodeClient) -> str:
    """The e-mail address of a user who has confirmed a phone."""
    email = new_email()
    await tenant.sign_up(email)
    mfa = await begin_login(node, email)
    enrolled = await node.act("enroll", {**mfa, **PHONE})
    await node.act("verify", {**mfa, **confirmation(tenant, enrolled)})
    return email


async def begin_login(node: NodeClient, email: str, **options: str) -> dict[str, str]:
    """Log in as far as to the second factor."""
    with pytest.raises(MfaRequired) as asked:
        await node.log_in(email, GOOD_PASSWORD, **options)
    return {"mfaToken": asked.value.mfa_token}


def confirmation(tenant: Tenant, challenge: Mapping[str, Any]) -> dict[str, str]:
    """What the client sends with the code that came to the phone."""
    code = tenant.phone.messages[-1].code
    return {"factorType": "oob", "oobCode": challenge["oobCode"], "bindingCode": code}


async def test_a_user_with_a_phone_logs_in_with_a_code(tenant: Tenant, node: NodeClient) -> None:
    email = await enrolled_user(tenant, node)
    mfa = await begin_login(node, email)
    [authenticator] = await node.act("authenticators", mfa)
    assert (authenticator["name"], authenticator["active"]) == ("+491XXXXXXXXX", True)
    asked = {**mfa, "challengeType": "oob", "authenticatorId": authenticator["id"]}
    challenge = await node.act("challenge", asked)
    assert (challenge["challengeType"], challenge["bindingMethod"]) == ("oob", "prompt")
    assert tenant.phone.messages[-1].action == "second-factor-authentication"
    wrong = {**confirmation(tenant, challenge), "bindingCode": "wrong"}
    with pytest.raises(Auth0ClientError, match=r"Invalid binding_code\."):
        await node.act("verify", {**mfa, **wrong})
    assert (await node.act("verify", {**mfa, **confirmation(tenant, challenge)}))["accessToken"]
    with pytest.raises(Auth0ClientError, match="Malformed mfa_token"):
        await node.act("verify", {**mfa, **confirmation(tenant, challenge)})
    with pytest.raises(Auth0ClientError, match="already enrolled"):
        await node.act("enroll", {**await begin_login(node, email), **PHONE})


async def test_a_code_that_cannot_be_sent_is_an_error_that_can_be_read(tenant: Tenant, node: NodeClient) -> None:
    mfa = await begin_login(node, await enrolled_user(tenant, node))
    tenant.phone.broken = "This number is not served."
    try:
        with pytest.raises(Auth0ClientError, match=r"This number is not served\.") as refused:
            await node.act("challenge", {**mfa, "challengeType": "oob"})
    finally:
        tenant.phone.broken = None
    assert (refused.value.code, refused.value.status) == ("sms_provider_error", 400)


async def test_a_phone_is_removed(tenant: Tenant, node: NodeClient) -> None:
    email = await enrolled_user(tenant, node)
    audience = f"{tenant.issuer}mfa/"
    mfa = await begin_login(node, email, audience=audience, scope="read:authenticators remove:authenticators")
    challenge = await node.act("challenge", {**mfa, "challengeType": "oob"})
    token = (await node.act("verify", {**mfa, **confirmation(tenant, challenge)}))["accessToken"]
    [authenticator] = await node.act("authenticators", {"mfaToken": token})
    named = {"authenticatorId": authenticator["id"]}
    with pytest.raises(Auth0ClientError) as refused:
        await node.act("remove", {**named, **await begin_login(node, email)})
    assert refused.value.status == 401
    await node.act("remove", {**named, "mfaToken": token})
    assert await node.act("authenticators", {"mfaToken": token}) == []
    with pytest.raises(Auth0ClientError) as refused:
        await node.act("remove", {**named, "mfaToken": token})
    assert refused.value.status == 404


async def test_a_recovery_code_stands_in_for_a_lost_phone_once(tenant: Tenant, node: NodeClient) -> None:
    email = new_email()
    await tenant.sign_up(email)
    mfa = await begin_login(node, email)
    enrolled = await node.act("enroll", {**mfa, **PHONE})
    recovery = {"factorType": "recovery-code", "recoveryCode": enrolled["recoveryCodes"][0]}
    with pytest.raises(Auth0ClientError, match="MFA Authorization rejected"):
        await node.act("verify", {**mfa, **recovery})  # the phone is not confirmed
    await node.act("verify", {**mfa, **confirmation(tenant, enrolled)})
    token = await node.act("verify", {**await begin_login(node, email), **recovery})
    assert token["accessToken"]
    with pytest.raises(Auth0ClientError, match="MFA Authorization rejected"):
        await node.act("verify", {**await begin_login(node, email), **recovery})
    replacement = {**recovery, "recoveryCode": token["recoveryCode"]}
    assert (await node.act("verify", {**await begin_login(node, email), **replacement}))["accessToken"]
