"""What the demo's authorization server says of users, in the shapes of Auth0's API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.proxy.demo.conftest import API
from tests.proxy.demo.tenant import APP, GOOD_PASSWORD, OTHER_PASSWORD, Tenant, open_tenant

pytestmark = pytest.mark.asyncio(loop_scope="module")
DATABASE = "Username-Password-Authentication"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tenant(signing_key: RSAKey) -> AsyncIterator[Tenant]:
    async with open_tenant(signing_key) as running:
        yield running


def new_email() -> str:
    return f"{uuid4().hex}@example.com"


async def test_a_second_sign_up_tells_nobody_who_has_an_account(tenant: Tenant) -> None:
    email = new_email()
    first = await tenant.sign_up(email)
    assert first.status_code == 200
    assert set(first.json()) == {"_id", "email", "email_verified"}
    second = await tenant.sign_up(email.upper(), OTHER_PASSWORD)
    assert second.status_code == 400
    assert second.json() == {
        "name": "BadRequestError",
        "code": "invalid_signup",
        "description": "Invalid sign up",
        "statusCode": 400,
    }
    assert (await tenant.log_in(email)).status_code == 200


async def test_of_two_at_once_one_signs_up(tenant: Tenant) -> None:
    email = new_email()
    answers = await asyncio.gather(*(tenant.sign_up(email) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400, 400]


async def test_a_weak_password_is_explained(tenant: Tenant) -> None:
    answer = await tenant.sign_up(new_email(), "weakling")
    assert answer.status_code == 400
    body = answer.json()
    assert (body["name"], body["code"], body["message"], body["statusCode"]) == (
        "PasswordStrengthError",
        "invalid_password",
        "Password is too weak",
        400,
    )
    length, kinds = body["description"]["rules"]
    assert (length["code"], length["format"], length["verified"]) == ("lengthAtLeast", [8], True)
    assert (kinds["code"], kinds["format"], kinds["verified"]) == ("containsAtLeast", [3, 4], False)
    assert {item["code"]: item["verified"] for item in kinds["items"]} == {
        "lowerCase": True,
        "upperCase": False,
        "numbers": False,
        "specialCharacters": False,
    }
    assert body["policy"].startswith("* At least 8 characters in length\n")


@pytest.mark.parametrize(
    "members",
    [
        {"email": "nobody"},
        {"email": None},
        {"email": ["ann@example.com"]},
        {"password": ""},
        {"password": 12345678},
        {"password": "Aa1!" * 100},
        {"connection": "elsewhere"},
        {"connection": None},
        {"client_id": "nobody"},
        {"username": "a b"},
        {"user_metadata": "gold"},
        {"user_metadata": {str(number): "" for number in range(11)}},
        {"user_metadata": {"a": "b" * 501}},
        {"user_metadata": {"a" * 101: "b"}},
        {"user_metadata": {"a": {"b": "c"}}},
    ],
)
async def test_a_sign_up_that_makes_no_sense_is_refused(tenant: Tenant, members: dict[str, Any]) -> None:
    answer = await tenant.sign_up(**{"email": new_email(), **members})
    assert answer.status_code == 400
    assert answer.json().keys() == {"error"}


async def test_a_sign_up_may_be_a_form(tenant: Tenant) -> None:
    email = new_email()
    form = {"email": email, "password": GOOD_PASSWORD, "connection": DATABASE, "client_id": "app", "username": "ann"}
    metadata = {"user_metadata[plan]": "gold", "user_metadata[color]": "blue"}
    answer = await tenant.http.post(f"{tenant.url}/dbconnections/signup", data={**form, **metadata})
    assert (answer.status_code, answer.json()["username"]) == (200, "ann")
    assert answer.json()["user_metadata"] == {"plan": "gold", "color": "blue"}
    assert (await tenant.log_in("ann")).status_code == 200
    taken = await tenant.sign_up(new_email(), username="Ann")
    assert taken.json()["code"] == "invalid_signup"


async def test_passwords_cannot_be_guessed_on_and_on(tenant: Tenant) -> None:
    email = new_email()
    await tenant.sign_up(email)
    answers = await asyncio.gather(*(tenant.log_in(email, f"Wrong-horse-{number}") for number in range(12)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [403] * 10 + [429] * 2
    assert (await tenant.log_in(email)).json()["error"] == "too_many_attempts"
    tenant.clock.now += 901
    assert (await tenant.log_in(email)).status_code == 200


async def test_an_unknown_user_is_as_wrong_as_a_wrong_password(tenant: Tenant) -> None:
    answer = await tenant.log_in(new_email())
    assert (answer.status_code, answer.json()) == (
        403,
        {"error": "invalid_grant", "error_description": "Wrong email or password."},
    )


@pytest.mark.parametrize(
    ("parameters", "status", "error"),
    [
        ({"realm": "elsewhere"}, 400, "invalid_request"),
        ({"username": ""}, 400, "invalid_request"),
        ({"password": ""}, 400, "invalid_request"),
        ({"audience": "https://elsewhere.example.com"}, 400, "invalid_target"),
    ],
)
async def test_what_the_password_grant_refuses(
    tenant: Tenant, parameters: dict[str, Any], status: int, error: str
) -> None:
    answer = await tenant.log_in(**{"username": new_email(), **parameters})
    assert (answer.status_code, answer.json()["error"]) == (status, error)


async def test_a_token_names_its_user(tenant: Tenant, signing_key: RSAKey) -> None:
    email = new_email()
    subject = f"auth0|{(await tenant.sign_up(email, name='Ann')).json()['_id']}"
    answer = (await tenant.log_in(email, scope="openid profile email admin", audience=API)).json()
    assert answer["scope"] == "openid profile email"
    access = jwt.decode(answer["access_token"], signing_key).claims
    assert (access["sub"], access["client_id"]) == (subject, APP.client_id)
    assert access["aud"] == [API, f"{tenant.issuer}userinfo"]
    identity = jwt.decode(answer["id_token"], signing_key).claims
    assert identity == {
        "iss": tenant.issuer,
        "sub": subject,
        "aud": APP.client_id,
        "iat": int(tenant.clock.now),
        "exp": int(tenant.clock.now) + 3600,
        "name": "Ann",
        "email": email,
        "email_verified": False,
    }


async def test_userinfo_takes_tokens_that_have_openid_only(tenant: Tenant) -> None:
    email = new_email()
    await tenant.sign_up(email)
    for scope, status in (("openid", 200), ("email", 401)):
        token = (await tenant.log_in(email, scope=scope)).json()["access_token"]
        answer = await tenant.http.get(f"{tenant.url}/userinfo", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == status
    answer = await tenant.http.get(f"{tenant.url}/userinfo")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


async def test_the_management_api_takes_its_own_tokens_only(tenant: Tenant) -> None:
    email = new_email()
    await tenant.sign_up(email)
    users = f"{tenant.url}/api/v2/users"
    own = (await tenant.log_in(email)).json()["access_token"]
    answer = await tenant.http.post(users, json={}, headers={"Authorization": f"Bearer {own}"})
    assert (answer.status_code, answer.json()["error"]) == (401, "Unauthorized")
    assert (await tenant.http.post(users, json={})).status_code == 401
    reading = await tenant.management_token("read:users")
    answer = await tenant.http.post(users, json={}, headers={"Authorization": f"Bearer {reading}"})
    assert (answer.status_code, answer.json()["errorCode"]) == (403, "insufficient_scope")


async def test_the_management_api_finds_users(tenant: Tenant) -> None:
    email = new_email()
    user_id = (await tenant.sign_up(email)).json()["_id"]
    headers = {"Authorization": f"Bearer {await tenant.management_token()}"}
    by_email = f"{tenant.url}/api/v2/users-by-email"
    [user] = (await tenant.http.get(by_email, params={"email": email}, headers=headers)).json()
    assert user["user_id"] == f"auth0|{user_id}"
    assert datetime.fromisoformat(user["created_at"]).timestamp() == tenant.clock.now
    assert user["created_at"].endswith(".250Z")
    assert (await tenant.http.get(by_email, params={"email": new_email()}, headers=headers)).json() == []
    unknown = await tenant.http.get(f"{tenant.url}/api/v2/users/auth0|nobody", headers=headers)
    assert (unknown.status_code, unknown.json()["errorCode"]) == (404, "inexistent_user")
    changed = await tenant.http.patch(
        f"{tenant.url}/api/v2/users/auth0%7C{user_id}", json={"roles": ["admin"]}, headers=headers
    )
    assert (changed.status_code, changed.json()["errorCode"]) == (400, "invalid_body")
