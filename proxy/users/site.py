"""Lays out what happens where users sign up and where passwords change."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from starlette.types import ASGIApp, Scope

from hookpoint.hooks import Chain, Request, post_change_password, post_user_registration, pre_user_registration
from hookpoint.proxy.config import Settings
from hookpoint.proxy.dialects import Dialect, PasswordChangeRoute, SignUpRoute
from hookpoint.proxy.flows.flow import Flow
from hookpoint.proxy.flows.form_endpoint import FormLimits
from hookpoint.proxy.flows.intercepted import Directory
from hookpoint.proxy.routes import Route
from hookpoint.proxy.upstream import Upstream
from hookpoint.proxy.users.admin import open_admin
from hookpoint.proxy.users.calls import Admin, ServerCalls
from hookpoint.proxy.users.deliveries import Outbox
from hookpoint.proxy.users.denials import Denials
from hookpoint.proxy.users.endpoint import UserEndpoint
from hookpoint.proxy.users.layout import Layout
from hookpoint.proxy.users.password_change import PasswordChange
from hookpoint.proxy.users.sign_up import SignUp

SIGN_UP: Final = "sign_up"
PASSWORD_CHANGE: Final = "password_change"  # noqa: S105 - the kind of a route
_TOKEN_PATH: Final = "/oauth/token"  # noqa: S105 - a path


def new_event_id() -> str:
    """A fresh id of an event."""
    return uuid.uuid4().hex


def utc_now() -> datetime:
    """The time, with its zone."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserParts:
    """What the flows of these routes need; `outbox` is None where no hook is told afterwards."""

    app: ASGIApp
    settings: Settings
    chain: Chain
    directory: Directory
    describe: Callable[[Scope], Request]
    outbox: Outbox | None = None
    admin: Admin | None = None
    new_id: Callable[[], str] = new_event_id
    now: Callable[[], datetime] = utc_now


def user_routes(dialect: Dialect, chain: Chain, *, announces: bool) -> list[Route]:
    """The routes of a dialect at which some hook runs; `announces` is whether there is an outbox for those that run afterwards."""
    sign_up = chain.has_hooks(pre_user_registration) or (announces and chain.has_hooks(post_user_registration))
    kinds: list[tuple[str, Mapping[str, SignUpRoute] | Mapping[str, PasswordChangeRoute]]] = []
    if sign_up:
        kinds.append((SIGN_UP, dialect.sign_up))
    if announces and chain.has_hooks(post_change_password):
        kinds.append((PASSWORD_CHANGE, dialect.password_change))
    return [Route(kind=kind, name=name, path=route.path) for kind, routes in kinds for name, route in routes.items()]


def user_flows(parts: UserParts, dialect: Dialect, routes: Collection[Route]) -> dict[str, Flow]:
    """The flows of these routes."""
    limits = parts.settings.limits
    calls = server_calls(parts)
    flows: dict[str, Flow] = {}
    for route in routes:
        described = (dialect.sign_up if route.kind == SIGN_UP else dialect.password_change)[route.name]
        layout = Layout(described)
        respond = _respond(parts, route.name, layout, calls)
        flows[route.flow] = UserEndpoint(
            parts.app,
            layout,
            Denials(dialect.denial_of(described)),
            respond,
            describe=parts.describe,
            limits=FormLimits(body_bytes=limits.intercepted_body_bytes, body_timeout=limits.body_timeout),
            undone="nobody was signed up" if route.kind == SIGN_UP else "no password was changed",
        )
    return flows


def configured_admin(app: ASGIApp, settings: Settings, *, token_paths: Sequence[str]) -> Admin | None:
    """The administrator of the configuration; `token_paths` are the server's."""
    return open_admin(
        settings.upstream.admin,
        app,
        # A call now and then; nothing is left open that would have to be closed.
        elsewhere=lambda url: Upstream(url, reuse="never"),
        token_path=next(iter(token_paths), _TOKEN_PATH),
        timeout=settings.limits.upstream_header_timeout,
    )


def server_calls(parts: UserParts) -> ServerCalls:
    """What makes hookpoint's own calls about users."""
    return ServerCalls(parts.app, admin=parts.admin, timeout=parts.settings.limits.upstream_header_timeout)


def _respond(parts: UserParts, name: str, layout: Layout, calls: ServerCalls) -> SignUp | PasswordChange:
    timeout = parts.settings.limits.token_timeout
    if isinstance(layout.route, SignUpRoute):
        return SignUp(
            parts.app,
            name,
            layout,
            chain=parts.chain,
            outbox=parts.outbox,
            calls=calls,
            directory=parts.directory,
            timeout=timeout,
            new_id=parts.new_id,
        )
    assert parts.outbox is not None
    return PasswordChange(
        parts.app,
        name,
        layout,
        outbox=parts.outbox,
        calls=calls,
        timeout=timeout,
        new_id=parts.new_id,
        now=parts.now,
    )
