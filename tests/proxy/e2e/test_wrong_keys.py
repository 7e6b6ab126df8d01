"""A server whose key set is wrong, late or gone: no token is believed meanwhile, and hookpoint recovers by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx2
import pytest

from tests.partners.loopback import open_http
from tests.partners.mock_server import MockServer, run_mock_server
from tests.partners.resource_server import read_claims
from tests.proxy.e2e.hooks import HOOKS, PLAN
from tests.proxy.e2e.mock_stage import assert_is_oauth_error
from tests.proxy.e2e.product import Product, eventually, run_hookpoint
from tests.proxy.e2e.serving import run_proxy

ISSUER = "http://127.0.0.1:9"
# What the log says of each set that cannot be used at all.
UNUSABLE = {
    "server-error": "answered 500",
    "redirect": "answered 302",
    "huge": "larger than",
    "bad-json": "not strict JSON",
    "html-page": "not strict JSON",
    "many-keys": "501 keys",
    "duplicate-kid": "two different keys",
}
# Sets that can be read, and whether the key of honest tokens can be used from them.
READABLE = {
    "empty": False,
    "stale": False,
    "encryption-use": False,
    "no-kids": False,
    "oct-key": True,
    "private-members": True,
    "unknown-types": True,
}
StartProxy = Callable[[], AbstractContextManager[str]]


@pytest.fixture(scope="module")
def partner() -> Iterator[MockServer]:
    with run_mock_server(ISSUER) as server:
        yield server


@pytest.fixture(scope="module")
def product(partner: MockServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A hookpoint that has never seen a key set of its server."""
    partner.behave(jwks="server-error")
    name, value = partner.secret
    configuration = f"""
    [server]
    public_url = "{ISSUER}"
    [upstream]
    url = "{partner.url}"
    secret_header = {{ name = "{name}", value = "{value}" }}
    [[hooks]]
    run = "hooks.py"
    """
    with run_hookpoint(tmp_path_factory.mktemp("keys"), configuration, hooks=HOOKS) as running:
        yield running


@pytest.fixture
def start_proxy(partner: MockServer, tmp_path: Path) -> StartProxy:
    """Start a hookpoint that knows nothing yet."""
    (tmp_path / "hooks.py").write_text(HOOKS)
    name, value = partner.secret
    values = {
        "server": {"public_url": ISSUER},
        "upstream": {"url": partner.url, "secret_header": {"name": name, "value": value}},
        "hooks": [{"run": str(tmp_path / "hooks.py")}],
    }
    return lambda: run_proxy(values)


async def ask(partner: MockServer, url: str) -> httpx2.Response:
    return await partner.ask_for_token(f"{url}/oauth/token")


async def published_keys(url: str) -> httpx2.Response:
    async with open_http() as http:
        return await http.get(f"{url}/.well-known/jwks.json")


def test_every_misbehaviour_is_tried(partner: MockServer) -> None:
    assert sorted(partner.modes()["jwks"]) == sorted([*UNUSABLE, *READABLE, "honest", "slow"])


@pytest.mark.parametrize(("mode", "reason"), UNUSABLE.items())
async def test_T9_without_keys_there_are_no_tokens(
    partner: MockServer, product: Product, mode: str, reason: str
) -> None:
    partner.behave(jwks=mode)
    # the next fetch is due a second after the last
    answer = await eventually(lambda: ask(partner, product.url), lambda _: partner.counts()["jwks"] > 0)
    assert_is_oauth_error(answer, 503, "temporarily_unavailable")
    assert answer.headers["retry-after"] == "1"
    entries = product.events("upstream_keys_unavailable", request_id=answer.headers["x-request-id"])
    assert reason in entries[0]["reason"]
    keys = await published_keys(product.url)
    assert keys.status_code == 503
    assert keys.json()["error"] == "temporarily_unavailable"


async def test_T9_keys_that_come_back_are_used_without_a_restart(partner: MockServer, product: Product) -> None:
    partner.behave(jwks="server-error")
    assert (await ask(partner, product.url)).status_code == 503
    partner.behave()
    answer = await eventually(lambda: ask(partner, product.url), lambda answer: answer.status_code != 503)
    assert read_claims(answer.json()["access_token"])[PLAN] == "none"
    assert (await published_keys(product.url)).status_code == 200
    partner.behave(jwks="server-error")
    assert (await ask(partner, product.url)).status_code == 200
    assert partner.counts()["jwks"] == 0
    assert "Traceback" not in "".join(product.lines)


@pytest.mark.parametrize(("mode", "usable"), READABLE.items())
async def test_T9_only_keys_for_signatures_are_used_and_published(
    partner: MockServer, start_proxy: StartProxy, mode: str, usable: bool
) -> None:
    partner.behave(jwks=mode)
    with start_proxy() as url:
        answer = await ask(partner, url)
        published = (await published_keys(url)).json()["keys"]
    if usable:
        assert read_claims(answer.json()["access_token"])[PLAN] == "none"
    else:
        assert_is_oauth_error(answer, 502, "server_error")
    assert {key["kty"] for key in published} <= {"RSA"}
    assert not {"d", "p", "q", "dp", "dq", "qi", "k", "oth"} & {member for key in published for member in key}


async def test_T8_unknown_kids_lead_to_one_fetch(partner: MockServer, start_proxy: StartProxy) -> None:
    partner.behave()
    with start_proxy() as url:
        assert (await ask(partner, url)).status_code == 200
        partner.behave("unknown-kid")
        answers = [await ask(partner, url), *await asyncio.gather(*(ask(partner, url) for _ in range(20)))]
        counts = partner.counts()
        partner.behave()
        assert (await ask(partner, url)).status_code == 200
    for answer in answers:
        assert_is_oauth_error(answer, 502, "server_error")
    assert (counts["token"], counts["jwks"]) == (21, 1)


async def test_T8_a_new_key_of_the_server_is_found_and_published(partner: MockServer, start_proxy: StartProxy) -> None:
    partner.behave()
    with start_proxy() as url:
        assert (await ask(partner, url)).status_code == 200
        fetches = partner.counts()["jwks"]
        kid = partner.rotate()
        answers = await asyncio.gather(*(ask(partner, url) for _ in range(5)))
        assert [answer.status_code for answer in answers] == [200] * 5
        assert partner.counts()["jwks"] == fetches + 1
        assert kid in {key["kid"] for key in (await published_keys(url)).json()["keys"]}


async def test_T9_a_slow_key_set_is_waited_for(partner: MockServer, start_proxy: StartProxy) -> None:
    partner.behave(jwks="slow", seconds=0.5)
    with start_proxy() as url:
        answers = await asyncio.gather(*(ask(partner, url) for _ in range(5)))
    assert [answer.status_code for answer in answers] == [200] * 5
    assert partner.counts()["jwks"] == 1
