"""Every kind of mistake, and what is said about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hookpoint.proxy.config import ConfigurationError, Problem, load

if TYPE_CHECKING:
    from pathlib import Path

ENVIRON = {"EMPTY": "", "GOOD": "0123456789abcdef"}


def problems_of(directory: Path, toml: str, environ: dict[str, str] | None = None) -> list[Problem]:
    file = directory / "hookpoint.toml"
    file.write_text(toml, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load(file, ENVIRON | (environ or {}))
    return list(caught.value.problems)


A = "[[sms.providers]]\nname = 'a'\ntype = 'memory'\n"
R = "[[sms.receipts]]\nprovider = 'a'\nsecrets = ['x']\n"
T = "[[sms.test_numbers]]\nnumber = '+15005550006'\nuntil = 2027-03-31\n"
G = "[[sms.gateway]]\nformat = 'okta'\nsecrets = ['a secret, long enough']\n"
MISTAKES: list[tuple[str, str, str, str]] = [
    # unknown keys
    ("[server]\nlisten_on = 'x'", "server.listen_on", "no such key", "server.listen?"),
    ("lisen = 3", "lisen", "no such key", "server.listen?"),
    ("[upstream]\nzzz = 1", "upstream.zzz", "no such key", "Known here: url, dialect"),
    ("[[hooks]]\nrun = 'a:b'\nwhen = { client = ['x'] }", "hooks[0].when.client", "no such key", "when.client_id?"),
    ("[clients.'a.b']\nnmae = 'x'", 'clients."a.b".nmae', "no such key", 'clients."a.b".name?'),
    # wrong types
    ("[server]\nworkers = 'many'", "server.workers", "expected a whole number", "workers = 2"),
    ("[server]\nworkers = true", "server.workers", "not true or false", "number"),
    ("[server]\nlisten = 8080", "server.listen", "expected text in quotes", '"127.0.0.1:8080"'),
    ("[upstream]\nurl = 3000", "upstream.url", "expected text in quotes", 'url = "http://127.0.0.1:3000"'),
    ("[upstream.routes]\ntoken = '/oauth/token'", "upstream.routes.token", "expected a list", '["/oauth/token"]'),
    ("upstream = 'x'", "upstream", "expected a table", "[upstream]"),
    ("hooks = 'hooks.py'", "hooks", "expected a list", "[[hooks]]"),
    ("[limits]\nidle_timeout = 'long'", "limits.idle_timeout", "expected a number", "idle_timeout = 60.0"),
    ("[clients.a]\nmetadata = { seats = 3 }", "clients.a.metadata.seats", "text in quotes", '{ plan = "gold" }'),
    # choices and bounds
    ("[upstream]\nreuse = 'gaurded'", "upstream.reuse", 'one of "guarded", "never"', 'mean "guarded"?'),
    ("[tokens]\nalgorithm = 'RS-256'", "tokens.algorithm", "expected one of", 'mean "RS256"?'),
    ("[log]\nformat = 'xml'", "log.format", "expected one of", '"json"'),
    ("[limits]\nhook_timeout = 0", "limits.hook_timeout", "must be more than 0", "hook_timeout = 3.0"),
    ("[limits]\nidle_timeout = 99999", "limits.idle_timeout", "must be at most 3600", "60.0"),
    ("[limits]\nheader_count = 0", "limits.header_count", "must be at least 1", "100"),
    ("[limits]\nidle_timeout = nan", "limits.idle_timeout", "expected a number", "60.0"),
    ("[tokens]\nupstream_algorithms = []", "tokens.upstream_algorithms", "must not be empty", "RS256"),
    ("[tokens]\nupstream_algorithms = ['HS256']", "tokens.upstream_algorithms[0]", "RFC 8725", "RS256"),
    ("[tokens]\nupstream_algorithms = ['none']", "tokens.upstream_algorithms[0]", "published key", "RS256"),
    # addresses
    ("[server]\nlisten = '8080'", "server.listen", "a host and a port", '"127.0.0.1:8080"'),
    ("[server]\nlisten = 'localhost:http'", "server.listen", "from 0 to 65535", "host:port"),
    ("[server]\nlisten = '::1:80'", "server.listen", "needs brackets", "[::1]:8080"),
    ("[server]\ntrusted_proxies = ['10.0.0.1/8']", "server.trusted_proxies[0]", "host bits", "10.0.0.0/8"),
    ("[server]\ntrusted_proxies = ['lan', 5]", "server.trusted_proxies[1]", "not an IP address", "192.0.2.7"),
    ("[server]\npublic_url = 'https://a.example/x'", "server.public_url", "no path", "scheme, host and port"),
    ("[server]\npublic_url = 'http://a.example'", "server.public_url", "loopback", "https://login.example.com"),
    ("[upstream]\nurl = 'localhost:3000'", "upstream.url", "https:// or http://", "http://127.0.0.1:3000"),
    ("[upstream]\nurl = 'http://u:p@a'", "upstream.url", "user name or password", "scheme, host and port"),
    ("[upstream]\nurl = 'http://a/?x=1'", "upstream.url", "no query", "scheme, host and port"),
    ("[upstream]\nurl = 'http://a/base'", "upstream.url", "no path", "kept as they are"),
    ("[upstream]\nurl = 'http://a:99999'", "upstream.url", "not a URL", "scheme, host and port"),
    ("[upstream]\nissuer = 'http://a.example'", "upstream.issuer", "loopback", "RFC 8414"),
    ("[upstream]\nissuer = 'https://a.example?'", "upstream.issuer", "no query", "RFC 8414"),
    ("[upstream]\nissuer = 'https://a.example#x'", "upstream.issuer", "no fragment", "RFC 8414"),
    ("[upstream]\nissuer = 'a.example'", "upstream.issuer", "https://", "RFC 8414"),
    ("[upstream]\njwks_uri = 'http://k.example/j'", "upstream.jwks_uri", "loopback", "https URL"),
    # upstream
    ("[upstream]\ndialect = 'odic'", "upstream.dialect", "there are auth0, better-auth, ", "dialect file"),
    ("[upstream]\ndialect = './own.toml'", "upstream.dialect", "there is no file", "configuration file"),
    ("[upstream]\nca_file = 'ca.pem'", "upstream.ca_file", "there is no file", "PEM"),
    ("[upstream.secret_header]\nname = 'X_S'\nvalue = 'v'", "upstream.secret_header.name", "underscores", "X-Upstream"),
    ("[upstream.secret_header]\nname = 'Host'\nvalue = 'v'", "upstream.secret_header.name", "meaning", "X-Upstream"),
    ("[upstream.secret_header]\nname = 'TE'\nvalue = 'v'", "upstream.secret_header.name", "meaning", "X-Upstream"),
    ("[upstream.secret_header]\nname = 'X S'\nvalue = 'v'", "upstream.secret_header.name", "RFC 9110", "X-Upstream"),
    ("[upstream.secret_header]\nname = 'X-S'\nvalue = 'ü'", "upstream.secret_header.value", "printable", "openssl"),
    ("[upstream.secret_header]\nname = 'X-S'", "upstream.secret_header.value", "is required", "env:UPSTREAM_SECRET"),
    ("[upstream.routes]\ntoken = ['oauth/token']", "upstream.routes.token[0]", "plain path", "/oauth/token"),
    ("[upstream.routes]\ntoken = ['/a/../token']", "upstream.routes.token[0]", "plain path", "without host"),
    ("[upstream.routes]\njwks = ['/keys?x=1']", "upstream.routes.jwks[0]", "plain path", "query"),
    # secrets and files
    ("[store]\nurl = 'env:NOPE'", "store.url", "NOPE is not set", "Set NOPE"),
    ("[store]\nurl = 'env:EMPTY'", "store.url", "EMPTY is empty", "Set EMPTY"),
    ("[store]\nurl = 'file:nope'", "store.url", "No such file", "may read"),
    ("[tokens]\nkeys = ['nope.pem']", "tokens.keys[0]", "No such file", "may read"),
    ("clients = 'clients.json'", "clients", "name of a file", "file:clients.json"),
    ("clients = 'file:nope.json'", "clients", "No such file", "may read"),
    ("clients = 'file:hookpoint.toml'", "clients", "not JSON", "Correct the file"),
    # store
    ("[store]\nurl = 'hookpoint.db'", "store.url", "not the URL of a database", "sqlite:///"),
    ("[store]\nurl = 'mysql://x/y'", "store.url", "kind mysql", "sqlite:///"),
    ("[store]\nurl = 'postgresql+psycopg://x/y'", "store.url", "kind postgresql", "postgresql://"),
    ("[store]\nurl = 'sqlite:///no/such.db'", "store.url", "no folder", "Create it"),
    # tokens
    ("[tokens.grantable_scopes]\na = ['x y']", "tokens.grantable_scopes.a[0]", "RFC 6749 §3.3", "own text"),
    ("[tokens.grantable_scopes]\na = 'x'", "tokens.grantable_scopes.a", "expected a list", "reports:read"),
    # hooks
    ("[[hooks]]\nname = 'x'", "hooks[0].run", "is required", '"hooks.py"'),
    ("[[hooks]]\nrun = 'nothing'", "hooks[0].run", "neither a file, nor module:object", "acme_hooks:add_plan"),
    ("[[hooks]]\nrun = 'nope.py'", "hooks[0].run", "there is no file", "configuration file"),
    ("[[hooks]]\nrun = 'a:b'\ntrigger = 'credential-exchange'", "hooks[0].trigger", "one of", "credentials-exchange"),
    ("[[hooks]]\nrun = 'a:b'\non_error = 'ignore'", "hooks[0].on_error", 'one of "deny", "skip"', '"deny"'),
    ("[[hooks]]\nrun = 'a:b'\ntimeout = -1", "hooks[0].timeout", "more than 0", "3.0"),
    ("[[hooks]]\nrun = 'a:b'\nwhen = { scope = 'x' }", "hooks[0].when.scope", "expected a list", "reports:*"),
    ("[[hooks]]\nrun = 'a:b'\nformat = 'hydra'", "hooks[0].format", "behind a URL", "Remove format"),
    # keys that do not fit together
    ("[server]\nadmin_listen = '0.0.0.0:8080'", "server.admin_listen", "same socket", "another port"),
    ("[upstream]\nurl = 'http://localhost:8080'", "upstream.url", "own server.listen", "OAuth server"),
    ("[upstream]\nurl = 'http://127.0.0.1:8081'", "upstream.url", "own server.admin_listen", "OAuth server"),
    ("[tokens]\nissuer = 'rewrite'", "tokens.issuer", "hookpoint's own URL", "server.public_url"),
    (
        "[tokens]\nissuer = 'rewrite'\n[server]\npublic_url = 'https://a.example'\n[upstream]\nissuer = 'https://a.example/'",
        "tokens.issuer",
        "nothing to rewrite",
        "keep",
    ),
    ("[server]\nworkers = 2\n[store]\nurl = 'sqlite://'", "server.workers", "store in memory", "workers = 1"),
    ("[limits]\nhook_timeout = 6", "limits.hook_timeout", "all together", "hooks_timeout"),
    ("[limits]\nhooks_timeout = 60", "limits.hooks_timeout", "no time for the upstream", "token_timeout"),
    ("[[hooks]]\nrun = 'a:b'\ntimeout = 9", "hooks[0].timeout", "all hooks together", "limits.hooks_timeout"),
    # hooks of a kind
    ("[[hooks]]\nrun = 'https://a.example'", "hooks[0].trigger", "does not say at which point", "credentials-exchange"),
    ("[[hooks]]\nrun = 'https://a.example/?a=b'", "hooks[0].run", "no query", "https://policy.example.com"),
    (
        "[[hooks]]\nrun = 'http://a.example/'\ntrigger = 'credentials-exchange'",
        "hooks[0].run",
        "in clear",
        "allow_http",
    ),
    (
        "[[hooks]]\nrun = 'https://a.example/'\ntrigger = 'credentials-exchange'",
        "hooks[0].http.secrets",
        "nothing proves",
        "standard-webhooks",
    ),
    (
        "[[hooks]]\nrun = 'https://a.example/'\ntrigger = 'credentials-exchange'\nformat = 'supabase'",
        "hooks[0].format",
        "it has token-issuance, pre-user-registration, post-user-registration, send-phone-message",
        "hookpoint, auth0, hydra, okta, zitadel",
    ),
    (
        "[[hooks]]\nrun = 'https://a.example/'\ntrigger = 'credentials-exchange'\nhttp = { authentication = 'zitadel' }",
        "hooks[0].http.authentication",
        "not authenticated by zitadel",
        "bearer",
    ),
    (
        "[[hooks]]\nrun = 'https://a.example/'\ntrigger = 'credentials-exchange'\nhttp = { secrets = ['???'] }",
        "hooks[0].http.secrets",
        "is base64",
        "whole secret",
    ),
    (
        "[[hooks]]\nrun = 'https://a.example/'\ntrigger = 'credentials-exchange'\nhttp = { authentication = 'basic', secrets = ['x'] }",
        "hooks[0].http.secrets",
        "no colon",
        "user:password",
    ),
    (
        "[[hooks]]\nrun = 'https://a.example/'\ntrigger = 'credentials-exchange'\nhttp = { authentication = 'bearer', secrets = ['é'] }",
        "hooks[0].http.secrets",
        "printable ASCII",
        "another",
    ),
    (
        "[[hooks]]\nrun = 'https://a.example/'\ntrigger = 'credentials-exchange'\nhttp = { authentication = 'none', secrets = ['x'] }",
        "hooks[0].http.secrets",
        "nothing is done",
        "Remove",
    ),
    (
        "[[hooks]]\nrun = 'https://a.example/'\ntrigger = 'credentials-exchange'\nhttp = { header = 'X-Key' }",
        "hooks[0].http.header",
        "header of its own",
        "Remove",
    ),
    (
        "[[hooks]]\nrun = 'https://a.example/'\ntrigger = 'credentials-exchange'\nhttp = { ca_file = 'none.pem' }",
        "hooks[0].http.ca_file",
        "there is no file",
        "configuration file",
    ),
    (
        "[[hooks]]\nrun = 'http://127.0.0.1/'\ntrigger = 'credentials-exchange'\nhttp = { ca_file = 'hookpoint.toml' }",
        "hooks[0].http.ca_file",
        "not https",
        "Remove",
    ),
    (
        "[[hooks]]\nrun = 'https://a.example/'\ntrigger = 'credentials-exchange'\nhttp = { key_file = 'hookpoint.toml' }",
        "hooks[0].http.key_file",
        "no certificate",
        "cert_file",
    ),
    (
        "[[hooks]]\nrun = 'https://a.example/'\ntrigger = 'send-phone-message'\nhttp = { last_good = 60 }",
        "hooks[0].http.last_good",
        "credentials-exchange, token-issuance",
        "Remove",
    ),
    (
        "[[hooks]]\nrun = 'https://a.example/'\ntrigger = 'send-phone-message'\nneeds_password = true",
        "hooks[0].needs_password",
        "has a password",
        "Remove",
    ),
    (
        "[[hooks]]\nrun = 'https://a.example/'\ntrigger = 'send-phone-message'\nsecrets = { A = 'b' }",
        "hooks[0].secrets",
        "not sent any",
        "http.secrets",
    ),
    # phone messages
    (f"{A}{A}", "sms.providers[1].name", "another provider has this name", "another name"),
    ("[[sms.routes]]\nproviders = ['b']", "sms.routes[0].providers", "no provider named b", "Add [[sms.providers]]"),
    (f"{A}[[sms.routes]]\nproviders = ['b']", "sms.routes[0].providers", "no provider named b", "There are a."),
    (f"{A}[[sms.routes]]\nproviders = []", "sms.routes[0].providers", "must not be empty", "main"),
    (f"{A}[[sms.routes]]\nproviders = ['a']\nweights = {{ b = 1 }}", "sms.routes[0]", "weights for b", "names"),
    (f"{A}[[sms.routes]]\nproviders = ['a']\nweights = {{ a = 0 }}", "sms.routes[0]", "all weights are 0", "weight"),
    (f"{A}{R}", "sms.receipts[0].provider", "a sends no delivery reports", "Remove this table"),
    (A.replace("memory", "telnyx") + R + R, "sms.receipts", "named 2 times", "one table"),
    (
        A.replace("'a'", "'a b'").replace("memory", "telnyx") + R.replace("'a'", "'a b'"),
        "sms.receipts[0].path",
        "cannot stand in a path",
        "/hookpoint/receipts/NAME",
    ),
    (f"{G}{G}", "sms.gateway[1].path", "/hookpoint/sms/okta is another route's", "another path"),
    (
        f"{G}path = '/oauth/token'\n[upstream.routes]\ntoken = ['/oauth/token']",
        "sms.gateway[0].path",
        "server's",
        "NAME",
    ),
    (f"{G}path = 'x'", "sms.gateway[0].path", "is not a path", "/hookpoint/NAME"),
    ("[sms.verified]\nsecrets = ['short']", "sms.verified.secrets[0]", "less than 16", "random"),
    ("[sms]\npepper = 'short'", "sms.pepper", "can be guessed", "openssl"),
    ("[sms.budgets]\nmode = 'deny'", "sms.budgets.mode", "nobody can say which codes", "sms.verified"),
    ("[[sms.limits]]\nscope = 'ip'\nwindow = 60", "sms.limits[0]", "messages or cost", "messages = 5"),
    ("[[sms.templates]]\ntext = 'Hello'", "sms.templates[0].text", "no {code}", "{app}"),
    ("[[sms.templates]]\ntext = '{code} {x}'", "sms.templates[0].text", "unknown variables: x", "{minutes}"),
    ("[sms]\ncountries = ['Germany']", "sms.countries[0]", "pattern", "DE"),
    (f"{T}provider = 'b'", "sms.test_numbers[0].provider", "no provider named b", "Add [[sms.providers]]"),
    (
        f"{A.replace('memory', 'telnyx')}{T}provider = 'a'",
        "sms.test_numbers[0].provider",
        "a sends messages",
        "type file or console",
    ),
    ("[[sms.test_numbers]]\nnumber = '+15005550006'\nuntil = 'soon'", "sms.test_numbers[0].until", "date", "2027"),
]


@pytest.mark.parametrize(("toml", "key", "reason", "remedy"), MISTAKES, ids=[f"{m[1]}: {m[2]}" for m in MISTAKES])
def test_a_mistake_is_reported_with_key_reason_and_remedy(
    tmp_path: Path, toml: str, key: str, reason: str, remedy: str
) -> None:
    problems = problems_of(tmp_path, toml)
    found = next((each for each in problems if each.key == key), None)
    assert found is not None, [str(each) for each in problems]
    assert reason in found.reason
    assert remedy in found.remedy


@pytest.mark.parametrize(
    ("keys", "key", "reason", "remedy"),
    [
        ("run = 'a:b'\nruntime = 'deno'", "runtime", "only hooks in JavaScript", "Remove runtime."),
        ("run = 'a:b'\nmemory = 64", "memory", "only hooks in JavaScript", "Remove memory."),
        ("run = 'add.js'\nallow_net = ['a.example']", "allow_net", "Node.js cannot refuse it", 'runtime = "deno"'),
        ("run = 'gone.js'", "run", "there is no file", "Relative paths"),
    ],
)
def test_keys_of_scripts_go_with_scripts(tmp_path: Path, keys: str, key: str, reason: str, remedy: str) -> None:
    (tmp_path / "add.js").write_text("module.exports = () => {}")
    [problem] = problems_of(tmp_path, f"[[hooks]]\n{keys}")
    assert problem.key == f"hooks[0].{key}"
    assert reason in problem.reason
    assert remedy in problem.remedy


def test_two_hooks_of_one_name_cannot_be_told_apart(tmp_path: Path) -> None:
    [problem] = problems_of(tmp_path, "[[hooks]]\nrun = 'a:b'\nname = 'x'\n[[hooks]]\nrun = 'a:c'\nname = 'x'")
    assert (problem.key, problem.where) == ("hooks[1].name", "hookpoint.toml:6")


def test_certificates_without_tls_are_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    [problem] = problems_of(tmp_path, "[upstream]\nurl = 'http://a.example'\nca_file = 'ca.pem'")
    assert problem.key == "upstream.ca_file"
    assert "https" in problem.remedy


ALL_AT_ONCE = """\
lisen = 3
[server]
listen = "8080"
workers = 2

[upstream]
url = "http://user:hunter2@127.0.0.1:3000"
reuse = "gaurded"

[upstream.secret_header]
name = "X_Secret"
value = "hunter2 "

[store]
url = "sqlite://"

[[hooks]]
run = '''
[server]
'''
[[hooks]]
run = "acme:add"
timeout = 9
secrets = { A = "env:NOPE", B = "hunter2" }
"""


def test_all_problems_are_reported_at_once_with_their_lines(tmp_path: Path) -> None:
    problems = problems_of(tmp_path, ALL_AT_ONCE, {"HOOKPOINT_LOG__LEVEL": "inof", "HOOKPOINT_SEVER__LISTEN": "x"})
    assert {(each.key, each.where) for each in problems} == {
        ("lisen", "hookpoint.toml:1"),
        ("server.listen", "hookpoint.toml:3"),
        ("server.workers", "hookpoint.toml:4"),
        ("upstream.url", "hookpoint.toml:7"),
        ("upstream.reuse", "hookpoint.toml:8"),
        ("upstream.secret_header.name", "hookpoint.toml:11"),
        ("upstream.secret_header.value", "hookpoint.toml:12"),
        ("hooks[0].run", "hookpoint.toml:18"),
        ("hooks[1].timeout", "hookpoint.toml:23"),  # a rule between keys, although the entry before it is broken
        ("hooks[1].secrets.A", "hookpoint.toml:24"),
        ("log.level", "HOOKPOINT_LOG__LEVEL"),
        ("HOOKPOINT_SEVER__LISTEN", "environment"),
    }
    assert "hunter2" not in "".join(map(str, problems))
    assert "hunter2" not in "".join(map(repr, problems))


def test_a_rule_is_not_tried_on_keys_that_are_wrong_themselves(tmp_path: Path) -> None:
    problems = problems_of(tmp_path, "[server]\npublic_url = 'a'\n[tokens]\nissuer = 'rewrites'")
    assert [each.key for each in problems] == ["server.public_url", "tokens.issuer"]


def test_broken_clients_file_names_the_client(tmp_path: Path) -> None:
    (tmp_path / "clients.json").write_text('{"a": {"name": "A", "metadta": {}}}')
    [problem] = problems_of(tmp_path, "clients = 'file:clients.json'")
    assert (problem.key, problem.remedy) == ("clients.a.metadta", "Did you mean clients.a.metadata?")


@pytest.mark.parametrize(
    ("toml", "line", "column"),
    [("[server]\nlisten = 127.0.0.1", 2, 15), ("[server", 1, 8), ("a = 1\na = 2", 2, 6), ('x = "hunter2', 1, 13)],
)
def test_a_syntax_error_names_line_and_column_but_shows_no_text(
    tmp_path: Path, toml: str, line: int, column: int
) -> None:
    [problem] = problems_of(tmp_path, toml)
    assert f"line {line}, column {column}" in problem.reason
    assert problem.where == f"hookpoint.toml:{line}:{column}"
    assert "hunter2" not in str(problem)


def test_a_file_that_is_not_there_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path / "nope.toml", {})
    [problem] = caught.value.problems
    assert problem.key == str(tmp_path / "nope.toml")
    assert "hookpoint init" in problem.remedy


def test_a_file_that_is_not_text_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "hookpoint.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        load(tmp_path / "hookpoint.toml", {})


def test_a_reverse_proxy_needs_an_upstream_and_a_mounted_middleware_does_not(tmp_path: Path) -> None:
    (tmp_path / "hookpoint.toml").touch()
    assert load(tmp_path / "hookpoint.toml", {}).upstream.url is None
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path / "hookpoint.toml", {}, proxy=True)
    assert [each.key for each in caught.value.problems] == ["upstream.url"]
