"""Changing a forgotten password at the demo's authorization server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from html import unescape
from uuid import uuid4

import pytest
import pytest_asyncio
from joserfc.jwk import RSAKey

from tests.proxy.demo.tenant import GOOD_PASSWORD, OTHER_PASSWORD, Tenant, open_tenant

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tenant(signing_key: RSAKey) -> AsyncIterator[Tenant]:
    async with open_tenant(signing_key) as running:
        yield running


async def begin(tenant: Tenant) -> tuple[str, str]:
    """A user who has asked for a mail, and the link of the mail."""
    email = f"{uuid4().hex}+it's@example.com"
    await tenant.sign_up(email)
    await tenant.ask_reset(email)
    assert tenant.mailbox.mails[-1].to == email
    return email, tenant.newest_link()


async def test_the_answer_tells_nobody_who_has_an_account(tenant: Tenant) -> None:
    email, _ = await begin(tenant)
    known, sent = await tenant.ask_reset(email), len(tenant.mailbox.mails)
    unknown = await tenant.ask_reset("nobody@example.com")
    assert (known.status_code, known.text) == (unknown.status_code, unknown.text)
    assert len(tenant.mailbox.mails) == sent


async def test_nobody_is_flooded_with_mails(tenant: Tenant) -> None:
    email, _ = await begin(tenant)
    answers = [await tenant.ask_reset(email) for _ in range(10)]
    assert {answer.status_code for answer in answers} == {200}
    assert len([mail for mail in tenant.mailbox.mails if mail.to == email]) == 5


async def test_the_page_asks_for_the_new_password(tenant: Tenant) -> None:
    email, link = await begin(tenant)
    page = await tenant.http.get(link.replace(tenant.issuer, f"{tenant.url}/"))
    assert page.status_code == 200
    assert f'value="{email}"' in unescape(page.text)
    assert 'action="reset"' in page.text
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert (await tenant.log_in(email)).status_code == 200


async def test_a_link_works_once(tenant: Tenant) -> None:
    email, link = await begin(tenant)
    answers = await asyncio.gather(*(tenant.reset(link, OTHER_PASSWORD, email) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400]
    assert (await tenant.log_in(email, OTHER_PASSWORD)).status_code == 200
    assert (await tenant.log_in(email, GOOD_PASSWORD)).status_code == 403


async def test_only_the_newest_link_works(tenant: Tenant) -> None:
    email, link = await begin(tenant)
    await tenant.ask_reset(email)
    assert (await tenant.reset(link, OTHER_PASSWORD, email)).status_code == 400
    assert (await tenant.reset(tenant.newest_link(), OTHER_PASSWORD, email)).status_code == 200


async def test_a_link_grows_old(tenant: Tenant) -> None:
    email, link = await begin(tenant)
    tenant.clock.now += 3601
    assert (await tenant.reset(link, OTHER_PASSWORD, email)).status_code == 400


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"newPassword": "weak", "confirmNewPassword": "weak"}, "At least 8 characters"),
        ({"confirmNewPassword": GOOD_PASSWORD}, "not the same"),
        ({"email": "somebody.else@example.com"}, "Ask for another mail"),
        ({"ticket": "another"}, "Ask for another mail"),
    ],
)
async def test_a_form_that_does_not_fit_changes_nothing(tenant: Tenant, changes: dict[str, str], told: str) -> None:
    email, link = await begin(tenant)
    answer = await tenant.reset(link, OTHER_PASSWORD, email, changes)
    assert answer.status_code == 400
    assert told in unescape(answer.text)
    assert (await tenant.log_in(email, GOOD_PASSWORD)).status_code == 200
    assert (await tenant.reset(link, OTHER_PASSWORD, email)).status_code == 200


async def test_a_changed_password_lifts_the_block_of_wrong_ones(tenant: Tenant) -> None:
    email, link = await begin(tenant)
    for _ in range(11):
        await tenant.log_in(email, "Wrong-horse-9")
    assert (await tenant.log_in(email)).status_code == 429
    await tenant.reset(link, OTHER_PASSWORD, email)
    assert (await tenant.log_in(email, OTHER_PASSWORD)).status_code == 200
