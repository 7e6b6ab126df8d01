"""Exports that are not as they should be, and what the Deploy CLI allows beyond plain JSON and YAML."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from hookpoint.proxy.auth0_import import ExportError, plan_import, read_export
from tests.proxy.auth0_import.exports import directory_form, yaml_form

if TYPE_CHECKING:
    from pathlib import Path

HOOK: dict[str, Any] = {
    "name": "a hook",
    "triggerId": "credentials-exchange",
    "enabled": True,
    "script": "cb(null, {});",
}


def export_of(folder: Path, **sections: object) -> Path:
    """The YAML form, which JSON is part of."""
    (folder / "tenant.yaml").write_text(json.dumps(sections))
    return folder


@pytest.mark.parametrize(
    ("file", "text", "error"),
    [
        ("hooks/welcome.json", '{"name": "welcome",\n}', "hooks/welcome.json:2: this is not JSON"),
        ("hooks/welcome.json", "[1]", "hooks/welcome.json: this is not an object."),
        ("hooks/welcome.json", '{"name": "welcome", "script": "./welcome.js"}', "welcome.json: triggerId is missing."),
        ("actions/old-limits.json", '{"name": "a", "deployed": []}', "old-limits.json: deployed: Input should be"),
        ("actions/old-limits.json", '{"name": "a", "code": "./b.js"}', "its code './b.js' is not there."),
        ("actions/old-limits.json", '{"name": "a", "code": "../b.js"}', "its code '../b.js' is not there."),
        ("actions/old-limits.json", '{"name": "a", "code": "../../b.js"}', "lies outside of the export."),
        ("actions/old-limits.json", '{"name": "a", "code": "/etc/hostname"}', "lies outside of the export."),
        ("actions/old-limits.json", '{"name": "\\ud800"}', "old-limits.json: an escape in it is half a character"),
        ("triggers/triggers.json", '{"post-login": {}}', "triggers.json: post-login: Input should be"),
        ("clients/Partner.json", "[" * 200_000, "Partner.json: this is nested too deep."),
    ],
)
def test_a_file_that_is_wrong_is_named(tmp_path: Path, file: str, text: str, error: str) -> None:
    export = directory_form(tmp_path)
    (export / file).write_text(text)
    with pytest.raises(ExportError) as caught:
        read_export(export)
    assert error in str(caught.value)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("hooks:\n  - name: [a\n", "tenant.yaml:3: this is not YAML: expected"),
        ("hooks: 3\n", "tenant.yaml: hooks is not a list."),
        ('hooks:\n  - name: "\\ud800"\n', "tenant.yaml:2: this is not YAML: an escape in it is half a character"),
        ("hooks: [a]\n", "tenant.yaml: hooks[0]: this is not an object."),
        ("hooks: !!python/object:os.system []\n", "this is not YAML: could not determine a constructor"),
    ],
)
def test_a_yaml_file_that_is_wrong_is_named(tmp_path: Path, text: str, error: str) -> None:
    (tmp_path / "tenant.yaml").write_text(text)
    with pytest.raises(ExportError) as caught:
        read_export(tmp_path)
    assert error in str(caught.value)


def test_what_is_no_export_is_refused(tmp_path: Path) -> None:
    export = directory_form(tmp_path)
    with pytest.raises(ExportError, match="there is no such folder"):
        read_export(tmp_path / "nothing")
    (export / "tenant.yaml").write_text("name: something else\n")
    with pytest.raises(ExportError, match="two forms of an export"):
        read_export(export)
    with pytest.raises(ExportError, match="it has none of the sections"):
        read_export(export / "tenant.yaml")


def test_text_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    export = directory_form(tmp_path)
    (export / "hooks/welcome.js").write_bytes(b"// \xff")
    with pytest.raises(ExportError, match="this is not UTF-8 text"):
        read_export(export)


def test_an_export_without_hooks_and_actions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="neither Hooks nor Actions"):
        plan_import(read_export(export_of(tmp_path, tenant={"friendly_name": "x"})))


def test_values_of_yaml_stay_the_texts_they_are_written_as(tmp_path: Path) -> None:
    (tmp_path / "tenant.yaml").write_text(
        "hooks:\n  - name: no\n    triggerId: credentials-exchange\n    enabled: true\n    script: cb();\n"
        "    dependencies: {a: 1.10, b: 2026-01-01, c: 0x10}\n"
    )
    (hook,) = read_export(tmp_path).hooks
    assert (hook.name, hook.enabled) == ("no", True)
    assert hook.dependencies == {"a": "1.10", "b": "2026-01-01", "c": "0x10"}


def test_placeholders_may_stand_where_yaml_and_json_allow_nothing(tmp_path: Path) -> None:
    (tmp_path / "tenant.yaml").write_text(
        "hooks:\n  - name: ##NAME##-hook\n    triggerId: credentials-exchange\n    enabled: @@ON@@\n"
        "    secrets: @@SECRETS@@\n    script: |\n      const a = '##A##';\n      ##B##\n"
    )
    (hook,) = read_export(tmp_path).hooks
    assert hook.name == "##NAME##-hook"
    assert hook.script == "const a = '##A##';\n##B##\n"
    assert hook.placeholders == {"enabled": "@@ON@@", "secrets": "@@SECRETS@@"}
    export = directory_form(tmp_path)
    (export / "hooks/welcome.json").write_text(
        '{"name": "w", "triggerId": "post-user-registration", "enabled": @@ON@@, "script": "x()\\n//##A##", '
        '"dependencies": {"ms": @@MS@@}}'
    )
    hook = next(each for each in read_export(export).hooks if each.name == "w")
    assert (hook.placeholders, hook.script) == ({"enabled": "@@ON@@"}, "x()\n//##A##")
    assert hook.dependencies == {"ms": "@@MS@@"}


def test_an_unknown_state_is_no_state(tmp_path: Path) -> None:
    plan = plan_import(read_export(export_of(tmp_path, hooks=[{**HOOK, "enabled": "@@ON@@"}])))
    assert plan.hooks[0].inactive == "enabled is @@ON@@ in the export"
    assert [str(each) for each in plan.findings] == [
        "a hook: commented out: enabled is @@ON@@ in the export.",
        "a hook: its enabled are @@ON@@ in the export: complete them.",
    ]


def test_scripts_keep_their_line_ends(tmp_path: Path) -> None:
    export = yaml_form(tmp_path)
    (export / "hooks/add-plan.js").write_bytes(b"\xef\xbb\xbfcb();\r\n")
    hook = next(each for each in read_export(export).hooks if each.name == "add-plan")
    assert hook.script == "\ufeffcb();\r\n"
