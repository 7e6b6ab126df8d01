"""The hooks of `hookpoint demo`: three things that people ask of a token before it leaves the house.

Each is an ordinary function. It is given a frozen event, and returns what it wants changed, or nothing, or raises `Deny`.
"""

from __future__ import annotations

from hookpoint.hooks import CredentialsExchange, Deny, TokenChanges, credentials_exchange

# Custom claims carry a name of their own kind, so that no standard will ever mean something else by it (RFC 7519 4.2).
PLAN = "https://example.com/plan"


@credentials_exchange(order=-10)  # before the others: what is refused needs no further work
def refuse_suspended(event: CredentialsExchange) -> None:
    """Refuse a client that the configuration calls suspended; the text goes to the client, and into the log."""
    if event.client.metadata.get("suspended") == "yes":
        raise Deny("access_denied", "This client is suspended.")


@credentials_exchange
def add_plan(event: CredentialsExchange) -> TokenChanges | None:
    """Write the client's plan, which the configuration knows and the OAuth server does not, into the token."""
    plan = event.client.metadata.get("plan")
    return TokenChanges(claims={PLAN: plan}) if plan else None


@credentials_exchange
async def drop_debug(event: CredentialsExchange) -> TokenChanges:
    """Take the scope `debug` away, whoever was granted it: removing is always allowed, adding needs the operator's word."""
    return TokenChanges(scope=event.scope - {"debug"})
