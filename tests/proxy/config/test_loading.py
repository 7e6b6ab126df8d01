"""What a right configuration turns into: file, environment, secrets, paths."""

from __future__ import annotations

import json
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from hookpoint.proxy.config import Address, ConfigurationError, HookKind, Settings, load, validate

if TYPE_CHECKING:
    from pathlib import Path

EVERYTHING = """\
[server]
listen = "[::1]:9000"
trusted_proxies = ["10.0.0.0/8", "fd00::/8"]

[upstream]
url = "HTTPS://Upstream.Example:443/"
issuer = "https://login.example.com/"
secret_header = { name = "X-Upstream-Secret", value = "env:UPSTREAM_SECRET" }
ca_file = "ca.pem"

[tokens]
keys = ["signing.pem", "file:signing.pem", "env:SIGNING_KEY"]

[tokens.grantable_scopes]
client-a = ["reports:read"]

[clients.reporting]
name = "Reporting job"
metadata = { plan = "gold" }

[[hooks]]
run = "hooks.py"
timeout = 2
secrets = { API_KEY = "file:api-key", PLAIN = "plain" }

[[hooks]]
run = "acme.hooks:add_plan"
when = { client_id = ["m2m-*"] }
"""
ENVIRON = {"UPSTREAM_SECRET": "from-the-environment", "SIGNING_KEY": "-----BEGIN KEY-----"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hookpoint.toml").write_text(EVERYTHING)
    (tmp_path / "ca.pem").touch()
    (tmp_path / "hooks.py").touch()
    (tmp_path / "signing.pem").write_text("from-a-key-file\n")
    (tmp_path / "api-key").write_text("from-a-file\r\n")
    return tmp_path


def test_a_file_is_read_into_types(folder: Path) -> None:
    settings = load(folder / "hookpoint.toml", ENVIRON)
    assert settings.server.listen == Address("::1", 9000)
    assert str(settings.server.listen) == "[::1]:9000"
    assert settings.server.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
    assert settings.upstream.url == "https://upstream.example"
    assert settings.upstream.issuer == "https://login.example.com/"
    assert settings.tokens.grantable_scopes == {"client-a": ("reports:read",)}
    assert settings.clients["reporting"].metadata == {"plan": "gold"}
    assert [hook.kind for hook in settings.hooks] == [HookKind.FILE, HookKind.OBJECT]
    assert settings.hooks[0].timeout == 2.0
    assert settings.hooks[1].when is not None
    assert settings.hooks[1].when.client_id == ("m2m-*",)
    assert settings.limits.hook_timeout == 3.0


def test_relative_paths_start_at_the_configuration(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    settings = load("../hookpoint.toml", ENVIRON)
    assert settings.hooks[0].run == str(settings.directory / "hooks.py")
    assert settings.upstream.ca_file == settings.directory / "ca.pem"
    assert settings.store.url.get_secret_value() == f"sqlite:///{settings.directory / 'hookpoint.db'}"
    assert settings.directory.resolve() == folder


def test_secrets_are_resolved_and_never_shown(folder: Path) -> None:
    settings = load(folder / "hookpoint.toml", ENVIRON)
    assert settings.upstream.secret_header is not None
    assert settings.upstream.secret_header.value.get_secret_value() == "from-the-environment"
    assert settings.hooks[0].secrets["API_KEY"].get_secret_value() == "from-a-file"
    assert settings.hooks[0].secrets["PLAIN"].get_secret_value() == "plain"
    keys = [key.get_secret_value() for key in settings.tokens.keys]
    assert keys == ["from-a-key-file", "from-a-key-file", "-----BEGIN KEY-----"]
    shown = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert not [secret for secret in ("from-the", "from-a", "BEGIN KEY", "'plain'") if secret in shown]


SECRETS_IN_WRONG_PLACES = [
    "[upstream]\nsecret_header = 'hunter2'",
    "[upstream]\nsecret_header = { name = 'X-S', value = 'hunter2 ' }",
    "[upstream]\nsecret_header = { name = 'X-S', value = ['hunter2'] }",
    "[upstream]\nsecret_headr = { name = 'X-S', value = 'hunter2' }",
    "[upstream]\nclient_secret = 'hunter2'",
    "[upstream]\nurl = 'https://user:hunter2@a.example'",
    "[upstream]\nissuer = 'https://user:hunter2@a.example'",
    "[store]\nurl = 'postgresql+other://user:hunter2@a.example/db'",
    "[store]\nurl = 'hunter2'",
    "[tokens]\nkeys = 'hunter2'",
    "[[hooks]]\nrun = 'a:b'\nsecrets = 'hunter2'",
    "[[hooks]]\nrun = 'a:b'\nsecrets = { A = { b = 'hunter2' } }",
    "[[hooks]]\nrun = 'a:b'\nsecret = { A = 'hunter2' }",
    "[[sms.providers]]\nname = 'a'\ntype = 3\nauth_token = ['hunter2']",
    "[[sms.gateway]]\nformat = 'okta'\nsecrets = ['hunter2']",
    "[[sms.receipts]]\nprovider = 'a'\nsecrets = 'hunter2'",
    "[sms]\npepper = 'hunter2'",
    "[sms.verified]\nsecrets = ['hunter2']",
    "[[sms.providers]]\ntype = 'b'\nauth_token = 'hunter2'",
    "sms = 'hunter2'",
    "[upstream.secret_header]\nname = 'X-S'\nvalue = hunter2",
]


@pytest.mark.parametrize("toml", SECRETS_IN_WRONG_PLACES)
def test_no_secret_shows_in_any_error(tmp_path: Path, toml: str) -> None:
    (tmp_path / "hookpoint.toml").write_text(toml)
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path / "hookpoint.toml", {})
    error = caught.value
    assert "hunter2" not in f"{error} {error!r} {error.problems!r}"
    assert error.__cause__ is None
    assert error.__context__ is None or "hunter2" not in repr(error.__context__)


def test_a_reference_to_a_secret_may_be_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        validate({"store": {"url": "env:NOPE"}}, directory=tmp_path, environ={})
    assert caught.value.problems[0].value == '"env:NOPE"'


OVERRIDES: list[tuple[str, str, str, object]] = [
    ("HOOKPOINT_SERVER__LISTEN", "0.0.0.0:80", "server.listen", Address("0.0.0.0", 80)),
    ("HOOKPOINT_SERVER__WORKERS", "4", "server.workers", 4),
    ("HOOKPOINT_SERVER__TRUSTED_PROXIES", '["192.0.2.0/24"]', "server.trusted_proxies", (ip_network("192.0.2.0/24"),)),
    ("HOOKPOINT_UPSTREAM__URL", "https://127.0.0.1:1", "upstream.url", "https://127.0.0.1:1"),
    ("HOOKPOINT_UPSTREAM__ROUTES__TOKEN", '["/t"]', "upstream.routes.token", ("/t",)),
    ("HOOKPOINT_UPSTREAM__ROUTES", '{"token": ["/t"]}', "upstream.routes.token", ("/t",)),
    ("HOOKPOINT_UPSTREAM__SECRET_HEADER__NAME", "X-Other", "upstream.secret_header.name", "X-Other"),
    ("HOOKPOINT_LIMITS__HOOK_TIMEOUT", "1.5", "limits.hook_timeout", 1.5),
    ("HOOKPOINT_LIMITS", '{"hook_timeout": 1.5}', "limits.hook_timeout", 1.5),
    ("HOOKPOINT_HOOKS", "[]", "hooks", ()),
    ("HOOKPOINT_TOKENS__GRANTABLE_SCOPES", '{"B": ["x"]}', "tokens.grantable_scopes.B", ("x",)),
    ("HOOKPOINT_CLIENTS", '{"B": {"name": "Bee"}}', "clients.B.name", "Bee"),
    ("hookpoint_log__level", "debug", "log.level", "debug"),
]


@pytest.mark.parametrize(("variable", "text", "key", "expected"), OVERRIDES, ids=[each[0] for each in OVERRIDES])
def test_the_environment_wins_over_the_file(folder: Path, variable: str, text: str, key: str, expected: object) -> None:
    value: object = load(folder / "hookpoint.toml", ENVIRON | {variable: text})
    for part in key.split("."):
        value = value[part] if isinstance(value, dict) else getattr(value, part)
    assert value == expected


def test_the_environment_alone_is_a_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environ = {
        "HOOKPOINT_UPSTREAM__URL": "http://127.0.0.1:3000",
        "HOOKPOINT_UPSTREAM__SECRET_HEADER__NAME": "X-S",
        "HOOKPOINT_UPSTREAM__SECRET_HEADER__VALUE": "env:HOOKPOINT_SHARED",
        "HOOKPOINT_SHARED": "a secret may have any name",
        "HOOKPOINT_CONFIG": "ignored-here.toml",
    }
    settings = load(None, environ, proxy=True)
    assert settings.upstream.secret_header is not None
    assert settings.upstream.secret_header.value.get_secret_value() == "a secret may have any name"


UNKNOWN_VARIABLES = [
    ("HOOKPOINT_SERVER__LISTN", "HOOKPOINT_SERVER__LISTEN?"),
    ("HOOKPOINT_LISTEN", "HOOKPOINT_SERVER__LISTEN?"),
    ("HOOKPOINT_CLIENTS__A__NAME", "Set HOOKPOINT_CLIENTS"),
    ("HOOKPOINT_HOOKS__0__RUN", "Set HOOKPOINT_HOOKS"),
    ("HOOKPOINT_SERVER__LISTEN__HOST", "Set HOOKPOINT_SERVER__LISTEN"),
    ("HOOKPOINT_QWERTZUIOP", "Remove it"),
]


@pytest.mark.parametrize(("variable", "remedy"), UNKNOWN_VARIABLES)
def test_an_unknown_variable_is_a_problem_and_its_value_stays_hidden(variable: str, remedy: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(None, {variable: "hunter2"})
    [problem] = caught.value.problems
    assert (problem.key, problem.where) == (variable, "environment")
    assert remedy in problem.remedy
    assert "hunter2" not in str(problem)


@pytest.mark.parametrize(
    ("variable", "text", "reason", "remedy"),
    [
        ("HOOKPOINT_UPSTREAM__ROUTES__TOKEN", "/oauth/token", "expected a list", """TOKEN='["/oauth/token"]'"""),
        ("HOOKPOINT_SERVER__WORKERS", "two", "expected a whole number", "WORKERS='2'"),
        ("HOOKPOINT_UPSTREAM__URL", "x", "https:// or http://", "http://127.0.0.1:3000"),
    ],
)
def test_a_wrong_variable_shows_how_to_write_it(variable: str, text: str, reason: str, remedy: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(None, {variable: text})
    [problem] = caught.value.problems
    assert problem.where == variable
    assert reason in problem.reason
    assert remedy in problem.remedy


def test_clients_may_stand_in_a_file_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "clients.json").write_text(json.dumps({"A.b": {"name": "A", "metadata": {"plan": "gold"}}}))
    settings = validate({"clients": "file:clients.json"}, directory=tmp_path, environ={})
    assert settings.clients["A.b"].name == "A"


@pytest.mark.parametrize(
    ("url", "in_memory"),
    [
        ("sqlite://", True),
        ("sqlite:///:memory:", True),
        ("sqlite:///file:x?mode=memory&uri=true", True),
        ("sqlite:///x.db", False),
        ("sqlite+aiosqlite:///x.db", False),
        ("postgresql://a:1,b:2/hookpoint?sslmode=verify-full", False),
    ],
)
def test_a_store_in_memory_is_recognised(tmp_path: Path, url: str, in_memory: bool) -> None:
    assert validate({"store": {"url": url}}, directory=tmp_path, environ={}).store.in_memory is in_memory


def test_settings_never_change() -> None:
    settings = Settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.log.level = "debug"
