"""Checks of sign-up and passwords: is every route covered, and can what hooks add be kept?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from hookpoint.hooks import HookDefinitionError
from hookpoint.proxy.cli.checks.context import Unreachable
from hookpoint.proxy.cli.checks.finding import fine, warning
from hookpoint.proxy.configured_hooks import configured_hooks
from hookpoint.proxy.path_aliases import TEMPLATE_SEGMENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hookpoint.proxy.cli.checks.context import CheckContext
    from hookpoint.proxy.cli.checks.finding import Finding
    from hookpoint.proxy.dialects import SignUpRoute

USER_POINTS: Final = frozenset({"pre-user-registration", "post-user-registration", "post-change-password"})
_KINDS: Final = ("user_metadata", "app_metadata")
_WRITING: Final = frozenset({"post", "put", "patch"})
# What paths of these routes are called, and those that only send a mail or look at something.
_CONCERNED: Final = re.compile(
    r"sign-?up|register|registration|password|/users?(?:/\{[^}]*\})?$|oauth2?/token$|/login$"
)
_ONLY_ASKED: Final = re.compile(r"forgot|request|recover|verif|send|check|policy|strength")


async def user_routes_are_covered(context: CheckContext) -> list[Finding]:
    """Warn of routes that the dialect leaves out, by its own word or by that of the upstream's OpenAPI document."""
    if not points_with_hooks(context) & USER_POINTS:
        return []
    findings = [
        warning("users", f"at {path} users are created or passwords change past the hooks", remedy=_CLOSE)
        for path in context.dialect.unhooked
    ]
    described = await _described(context)
    if described is None:
        return findings
    path, document = described
    missing = sorted(_uncovered(context, document))
    findings += [
        warning("users", f"{path} names {each}, which the dialect does not describe", remedy=_DESCRIBE)
        for each in missing
    ]
    return findings if missing else [*findings, fine("users", f"the dialect describes what {path} names")]


async def metadata_can_be_kept(context: CheckContext) -> list[Finding]:
    """Warn where a sign-up is refused when a hook adds metadata, because the server takes none there."""
    if "pre-user-registration" not in points_with_hooks(context):
        return []
    return [
        warning("users", f"a hook cannot add {kind} at {route.path}: {why}", remedy=remedy, key=key)
        for name, route in context.dialect.sign_up.items()
        for kind in _KINDS
        if (found := _obstacle(context, name, route, kind))
        for why, key, remedy in [found]
    ]


def points_with_hooks(context: CheckContext) -> frozenset[str]:
    """The points at which hooks are configured; what does not load is reported where hooks are loaded."""
    try:
        hooks = configured_hooks(context.settings.hooks, context.settings)
    except HookDefinitionError:
        return frozenset()
    return frozenset(hook.point.name for hook in hooks)


_CLOSE: Final = "Turn it off in the upstream, or describe it in a dialect of your own."
_DESCRIBE: Final = (
    "Describe it in a dialect file that extends this one, if it creates users, changes passwords or issues tokens."
)


async def _described(context: CheckContext) -> tuple[str, Mapping[str, object]] | None:
    for path in context.dialect.documents.openapi if context.online else ():
        try:
            answer = await context.get(path)
        except Unreachable:
            return None  # reported where reachability is looked at
        paths = (answer.members() or {}).get("paths") if answer.status == 200 else None
        if isinstance(paths, dict):
            return path, paths
    return None


def _uncovered(context: CheckContext, paths: Mapping[str, object]) -> Iterator[str]:
    dialect = context.dialect
    known = {route.path for route in (*dialect.sign_up.values(), *dialect.password_change.values())}
    known |= {
        *dialect.unhooked,
        *dialect.token.paths,
        *dialect.token.other_paths,
        *context.settings.upstream.routes.token,
    }
    covered = {_form(path) for path in known}
    for path, operations in paths.items():
        writes = isinstance(operations, dict) and bool(_WRITING & operations.keys())
        if writes and _form(path) not in covered and _CONCERNED.search(path) and not _ONLY_ASKED.search(path):
            yield path


def _form(path: str) -> str:
    return TEMPLATE_SEGMENT.sub("{}", re.sub(r"\{[^}/]*\}", "{any}", path))


def _obstacle(context: CheckContext, name: str, route: SignUpRoute, kind: str) -> tuple[str, str, str] | None:
    """Why metadata of a kind cannot be kept, the key to set and what to do; None when it can."""
    if getattr(route.request, kind):
        return None
    if route.metadata is None or kind not in route.metadata.names:
        key = f"sign_up.{name}.request.{kind}"
        return (
            "the dialect says no place for it, so that such a sign-up is refused",
            key,
            "Say where, if the server takes it.",
        )
    if route.metadata.credentials == "admin" and context.settings.upstream.admin is None:
        why = "an administrator has to write it, so that such a sign-up is refused"
        return why, "upstream.admin", "Set upstream.admin, if hooks do that."
    return None
