"""`hookpoint import-auth0` as users run it."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from hookpoint.proxy.auth0_import import plan_import, read_export, write_files
from hookpoint.proxy.auth0_import.configuration import files_of
from hookpoint.proxy.auth0_import.report import report
from tests.proxy.auth0_import.exports import DIRECTORY, yaml_form
from tests.proxy.cli.test_commands import hookpoint

SCRIPTS = {
    "add-plan.js": "hooks/add-plan.js",
    "check-domain.js": "hooks/Check domain.js",
    "welcome.js": "hooks/welcome.js",
    "tell-security/tell-security.js": "hooks/tell-security.js",
    "acme-sms.js": "hooks/acme-sms.js",
    "limit-partners.js": "actions/limit-partners/code.js",
    "tag-token.js": "actions/Tag token/code.js",
    "normalise-profile.js": "actions/normalise-profile/code.js",
    "voice-codes.js": "actions/voice-codes/code.js",
    "old-limits.js": "actions/old-limits/code.js",
}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def configuration(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "hookpoint.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("imported")
    done = hookpoint(folder, "import-auth0", str(DIRECTORY), "--output", "here", COLUMNS="80")
    assert (done.returncode, done.stderr) == (0, "")
    (folder / "printed").write_text(done.stdout)
    return folder / "here"


def test_hooks_come_in_the_order_of_auth0_with_the_enabled_hook_first(imported: Path) -> None:
    assert [(each["trigger"], each["name"], each["run"]) for each in configuration(imported)["hooks"]] == [
        ("credentials-exchange", "add-plan", "scripts/add-plan.js"),
        ("credentials-exchange", "Tag token", "scripts/tag-token.js"),
        ("credentials-exchange", "limit-partners", "scripts/limit-partners.js"),
        ("pre-user-registration", "Check domain", "scripts/check-domain.js"),
        ("pre-user-registration", "normalise-profile", "scripts/normalise-profile.js"),
        ("post-user-registration", "welcome", "scripts/welcome.js"),
        ("send-phone-message", "acme-sms", "scripts/acme-sms.js"),
        ("send-phone-message", "voice-codes", "scripts/voice-codes.js"),
    ]


def test_what_did_not_run_is_commented_out_with_the_reason(imported: Path) -> None:
    text = (imported / "hookpoint.toml").read_text()
    assert '# Commented out: not in the flow at Auth0.\n# [[hooks]]\n# name = "old-limits"' in text
    assert '# Commented out: disabled at Auth0.\n# [[hooks]]\n# name = "tell-security"' in text
    uncommented = tomllib.loads(text.replace("\n# [[hooks]]\n# name", "\n[[hooks]]\nname"))
    assert len(uncommented["hooks"]) == 10


def test_scripts_are_unchanged(imported: Path) -> None:
    for name, original in SCRIPTS.items():
        assert (imported / "scripts" / name).read_bytes() == (DIRECTORY / original).read_bytes()


def test_packages_of_another_version_have_a_folder_of_their_own(imported: Path) -> None:
    shared = json.loads((imported / "scripts/package.json").read_text())
    own = json.loads((imported / "scripts/tell-security/package.json").read_text())
    assert shared == {"private": True, "type": "commonjs", "dependencies": {"ms": "2.1.3"}}
    assert own["dependencies"] == {"ms": "2.0.0"}


def test_secrets_are_named_and_no_value_is_made_up_or_copied(imported: Path) -> None:
    lines = (imported / ".env.example").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == [
        "ADD_PLAN_CLAIM_NAMESPACE=",
        "LIMIT_PARTNERS_CLAIM_NAMESPACE=",
        "CHECK_DOMAIN_BLOCKED_DOMAINS=",
        "TELL_SECURITY_WEBHOOK=",
        "ACME_SMS_API_KEY=",
    ]
    assert configuration(imported)["hooks"][0]["secrets"] == {"CLAIM_NAMESPACE": "env:ADD_PLAN_CLAIM_NAMESPACE"}
    assert not [name for name, content in contents(imported).items() if b"_VALUE_NOT_SHOWN_" in content]


def test_clients_and_grants_are_written_where_their_ids_are_known(imported: Path) -> None:
    settings = configuration(imported)
    assert settings["clients"] == {"reporting": {"name": "Reporting job", "metadata": {"plan": "gold", "seats": "25"}}}
    assert settings["tokens"] == {"grantable_scopes": {"reporting": ["orders:read", "reports:read"]}}
    text = (imported / "hookpoint.toml").read_text()
    assert '# ID = ["orders:read"]  # the client_id of Partner\n' in text
    assert '# [clients.ID]\n# name = "Partner"\n# metadata = { plan = "free" }\n' in text


def test_the_report_says_what_to_decide_what_does_not_work_and_where_placeholders_are(imported: Path) -> None:
    report = (imported / "IMPORT.md").read_text()
    decide, cannot = (report.split(f"## {title}\n")[1].split("\n## ")[0] for title in ("To decide", "Does not work"))
    assert "- add-plan, line 14: adds scopes;" in decide
    assert "- old-limits, line 1: loads auth0, and the export has no version of it" in decide
    assert "- old-limits, line 4: calls Auth0's Management API" in decide
    assert "- API Shop: its tokens are signed with HS256" in decide
    assert "- phone provider twilio: " in decide
    assert "- voice-codes: a custom-phone-provider Action, it runs at send-phone-message" in decide
    assert [line.split(":")[0] for line in cannot.strip().splitlines()] == [
        "- enrich-login",
        "- rule link-accounts",
    ]
    assert "| ##ENV## | hookpoint.toml:1, scripts/limit-partners.js:10 |" in report
    assert "| scripts/tell-security | ms | 2.0.0 |" in report


def test_what_is_printed_fits_a_terminal_and_ends_with_what_to_do(imported: Path) -> None:
    printed = (imported.parent / "printed").read_text()
    assert [line for line in printed.splitlines() if len(line) > 80 and "wrote" not in line] == []
    assert "  ✓ Tag token          Action  scripts/tag-token.js\n" in printed
    assert "  - tell-security      Hook    disabled at Auth0\n" in printed
    assert "  3. Replace the Deploy CLI's placeholders: ##ENV##.\n" in printed
    assert "npm install --prefix here/scripts/tell-security\n" in printed


@pytest.mark.parametrize("named", [".", "tenant.yaml"])
def test_both_forms_give_the_same(imported: Path, tmp_path: Path, named: str) -> None:
    plan = plan_import(read_export(yaml_form(tmp_path) / named))
    files = files_of(plan, upstream="http://127.0.0.1:3000", dialect="auth0")
    told = contents(imported)
    findings = told.pop("IMPORT.md").decode().splitlines()[4:]
    assert report(plan, files).splitlines()[4:] == findings
    assert {name: text.encode() for name, text in files.items()} == told


def test_the_upstream_and_its_dialect_may_be_said() -> None:
    files = files_of(plan_import(read_export(DIRECTORY)), upstream="https://id.example", dialect="oidc")
    assert tomllib.loads(files["hookpoint.toml"])["upstream"] == {"url": "https://id.example", "dialect": "oidc"}


def test_nothing_is_overwritten_unless_forced(tmp_path: Path) -> None:
    (tmp_path / "hookpoint.toml").write_text("mine")
    refused = hookpoint(tmp_path, "import-auth0", str(DIRECTORY))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.splitlines() == [
        "✗ hookpoint.toml is there already",
        "  → Nothing was written. Use --force to overwrite, or --output for another folder.",
    ]
    assert contents(tmp_path) == {"hookpoint.toml": b"mine"}
    assert hookpoint(tmp_path, "import-auth0", str(DIRECTORY), "--force").returncode == 0
    assert len(configuration(tmp_path)["hooks"]) == 8


def test_an_import_that_fails_half_way_leaves_everything_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "hookpoint.toml").write_text("mine")
    (tmp_path / "IMPORT.md").mkdir()  # the last file to be written
    files = {"hookpoint.toml": "new", "scripts/deep/a.js": "new", "IMPORT.md": "new"}
    with pytest.raises(IsADirectoryError):
        write_files(tmp_path, files, force=True)
    assert contents(tmp_path) == {"hookpoint.toml": b"mine"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["IMPORT.md", "hookpoint.toml"]


def test_what_is_no_export_is_told(tmp_path: Path) -> None:
    refused = hookpoint(tmp_path, "import-auth0", ".", "--output", "here")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        "✗ .: this is no export: it holds neither hooks/, nor actions/, nor tenant.yaml.\n"
        "  → Name what the Deploy CLI wrote: a folder with hooks/ and actions/ in it, or tenant.yaml.\n"
    )
    assert not (tmp_path / "here").exists()
