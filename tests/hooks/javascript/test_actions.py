"""Auth0's Actions of both generations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hookpoint.hooks import Delivered, Deny, HookCrashed, HookDefinitionError, ScopeNotGrantable, UserChanges
from hookpoint.hooks.javascript import Executables, JavaScript
from tests.hooks.javascript.scripts import any_node, load, trial

EXCHANGE = "exports.onExecuteCredentialsExchange = async (event, api) => {\n"
PRE = "exports.onExecutePreUserRegistration = async (event, api) => {\n"
OWN = "https://e.example/"


async def claims_of(hooks: Any, **fields: Any) -> dict[str, Any]:
    """The claims that an Action set, all of which are below one namespace."""
    came = await trial(hooks, **fields)
    assert (came.failure, came.denial) == (None, None)
    return {name.removeprefix(OWN): value for name, value in came.claims.items() if name.startswith(OWN)}


async def test_an_action_sees_the_event_and_sets_claims(tmp_path: Path) -> None:
    source = EXCHANGE + (
        "  const seen = [event.client.client_id, event.client.metadata.plan, event.resource_server.identifier, event.secrets.KEY,\n"
        "    event.accessToken.scope.join('+'), event.request.ip, event.request.body.grant_type, event.tenant.id];\n"
        f"  const again = api.accessToken.setCustomClaim('{OWN}seen', seen).accessToken.setCustomClaim('{OWN}b', {{ c: 1 }});\n"
        f"  api.accessToken.setCustomClaim('{OWN}chained', again === api);\n"
        "  api.accessToken.setCustomClaim('sub', 'nobody');\n};"
    )
    hooks = load(tmp_path, source, secrets={"KEY": "k-1234"})
    assert hooks[0].point.name == "credentials-exchange"
    assert await claims_of(hooks) == {
        "seen": (
            "reporting",
            "gold",
            "https://api.example.com",
            "k-1234",
            "debug+reports:read",
            "203.0.113.7",
            "client_credentials",
            "login.example.com",
        ),
        "b": {"c": 1},
        "chained": True,
    }


async def test_an_action_leaves_scope_as_it_is(tmp_path: Path) -> None:
    came = await trial(load(tmp_path, EXCHANGE + "};"))
    assert came.changes is None
    assert came.scope == {"debug", "reports:read"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("api.access.deny('invalid_scope', 'not these'); ran();", ("invalid_scope", "not these")),
        ("api.access.deny('invalid_request'); ran();", ("invalid_request", "invalid_request")),
        ("api.access.deny('server_error', 'first').access.deny('invalid_scope', 'second');", ("server_error", "first")),
        ("api.access.deny('of_my_own', 'why');", ("access_denied", "why")),
    ],
)
async def test_deny_is_applied_when_the_code_has_ended(tmp_path: Path, body: str, expected: tuple[str, str]) -> None:
    source = EXCHANGE + f"  {body}\n}};\nfunction ran() {{ console.log('ran'); }}"
    came = await trial(load(tmp_path, source))
    assert isinstance(came.denial, Deny), came
    assert (came.denial.code, came.denial.reason) == expected


async def test_what_an_action_throws_is_a_failure_though_it_has_denied(tmp_path: Path) -> None:
    came = await trial(
        load(tmp_path, EXCHANGE + "  api.access.deny('invalid_scope');\n  throw new Error('after');\n};")
    )
    assert isinstance(came.failure, HookCrashed)
    assert came.failure.reason == "raised Error: after"


async def test_target_scopes(tmp_path: Path) -> None:
    narrow = (
        EXCHANGE
        + "  api.transaction.setTargetScopes(['debug', 'reports:read']).transaction.removeTargetScope('debug');\n};"
    )
    assert (await trial(load(tmp_path, narrow))).scope == {"reports:read"}
    wide = EXCHANGE + "  api.transaction.clearTargetScopes().transaction.addTargetScope('admin');\n};"
    came = await trial(load(tmp_path, wide))
    assert isinstance(came.failure, ScopeNotGrantable)
    assert (await trial(load(tmp_path, wide), grantable=("admin",))).scope == {"admin"}


async def test_a_sign_up(tmp_path: Path) -> None:
    source = PRE + (
        "  api.user.setUserMetadata('email', event.user.email).user.setAppMetadata('password', event.user.password || 'none');\n"
        "  api.user.setAppMetadata('gone', null);\n};"
    )
    (hook,) = load(tmp_path, source)
    assert not hook.options.needs_password
    came = await trial([hook])
    assert came.changes == UserChanges(
        user_metadata={"email": "jo@example.com"}, app_metadata={"password": "none", "gone": None}
    )


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("api.access.deny('for the log', 'for the user');", ("access_denied", "for the log", "for the user")),
        ("api.access.deny('for the log');", ("access_denied", "for the log", None)),
        ("api.validation.error('weak', 'Too weak.');", ("invalid_request", "weak: Too weak.", "Too weak.")),
    ],
)
async def test_a_sign_up_that_is_denied(tmp_path: Path, body: str, expected: tuple[str, str, str | None]) -> None:
    came = await trial(load(tmp_path, PRE + f"  {body}\n}};"))
    assert came.denial is not None
    assert came.denial.args == expected


async def test_one_file_may_have_actions_of_several_points(tmp_path: Path) -> None:
    source = (
        "exports.onExecutePostUserRegistration = async (event, api) => { throw new Error(event.user.user_id); };\n"
        "exports.onExecutePostChangePassword = async (event, api) => { throw new Error(event.user.last_password_reset); };\n"
        "exports.onExecuteSendPhoneMessage = async (event, api) => { if (event.message_options.code !== '123456') throw 1; };\n"
        "exports.onExecutePostLogin = async () => {};"
    )
    hooks = {hook.point.name: hook for hook in load(tmp_path, source)}
    assert sorted(hooks) == ["post-change-password", "post-user-registration", "send-phone-message"]
    registered = await trial([hooks["post-user-registration"]])
    changed = await trial([hooks["post-change-password"]])
    assert registered.failure is not None
    assert registered.failure.reason == "raised Error: 507f1f77bcf86cd799439020"
    assert changed.failure is not None
    assert changed.failure.reason == "raised Error: 2026-01-01T00:00:00+00:00"
    assert (await trial([hooks["send-phone-message"]])).changes == Delivered()


async def test_a_custom_phone_provider(tmp_path: Path) -> None:
    head = "exports.onExecuteCustomPhoneProvider = async (event, api) => {\n"
    sent = (
        head
        + "  if (event.notification.recipient[0] !== '+' || event.notification.delivery_method !== 'text') throw 1;\n};"
    )
    assert (await trial(load(tmp_path, sent))).changes == Delivered()
    for method in ("retry", "drop"):
        came = await trial(load(tmp_path, head + f"  api.notification.{method}('vendor is down');\n}};"))
        assert came.failure is not None
        assert came.failure.reason == f"asked for {method}: vendor is down"


async def test_the_cache_keeps_what_it_is_given_within_its_limits(tmp_path: Path) -> None:
    source = EXCHANGE + (
        "  const cache = api.cache;\n"
        "  const before = cache.get('n');\n"
        "  const set = cache.set('n', String(Number(before ? before.value : 0) + 1), { ttl: 60000 });\n"
        "  const codes = [cache.set('k'.repeat(65), 'v'), cache.set('k', 'v'.repeat(4097)), cache.set('k', 'v', { expires_at: 1 }),\n"
        "    cache.set('k', 'v', { ttl: 'soon' })].map((each) => each.code);\n"
        "  cache.set('a', 'v'.repeat(4000)); cache.set('b', 'v'.repeat(4000));\n"
        "  codes.push(cache.set('c', 'v'.repeat(400)).code);\n"
        "  cache.delete('a'); cache.delete('b');\n"
        "  for (let i = 0; i < 20; i += 1) cache.delete('gone');\n"
        "  codes.push(cache.set('d', 'v').code);\n"
        f"  api.accessToken.setCustomClaim('{OWN}n', [before === undefined, set.type, set.record.value, cache.get('n').value]);\n"
        f"  api.accessToken.setCustomClaim('{OWN}codes', codes);\n}};"
    )
    javascript = JavaScript(executables=Executables(node=any_node()))
    hooks = load(tmp_path, source, javascript=javascript)
    first = await claims_of(hooks)
    assert first["n"] == (True, "success", "1", "1")
    assert first["codes"] == (
        "CacheKeySizeExceeded",
        "CacheValueSizeExceeded",
        "ItemAlreadyExpired",
        "InvalidExpiry",
        "CacheSizeExceeded",
        "MaxSideEffectsExceeded",
    )
    # It outlives the processes, and is that of the trigger, not of the file.
    again = load(tmp_path, source, name="other.js", javascript=javascript)
    assert (await claims_of(again))["n"] == (False, "success", "2", "2")


@pytest.mark.parametrize(
    ("body", "claims", "scope", "denial"),
    [
        (
            f"return {{ customClaims: {{ '{OWN}a': event.scope.length }}, scope: ['debug'] }};",
            {"a": 2},
            {"debug"},
            None,
        ),
        (
            f"return {{ customClaims: {{ '{OWN}a': event.client.id + context.secrets.KEY }} }};",
            {"a": "reportingk-1234"},
            {"debug", "reports:read"},
            None,
        ),
        ("return;", {}, {"debug", "reports:read"}, None),
        ("return { command: { type: 'deny', message: 'No.', reason: 'suspended' } };", {}, set(), ("suspended", "No.")),
    ],
)
async def test_the_first_generation_returns_what_it_wants(
    tmp_path: Path, body: str, claims: dict[str, Any], scope: set[str], denial: tuple[str, str] | None
) -> None:
    source = f"module.exports = async (event, context) => {{\n  {body}\n}};"
    came = await trial(load(tmp_path, source, "credentials-exchange", secrets={"KEY": "k-1234"}))
    if denial is not None:
        assert came.denial is not None
        assert (came.denial.reason, came.denial.user_message) == denial
        return
    assert {name.removeprefix(OWN): value for name, value in came.claims.items() if name.startswith(OWN)} == claims
    assert came.scope == scope


async def test_the_first_generation_of_phone_messages_is_flat(tmp_path: Path) -> None:
    source = "module.exports = async (event) => { if (event.code !== '123456' || !event.recipient || !event.text) throw new Error('x'); };"
    assert (await trial(load(tmp_path, source, "send-phone-message"))).changes == Delivered()


async def test_an_es_module(tmp_path: Path) -> None:
    source = (
        "import { createHash } from 'node:crypto';\n"
        "export const onExecuteCredentialsExchange = async (event, api) => {\n"
        f"  api.accessToken.setCustomClaim('{OWN}h', createHash('sha256').update('a').digest('hex').slice(0, 6));\n}};"
    )
    assert await claims_of(load(tmp_path, source, name="action.mjs")) == {"h": "ca9781"}


async def test_claims_are_judged_as_before_july_2022_where_that_is_wanted(tmp_path: Path) -> None:
    javascript = JavaScript(executables=Executables(node=any_node()), namespaced_only=True)
    source = EXCHANGE + f"  api.accessToken.setCustomClaim('plan', 1).accessToken.setCustomClaim('{OWN}plan', 2);\n}};"
    came = await trial(load(tmp_path, source, javascript=javascript))
    assert (came.claims.get("plan"), came.claims[f"{OWN}plan"]) == (None, 2)


def test_an_action_for_no_point_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(HookDefinitionError, match="onExecutePostLogin, for which there is no point") as failed:
        load(tmp_path, "exports.onExecutePostLogin = async () => {};")
    assert "onExecuteCredentialsExchange" in failed.value.remedy
