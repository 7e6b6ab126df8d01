"""Sign-ups, passwords and second factors of Auth0's API through hookpoint, driven by Auth0's own clients."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

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
from tests.proxy.demo.conftest import signing_key
from tests.proxy.demo.tenant import APP, BANK, GOOD_PASSWORD, OTHER_PASSWORD
from tests.proxy.e2e.auth0_stage import Auth0Stage, open_auth0_stage
from tests.proxy.e2e.user_hooks import FACTOR, REFUSED_NUMBER

__all__ = ["auth0_script", "signing_key"]
pytestmark = pytest.mark.asyncio(loop_scope="module")
ROOT = Path(__file__).parents[3]
PHONE = {"authenticatorTypes": ["oob"], "oobChannels": ["sms"], "phoneNumber": "+491711234567"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(signing_key: RSAKey, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Auth0Stage]:
    async with open_auth0_stage(signing_key, tmp_path_factory.mktemp("auth0")) as running:
        yield running


@pytest.fixture(params=["auth0-python", "auth0 (npm)"])
def client(request: pytest.FixtureRequest, stage: Auth0Stage) -> DatabaseClient:
    if request.param == "auth0-python":
        return PythonClient(origin=stage.tenant.url, client=APP)
    return NodeClient(script=request.getfixturevalue("auth0_script"), origin=stage.tenant.url, client=APP)


@pytest.fixture
def node(stage: Auth0Stage, auth0_script: RunningScript) -> NodeClient:
    return NodeClient(script=auth0_script, origin=stage.tenant.url, client=BANK)


def new_email() -> str:
    return f"{uuid4().hex}@example.com"


async def events(stage: Auth0Stage, email: str, *, awaited: int) -> list[dict[str, Any]]:
    """What hooks have noted of a user; waits for so many events."""
    for _ in range(1500):
        noted = [line for line in map(json.loads, stage.inbox.journal.lines()) if line["email"] == email]
        if len(noted) >= awaited:
            return noted
        await asyncio.sleep(0.02)
    raise AssertionError(f"{len(noted)} of {awaited} events")


async def test_a_denied_sign_up_can_be_read_and_makes_no_user(client: DatabaseClient) -> None:
    email = f"{uuid4().hex}@refused.example"
    with pytest.raises(Auth0ClientError, match=r"The domain is on the list\.") as refused:
        await client.sign_up(email, GOOD_PASSWORD)
    assert (refused.value.code, refused.value.status) == ("extensibility_error", 400)
    with pytest.raises(Auth0ClientError, match="Wrong email or password"):
        await client.log_in(email, GOOD_PASSWORD)


async def test_a_denial_has_auth0s_shape(stage: Auth0Stage) -> None:
    answer = await stage.tenant.sign_up("ann@refused.example")
    assert (answer.status_code, answer.json()) == (
        400,
        {
            "name": "InternalExtensibilityError",
            "statusCode": 400,
            "code": "extensibility_error",
            "message": "The domain is on the list.",
            "friendly_message": "Sign up with another address, please.",
            "description": "The domain is on the list.",
            "fromSandbox": True,
        },
    )


async def test_a_hook_that_needs_the_password_judges_it(client: DatabaseClient) -> None:
    name = uuid4().hex
    with pytest.raises(Auth0ClientError, match="has the user's name in it") as refused:
        await client.sign_up(f"{name}@example.com", f"A-{name}-7")
    assert refused.value.code == "extensibility_error"


async def test_metadata_of_hooks_and_of_the_client_reach_the_server(stage: Auth0Stage, client: DatabaseClient) -> None:
    answer = await client.sign_up(new_email(), GOOD_PASSWORD, user_metadata={"color": "blue", "plan": "mine"})
    assert answer["user_metadata"] == {"color": "blue", "plan": "trial"}
    management = ManagementClient(origin=stage.tenant.url, token=await stage.tenant.management_token())
    user = await management.get(f"auth0|{answer['_id']}")
    assert user.app_metadata == {"tier": "free"}
    assert user.user_metadata == {"color": "blue", "plan": "trial"}


async def test_a_sign_up_is_told_to_hooks_once(stage: Auth0Stage, client: DatabaseClient) -> None:
    email = new_email()
    answer = await client.sign_up(email, GOOD_PASSWORD)
    with pytest.raises(Auth0ClientError) as refused:
        await client.sign_up(email, GOOD_PASSWORD)
    assert refused.value.code == "user_exists"
    await client.sign_up(marker := new_email(), GOOD_PASSWORD)
    await events(stage, marker, awaited=1)  # what came before it has been told by now
    [event] = await events(stage, email, awaited=1)
    assert event["what"] == "signed up"
    assert event["id"].removeprefix("auth0|") == answer["_id"]


async def test_a_mail_changes_no_password_and_its_link_does(stage: Auth0Stage, client: DatabaseClient) -> None:
    email = new_email()
    answer = await client.sign_up(email, GOOD_PASSWORD)
    assert await client.change_password(email) == "We've just sent you an email to reset your password."
    link = stage.tenant.newest_link()
    assert (await stage.tenant.reset(link, "weak", email)).status_code == 400
    await client.log_in(email, GOOD_PASSWORD)
    assert (await stage.tenant.reset(link, OTHER_PASSWORD, email)).status_code == 200
    await client.log_in(email, OTHER_PASSWORD)
    signed_up, changed = await events(stage, email, awaited=2)
    assert (signed_up["what"], changed["what"]) == ("signed up", "password")
    assert changed["id"].removeprefix("auth0|") == answer["_id"]
    assert changed["event"] != signed_up["event"]


async def test_an_administrator_is_seen_as_well(stage: Auth0Stage) -> None:
    email = new_email()
    management = ManagementClient(origin=stage.tenant.url, token=await stage.tenant.management_token())
    user_id = await management.create(email=email, password=GOOD_PASSWORD)
    await management.update(user_id, user_metadata={"color": "blue"})
    with pytest.raises(Auth0ClientError):
        await management.update(user_id, password="weak")
    await management.update(user_id, password=OTHER_PASSWORD)
    noted = await events(stage, email, awaited=2)
    assert [event["what"] for event in noted] == ["signed up", "password"]
    with pytest.raises(Auth0ClientError, match="Sign up with another address") as refused:
        await management.create(email=f"{uuid4().hex}@refused.example", password=GOOD_PASSWORD)
    assert refused.value.status == 400


async def begin_login(node: NodeClient, email: str) -> dict[str, str]:
    """Log in as far as to the second factor."""
    with pytest.raises(MfaRequired) as asked:
        await node.log_in(email, GOOD_PASSWORD)
    return {"mfaToken": asked.value.mfa_token}


async def claims_of(stage: Auth0Stage, token: str) -> dict[str, Any]:
    """The claims of a token, verified by the keys that hookpoint publishes."""
    keys = (await stage.tenant.http.get(f"{stage.tenant.url}/.well-known/jwks.json")).json()
    return jwt.decode(token, KeySet.import_key_set(keys), algorithms=["RS256", "ES256"]).claims


async def shown_inbox(stage: Auth0Stage) -> str:
    """What `hookpoint sms inbox` prints."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HOOKPOINT_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from hookpoint.proxy.cli import main; main()",
        "sms",
        "inbox",
        "-c",
        str(stage.configuration),
        stdout=asyncio.subprocess.PIPE,
        env={**inherited, "PYTHONPATH": str(ROOT / "src")},
    )
    async with asyncio.timeout(60):
        printed, _ = await process.communicate()
    assert process.returncode == 0
    return printed.decode()


async def test_codes_come_through_hookpoint_and_show_in_the_inbox(stage: Auth0Stage, node: NodeClient) -> None:
    email = new_email()
    sign_up = {"email": email, "password": GOOD_PASSWORD, "connection": CONNECTION}
    await node.act("sign_up_js", sign_up)
    mfa = await begin_login(node, email)
    enrolled = await node.act("enroll", {**mfa, **PHONE})
    code = stage.inbox.newest_code()
    confirmed = {"factorType": "oob", "oobCode": enrolled["oobCode"], "bindingCode": code}
    assert (await node.act("verify", {**mfa, **confirmed}))["accessToken"]

    mfa = await begin_login(node, email)
    challenge = await node.act("challenge", {**mfa, "challengeType": "oob"})
    shown = await shown_inbox(stage)
    newest = shown.strip().splitlines()[-1].strip()
    assert "sms to +491711234567" in shown
    assert newest.endswith(" is your code for The bank.")
    assert newest.split()[0] != code
    answer = {"factorType": "oob", "oobCode": challenge["oobCode"], "bindingCode": newest.split()[0]}
    token = await node.act("verify", {**mfa, **answer})
    claims = await claims_of(stage, token["accessToken"])
    assert claims[FACTOR] == claims["sub"]


async def test_a_code_that_a_hook_refuses_to_send_is_an_error_that_can_be_read(
    stage: Auth0Stage, node: NodeClient
) -> None:
    email = new_email()
    await stage.tenant.sign_up(email)
    with pytest.raises(Auth0ClientError, match=r"No codes are sent to this number\.") as refused:
        await node.act("enroll", {**await begin_login(node, email), **PHONE, "phoneNumber": REFUSED_NUMBER})
    assert (refused.value.code, refused.value.status) == ("sms_provider_error", 400)
