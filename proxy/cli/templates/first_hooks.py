"""Hooks: functions that look at a token before the client gets it, and may change or refuse it.

Try one without a server:   hookpoint hooks test credentials-exchange
See which ones are loaded:  hookpoint hooks list
"""

from __future__ import annotations

from hookpoint.hooks import CredentialsExchange, Deny, TokenChanges, credentials_exchange


@credentials_exchange
async def add_plan(event: CredentialsExchange) -> TokenChanges | None:
    """Put the client's plan into its token, as [clients.ID] in hookpoint.toml names it."""
    plan = event.client.metadata.get("plan")
    if plan is None:
        return None  # nothing to change
    # Claims of your own are named by a URL you control, so that they never meet a registered one.
    return TokenChanges(claims={"https://example.com/plan": plan})


@credentials_exchange
async def refuse_suspended_clients(event: CredentialsExchange) -> None:
    """Give no token to a client that is suspended."""
    if event.client.metadata.get("suspended") == "yes":
        raise Deny("access_denied", "This client is suspended.")


@credentials_exchange
async def drop_debug_scope(event: CredentialsExchange) -> TokenChanges | None:
    """Take a scope away; adding one needs tokens.grantable_scopes."""
    if "debug" not in event.scope:
        return None
    return TokenChanges(scope=event.scope - {"debug"})
