"""Whatever a token request looks like: where the server's handler runs, the hook runs, and the bytes are those that came."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from tests.partners.oidc_provider import RS256_RESOURCE, run_oidc_provider
from tests.partners.partner import Partner
from tests.partners.resource_server import read_claims
from tests.proxy.e2e.form_cases import FORMS, GRANT, JSONS, Case
from tests.proxy.e2e.hooks_on_demand import ON_DEMAND, SEEN
from tests.proxy.e2e.product import Product, free_port, run_hookpoint
from tests.proxy.e2e.raw_http import RawAnswer, send_raw
from tests.proxy.e2e.recorder_stage import RecorderStage, run_recorder_stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """hookpoint and oidc-provider behind it."""

    product: Product
    partner: Partner


@pytest.fixture(scope="module")
def form_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecorderStage]:
    with run_recorder_stage(tmp_path_factory.mktemp("form")) as stage:
        yield stage


@pytest.fixture(scope="module")
def json_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecorderStage]:
    with run_recorder_stage(tmp_path_factory.mktemp("json"), 'dialect = "auth0"') as stage:
        yield stage


@pytest.fixture(scope="module")
def oidc_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    port = free_port()
    with run_oidc_provider(f"http://127.0.0.1:{port}") as partner:
        name, value = partner.secret
        configuration = f"""
        [upstream]
        url = "{partner.url}"
        secret_header = {{ name = "{name}", value = "{value}" }}
        [[hooks]]
        run = "hooks.py"
        """
        with run_hookpoint(tmp_path_factory.mktemp("oidc"), configuration, hooks=ON_DEMAND, port=port) as product:
            yield Stage(product=product, partner=partner)


async def send(url: str, case: Case) -> RawAnswer:
    return await send_raw(url, f"/oauth/token{case.query}", case.fields, case.body, method=case.method)


async def judge(stage: RecorderStage, case: Case) -> None:
    before = len(stage.recorder.token_calls)
    answer = await send(stage.product.url, case)
    calls = stage.recorder.token_calls[before:]
    assert answer.status == case.status
    if case.status == 200:
        assert [call.body for call in calls] == [case.body]
        assert [f"?{call.query}" if call.query else "" for call in calls] == [case.query]
        assert SEEN in read_claims(answer.members["access_token"])
    else:
        assert calls == []
        assert answer.members.keys() == {"error", "error_description"}
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("name", FORMS)
async def test_F_the_handler_runs_with_the_bytes_that_came_and_the_hook_runs(
    form_stage: RecorderStage, name: str
) -> None:
    await judge(form_stage, FORMS[name])


@pytest.mark.parametrize("name", JSONS)
async def test_F_json_is_read_where_the_dialect_says_so(json_stage: RecorderStage, name: str) -> None:
    await judge(json_stage, JSONS[name])


@pytest.mark.parametrize("name", FORMS)
async def test_F_oidc_provider_gives_no_token_without_the_hook(oidc_stage: Stage, name: str) -> None:
    case = FORMS[name]
    if case.status == 200 and "resource" not in name:
        case = replace(case, body=case.body + f"&resource={RS256_RESOURCE}".encode())
    before = oidc_stage.partner.counts()["token"]
    answer = await send(oidc_stage.product.url, case)
    handled = oidc_stage.partner.counts()["token"] - before
    assert handled == (1 if case.status == 200 else 0)
    if answer.status == 200:
        assert SEEN in read_claims(answer.members["access_token"])
    else:
        assert "access_token" not in answer.members


async def test_F_the_plain_request_is_answered_by_oidc_provider(oidc_stage: Stage) -> None:
    case = Case(status=200, body=GRANT + f"&scope=api:read&resource={RS256_RESOURCE}".encode())
    answer = await send(oidc_stage.product.url, case)
    assert answer.status == 200
    assert read_claims(answer.members["access_token"])[SEEN] == "api:read"


async def test_F_after_a_refused_body_the_next_request_is_served(form_stage: RecorderStage) -> None:
    for name in ("10-mb-value", "gzip", "plain"):
        await judge(form_stage, FORMS[name])


def test_nothing_crashed(form_stage: RecorderStage, json_stage: RecorderStage, oidc_stage: Stage) -> None:
    for product in (form_stage.product, json_stage.product, oidc_stage.product):
        assert "Traceback" not in "".join(product.lines)
