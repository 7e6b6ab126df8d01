from __future__ import annotations

import runpy
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hookpoint.hooks import Client, Hook, HookCrashed, Request, credentials_exchange, load_hooks
from hookpoint.hooks.testing import Trial, sample_event, try_hooks
from hookpoint.proxy.app import create_app
from hookpoint.proxy.config import load
from hookpoint.proxy.demo.authorization_server import Client as OAuthClient
from hookpoint.proxy.demo.authorization_server import create_authorization_server
from hookpoint.proxy.demo.loopback import bind_loopback, origin, serve
from hookpoint.proxy.demo.resource_server import create_resource_server
from hookpoint.proxy.demo.secret_header import RequireSecretHeader

EXAMPLES = Path(__file__).parents[3] / "examples"
API = "https://api.example.com"
BILLING = "https://billing.example.com"


class Directory:
    """The directory service that the example asks for the tenant of a client."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.status = 200
        self.url = ""
        self.app = Starlette(routes=[Route("/tenant", self._tenant)])

    async def _tenant(self, request: HttpRequest) -> Response:
        if request.headers.get("authorization") != "Bearer directory-token":
            return Response(status_code=401)
        self.asked.append(request.query_params["client_id"])
        return JSONResponse({"tenant": "acme"}, self.status)


@pytest.fixture
async def directory() -> AsyncIterator[Directory]:
    directory = Directory()
    async with serve(directory.app) as directory.url:
        yield directory


def hooks(*names: str) -> list[Hook]:
    return [hook for hook in load_hooks("hooks.py", base=EXAMPLES) if hook.name in names]


async def run(name: str, **fields: object) -> Trial:
    return await try_hooks(hooks(name), sample_event(credentials_exchange, **fields))


@pytest.mark.parametrize(
    ("networks", "ip", "refused"),
    [
        ("", "203.0.113.7", False),
        ("203.0.113.0/24", "203.0.113.7", False),
        ("10.0.0.0/8 2001:db8::/32", "2001:db8::1", False),
        ("10.0.0.0/8 2001:db8::/32", "203.0.113.7", True),
    ],
)
async def test_a_client_is_refused_outside_of_its_networks(networks: str, ip: str, refused: bool) -> None:
    client = Client(id="partner", metadata={"networks": networks})
    denial = (await run("known_networks_only", client=client, request=Request(ip=ip))).denial
    assert (denial is not None) is refused
    if denial is not None:
        assert ip in denial.reason
        assert denial.user_message is not None
        assert ip not in denial.user_message


@pytest.mark.parametrize(
    ("audiences", "scope"),
    [
        ((API,), {"reports:read", "reports:write"}),
        ((BILLING,), {"invoices:read"}),
        ((API, BILLING), set()),
        (("https://elsewhere.example.com",), set()),
        ((), set()),
    ],
)
async def test_a_token_keeps_the_scopes_of_its_audience(audiences: tuple[str, ...], scope: set[str]) -> None:
    granted = frozenset({"reports:read", "reports:write", "invoices:read", "debug"})
    trial = await run("scopes_by_audience", audiences=audiences, scope=granted)
    assert trial.scope == scope
    assert trial.changes.expires_in == (300 if "reports:write" in scope else None)


async def test_the_tenant_is_looked_up_once(directory: Directory) -> None:
    secrets = {"DIRECTORY_URL": directory.url, "DIRECTORY_TOKEN": "directory-token"}
    found = [each.overridden(secrets=secrets) for each in hooks("add_tenant")]
    event = sample_event(credentials_exchange, client=Client(id="looked-up-once"))
    for _ in range(2):
        trial = await try_hooks(found, event)
        assert trial.claims["https://example.com/tenant"] == "acme"
    assert directory.asked == ["looked-up-once"]


async def test_without_the_directory_there_is_no_token(directory: Directory) -> None:
    directory.status = 500
    secrets = {"DIRECTORY_URL": directory.url, "DIRECTORY_TOKEN": "directory-token"}
    found = [each.overridden(secrets=secrets) for each in hooks("add_tenant")]
    trial = await try_hooks(found, sample_event(credentials_exchange, client=Client(id="not-found")))
    assert isinstance(trial.failure, HookCrashed)


def test_the_example_configuration_is_valid() -> None:
    environ = {"UPSTREAM_SECRET": "0123456789abcdef0123456789abcdef", "DIRECTORY_TOKEN": "directory-token"}
    settings = load(EXAMPLES / "hookpoint.toml", environ, proxy=True)
    assert [Path(hook.run).name for hook in settings.hooks] == ["hooks.py"]
    assert settings.clients["reporting"].metadata["networks"]


async def claims_seen_by_api(http: httpx2.AsyncClient, issuer: str, token: str) -> dict[str, Any]:
    """What a resource server reads in the token once it has verified it."""
    async with serve(create_resource_server(issuer, audience=API)) as api:
        response = await http.get(f"{api}/whoami", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 200, response.text
    claims: dict[str, Any] = response.json()["claims"]
    return claims


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(trust_env=False) as client:
        yield client


async def test_the_example_configuration_runs_the_example_hooks(
    directory: Directory, http: httpx2.AsyncClient, tmp_path: Path
) -> None:
    public, upstream = bind_loopback(), bind_loopback()
    shutil.copy(EXAMPLES / "hooks.py", tmp_path)
    addresses = {
        "http://127.0.0.1:3000": origin(upstream),
        "http://127.0.0.1:3001": directory.url,
        "https://login.example.com": origin(public),
    }
    text = (EXAMPLES / "hookpoint.toml").read_text()
    for documented, actual in addresses.items():
        assert documented in text
        text = text.replace(documented, actual)
    (tmp_path / "hookpoint.toml").write_text(text)
    environ = {"UPSTREAM_SECRET": "0123456789abcdef0123456789abcdef", "DIRECTORY_TOKEN": "directory-token"}
    settings = load(tmp_path / "hookpoint.toml", environ, proxy=True)
    server = create_authorization_server(
        origin(public),
        clients=[
            OAuthClient(
                client_id="reporting",
                secret="reporting-secret",
                scopes=frozenset({"reports:read", "debug"}),
                audiences=(API,),
            )
        ],
        signing_key=ECKey.generate_key("P-256"),
    )
    guarded = RequireSecretHeader(server, "X-Upstream-Secret", environ["UPSTREAM_SECRET"])
    async with serve(guarded, upstream), serve(create_app(settings), public) as url:
        answer = await http.post(
            f"{url}/oauth/token", auth=("reporting", "reporting-secret"), data={"grant_type": "client_credentials"}
        )
        assert answer.status_code == 200, answer.text
        claims = await claims_seen_by_api(http, url, answer.json()["access_token"])
    assert claims["https://example.com/tenant"] == "acme"
    assert claims["scope"] == answer.json()["scope"] == "reports:read"


async def test_the_mounted_example_runs_its_hook(
    http: httpx2.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bound = bind_loopback()
    monkeypatch.setenv("ISSUER", origin(bound))
    monkeypatch.chdir(tmp_path)  # where it puts its hookpoint.db
    app = runpy.run_path(str(EXAMPLES / "mounted.py"))["app"]
    form = {"grant_type": "client_credentials", "job": "backup"}
    async with serve(app, bound) as url:
        answer = await http.post(f"{url}/oauth/token", auth=("nightly", "secret"), data=form)
        assert answer.status_code == 200, answer.text
        claims = await claims_seen_by_api(http, url, answer.json()["access_token"])
        refused = await http.post(f"{url}/oauth/token", auth=("nightly", "secret"), data={**form, "job": "no job"})
    assert claims["https://example.com/job"] == "backup"
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
