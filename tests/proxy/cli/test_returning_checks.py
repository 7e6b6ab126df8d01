"""What `hookpoint check` says of re-issued tokens that come back, and of tokens that pass no hook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hookpoint.proxy.cli.checks import CheckContext, Level, route_table, run_checks
from hookpoint.proxy.config import validate
from hookpoint.proxy.dialects import load_dialect
from tests.proxy.cli.oauth_server import OAuthServer
from tests.proxy.cli.test_checks import context_of, wrong

WARNINGS: list[tuple[dict[str, object], dict[str, Any], str]] = [
    ({"dpop_signing_alg_values_supported": ["ES256"]}, {}, "DPoP"),
    ({"response_types_supported": ["code", "id_token token"]}, {"tokens": {"front_channel": "pass"}}, "id_token token"),
    ({"backchannel_token_delivery_modes_supported": ["poll", "push"]}, {}, "CIBA"),
]


@pytest.mark.parametrize(("metadata", "settings", "reason"), WARNINGS)
async def test_what_re_issued_tokens_cannot_do_is_said(
    tmp_path: Path, server: OAuthServer, metadata: dict[str, object], settings: dict[str, Any], reason: str
) -> None:
    server.publish(**metadata)
    [(level, _, said)] = wrong(await run_checks(context_of(tmp_path, server, **settings)))
    assert level is Level.WARNING
    assert reason in said


@pytest.mark.parametrize(("metadata", "settings", "reason"), WARNINGS)
async def test_nothing_is_said_where_tokens_are_not_re_issued(
    tmp_path: Path, server: OAuthServer, metadata: dict[str, object], settings: dict[str, Any], reason: str
) -> None:
    server.publish(**metadata)
    validated = validate({"upstream": {"url": server.url}, **settings}, directory=tmp_path, environ={})
    context = CheckContext(validated, load_dialect("oidc"))
    assert reason not in str(wrong(await run_checks(context)))


async def test_T27_response_types_that_are_blocked_are_fine(tmp_path: Path, server: OAuthServer) -> None:
    server.publish(response_types_supported=["code", "token"])
    assert wrong(await run_checks(context_of(tmp_path, server))) == []


async def test_T28_the_table_lists_every_place_that_has_to_do_with_tokens(tmp_path: Path, server: OAuthServer) -> None:
    dialect = tmp_path / "acme.toml"
    dialect.write_text(
        'title = "Acme"\n[token]\npaths = ["/oauth/token"]\nother_paths = ["/sign-up"]\n'
        '[endpoints]\nend_session = ["/bye"]\n[documents]\ndiscovery = ["/.well-known/openid-configuration"]\n'
        'jwks = "/keys"\n'
    )
    server.publish(
        introspection_endpoint=f"{server.url}/i",
        authorization_endpoint=f"{server.url}/a",
        mtls_endpoint_aliases={"introspection_endpoint": f"{server.url}/mtls/i"},
    )
    upstream = {"dialect": str(dialect), "routes": {"revocation": ["/r"]}}
    rows = {
        row.path: (row.what, row.source) for row in await route_table(context_of(tmp_path, server, upstream=upstream))
    }
    assert rows.keys() == {"/oauth/token", "/keys", "/i", "/mtls/i", "/r", "/a", "/bye", "/sign-up"}
    assert rows["/i"] == rows["/mtls/i"] == ("re-issued tokens are known", "discovery")
    assert rows["/r"] == ("re-issued tokens are known", "configuration")
    assert rows["/bye"] == ("re-issued hints are known", "dialect")
    assert rows["/a"] == ("tokens in the response are blocked", "discovery")
    assert rows["/sign-up"] == ("tokens are issued that no hook sees", "dialect")


async def test_the_table_is_short_where_originals_are_not_kept(tmp_path: Path, server: OAuthServer) -> None:
    server.publish(introspection_endpoint=f"{server.url}/i", authorization_endpoint=f"{server.url}/a")
    tokens = {"keep_originals": False, "front_channel": "pass"}
    rows = await route_table(context_of(tmp_path, server, tokens=tokens))
    assert not {"/i", "/a"} & {row.path for row in rows}
