"""`hookpoint hooks serve` with hooks that do as the event says, and callers in every format."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

from hookpoint.proxy.config import Settings, validate

HOOKS = """
from hookpoint.hooks import *


@credentials_exchange
@token_issuance
async def tokens(event: CredentialsExchange) -> TokenChanges | None:
    match event.client.id:
        case "add":
            return TokenChanges(claims={"https://example.com/plan": {"tier": ["gold", 1]}})
        case "replace":
            return TokenChanges(claims={"plan": "gold"})
        case "remove":
            return TokenChanges(remove_claims={"plan"})
        case "shorten":
            return TokenChanges(expires_in=60)
        case "scope":
            return TokenChanges(scope=event.scope - {"debug"})
        case "id-token":
            return TokenChanges(id_token_claims={"https://example.com/plan": "gold"})
        case "deny":
            raise Deny("access_denied", "for the log", "for the user")
        case "scope-denied":
            raise Deny("invalid_scope", "not this one")
        case "crash":
            raise RuntimeError("broken")
    return None


@pre_user_registration
def sign_up(event: PreUserRegistration) -> UserChanges | None:
    match event.user.email.partition("@")[0]:
        case "user":
            return UserChanges(user_metadata={"plan": "gold"})
        case "app":
            return UserChanges(user_metadata={"plan": "gold"}, app_metadata={"checked": True})
        case "deny":
            raise Deny("access_denied", "for the log", "for the user")
        case "crash":
            raise RuntimeError("broken")
    return None


seen = []


@post_user_registration
async def created(event: PostUserRegistration) -> None:
    if event.user.email.startswith("crash"):
        raise RuntimeError("broken")
    seen.append(event.id)


@post_change_password
async def changed(event: PostChangePassword) -> None:
    seen.append(event.changed_at.isoformat())


@send_phone_message
async def send(event: SendPhoneMessage) -> MessageChanges | Delivered | None:
    seen.append(event.code)
    match event.recipient[-1]:
        case "1":
            return Delivered(message_id="m-1")
        case "2":
            raise Deny("access_denied", "for the log", "for the user")
        case "3":
            return MessageChanges(text="other")
        case "4":
            raise RuntimeError("broken")
    return None
"""
FORMATS = ("hookpoint", "auth0", "hydra", "okta", "supabase", "zitadel")
SECRETS = {name: f"{name}-secret-0123456789" for name in FORMATS} | {
    "hookpoint": "whsec_" + b64encode(b"h" * 32).decode(),
    "supabase": "v1,whsec_" + b64encode(b"s" * 32).decode(),
}


def endpoints() -> list[dict[str, Any]]:
    """An endpoint for each format."""
    return [{"format": name, "secrets": [secret]} for name, secret in SECRETS.items()]


def settings_of(folder: Path, **more: Any) -> Settings:
    """A configuration with the hooks in a folder."""
    path = folder / "hooks.py"
    path.write_text(HOOKS)
    values = {"hooks": [{"run": str(path)}], "hook_server": {"endpoints": endpoints()}}
    return validate(values | more, environ={})
