"""A Python hook behind `hooks serve`, called by hookpoint in each format: it comes to the same as in process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs

from hookpoint.hooks import POINTS, Hook
from hookpoint.hooks.http.formats.registry import points_of
from hookpoint.hooks.testing import Trial, sample_event, try_hooks
from hookpoint.proxy.config import validate
from hookpoint.proxy.configured_hooks import configured_hooks
from hookpoint.proxy.hook_server.app import HookServer
from tests.proxy.e2e.serving import serve_in_thread
from tests.proxy.hook_server.stage import FORMATS, SECRETS, settings_of

SAME, DENIED, FAILED = "same", "denied", "failed"
TOKENS = {
    # what the hook does: how it comes out, where not as in process
    "nothing": {},
    "add": {},
    "replace": {"zitadel": FAILED},
    "remove": {"auth0": DENIED, "zitadel": FAILED},
    "shorten": {"auth0": DENIED, "hydra": FAILED, "zitadel": FAILED},
    "scope": {"hydra": FAILED, "okta": FAILED, "zitadel": FAILED},
    "deny": {},
    "scope-denied": {},
    "crash": {"auth0": DENIED},
}
USERS = {
    "nothing": {},
    "user": {"supabase": FAILED},
    "app": {"supabase": FAILED, "okta": FAILED},
    "deny": {},
    "crash": {"auth0": DENIED},
}
MESSAGES: dict[str, dict[str, str]] = {
    "1": {},
    "2": {"okta": FAILED, "zitadel": FAILED},
    "3": {"auth0": DENIED, "okta": FAILED, "supabase": FAILED, "zitadel": FAILED},
    "4": {"auth0": DENIED},
}
# The codes and texts of refusals that a format has no room for.
NO_CODE = {"hydra": "access_denied", "okta": "server_error", "supabase": "access_denied", "zitadel": "access_denied"}


def token_event(point: str, client_id: str) -> Any:
    sample = sample_event(POINTS[point])
    scope = frozenset({"debug", "reports:read"})
    claims = {**sample.claims, "client_id": client_id, "plan": "free", "groups": ["a", {"b": None}]}
    claims["scope"] = "debug reports:read"
    more = {"user": replace(sample.user, id="user-1")} if point == "token-issuance" else {}
    if more:
        claims = {**claims, "sub": "user-1"}
    return replace(sample, client=replace(sample.client, id=client_id), claims=claims, scope=scope, **more)


def cases() -> Iterator[Any]:
    def case(name: str, point: str, what: str, event: Any, outcomes: dict[str, str]) -> Any:
        return pytest.param(name, point, event, outcomes.get(name, SAME), id=f"{name}-{point}-{what}")

    for name in FORMATS:
        for point in points_of(name):
            if point in ("credentials-exchange", "token-issuance"):
                for what, outcomes in TOKENS.items():
                    yield case(name, point, what, token_event(point, what), outcomes)
            elif point == "pre-user-registration":
                for what, outcomes in USERS.items():
                    sample = sample_event(POINTS[point])
                    event = replace(sample, user=replace(sample.user, email=f"{what}@example.com"), password=None)
                    yield case(name, point, what, event, outcomes)
            elif point == "send-phone-message":
                for what, outcomes in MESSAGES.items():
                    code = f"{name}-{what}"
                    event = sample_event(POINTS[point], recipient=f"+1500555000{what}", code=code)
                    yield case(name, point, what, event, outcomes)
    for name in ("hookpoint", "okta", "hydra"):
        outcomes = {}
        yield case(name, "token-issuance", "id-token", token_event("token-issuance", "id-token"), outcomes)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hooks")


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with capture_logs():  # writing a traceback for people takes longer than all else here
        yield


@pytest.fixture(scope="module")
def hooks_here(folder: Path) -> list[Hook]:
    settings = settings_of(folder)
    return configured_hooks(settings.hooks, settings)


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[str]:
    with serve_in_thread(HookServer(settings_of(folder))) as url:
        yield url


def remote_hook(server: str, name: str, point: str) -> Hook:
    entry = {
        "run": f"{server}/{name}/{point}",
        "trigger": point,
        "format": name,
        "name": "remote",
        "http": {"secrets": [SECRETS[name]]},
    }
    settings = validate({"hooks": [entry], "limits": {"hook_timeout": 5.0}}, environ={})
    [hook] = configured_hooks(settings.hooks, settings)
    return hook


async def tried(hooks: list[Hook], event: Any) -> Trial:
    return await try_hooks(hooks, event, timeout=5.0)


@pytest.mark.parametrize(("name", "point", "event", "outcome"), list(cases()))
async def test_it_comes_to_the_same_as_in_process(
    server: str, hooks_here: list[Hook], name: str, point: str, event: Any, outcome: str
) -> None:
    here = [each for each in hooks_here if each.point.name == point]
    there = await tried([remote_hook(server, name, point)], event)
    local = await tried(here, event)
    if outcome == FAILED:
        assert there.failure is not None
        return
    if outcome == DENIED:
        assert there.denial is not None
        return
    assert (there.failure is None) == (local.failure is None), there.failure
    assert (there.denial is None) == (local.denial is None), there.denial
    if local.denial is not None and there.denial is not None:
        tokens = point in ("credentials-exchange", "token-issuance")
        if name == "auth0" and tokens:  # it has three errors
            assert there.denial.code == {"access_denied": "server_error"}.get(local.denial.code, local.denial.code)
        else:
            assert there.denial.code == (NO_CODE[name] if tokens and name in NO_CODE else local.denial.code)
        if name != "hydra":
            said = local.denial.user_message or local.denial.reason
            assert said in (there.denial.user_message, there.denial.reason)
    elif local.failure is None:
        assert there.event == local.event
        assert getattr(there.changes, "expires_in", None) == getattr(local.changes, "expires_in", None)
        if point == "send-phone-message":
            kept = name not in ("supabase", "zitadel")
            assert (there.changes == local.changes) if kept else type(there.changes) is type(local.changes)


@pytest.mark.parametrize(
    ("name", "point"), [(name, point) for name in FORMATS for point in points_of(name) if point.startswith("post-")]
)
async def test_deliveries_reach_the_hook(server: str, hooks_here: list[Hook], name: str, point: str) -> None:
    [here] = [each for each in hooks_here if each.point.name == point]
    seen = here.runner.function.__globals__["seen"]  # type: ignore[attr-defined]
    seen.clear()
    event = sample_event(POINTS[point], id=f"evt_{name}_{point}")
    for _ in range(2):
        trial = await tried([remote_hook(server, name, point)], event)
        assert (trial.failure, trial.denial) == (None, None)
    if name == "hookpoint":  # its id is the same at every attempt
        assert seen == [event.id if point == "post-user-registration" else event.changed_at.isoformat()]
    else:
        assert seen


async def test_a_message_that_is_asked_for_again_is_sent_once(server: str, folder: Path) -> None:
    hook = remote_hook(server, "okta", "send-phone-message")
    event = sample_event(POINTS["send-phone-message"], recipient="+15005550001", code="once")
    body = hook.runner._written(event, _facts())  # type: ignore[attr-defined]
    headers = {"authorization": SECRETS["okta"], "content-type": "application/json"}
    async with httpx2.AsyncClient() as http:
        url = f"{server}/okta/send-phone-message"
        answers = [(await http.post(url, content=body, headers=headers)).json() for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["commands"][0]["value"][0]["transactionId"] == "m-1"


def _facts() -> Any:
    from hookpoint.hooks.http.formats.format import Facts

    return Facts(id="evt-once", at=1_767_225_600.0)


@pytest.mark.parametrize("name", FORMATS)
async def test_callers_without_the_secret_are_refused(server: str, name: str) -> None:
    point = points_of(name)[0]
    async with httpx2.AsyncClient() as http:
        answer = await http.post(f"{server}/{name}/{point}", json={})
    if name == "auth0":
        assert answer.status_code == 200
        assert answer.json()["data"]["message"] == "Unauthorized extensibility point"
    else:
        assert (answer.status_code, answer.json()["error"]) == (401, "unauthenticated")


async def test_what_is_no_call_is_refused(server: str) -> None:
    headers = {"authorization": SECRETS["okta"], "content-type": "application/json"}
    async with httpx2.AsyncClient(headers=headers) as http:
        url = f"{server}/okta/token-issuance"
        assert (await http.get(url)).status_code == 405
        assert (await http.post(url, content=b"[]")).status_code == 400
        wrong = await http.post(url, json={"eventType": "com.okta.telephony.provider"})
        assert wrong.status_code == 400
        assert "eventType is not com.okta.oauth2.tokens.transform" in wrong.json()["error_description"]
        assert (await http.post(url, content=b"a=b", headers={"content-type": "text/plain"})).status_code == 415
        assert (await http.post(url, content=b"{" * 300_000)).status_code == 413
        assert (await http.post(f"{server}/okta/nothing", json={})).status_code == 404
        assert (await http.post(f"{server}/okta//token-issuance", json={})).status_code == 404


def test_the_table_covers_every_format_and_point() -> None:
    covered = {(case.values[0], case.values[1]) for case in cases()}
    known = {(name, point) for name in FORMATS for point in points_of(name) if not point.startswith("post-")}
    assert covered == known
