"""What becomes of Hooks and Actions, case by case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hookpoint.proxy.auth0_import import Plan, plan_import, read_export
from hookpoint.proxy.auth0_import.javascript import remarks_on, required_by
from tests.proxy.auth0_import.test_reading import HOOK, export_of

if TYPE_CHECKING:
    from pathlib import Path


def action(name: str, trigger: str = "credentials-exchange", **members: object) -> dict[str, Any]:
    code = "exports.onExecuteCredentialsExchange = async () => {};"
    return {"name": name, "code": code, "supported_triggers": [{"id": trigger, "version": "v2"}], **members}


def bound(*names: str) -> list[dict[str, str]]:
    return [{"action_name": name, "display_name": name} for name in names]


def planned(folder: Path, **sections: object) -> Plan:
    return plan_import(read_export(export_of(folder, **sections)))


def test_actions_without_triggers_are_commented_out_and_told(tmp_path: Path) -> None:
    plan = planned(tmp_path, actions=[action("a")])
    assert plan.hooks[0].inactive == "the export does not say whether it ran: it has no triggers"
    assert "triggers: the export has none" in str(plan.findings[0])


def test_code_that_was_never_deployed_does_not_start_to_run(tmp_path: Path) -> None:
    actions = [action("draft", deployed=False), action("empty", code="")]
    plan = planned(tmp_path, actions=actions, triggers={"credentials-exchange": bound("draft", "empty", "gone")})
    assert [each.inactive for each in plan.hooks] == [
        "its code was changed and not deployed: this code has never run",
        "the export has no code for it",
    ]
    assert "gone: credentials-exchange runs it, and it is not in the export" in str(plan.findings[0])


def test_names_are_free_and_variables_are_no_configuration(tmp_path: Path) -> None:
    hooks = [{**HOOK, "name": "Hookpoint", "secrets": {"a-b": "x", "a_b": "x"}}, {**HOOK, "name": "1"}]
    plan = planned(
        tmp_path,
        hooks=hooks,
        actions=[action("Hookpoint", secrets=[{"name": "k"}])],
        triggers={"credentials-exchange": bound("Hookpoint")},
    )
    assert [(each.name, each.path) for each in plan.hooks] == [
        ("1", "scripts/1.js"),
        ("Hookpoint", "scripts/hookpoint.js"),
        ("Hookpoint (Action)", "scripts/hookpoint-2.js"),
    ]
    assert plan.hooks[1].secrets == {"a-b": "SECRET_HOOKPOINT_A_B", "a_b": "SECRET_HOOKPOINT_A_B_2"}
    assert plan.hooks[2].secrets == {"k": "SECRET_HOOKPOINT_K"}
    assert "several Hooks are enabled (1, Hookpoint)" in str(plan.findings[0])


def test_modules_of_actions_are_kept_and_named(tmp_path: Path) -> None:
    plan = planned(
        tmp_path,
        actions=[action("a", code="const { f } = require('actions:shared');\nrequire('./beside');")],
        actionModules=[{"name": "shared", "code": "exports.f = () => 1;\n"}],
        triggers={"credentials-exchange": bound("a")},
    )
    assert plan.modules == {"scripts/modules/shared.js": "exports.f = () => 1;\n"}
    assert [str(each) for each in plan.findings] == [
        "a, line 1: uses the module actions:shared; it is in scripts/modules, load it by its path.",
        "a, line 2: loads ./beside, a file that is not in the export.",
    ]


def test_grants_of_clients_that_are_not_in_the_export_name_an_id(tmp_path: Path) -> None:
    grants = [{"client_id": "abc", "audience": "api", "scope": ["b", "a"]}, {"client_id": "d", "audience": "api"}]
    assert planned(tmp_path, hooks=[HOOK], clientGrants=grants).clients.grantable == {"abc": ("a", "b")}
    elsewhere = {**HOOK, "triggerId": "post-change-password"}
    assert planned(tmp_path, hooks=[elsewhere], clientGrants=grants).clients.grantable == {}


@pytest.mark.parametrize(
    ("code", "modules"),
    [
        ("const a = require('axios@0.21.1')", [("axios", "0.21.1")]),
        ("require(\"@scope/pkg@2.0/lib/x\"); require('twilio/lib/rest')", [("@scope/pkg", "2.0"), ("twilio", None)]),
        ("require('node:fs'); require('fs/promises'); require('crypto')", []),
        ("// require('a')\n/* require('b') */ const url = 'http://x'; require('c')", [("c", None)]),
        ("import x from 'y'; const z = await import('z')", [("y", None), ("z", None)]),
    ],
)
def test_modules_are_found_in_scripts(code: str, modules: list[tuple[str, str | None]]) -> None:
    assert [(each.name, each.version) for each in required_by(code)] == modules


@pytest.mark.parametrize(
    ("kind", "code", "verdict"),
    [
        ("Hook", "\nauth0.users.update(id, {})", "cannot"),
        ("Hook", "\ncontext.webtask.create_token({}, cb)", "cannot"),
        ("Hook", "\ncontext.webtask.storage.get(cb)", "decide"),
        ("Action", "\nif (event.user.password) {}", "cannot"),
        ("Action", "\nevent.organization.name", "decide"),
        ("Action", "\nfetch(`https://x.auth0.com/api/v2/users`)", "decide"),
    ],
)
def test_habits_that_matter_are_found_at_their_line(kind: Any, code: str, verdict: str) -> None:
    assert [(each.verdict, each.line) for each in remarks_on(code, kind)] == [(verdict, 2)]


@pytest.mark.parametrize(
    "code", ["const auth0 = require('auth0'); auth0.x()", "// auth0.users", "a.auth0.b", "'https://x.auth0.com'"]
)
def test_what_only_looks_like_the_global_auth0_is_left_alone(code: str) -> None:
    assert [*remarks_on(code, "Hook")] == []
