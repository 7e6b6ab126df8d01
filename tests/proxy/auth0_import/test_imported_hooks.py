"""Imported Hooks and Actions run: the configuration passes `check`, and each point answers as the scripts say."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from hookpoint.hooks import User, pre_user_registration, send_phone_message
from hookpoint.hooks.testing import sample_event, try_hooks
from hookpoint.proxy.auth0_import import plan_import, read_export, write_files
from hookpoint.proxy.auth0_import.configuration import files_of
from hookpoint.proxy.config import load
from hookpoint.proxy.configured_hooks import configured_hooks
from tests.partners.node import node_modules
from tests.partners.requirement import PartnerMissingError, require
from tests.proxy.auth0_import.exports import DIRECTORY
from tests.proxy.cli.test_commands import hookpoint

if TYPE_CHECKING:
    from pathlib import Path

    from hookpoint.hooks.points import AnyPoint

SECRETS = """
ADD_PLAN_CLAIM_NAMESPACE=https://shop.example/
LIMIT_PARTNERS_CLAIM_NAMESPACE=https://shop.example/
CHECK_DOMAIN_BLOCKED_DOMAINS=trash.example,bin.example
ACME_SMS_API_KEY=0123456789
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The folder of an import, with packages installed and secrets filled in."""

    folder: Path

    def test(self, trigger: str) -> dict[str, Any]:
        """What `hooks test` says of the hooks of a point."""
        done = hookpoint(self.folder, "hooks", "test", trigger, "--secrets", ".env", "--json")
        assert (done.returncode, done.stderr) == (0, "")
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    def refusal(self, point: AnyPoint, **fields: Any) -> tuple[str, str | None]:
        """Why the hooks of a point refuse an event, and what the client is told."""
        settings = load(self.folder / "hookpoint.toml", dict(line.split("=", 1) for line in SECRETS.split()))
        entries = [each for each in settings.hooks if each.trigger == point.name]
        hooks = configured_hooks(entries, settings)
        trial = asyncio.run(try_hooks(hooks, sample_event(point, **fields), timeout=60, total_timeout=60))
        assert trial.denial is not None
        return trial.denial.reason, trial.denial.user_message


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Imported:
    try:
        packages = node_modules()
    except PartnerMissingError as missing:
        packages = require(None, str(missing))
    folder = tmp_path_factory.mktemp("imported")
    files = files_of(plan_import(read_export(DIRECTORY)), upstream="http://127.0.0.1:9", dialect="auth0")
    write_files(folder, files, force=False)
    (folder / "scripts" / "node_modules").symlink_to(packages)
    (folder / ".env").write_text(SECRETS)
    return Imported(folder=folder)


def test_check_accepts_the_configuration(imported: Imported) -> None:
    secrets = dict(line.split("=", 1) for line in SECRETS.split())
    done = hookpoint(imported.folder, "check", "--offline", **secrets)
    assert done.returncode == 0
    assert "✓ hooks: add-plan runs at credentials-exchange" in done.stdout
    assert "0 errors" in done.stdout


def test_a_hook_and_two_actions_make_a_token_in_their_order(imported: Imported) -> None:
    told = imported.test("credentials-exchange")
    assert [(each["name"], each["outcome"]) for each in told["hooks"]] == [
        ("add-plan", "changed"),
        ("Tag token", "changed"),
        ("limit-partners", "changed"),
    ]
    assert told["hooks"][0]["logs"] == [{"level": "info", "text": "plan of Reporting job is gold"}]
    assert {each["name"]: each["after"] for each in told["differences"]} == {
        "scope": "reports:read orders:read",
        "https://shop.example/plan": "gold",
        "https://shop.example/audience": "https://api.example.com",
        "https://shop.example/client": "Reporting job",
        "https://shop.example/review_after": 86_400_000,
        "https://shop.example/environment": "##ENV##",
    }


def test_a_hook_and_an_action_judge_a_sign_up(imported: Imported) -> None:
    told = imported.test("pre-user-registration")
    assert {each["name"]: each["after"] for each in told["differences"]} == {
        "user.user_metadata.newsletter": False,
        "user.user_metadata.language": "en",
        "user.app_metadata.trial_seconds": 1_209_600,
        "user.app_metadata.signed_up_with": "Username-Password-Authentication",
    }
    refused = imported.refusal(pre_user_registration, user=User(email="jo@example.com"), password="Jo-is-my-name")
    assert refused == ("password has the name in it", "Choose another password.")


def test_a_hook_acts_after_a_sign_up(imported: Imported) -> None:
    told = imported.test("post-user-registration")
    (line,) = told["hooks"][0]["logs"]
    assert line["text"] == "welcome, user 507f1f77bcf86cd799439020 of Username-Password-Authentication"


def test_a_hook_delivers_a_code_before_the_custom_provider_is_asked(imported: Imported) -> None:
    told = imported.test("send-phone-message")
    assert [each["name"] for each in told["hooks"]] == ["acme-sms"]
    assert told["differences"] == [{"name": "delivered", "after": "acme-10-sms"}]
    reason, _ = imported.refusal(send_phone_message, recipient="+49301234567")
    assert reason == "only numbers of North America"


def test_a_hook_that_was_disabled_runs_once_it_is_uncommented(imported: Imported) -> None:
    configuration = imported.folder / "hookpoint.toml"
    text = configuration.read_text()
    begin = text.index('# [[hooks]]\n# name = "tell-security"')
    end = text.index("\n\n", begin)
    own = text[:begin] + text[begin:end].replace("# ", "") + text[end:]
    configuration.write_text(own)
    (imported.folder / ".env").write_text(SECRETS + "TELL_SECURITY_WEBHOOK=https://hooks.example\n")
    told = imported.test("post-change-password")
    (line,) = told["hooks"][0]["logs"]
    assert line["text"].endswith("ago; would tell [redacted]")
