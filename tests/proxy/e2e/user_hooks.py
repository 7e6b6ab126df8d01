"""Hooks of sign-ups, passwords and text messages, for tests that look at what they have noted."""

from __future__ import annotations

import json
from pathlib import Path

from hookpoint.hooks import (
    Deny,
    MessageChanges,
    PostChangePassword,
    PostUserRegistration,
    PreUserRegistration,
    SendPhoneMessage,
    TokenChanges,
    TokenIssuance,
    User,
    UserChanges,
    post_change_password,
    post_user_registration,
    pre_user_registration,
    send_phone_message,
    token_issuance,
)

FACTOR = "https://example.com/second-factor-of"
REFUSED_NUMBER = "+491711234560"


@pre_user_registration(order=-10)
def refuse_domain(event: PreUserRegistration) -> None:
    if event.user.email.endswith("@refused.example"):
        raise Deny("access_denied", "The domain is on the list.", "Sign up with another address, please.")


@pre_user_registration(needs_password=True)
def refuse_own_name(event: PreUserRegistration) -> None:
    if event.user.email.partition("@")[0].lower() in (event.password or "").lower():
        raise Deny("access_denied", "The password has the user's name in it.", "Choose a password without your name.")


@pre_user_registration
async def add_metadata(event: PreUserRegistration) -> UserChanges:
    return UserChanges(user_metadata={"plan": "trial"}, app_metadata={"tier": "free"})


@post_user_registration
def note_sign_up(event: PostUserRegistration) -> None:
    note(event.secrets["JOURNAL"], "signed up", event.id, event.user)


@post_change_password
def note_password(event: PostChangePassword) -> None:
    note(event.secrets["JOURNAL"], "password", event.id, event.user)


@send_phone_message
def sign_text(event: SendPhoneMessage) -> MessageChanges:
    if event.recipient == REFUSED_NUMBER:
        raise Deny("access_denied", "The number is on the list.", "No codes are sent to this number.")
    client = event.client.name if event.client else ""
    return MessageChanges(text=f"{event.code} is your code for {client}.")


@token_issuance
def add_factor(event: TokenIssuance) -> TokenChanges | None:
    return TokenChanges(claims={FACTOR: event.user.id}) if event.grant_type.endswith("/mfa-oob") else None


def note(journal: str, what: str, event_id: str, user: User) -> None:
    line = {"what": what, "event": event_id, "id": user.id, "email": user.email}
    with Path(journal).open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(line) + "\n")
