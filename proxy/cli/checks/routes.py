"""The table of paths that hookpoint looks at; everything else is forwarded byte for byte."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hookpoint.proxy.cli.checks.context import Unreachable

if TYPE_CHECKING:
    from hookpoint.proxy.cli.checks.context import CheckContext


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One path, what happens there, and who says so: `configuration`, `discovery` or `dialect`."""

    path: str
    what: str
    source: str


async def route_table(context: CheckContext) -> list[TableRow]:
    """Return the paths that are not merely forwarded."""
    try:
        discovery = await context.discovery() if context.online else None
    except Unreachable:
        discovery = None
    routes = context.settings.upstream.routes
    documents = context.dialect.documents
    rows = [TableRow(path=path, what="tokens: hooks run", source="configuration") for path in routes.token]
    if discovery and (endpoint := discovery.text("token_endpoint")):
        rows.append(TableRow(path=urlsplit(endpoint).path, what="tokens: hooks run", source="discovery"))
    rows += [TableRow(path=path, what="tokens: hooks run", source="dialect") for path in context.dialect.token.paths]
    what = f"keys: {context.settings.tokens.jwks}"
    if routes.jwks:
        rows += [TableRow(path=path, what=what, source="configuration") for path in routes.jwks]
    elif discovery and (jwks_uri := discovery.text("jwks_uri")):
        rows.append(TableRow(path=urlsplit(jwks_uri).path, what=what, source="discovery"))
    else:
        rows.append(TableRow(path=documents.jwks, what=what, source="dialect"))
    source = "configuration" if routes.discovery else "dialect"
    what = f"discovery: issuer = {context.settings.tokens.issuer}"
    rows += [TableRow(path=path, what=what, source=source) for path in context.discovery_paths()]
    return list({row.path: row for row in reversed(rows)}.values())[::-1]
