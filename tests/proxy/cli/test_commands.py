"""The command as users run it: output, exit codes, files."""

from __future__ import annotations

import asyncio
import os
import re
from typing import TYPE_CHECKING

import pytest

from hookpoint import __version__
from hookpoint.hooks import Client, credentials_exchange, load_hooks
from hookpoint.hooks.testing import sample_event, try_hooks
from hookpoint.proxy.cli.init import starter_files
from hookpoint.proxy.config import load
from hookpoint.proxy.dialects import dialect_names
from tests.partners.warm_start import run_command

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.proxy.cli.oauth_server import OAuthServer


def hookpoint(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HOOKPOINT_")}
    return run_command(arguments, cwd=folder, env=inherited | {"COLUMNS": "200", "NO_COLOR": "1", **environ})


def test_init_writes_a_configuration_that_check_accepts(tmp_path: Path, server: OAuthServer) -> None:
    written = hookpoint(tmp_path, "init")
    assert (written.returncode, written.stderr) == (0, "")
    assert "hookpoint check" in written.stdout
    checked = hookpoint(tmp_path, "check", HOOKPOINT_UPSTREAM__URL=server.url)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "0 errors, 0 warnings" in checked.stdout
    assert "/oauth/token" in checked.stdout


def test_init_overwrites_nothing_unless_forced(tmp_path: Path) -> None:
    (tmp_path / "hooks.py").write_text("mine")
    refused = hookpoint(tmp_path, "init")
    assert refused.returncode == 1
    assert "hooks.py is there already" in refused.stderr
    assert not (tmp_path / "hookpoint.toml").exists()
    assert hookpoint(tmp_path, "init", "--force", "--dialect", "auth0").returncode == 0
    assert (tmp_path / "hooks.py").read_text() != "mine"
    assert load(tmp_path / "hookpoint.toml", {}).upstream.dialect == "auth0"


def test_init_knows_the_dialects(tmp_path: Path) -> None:
    refused = hookpoint(tmp_path, "init", "--dialect", "odic")
    assert refused.returncode == 2
    assert all(name in refused.stderr for name in ("auth0", "keycloak", "oidc"))


@pytest.mark.parametrize("dialect", dialect_names())
def test_the_files_of_init_load_and_their_hooks_work(tmp_path: Path, dialect: str) -> None:
    for name, text in starter_files(dialect).items():
        (tmp_path / name).write_text(text)
    settings = load(tmp_path / "hookpoint.toml", {}, proxy=True)
    assert settings.upstream.dialect == dialect
    hooks = load_hooks(settings.hooks[0].run)
    gold = Client(id="a", metadata={"plan": "gold"})
    told = asyncio.run(
        try_hooks(hooks, sample_event(credentials_exchange, client=gold, scope=frozenset({"x", "debug"})))
    )
    assert told.claims["https://example.com/plan"] == "gold"
    assert told.scope == {"x"}
    suspended = Client(id="a", metadata={"suspended": "yes"})
    refused = asyncio.run(try_hooks(hooks, sample_event(credentials_exchange, client=suspended)))
    assert refused.denial is not None
    assert refused.denial.code == "access_denied"


def test_every_line_that_init_comments_out_may_be_used(tmp_path: Path) -> None:
    for name, text in starter_files("oidc").items():
        (tmp_path / name).write_text(text)
    for name in ("ca.pem", "signing.pem"):
        (tmp_path / name).write_text("text")
    text = (tmp_path / "hookpoint.toml").read_text()
    (tmp_path / "all.toml").write_text(re.sub(r"^# (?=\[|[a-z-]+(_[a-z]+)* = )", "", text, flags=re.MULTILINE))
    environ = {"UPSTREAM_SECRET": "s" * 32, "API_KEY": "k", "HOOKPOINT_UPSTREAM__URL": "https://127.0.0.1:3000"}
    settings = load(tmp_path / "all.toml", environ)
    assert settings.upstream.secret_header is not None
    assert settings.clients["client-a"].metadata == {"plan": "gold"}
    assert settings.tokens.grantable_scopes == {"client-a": ("reports:read",)}
    assert settings.hooks[0].when is not None


def test_check_reports_every_problem_and_fails(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text(
        "[server]\nlisten = 1\n[upstream.secret_header]\nname = 'X_S'\nvalue = 'hunter2 '"
    )
    failed = hookpoint(tmp_path, "-c", "other.toml", "check")
    assert failed.returncode == 1
    assert "server.listen = 1  other.toml:2" in failed.stderr
    assert "3 problems in the configuration" in failed.stderr
    assert "hunter2" not in failed.stdout + failed.stderr
    for again in (
        hookpoint(tmp_path, "check", "-c", "other.toml"),
        hookpoint(tmp_path, "check", HOOKPOINT_CONFIG="other.toml"),
    ):
        assert (again.returncode, again.stderr) == (1, failed.stderr)


def test_check_fails_when_the_server_does_not_fit(tmp_path: Path, server: OAuthServer) -> None:
    (tmp_path / "hookpoint.toml").write_text(f"[upstream]\nurl = '{server.url}'\nissuer = 'https://other.example'")
    failed = hookpoint(tmp_path, "check")
    assert failed.returncode == 1
    assert f"issuer: the discovery document says {server.url}" in failed.stdout
    assert "3 errors, 1 warning" in failed.stdout


def test_check_without_a_configuration_says_how_to_get_one(tmp_path: Path) -> None:
    failed = hookpoint(tmp_path, "check")
    assert failed.returncode == 1
    assert "hookpoint init" in failed.stderr


def test_version_and_help(tmp_path: Path) -> None:
    assert hookpoint(tmp_path, "--version").stdout == f"hookpoint {__version__}\n"
    shown = hookpoint(tmp_path, "--help").stdout
    assert all(command in shown for command in ("init", "check", "--config"))
