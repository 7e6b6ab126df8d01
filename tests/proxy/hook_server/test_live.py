"""The two commands together: `hookpoint hooks serve` serves hooks, and a proxy before an OAuth server calls them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.partners.resource_server import read_claims
from tests.partners.warm_start import PipedProcess, run_command
from tests.proxy.e2e.product import STOP_SECONDS, free_port, post_form
from tests.proxy.e2e.recorder import Recorder
from tests.proxy.e2e.serving import run_proxy, serve_in_thread
from tests.proxy.hook_server.stage import SECRETS

HOOKS = """
from hookpoint.hooks import CredentialsExchange, Deny, TokenChanges, credentials_exchange

@credentials_exchange
async def judge(event: CredentialsExchange) -> TokenChanges:
    if "deny" in event.scope:
        raise Deny("access_denied", "for the log", "for the user")
    return TokenChanges(claims={"https://example.com/seen": event.client.id})
"""
FORMATS = ("hookpoint", "auth0", "hydra")
ENDPOINT = '[[hook_server.endpoints]]\nformat = "{name}"\nsecrets = ["{secret}"]\n'
READY = re.compile(r"hookpoint ready on (\S+) \(admin (\S+)\)\n")


@contextmanager
def hooks_served(folder: Path) -> Iterator[tuple[str, str]]:
    """Run the command until the block ends; gives where hooks and where operators reach it."""
    (folder / "hooks.py").write_text(HOOKS)
    text = '[hook_server]\nlisten = "127.0.0.1:0"\nadmin_listen = "127.0.0.1:0"\n[[hooks]]\nrun = "hooks.py"\n'
    text += "".join(ENDPOINT.format(name=name, secret=SECRETS[name]) for name in FORMATS)
    (folder / "hookpoint.toml").write_text(text)
    with Path(os.devnull).open("w") as nowhere:
        process = PipedProcess(["hooks", "serve"], cwd=folder, env=os.environ, stderr=nowhere.fileno())
    try:
        ready = READY.fullmatch(process.stdout.readline())
        assert ready is not None
        yield ready[1], ready[2]
        process.terminate()
        assert process.wait(STOP_SECONDS) == 0
    finally:
        process.kill()
        process.stdout.close()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    port = free_port()
    recorder = Recorder(issuer=f"http://127.0.0.1:{port}")
    with hooks_served(tmp_path_factory.mktemp("served")) as (url, admin), serve_in_thread(recorder.app) as upstream:
        hooks = [
            {
                "run": f"{url}/{name}/credentials-exchange",
                "trigger": "credentials-exchange",
                "format": name,
                "when": {"scope": [f"by:{name}"]},
                "http": {"secrets": [SECRETS[name]]},
            }
            for name in FORMATS
        ]
        with run_proxy({"upstream": {"url": upstream}, "hooks": hooks}, port=port) as proxy:
            yield proxy, admin


async def ask(proxy: str, scope: str) -> Any:
    form = {"grant_type": "client_credentials", "scope": scope}
    return await post_form(f"{proxy}/oauth/token", form, auth=("m2m", "secret"))


@pytest.mark.parametrize("name", FORMATS)
async def test_a_token_request_runs_a_hook_over_http(stage: tuple[str, str], name: str) -> None:
    answer = await ask(stage[0], f"by:{name} api:read")
    assert answer.status_code == 200, answer.text
    claims = read_claims(answer.json()["access_token"])
    assert claims["https://example.com/seen"] == "m2m"
    assert claims["scope"] == f"by:{name} api:read"


@pytest.mark.parametrize(
    ("name", "error", "description"),
    [
        ("hookpoint", "access_denied", "for the user"),
        ("auth0", "server_error", "for the user"),
        ("hydra", "access_denied", "The hook refused."),
    ],
)
async def test_a_refusal_reaches_the_client(stage: tuple[str, str], name: str, error: str, description: str) -> None:
    answer = await ask(stage[0], f"by:{name} deny")
    assert answer.json() == {"error": error, "error_description": description}


async def test_what_is_served_is_counted(stage: tuple[str, str]) -> None:
    await ask(stage[0], "by:hookpoint")
    async with httpx2.AsyncClient() as http:
        assert (await http.get(f"{stage[1]}/readyz")).status_code == 200
        text = (await http.get(f"{stage[1]}/metrics")).text
    assert 'hookpoint_requests_total{outcome="answered",route="hook_hookpoint"}' in text
    assert 'hook="judge"' in text


def test_there_has_to_be_something_to_serve(tmp_path: Path) -> None:
    (tmp_path / "hookpoint.toml").write_text(ENDPOINT.format(name="okta", secret=SECRETS["okta"]))
    done = run_command(["hooks", "serve", "--listen", "127.0.0.1:0"], cwd=tmp_path, env=os.environ)
    assert done.returncode == 1
    assert "add [[hooks]] and [[hook_server.endpoints]]" in done.stderr
