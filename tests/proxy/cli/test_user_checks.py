"""What `hookpoint check` says of sign-up and passwords."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hookpoint.proxy.cli.checks import CheckContext, Level, route_table, run_checks
from hookpoint.proxy.config import validate
from hookpoint.proxy.dialects import load_dialect

if TYPE_CHECKING:
    from pathlib import Path

    from tests.proxy.cli.oauth_server import OAuthServer

HOOK = """
from hookpoint.hooks import post_change_password, pre_user_registration

@pre_user_registration
def policy(event):
    return None

@post_change_password
def warn(event):
    return None
"""


def context_of(tmp_path: Path, dialect: str, running: OAuthServer | None = None, **upstream: Any) -> CheckContext:
    (tmp_path / "hooks.py").write_text(HOOK)
    url = "http://127.0.0.1:9" if running is None else running.url
    values = {"upstream": {"url": url, "dialect": dialect, **upstream}, "hooks": [{"run": "hooks.py"}]}
    settings = validate(values, directory=tmp_path, environ={})
    return CheckContext(settings, load_dialect(settings.upstream.dialect), offline=running is None)


async def reasons(context: CheckContext, subject: str) -> list[str]:
    findings = await run_checks(context)
    return [each.reason for each in findings if each.subject == subject and each.level is Level.WARNING]


async def test_hooks_that_no_route_of_the_dialect_runs_are_named(tmp_path: Path) -> None:
    found = await reasons(context_of(tmp_path, "oidc"), "hooks")
    assert [each.partition(",")[0] for each in found] == [
        "policy is for pre-user-registration",
        "warn is for post-change-password",
    ]
    assert await reasons(context_of(tmp_path, "auth0"), "hooks") == []


async def test_the_route_table_has_the_routes_of_users(tmp_path: Path) -> None:
    rows = {row.path: row.what for row in await route_table(context_of(tmp_path, "better-auth"))}
    assert rows["/api/auth/sign-up/email"] == "hooks run at sign-up"
    assert rows["/api/auth/change-password"] == "hooks are told of new passwords"
    assert rows["/api/auth/sign-in/anonymous"] == "users are created or passwords change that no hook sees"


async def test_metadata_that_cannot_be_kept_is_named(tmp_path: Path) -> None:
    found = await reasons(context_of(tmp_path, "auth0"), "users")
    (reason,) = found
    assert reason.startswith(
        "a hook cannot add app_metadata at /dbconnections/signup: an administrator has to write it"
    )
    admin = {"headers": {"Authorization": "Bearer x"}}
    assert await reasons(context_of(tmp_path, "auth0", admin=admin), "users") == []
    assert len(await reasons(context_of(tmp_path, "fastapi-users"), "users")) == 2


async def test_routes_that_an_openapi_document_names_are_compared(tmp_path: Path, server: OAuthServer) -> None:
    server.documents["/openapi.json"] = {
        "openapi": "3.1.0",
        "paths": {
            "/auth/register": {"post": {}},
            "/auth/reset-password": {"post": {}},
            "/auth/forgot-password": {"post": {}},
            "/auth/jwt/login": {"post": {}},
            "/users/me": {"get": {}, "patch": {}},
            "/users/{id}": {"get": {}, "patch": {}},
            "/v2/sign-up": {"post": {}},
            "/v2/me/password": {"put": {}},
            "/v2/password-policy": {"get": {}},
            "/items": {"post": {}},
        },
    }
    found = await reasons(context_of(tmp_path, "fastapi-users", server), "users")
    assert [each.split()[2].rstrip(",") for each in found if "openapi" in each] == ["/v2/me/password", "/v2/sign-up"]
