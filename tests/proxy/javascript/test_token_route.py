"""Auth0 Hooks and Actions at the token route of `hookpoint serve`, in front of a real server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from tests.partners.mock_server import MockServer, run_mock_server
from tests.partners.node import NODE_FOLDER, require_node
from tests.partners.resource_server import read_claims
from tests.proxy.e2e.product import Product, eventually, free_port, run_hookpoint
from tests.proxy.javascript.scripts import EXCHANGE_ACTION, EXCHANGE_HOOK

CONFIGURATION = """
[upstream]
url = "{url}"
dialect = "auth0"
secret_header = {{ name = "{name}", value = "{value}" }}

[limits]
hooks_timeout = 10.0
hook_timeout = 10.0

[tokens.grantable_scopes]
"*" = ["extra"]

[clients.m2m]
name = "Machine"
metadata = {{ plan = "gold" }}

[[hooks]]
run = "legacy/add-claims.js"
trigger = "credentials-exchange"
secrets = {{ KEY = "k-hunter2" }}

[[hooks]]
run = "actions/count.js"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    product: Product
    partner: MockServer

    async def ask(self, what: str = "", **parameters: str) -> httpx2.Response:
        return await self.partner.ask_for_token(
            f"{self.product.url}/oauth/token", **({"try": what} if what else {}), **parameters
        )

    def children(self) -> list[psutil.Process]:
        return [each for each in psutil.Process(self.product.pid).children(recursive=True) if "node" in each.name()]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    require_node()
    folder = tmp_path_factory.mktemp("javascript")
    (folder / "legacy").mkdir()
    (folder / "legacy" / "add-claims.js").write_text(EXCHANGE_HOOK)
    (folder / "legacy" / "node_modules").symlink_to(NODE_FOLDER / "node_modules")
    (folder / "actions").mkdir()
    (folder / "actions" / "count.js").write_text(EXCHANGE_ACTION)
    port = free_port()
    with run_mock_server(f"http://127.0.0.1:{port}") as partner:
        name, value = partner.secret
        text = CONFIGURATION.format(url=partner.url, name=name, value=value)
        with run_hookpoint(folder, text, port=port) as product:
            yield Stage(product=product, partner=partner)


async def test_claims_and_scope_are_what_the_scripts_made_of_them(stage: Stage) -> None:
    answer = await stage.ask()
    assert answer.status_code == 200, answer.text
    claims = read_claims(answer.json()["access_token"])
    assert (claims["https://example.com/plan"], claims["https://example.com/alg"]) == ("gold", "HS256")
    assert claims["scope"] == answer.json()["scope"] == "api:read"
    assert claims.get("sub") != "somebody else"
    assert claims["iss"] == stage.partner.issuer
    assert claims["https://example.com/action"] >= 1


async def test_scope_that_a_hook_does_not_pass_on_is_gone(stage: Stage) -> None:
    answer = await stage.ask("drop")
    claims = read_claims(answer.json()["access_token"])
    assert claims.get("scope", "") == ""
    assert answer.json().get("scope", "") == ""
    assert claims["https://example.com/plan"] == "none"


async def test_a_scope_that_may_be_added_is_there(stage: Stage) -> None:
    assert read_claims((await stage.ask("extra")).json()["access_token"])["scope"].split() == ["api:read", "extra"]


@pytest.mark.parametrize(
    ("what", "status", "error", "description"),
    [
        ("error", 500, "server_error", "no luck"),
        ("server", 500, "server_error", "no luck"),
        ("request", 400, "invalid_request", "bad request"),
        ("scope", 400, "invalid_scope", "bad scope"),
        ("text", 500, "server_error", "just text"),
        ("throw", 500, "server_error", "A hook failed; no token was issued."),
        ("forbidden", 500, "server_error", "A hook failed; no token was issued."),
        ("deny", 400, "invalid_request", "denied by an action"),
        ("reject", 500, "server_error", "A hook failed; no token was issued."),
    ],
)
async def test_errors_have_auth0s_statuses_and_bodies(
    stage: Stage, what: str, status: int, error: str, description: str
) -> None:
    answer = await stage.ask(what)
    assert (answer.status_code, answer.json()) == (status, {"error": error, "error_description": description})


async def test_only_the_first_callback_counts(stage: Stage) -> None:
    assert (await stage.ask("twice")).status_code == 200


async def test_a_script_that_blocks_or_never_answers_holds_up_nobody_else(stage: Stage) -> None:
    assert (await stage.ask()).status_code == 200
    started = time.monotonic()
    bad = [asyncio.ensure_future(stage.ask(what)) for what in ("loop", "never")]
    good = await asyncio.gather(*(stage.ask() for _ in range(20)))
    assert [answer.status_code for answer in good] == [200] * 20
    for answer in await asyncio.gather(*bad):
        members = {"error": "server_error", "error_description": "A hook took too long; no token was issued."}
        assert (answer.status_code, answer.json()) == (500, members)
    assert time.monotonic() - started < 60
    # Two processes for each of the two scripts, when all is quiet again.
    assert len(await eventually(_now(stage.children), lambda children: len(children) == 4)) == 4
    assert (await stage.ask()).status_code == 200


async def test_the_console_is_in_the_log_without_secrets(stage: Stage) -> None:
    await stage.ask()
    entry = stage.product.events("hook_output", hook="add-claims")[-1]
    assert entry["text"] == "asked by m2m with [redacted]"
    assert entry["request_id"]
    assert not [line for line in stage.product.lines if "k-hunter2" in line]


async def test_a_failure_is_logged_with_the_line_of_the_script(stage: Stage) -> None:
    await stage.ask("throw")
    failed = [each for each in stage.product.events("hook_failed", hook="add-claims") if "TypeError" in each["reason"]]
    line = EXCHANGE_HOOK.splitlines().index("    case 'throw': return null.x;") + 1
    assert f"legacy/add-claims.js:{line}:" in failed[-1]["exception"]


def _now(ask: Any) -> Any:
    async def asked() -> Any:
        return ask()

    return asked


def test_processes_end_with_hookpoint(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("module.exports = function (client, scope, audience, context, cb) { cb(); };")
    configuration = f"""
    [upstream]
    url = "{stage.partner.url}"

    [[hooks]]
    run = "a.js"
    trigger = "credentials-exchange"
    """
    with run_hookpoint(tmp_path, configuration) as product:
        serving = psutil.Process(product.pid)
        children = serving.children(recursive=True)
        deadline = time.monotonic() + 30
        while not (children := [each for each in serving.children(recursive=True) if "node" in each.name()]):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert psutil.wait_procs(children, timeout=10)[1] == []


async def test_a_script_that_blocks_ends_though_hookpoint_was_killed(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("module.exports = function (client, scope, audience, context, cb) { for (;;) {} };")
    name, value = stage.partner.secret
    configuration = f"""
    [upstream]
    url = "{stage.partner.url}"
    secret_header = {{ name = "{name}", value = "{value}" }}

    [limits]
    hook_timeout = 50.0
    hooks_timeout = 50.0

    [[hooks]]
    run = "a.js"
    trigger = "credentials-exchange"
    """
    with run_hookpoint(tmp_path, configuration) as product:
        serving = psutil.Process(product.pid)

        async def watched() -> list[psutil.Process]:
            found = [each for each in serving.children(recursive=True) if "node" in each.name()]
            return found if len(found) == 2 and all(time.time() - each.create_time() > 3 for each in found) else []

        children = await eventually(watched, bool, seconds=30)
        asked = asyncio.ensure_future(stage.partner.ask_for_token(f"{product.url}/oauth/token"))
        await asyncio.sleep(0.5)
        serving.kill()
        await asyncio.gather(asked, return_exceptions=True)
        assert psutil.wait_procs(children, timeout=30)[1] == []
