"""What `hookpoint check` finds, check by check, against a real HTTP server."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.jwk import OKPKey

from hookpoint.proxy.cli.checks import CheckContext, Finding, Level, route_table, run_checks
from hookpoint.proxy.config import validate
from hookpoint.proxy.dialects import load_dialect
from tests.hooks.http.service import answer, running
from tests.proxy.cli.oauth_server import DISCOVERY_PATH, OAuthServer, public_key

if TYPE_CHECKING:
    from pathlib import Path

PUBLIC = "https://login.example.com"
SECRET = "0123456789abcdef0123456789abcdef"
HOOK = """
from hookpoint.hooks import credentials_exchange

@credentials_exchange
async def add_plan(event):
    return None
"""


def context_of(tmp_path: Path, running: OAuthServer, /, *, offline: bool = False, **sections: Any) -> CheckContext:
    upstream = {"url": running.url} | sections.pop("upstream", {})
    (tmp_path / "hooks.py").write_text(HOOK)
    values = {"upstream": upstream, "hooks": [{"run": "hooks.py"}], **sections}
    settings = validate(values, directory=tmp_path, environ={})
    return CheckContext(settings, load_dialect(settings.upstream.dialect), offline=offline)


def wrong(findings: list[Finding]) -> list[tuple[Level, str, str]]:
    return [(each.level, each.key, each.reason) for each in findings if each.level is not Level.OK]


async def test_a_server_that_fits_has_nothing_wrong(tmp_path: Path, server: OAuthServer) -> None:
    findings = await run_checks(context_of(tmp_path, server))
    assert wrong(findings) == []
    assert {each.subject for each in findings} == {"hooks", "upstream", "discovery", "issuer", "endpoints", "keys"}


async def test_the_server_is_asked_as_the_proxy_asks_it(tmp_path: Path, server: OAuthServer) -> None:
    server.publish(PUBLIC)
    context = context_of(tmp_path, server, server={"public_url": PUBLIC})
    assert wrong(await run_checks(context)) == []
    assert set(server.hosts) == {"login.example.com"}


async def test_a_server_that_is_down_is_reported_once(tmp_path: Path, server: OAuthServer) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        context = context_of(tmp_path, server, upstream={"url": f"http://127.0.0.1:{free.getsockname()[1]}"})
        [(level, key, reason)] = wrong(await run_checks(context))
    assert (level, key) == (Level.ERROR, "upstream.url")
    assert "does not answer" in reason


async def test_offline_nothing_is_sent(tmp_path: Path, server: OAuthServer) -> None:
    context = context_of(tmp_path, server, offline=True)
    assert wrong(await run_checks(context)) == []
    assert [row.path for row in await route_table(context)] == ["/oauth/token", "/.well-known/jwks.json"]
    assert server.hosts == []


METADATA: list[tuple[dict[str, object], dict[str, Any], Level, str, str]] = [
    ({"issuer": None}, {}, Level.ERROR, "upstream.issuer", "names none"),
    ({}, {"upstream": {"issuer": "https://other.example"}}, Level.ERROR, "upstream.issuer", "says http"),
    ({}, {"server": {"public_url": PUBLIC}}, Level.ERROR, "server.public_url", "look for its documents there"),
    ({"token_endpoint": "https://elsewhere.example/t"}, {}, Level.ERROR, "server.public_url", "walk around"),
    ({"introspection_endpoint": "https://elsewhere.example/i"}, {}, Level.ERROR, "server.public_url", "introspection"),
    (
        {"mtls_endpoint_aliases": {"token_endpoint": "https://mtls.example/t"}},
        {},
        Level.ERROR,
        "server.public_url",
        "mtls.example",
    ),
    ({"registration_endpoint": "https://elsewhere.example/r"}, {}, Level.WARNING, "server.public_url", "registration"),
    ({"jwks_uri": "https://keys.example/k"}, {}, Level.ERROR, "upstream.jwks_uri", "not fetched unasked"),
    (
        {"token_endpoint_auth_methods_supported": ["private_key_jwt"]},
        {"tokens": {"issuer": "rewrite"}, "server": {"public_url": PUBLIC}},
        Level.ERROR,
        "tokens.issuer",
        "private_key_jwt",
    ),
    (
        {"revocation_endpoint_auth_methods_supported": ["client_secret_jwt"]},
        {"tokens": {"issuer": "rewrite"}, "server": {"public_url": PUBLIC}},
        Level.ERROR,
        "tokens.issuer",
        "client_secret_jwt",
    ),
    (
        {"request_parameter_supported": True},
        {"tokens": {"issuer": "rewrite"}, "server": {"public_url": PUBLIC}},
        Level.ERROR,
        "tokens.issuer",
        "request objects",
    ),
    (
        {"dpop_signing_alg_values_supported": ["ES256"]},
        {"tokens": {"issuer": "rewrite"}, "server": {"public_url": PUBLIC}},
        Level.ERROR,
        "tokens.issuer",
        "DPoP",
    ),
    (
        {"authorization_response_iss_parameter_supported": True},
        {"tokens": {"issuer": "rewrite"}, "server": {"public_url": PUBLIC}},
        Level.WARNING,
        "tokens.issuer",
        "RFC 9207",
    ),
    (
        {"backchannel_logout_supported": True},
        {"tokens": {"jwks": "exclusive"}},
        Level.WARNING,
        "tokens.jwks",
        "logout tokens",
    ),
    (
        {"id_token_signing_alg_values_supported": ["RS256", "HS256"]},
        {"tokens": {"jwks": "exclusive"}},
        Level.WARNING,
        "",
        "client's secret",
    ),
    (
        {"id_token_encryption_alg_values_supported": ["RSA-OAEP"]},
        {"tokens": {"issuer": "rewrite"}, "server": {"public_url": PUBLIC}},
        Level.WARNING,
        "",
        "encrypted to the client",
    ),
]


@pytest.mark.parametrize(("members", "sections", "level", "key", "reason"), METADATA)
async def test_metadata_that_does_not_fit_is_reported(
    tmp_path: Path,
    server: OAuthServer,
    members: dict[str, object],
    sections: dict[str, Any],
    level: Level,
    key: str,
    reason: str,
) -> None:
    server.publish(**members)
    found = wrong(await run_checks(context_of(tmp_path, server, **sections)))
    assert any((at, of) == (level, key) and reason in why for at, of, why in found), found


async def test_rewriting_breaks_nothing_where_nothing_depends_on_the_issuer(
    tmp_path: Path, server: OAuthServer
) -> None:
    context = context_of(tmp_path, server, tokens={"issuer": "rewrite"}, server={"public_url": PUBLIC})
    assert wrong(await run_checks(context)) == []
    assert DISCOVERY_PATH in [row.path for row in await route_table(context)]


async def test_without_discovery_the_issuer_must_be_configured(tmp_path: Path, server: OAuthServer) -> None:
    del server.documents[DISCOVERY_PATH]
    server.documents["/.well-known/jwks.json"] = {"keys": [public_key()]}
    [(level, key, _)] = wrong(await run_checks(context_of(tmp_path, server)))
    assert (level, key) == (Level.ERROR, "upstream.issuer")
    [(level, key, _)] = wrong(await run_checks(context_of(tmp_path, server, upstream={"issuer": PUBLIC})))
    assert (level, key) == (Level.WARNING, "upstream.routes")


async def test_allowed_keys_elsewhere_are_fetched(tmp_path: Path, server: OAuthServer) -> None:
    elsewhere = f"http://localhost:{server.url.rpartition(':')[2]}/keys"
    server.publish(jwks_uri=elsewhere)
    assert wrong(await run_checks(context_of(tmp_path, server, upstream={"jwks_uri": elsewhere}))) == []


KEY_SETS: list[tuple[object, str]] = [
    (None, "answers 404"),
    ("{", "not strict JSON"),
    ({"keys": []}, "no key for any of"),
    ({"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "a"}]}, "no key for any of"),
]


@pytest.mark.parametrize(("keys", "reason"), KEY_SETS)
async def test_unusable_keys_are_reported(tmp_path: Path, server: OAuthServer, keys: object, reason: str) -> None:
    server.documents["/keys"] = keys
    [(level, key, why)] = wrong(await run_checks(context_of(tmp_path, server)))
    assert (level, key) == (Level.ERROR, "upstream.jwks_uri")
    assert reason in why


async def test_a_key_of_an_algorithm_that_is_not_accepted_is_no_use(tmp_path: Path, server: OAuthServer) -> None:
    context = context_of(tmp_path, server, tokens={"upstream_algorithms": ["RS256"]})
    [(_, _, why)] = wrong(await run_checks(context))
    assert "no key for any of RS256" in why


def private_pem(key: Ed25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


async def test_T25_an_upstream_key_with_the_kid_of_an_own_key_is_refused(tmp_path: Path, server: OAuthServer) -> None:
    own = Ed25519PrivateKey.generate()
    kid = OKPKey.import_key(own.public_key()).thumbprint()
    server.documents["/keys"] = {"keys": [public_key() | {"kid": kid}]}
    [(level, key, why)] = wrong(await run_checks(context_of(tmp_path, server, tokens={"keys": [private_pem(own)]})))
    assert (level, key) == (Level.ERROR, "tokens.keys")
    assert kid in why


async def test_own_keys_must_be_readable_and_one_for_each_algorithm(tmp_path: Path, server: OAuthServer) -> None:
    keys = [private_pem(Ed25519PrivateKey.generate()) for _ in range(2)]
    found = wrong(await run_checks(context_of(tmp_path, server, tokens={"keys": [*keys, "-----BEGIN NOTHING"]})))
    assert [key for _, key, _ in found] == ["tokens.keys[1]", "tokens.keys[2]"]


SECRET_HEADER = {"secret_header": {"name": "X-Upstream-Secret", "value": SECRET}}


async def test_a_server_that_demands_the_secret_header_passes(tmp_path: Path, server: OAuthServer) -> None:
    server.secret = ("X-Upstream-Secret", SECRET)
    findings = await run_checks(context_of(tmp_path, server, upstream=SECRET_HEADER))
    assert wrong(findings) == []
    assert "refuses direct calls (403 without X-Upstream-Secret)" in [each.reason for each in findings]


async def test_a_server_that_answers_direct_calls_is_reported(tmp_path: Path, server: OAuthServer) -> None:
    [(level, key, why)] = wrong(await run_checks(context_of(tmp_path, server, upstream=SECRET_HEADER)))
    assert (level, key) == (Level.ERROR, "upstream.secret_header")
    assert "answers 401 with and without it" in why


async def test_no_finding_shows_a_secret(tmp_path: Path, server: OAuthServer) -> None:
    header = {"secret_header": {"name": "X-S", "value": "hunter2"}}
    findings = await run_checks(context_of(tmp_path, server, upstream=header))
    assert "upstream.secret_header.value" in [key for _, key, _ in wrong(findings)]
    assert "hunter2" not in repr(findings)


async def test_an_upstream_that_leads_back_to_an_own_listener_is_reported(tmp_path: Path, server: OAuthServer) -> None:
    port = server.url.rpartition(":")[2]
    # Another spelling of the address, which only resolving shows to be the same.
    context = context_of(
        tmp_path, server, upstream={"url": f"http://2130706433:{port}"}, server={"listen": f"127.0.0.1:{port}"}
    )
    found = wrong(await run_checks(context))
    assert (Level.ERROR, "upstream.url") in [(level, key) for level, key, _ in found]
    assert any("leads back to hookpoint's own server.listen" in why for _, _, why in found)


UNPROTECTED = {"url": "http://oauth.example.com"}


async def test_an_unprotected_way_to_the_upstream_is_a_warning(tmp_path: Path, server: OAuthServer) -> None:
    found = wrong(await run_checks(context_of(tmp_path, server, upstream=UNPROTECTED, offline=True)))
    assert [(level, key) for level, key, _ in found] == [
        (Level.WARNING, "upstream.url"),
        (Level.WARNING, "upstream.secret_header"),
    ]


async def test_certificates_that_are_none_are_reported(tmp_path: Path, server: OAuthServer) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    upstream = {"url": server.url.replace("http:", "https:"), "ca_file": "ca.pem"}
    context = context_of(tmp_path, server, upstream=upstream)
    assert (Level.ERROR, "upstream.ca_file") in [(level, key) for level, key, _ in wrong(await run_checks(context))]
    assert [row.source for row in await route_table(context)] == ["dialect", "dialect"]


HOOK_FILES = [
    ("def (", "hooks.py:1"),
    ("x = 1", "holds no hook"),
    ("import nothing_of_this_name", "raised ModuleNotFoundError"),
]


@pytest.mark.parametrize(("text", "reason"), HOOK_FILES)
async def test_hooks_that_cannot_be_loaded_are_reported(
    tmp_path: Path, server: OAuthServer, text: str, reason: str
) -> None:
    context = context_of(tmp_path, server)
    (tmp_path / "hooks.py").write_text(text)
    [(level, key, why)] = wrong(await run_checks(context))
    assert (level, key) == (Level.ERROR, "hooks[0].run")
    assert reason in why


async def test_hooks_at_points_that_are_not_served_yet_are_a_warning(tmp_path: Path, server: OAuthServer) -> None:
    context = context_of(tmp_path, server)
    (tmp_path / "hooks.py").write_text(HOOK.replace("credentials_exchange", "post_user_registration"))
    [(level, _, why)] = wrong(await run_checks(context))
    assert level is Level.WARNING
    assert "add_plan is for post-user-registration" in why


async def test_the_route_table_says_where_each_route_is_known_from(tmp_path: Path, server: OAuthServer) -> None:
    server.publish(token_endpoint=f"{server.url}/t")
    context = context_of(tmp_path, server, upstream={"routes": {"token": ["/other/token"]}})
    assert [(row.path, row.source) for row in await route_table(context)] == [
        ("/other/token", "configuration"),
        ("/t", "discovery"),
        ("/oauth/token", "dialect"),
        ("/keys", "discovery"),
    ]


async def test_hooks_behind_urls_are_looked_for(tmp_path: Path, server: OAuthServer) -> None:
    async with running(answer(404)) as elsewhere:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        gone = f"http://127.0.0.1:{port}/hook"
        (tmp_path / "no.pem").write_text("nothing")
        hooks = [
            {"run": url, "trigger": "credentials-exchange", "http": {"authentication": "none", **more}}
            for url, more in (
                (server.url + DISCOVERY_PATH, {}),
                (f"http://127.0.0.1:{elsewhere.port}/nothing", {}),
                (gone, {}),
                ("https://127.0.0.1/", {"ca_file": "no.pem"}),
            )
        ]
        online = await run_checks(context_of(tmp_path, server, hooks=hooks))
        offline = await run_checks(context_of(tmp_path, server, hooks=hooks, offline=True))
    found = wrong(online)
    assert (Level.WARNING, "hooks[1].run") in [each[:2] for each in found]
    [away] = [reason for level, key, reason in found if key == "hooks[2].run"]
    assert "cannot be called" in away
    [certificates] = [reason for level, key, reason in found if key == "hooks[3].run"]
    assert "its certificates cannot be used" in certificates
    assert not [key for _, key, _ in found if key == "hooks[0].run"]
    assert [key for _, key, _ in wrong(offline) if key.startswith("hooks[")] == ["hooks[3].run"]
