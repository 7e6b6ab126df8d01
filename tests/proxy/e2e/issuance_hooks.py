"""Hooks at `token-issuance` that do what the parameter `do` of a token request says, as JSON."""

from __future__ import annotations

ISSUANCE = """
import json
import time
from pathlib import Path

from hookpoint.hooks import Deny, TokenChanges, TokenIssuance, token_issuance

FAILING = Path(__file__).parent / "failing"


@token_issuance(early=True)
async def doorkeeper(event: TokenIssuance) -> None:
    if event.parameters.get("door") == "closed":
        raise Deny("access_denied", "The door is closed.")


@token_issuance
async def hook(event: TokenIssuance) -> TokenChanges | None:
    if FAILING.exists():
        raise RuntimeError("out of order")
    wish = json.loads(event.parameters.get("do", "null"))
    if wish == "deny":
        raise Deny("access_denied", "Not like this.")
    if wish == "nothing":
        return None
    seen = {
        "grant": event.grant_type,
        "refresh": event.is_refresh,
        "user": [event.user.id, event.user.email, event.user.email_verified],
        "before": sorted(event.granted_before),
    }
    changes = {"claims": {"https://example.com/seen": seen}} | (wish or {})
    return TokenChanges(**changes)
"""
SEEN = "https://example.com/seen"
