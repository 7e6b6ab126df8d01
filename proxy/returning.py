"""Lays out what happens where re-issued tokens come back, and where tokens might leave past the hooks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final

import structlog
from starlette.types import ASGIApp, Scope

from hookpoint.proxy.config import Settings
from hookpoint.proxy.dialects import Dialect
from hookpoint.proxy.discovery import ServerMetadata
from hookpoint.proxy.flows.flow import Flow
from hookpoint.proxy.flows.form_endpoint import FormEndpoint, FormLimits, Upstream
from hookpoint.proxy.flows.front_channel import FrontChannel
from hookpoint.proxy.flows.introspection import Introspection
from hookpoint.proxy.flows.revocation import Revocation
from hookpoint.proxy.flows.userinfo import UserInfo
from hookpoint.proxy.routes import Route
from hookpoint.proxy.tokens.own_tokens import OwnTokens, handle_of, itself

FRONT_CHANNEL: Final = ("authorization", "pushed_authorization", "end_session")

log = structlog.get_logger(__name__)


def returning_flows(
    app: ASGIApp, settings: Settings, dialect: Dialect, tokens: OwnTokens | None, new_id: Callable[[Scope], str]
) -> dict[str, Flow]:
    """The flows by the names of their endpoints; without `tokens`, nothing is known of those that come back."""
    limits = FormLimits(body_bytes=settings.limits.intercepted_body_bytes, body_timeout=settings.limits.body_timeout)
    flows: dict[str, Flow] = {}
    if tokens is not None:
        upstream = Upstream(app, timeout=settings.limits.token_timeout)
        takes_json = "json" in dialect.token.bodies
        stands_in = handle_of if settings.tokens.opaque == "mint" else itself
        for name, respond in (
            ("introspection", Introspection(upstream, tokens, stands_in=stands_in)),
            ("revocation", Revocation(upstream, tokens, stands_in=stands_in)),
        ):
            flows[name] = FormEndpoint(app, respond, new_id=new_id, limits=limits, json_allowed=takes_json)
        flows["userinfo"] = UserInfo(upstream, tokens, new_id=new_id, limits=limits)
    blocks = settings.tokens.front_channel == "block"
    if blocks or tokens is not None:
        for name in FRONT_CHANNEL:
            asks = blocks and name != "end_session"
            flows[name] = FrontChannel(app, blocks_tokens=asks, tokens=tokens, new_id=new_id, limits=limits)
    return flows


def returning_routes(metadata: ServerMetadata, flows: Mapping[str, Flow], taken: Collection[str]) -> list[Route]:
    """The routes of these flows; a path that another route has, `taken`, stays that route's."""
    routes: dict[str, Route] = {}
    for name, paths in metadata.endpoints.items():
        for path in paths if name in flows else ():
            if path in taken or path in routes:
                log.warning("path_has_two_endpoints", path=path, endpoint=name)
            else:
                routes[path] = Route(kind=name, path=path)
    return list(routes.values())
