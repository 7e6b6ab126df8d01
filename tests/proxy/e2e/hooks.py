"""The hooks that run in front of every server in these tests."""

from __future__ import annotations

PLAN = "https://example.com/plan"
HOOKS = """
from hookpoint.hooks import CredentialsExchange, Deny, TokenChanges, credentials_exchange


@credentials_exchange
async def plan(event: CredentialsExchange) -> TokenChanges:
    return TokenChanges(claims={"https://example.com/plan": event.client.metadata.get("plan", "none")})


@credentials_exchange
def no_write(event: CredentialsExchange) -> TokenChanges | None:
    kept = {each for each in event.scope if not each.endswith(":write")}
    return TokenChanges(scope=kept) if kept != event.scope else None


@credentials_exchange
async def tenants(event: CredentialsExchange) -> None:
    if event.parameters.get("tenant") == "blocked":
        raise Deny("access_denied", "This tenant is blocked.")
"""
