"""What `hookpoint check` looks at, one small function each; more are added to `CHECKS`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from hookpoint.proxy.cli.checks.context import CheckContext
from hookpoint.proxy.cli.checks.finding import Finding, Level
from hookpoint.proxy.cli.checks.hooks import hooks_load
from hookpoint.proxy.cli.checks.keys import keys_are_usable, own_keys_are_usable
from hookpoint.proxy.cli.checks.metadata import (
    endpoints_are_public,
    id_tokens_can_be_signed,
    issuer_is_identical,
    logout_tokens_can_be_verified,
    metadata_found,
    rewriting_breaks_nothing,
)
from hookpoint.proxy.cli.checks.returning import dpop_tokens_reach_resource_servers_only, tokens_leave_through_hooks
from hookpoint.proxy.cli.checks.routes import TableRow, route_table
from hookpoint.proxy.cli.checks.services import services_answer
from hookpoint.proxy.cli.checks.sms import phone_messages_can_be_sent
from hookpoint.proxy.cli.checks.upstream import (
    direct_calls_are_refused,
    upstream_is_another_server,
    upstream_is_trusted,
    upstream_reachable,
)
from hookpoint.proxy.cli.checks.users import metadata_can_be_kept, user_routes_are_covered

Check: TypeAlias = Callable[[CheckContext], Awaitable[list[Finding]]]

CHECKS: tuple[Check, ...] = (
    hooks_load,
    services_answer,
    phone_messages_can_be_sent,
    own_keys_are_usable,
    upstream_is_another_server,
    upstream_is_trusted,
    upstream_reachable,
    metadata_found,
    issuer_is_identical,
    endpoints_are_public,
    rewriting_breaks_nothing,
    keys_are_usable,
    logout_tokens_can_be_verified,
    id_tokens_can_be_signed,
    dpop_tokens_reach_resource_servers_only,
    tokens_leave_through_hooks,
    user_routes_are_covered,
    metadata_can_be_kept,
    direct_calls_are_refused,
)

__all__ = ["CHECKS", "Check", "CheckContext", "Finding", "Level", "TableRow", "route_table", "run_checks"]


async def run_checks(context: CheckContext) -> list[Finding]:
    """Return what all checks found, in their order."""
    return [finding for check in CHECKS for finding in await check(context)]
