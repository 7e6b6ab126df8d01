"""Hooks that do what the parameter `do` of a token request says, as JSON."""

from __future__ import annotations

ON_DEMAND = """
import asyncio
import json
import time

from hookpoint.hooks import CredentialsExchange, Deny, TokenChanges, credentials_exchange


class Everything:
    def __init__(self, changes):
        self.__dict__.update(claims={}, remove_claims=(), scope=None, expires_in=None)
        self.__dict__.update(changes)


def do(wish):
    match wish:
        case {"raise": text}:
            raise RuntimeError(text)
        case {"deny": code}:
            raise Deny(code, "asked to")
        case {"python": expression}:
            return eval(expression)
        case _:
            return TokenChanges(**wish)


@credentials_exchange(order=1)
async def first(event: CredentialsExchange) -> TokenChanges | None:
    wish = json.loads(event.parameters.get("do", "null"))
    if isinstance(wish, dict) and "sleep" in wish:
        await asyncio.sleep(wish["sleep"])
    elif wish is not None:
        return do(wish)


@credentials_exchange(order=2, on_error="skip")
def enrichment(event: CredentialsExchange) -> TokenChanges | None:
    wish = json.loads(event.parameters.get("enrich", "null"))
    if isinstance(wish, dict) and "sleep" in wish:
        time.sleep(wish["sleep"])
    elif wish is not None:
        return do(wish)


@credentials_exchange(order=3)
async def seen(event: CredentialsExchange) -> TokenChanges:
    return TokenChanges(claims={"https://example.com/seen": " ".join(sorted(event.scope))})
"""
SEEN = "https://example.com/seen"
