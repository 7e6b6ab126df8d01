"""What hooks may do to a token and what they may not, seen by the client that asked for it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from hookpoint.hooks.rules import FROZEN_CLAIMS, GUARDED_CLAIMS
from tests.partners.resource_server import read_claims
from tests.proxy.e2e.hooks_on_demand import SEEN
from tests.proxy.e2e.mock_stage import assert_is_oauth_error
from tests.proxy.e2e.recorder_stage import RecorderStage, run_recorder_stage

CLAIM = "https://example.com/claim"
CONFIGURATION = """
[tokens]
grantable_scopes = { "trusted-*" = ["api:extra"] }
[limits]
hook_timeout = 0.3
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecorderStage]:
    with run_recorder_stage(tmp_path_factory.mktemp("cases"), CONFIGURATION) as stage:
        yield stage


@pytest.fixture
def stage(running: RecorderStage) -> RecorderStage:
    running.recorder.claims.clear()
    running.recorder.members.clear()
    return running


def failure(stage: RecorderStage, answer: httpx2.Response, description: str) -> dict[str, Any]:
    """What the log says of a hook that failed and took the token with it."""
    assert_is_oauth_error(answer, 500, "server_error")
    assert answer.json()["error_description"] == description
    return stage.product.events("hook_failed", request_id=answer.headers["x-request-id"])[0]


@pytest.mark.parametrize("claim", sorted({*FROZEN_CLAIMS, *GUARDED_CLAIMS}))
@pytest.mark.parametrize("kind", ["set", "remove"])
async def test_T10_a_claim_that_hooks_may_not_write_is_an_error(stage: RecorderStage, claim: str, kind: str) -> None:
    answer = await stage.ask(do={"claims": {claim: "x"}} if kind == "set" else {"remove_claims": [claim]})
    entry = failure(stage, answer, "A hook failed; no token was issued.")
    assert (entry["code"], entry["hook"]) == ("claim_not_writable", "first")
    assert claim in entry["reason"]


async def test_T10_free_claims_are_set_replaced_and_removed(stage: RecorderStage) -> None:
    stage.recorder.claims.update(plan="free", region="eu", old=1)
    answer = await stage.ask(do={"claims": {"plan": "gold", CLAIM: [1, {"a": None}]}, "remove_claims": ["old", "none"]})
    claims = read_claims(answer.json()["access_token"])
    assert (claims["plan"], claims["region"], claims[CLAIM]) == ("gold", "eu", [1, {"a": None}])
    assert "old" not in claims


@pytest.mark.parametrize(("wanted", "life"), [(60, 60), (1, 1), (3599, 3599), (7200, 3600), (10**9, 3600)])
async def test_T11_a_hook_shortens_a_life_and_cannot_lengthen_it(stage: RecorderStage, wanted: int, life: int) -> None:
    before = int(time.time())
    members = (await stage.ask(do={"expires_in": wanted})).json()
    exp = read_claims(members["access_token"])["exp"]
    assert before + life <= exp <= time.time() + life
    # The seconds that are left are rounded down when the answer leaves.
    assert before + members["expires_in"] <= exp <= time.time() + members["expires_in"] + 1
    assert life - 2 <= members["expires_in"] <= life


async def test_T11_of_two_hooks_the_shorter_life_counts(stage: RecorderStage) -> None:
    members = (await stage.ask(do={"expires_in": 50}, enrich={"expires_in": 500})).json()
    assert 48 <= members["expires_in"] <= 50


@pytest.mark.parametrize("wanted", [0, -1, "60", 1.5, True])
async def test_T11_a_life_that_is_no_number_of_seconds_is_an_error(stage: RecorderStage, wanted: object) -> None:
    entry = failure(stage, await stage.ask(do={"expires_in": wanted}), "A hook failed; no token was issued.")
    assert entry["code"] == "invalid_result"


async def test_T12_a_scope_is_not_added_without_leave(stage: RecorderStage) -> None:
    answer = await stage.ask(do={"scope": ["api:read", "api:extra"]})
    entry = failure(stage, answer, "A hook failed; no token was issued.")
    assert entry["code"] == "scope_not_grantable"
    assert "api:extra" in entry["reason"]
    assert "grantable_scopes" in entry["reason"]


@pytest.mark.parametrize("shape", ["scope", "scope list", "scp list", "scp"])
@pytest.mark.parametrize(
    ("client", "wanted", "granted"),
    [
        ("trusted-1", ["api:extra", "api:read"], "api:read api:extra"),
        ("m2m", ["api:read"], "api:read"),
        ("m2m", ["api:write", "api:read"], "api:read api:write"),
        ("m2m", [], ""),
    ],
)
async def test_T12_claim_answer_and_later_hooks_agree_on_the_scope(
    stage: RecorderStage, shape: str, client: str, wanted: list[str], granted: str
) -> None:
    name, _, is_list = shape.partition(" ")
    scopes = ["api:read", "api:write"]
    stage.recorder.claims.update({"scope": None, "client_id": client})
    stage.recorder.claims[name] = scopes if is_list else " ".join(scopes)
    members = (await stage.ask(do={"scope": wanted})).json()
    claims = read_claims(members["access_token"])
    assert members["scope"] == granted
    expected: object = granted.split() if is_list else granted
    assert claims.get(name) == (expected if granted else None)
    assert {"scope", "scp"} & claims.keys() <= {name}
    assert claims[SEEN].split() == sorted(granted.split())


@pytest.mark.parametrize("scope", [["api:read", "a b"], [""], ['"'], "api:read", [1], {"api:read": 1.5}, ["ä"]])
async def test_T12_what_is_no_scope_is_an_error(stage: RecorderStage, scope: object) -> None:
    answer = await stage.ask(do={"scope": scope})
    if isinstance(scope, dict):  # a collection of texts is all that is asked for
        assert answer.json()["scope"] == "api:read"
    else:
        assert failure(stage, answer, "A hook failed; no token was issued.")["code"] == "invalid_result"


WRONG_RESULTS = {
    "a number": "42",
    "a text": "'claims'",
    "a mapping": "{'claims': {}}",
    "a look-alike": "Everything({'claims': {'plan': 'gold'}})",
    "the class": "TokenChanges",
    "no mapping": "TokenChanges(claims=None)",
    "not a number": "TokenChanges(claims={'x': float('nan')})",
    "infinity": "TokenChanges(claims={'x': [float('-inf')]})",
    "bytes": "TokenChanges(claims={'x': b'y'})",
    "a set": "TokenChanges(claims={'x': {1}})",
    "a lone surrogate": "TokenChanges(claims={'x': chr(0xD800)})",
    "a name that is no text": "TokenChanges(claims={1: 'x'})",
    "a name within that is no text": "TokenChanges(claims={'x': {1: 'y'}})",
    "itself": "(lambda d: d.update(x=d) or TokenChanges(claims=d))({})",
    "a number without an end": "TokenChanges(claims={'x': 10 ** 5000})",
    "one text to remove": "TokenChanges(remove_claims='plan')",
}


@pytest.mark.parametrize("expression", WRONG_RESULTS.values(), ids=WRONG_RESULTS)
async def test_T21_a_wrong_result_is_an_error(stage: RecorderStage, expression: str) -> None:
    answer = await stage.ask(do={"python": expression})
    assert failure(stage, answer, "A hook failed; no token was issued.")["code"] == "invalid_result"


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"raise": "internal detail"}, "hook_crashed"),
        ({"deny": 'no "code"'}, "hook_crashed"),
        ({"python": "(_ for _ in ()).throw(SystemExit(3))"}, "hook_crashed"),
        ({"python": "(_ for _ in ()).throw(asyncio.CancelledError())"}, "hook_crashed"),
        ({"python": "(_ for _ in ()).throw(RecursionError())"}, "hook_crashed"),
    ],
)
async def test_T21_a_hook_that_crashes_takes_the_token_with_it(
    stage: RecorderStage, wish: dict[str, str], code: str
) -> None:
    answer = await stage.ask(do=wish)
    assert failure(stage, answer, "A hook failed; no token was issued.")["code"] == code
    assert (await stage.ask()).status_code == 200


async def test_T21_a_hook_that_hangs_takes_the_token_with_it(stage: RecorderStage) -> None:
    answer = await stage.ask(do={"sleep": 5})
    assert failure(stage, answer, "A hook took too long; no token was issued.")["code"] == "hook_timed_out"
    assert answer.elapsed.total_seconds() < 2


@pytest.mark.parametrize("expression", ["'y' * 9000", "['y'] * 4000"])
async def test_T21_a_token_that_would_become_too_large_is_an_error(stage: RecorderStage, expression: str) -> None:
    answer = await stage.ask(do={"python": f"TokenChanges(claims={{'x': {expression}}})"})
    assert_is_oauth_error(answer, 500, "server_error")
    entry = stage.product.events("changes_not_applicable", request_id=answer.headers["x-request-id"])[0]
    assert entry["code"] == "token_too_large"


@pytest.mark.parametrize(
    "wish",
    [
        {"sleep": 0.6},
        {"raise": "internal detail"},
        {"python": "42"},
        {"claims": {"sub": "admin", CLAIM: "x"}},
        {"scope": ["admin"]},
    ],
)
async def test_T21_an_enrichment_that_fails_is_left_out(stage: RecorderStage, wish: dict[str, object]) -> None:
    answer = await stage.ask(do={"claims": {"plan": "gold"}}, enrich=wish)
    assert answer.status_code == 200
    claims = read_claims(answer.json()["access_token"])
    assert (claims["plan"], claims["sub"], claims["scope"]) == ("gold", "m2m", "api:read api:write")
    assert CLAIM not in claims
    assert stage.product.events("hook_failed", hook="enrichment")[-1]["skipped"] is True


async def test_a_denial_is_the_clients_answer_and_later_hooks_do_not_run(stage: RecorderStage) -> None:
    answer = await stage.ask(do={"deny": "access_denied"}, enrich={"raise": "must not run"})
    assert_is_oauth_error(answer, 400, "access_denied")
    assert answer.json()["error_description"] == "asked to"
    request_id = answer.headers["x-request-id"]
    assert stage.product.events("hook_denied", request_id=request_id)[0]["hook"] == "first"
    assert not [line for line in stage.product.lines if "must not run" in line]


def test_nothing_crashed_but_hooks(stage: RecorderStage) -> None:
    crashes = [line for line in stage.product.lines if "Traceback" in line and '"event": "hook_failed"' not in line]
    assert crashes == []
    assert "eyJ" not in "".join(stage.product.lines)
