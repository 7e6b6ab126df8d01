"""The table of paths that hookpoint looks at; everything else is forwarded byte for byte."""

from __future__ import annotations

from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hookpoint.proxy.app import create_upstream
from hookpoint.proxy.cli.checks.returning import reissues
from hookpoint.proxy.config import ConfigurationError
from hookpoint.proxy.discovery import DiscoveryFailed
from hookpoint.proxy.observability import Metrics, new_registry
from hookpoint.proxy.site import server_documents

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp, Receive, Scope, Send

    from hookpoint.proxy.cli.checks.context import CheckContext
    from hookpoint.proxy.config import Settings
    from hookpoint.proxy.discovery import ServerMetadata


_RETURNING = {
    "introspection": "re-issued tokens are known",
    "revocation": "re-issued tokens are known",
    "userinfo": "re-issued tokens are known",
    "authorization": "re-issued hints are known",
    "pushed_authorization": "re-issued hints are known",
    "end_session": "re-issued hints are known",
}
_BLOCKED = dict.fromkeys(("authorization", "pushed_authorization"), "tokens in the response are blocked")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One path, what happens there, and who says so: `configuration`, `discovery` or `dialect`."""

    path: str
    what: str
    source: str


async def route_table(context: CheckContext) -> list[TableRow]:
    """Return the paths that are not merely forwarded, found as a running server finds them."""
    metadata = await _metadata(context)
    settings, dialect = context.settings, context.dialect
    routes = settings.upstream.routes
    own = list(_own_rows(settings))
    keys, tokens = settings.tokens.jwks, "hooks run on new tokens"
    rows = [_row(path, tokens, routes.token, dialect.token.paths) for path in metadata.token_paths]
    rows.append(_row(metadata.jwks_path, f"keys are published, {keys}", routes.jwks, (dialect.documents.jwks,)))
    if settings.tokens.issuer == "rewrite" or metadata.jwks_is_elsewhere:
        what = "addresses are rewritten"
        rows += [_row(path, what, routes.discovery, context.discovery_paths()) for path in metadata.discovery_paths]
    endpoints = _endpoint_rows(context, metadata) if reissues(context) else ()
    return [*rows, *endpoints, *_user_rows(context), *own]


def _user_rows(context: CheckContext) -> Iterator[TableRow]:
    for route in context.dialect.sign_up.values():
        yield TableRow(path=route.path, what="hooks run at sign-up", source="dialect")
    for change in context.dialect.password_change.values():
        yield TableRow(path=change.path, what="hooks are told of new passwords", source="dialect")
    for path in context.dialect.unhooked:
        yield TableRow(path=path, what="users are created or passwords change that no hook sees", source="dialect")


def _own_rows(settings: Settings) -> Iterator[TableRow]:
    """What hookpoint answers itself."""
    sms = settings.sms
    what = {each.route_path: f"messages are asked for, {each.format}" for each in sms.gateway}
    what |= {each.route_path: f"delivery reports of {each.provider} are taken" for each in sms.receipts}
    if sms.verified is not None:
        what[sms.verified.path] = "codes that were typed in are reported"
    for path, happens in what.items():
        yield TableRow(path=path, what=happens, source="configuration")


def _endpoint_rows(context: CheckContext, metadata: ServerMetadata) -> Iterator[TableRow]:
    settings, dialect = context.settings, context.dialect
    known = _RETURNING if settings.tokens.keep_originals else {}
    blocked = _BLOCKED if settings.tokens.front_channel == "block" else {}
    for name, what in {**known, **blocked}.items():
        for path in metadata.endpoints.get(name, ()):
            yield _row(path, what, getattr(settings.upstream.routes, name), getattr(dialect.endpoints, name))
    for path in dialect.token.other_paths:
        yield TableRow(path=path, what="tokens are issued that no hook sees", source="dialect")


def _row(path: str, what: str, configured: tuple[str, ...], dialect: tuple[str, ...]) -> TableRow:
    source = "configuration" if path in configured else "dialect" if path in dialect else "discovery"
    return TableRow(path=path, what=what, source=source)


async def _metadata(context: CheckContext) -> ServerMetadata:
    async with AsyncExitStack() as stack:
        app: ASGIApp = _no_server
        with suppress(ConfigurationError):  # why is for the checks to say, here and below
            if context.online:
                app = upstream = create_upstream(context.settings, Metrics(new_registry()))
                stack.push_async_callback(upstream.aclose)
        documents = server_documents(app, context.settings, context.dialect)
        try:
            return await documents.metadata()
        except DiscoveryFailed:
            return documents.assumed()


async def _no_server(scope: Scope, receive: Receive, send: Send) -> None:
    raise ConnectionError("there is no server to ask")
