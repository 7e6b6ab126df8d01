"""Checks of what re-issuing tokens means for a server: where they do not work, and how tokens leave past the hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hookpoint.proxy.cli.checks.context import Unreachable
from hookpoint.proxy.cli.checks.finding import warning

if TYPE_CHECKING:
    from hookpoint.proxy.cli.checks.context import CheckContext, Discovery
    from hookpoint.proxy.cli.checks.finding import Finding


async def dpop_tokens_reach_resource_servers_only(context: CheckContext) -> list[Finding]:
    """Warn where tokens may be bound to a key: their proofs name the re-issued token, which the server does not know (RFC 9449 §4.2)."""
    found = await _discovery(context)
    if found is None or not reissues(context) or not found.texts("dpop_signing_alg_values_supported"):
        return []
    reason = "the upstream offers DPoP; a re-issued token with a DPoP proof is good at resource servers, but not at the upstream itself (user info)"
    remedy = "Have clients that use DPoP call user info without it, or turn DPoP off in the upstream."
    return [warning("dpop", reason, remedy=remedy)]


async def tokens_leave_through_hooks(context: CheckContext) -> list[Finding]:
    """Warn of ways to a token that pass no hook."""
    found = await _discovery(context)
    if found is None or not reissues(context):
        return []
    findings = []
    kinds = [kind for kind in found.texts("response_types_supported") if "token" in kind.split()]
    if kinds and context.settings.tokens.front_channel == "pass":
        reason = f"the upstream issues tokens in authorization responses ({', '.join(kinds)}), where no hook sees them"
        remedy = 'Write front_channel = "block".'
        findings.append(warning("front channel", reason, key="tokens.front_channel", value='"pass"', remedy=remedy))
    if "push" in found.texts("backchannel_token_delivery_modes_supported"):
        reason = "the upstream offers to push tokens to clients (CIBA), past hookpoint"
        remedy = "Register clients for the modes poll or ping."
        findings.append(warning("front channel", reason, remedy=remedy))
    return findings


def reissues(context: CheckContext) -> bool:
    """Whether the configuration has tokens signed again."""
    settings = context.settings
    return bool(settings.hooks) or settings.tokens.jwks == "exclusive" or settings.tokens.issuer == "rewrite"


async def _discovery(context: CheckContext) -> Discovery | None:
    try:
        return await context.discovery() if context.online else None
    except Unreachable:
        return None  # reported where reachability is looked at
