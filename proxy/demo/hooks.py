"""The hooks of `hookpoint demo`: what people ask of tokens, sign-ups and text messages before they leave the house.

Each is an ordinary function. It is given a frozen event, and returns what it wants changed, or nothing, or raises `Deny`.
"""

from __future__ import annotations

from pathlib import Path

from hookpoint.hooks import (
    CredentialsExchange,
    Deny,
    MessageChanges,
    PostChangePassword,
    PostUserRegistration,
    PreUserRegistration,
    SendPhoneMessage,
    TokenChanges,
    UserChanges,
    credentials_exchange,
    post_change_password,
    post_user_registration,
    pre_user_registration,
    send_phone_message,
)

# Custom claims carry a name of their own kind, so that no standard will ever mean something else by it (RFC 7519 4.2).
PLAN = "https://example.com/plan"
THROWAWAY = ("@mailinator.com", "@throwaway.example")


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


@pre_user_registration(order=-10)
def refuse_throwaway(event: PreUserRegistration) -> None:
    """Refuse addresses that nobody reads for long: one text for the log, and one for the person."""
    if event.user.email.casefold().endswith(THROWAWAY):
        raise Deny("access_denied", "A throw-away address.", "Please use an address that you keep.")


@pre_user_registration
def start_trial(event: PreUserRegistration) -> UserChanges:
    """Let everybody begin with a trial; it is written into the sign-up before the OAuth server sees it."""
    return UserChanges(user_metadata={"plan": "trial"})


@post_user_registration
def welcome(event: PostUserRegistration) -> None:
    """Act once the user exists. The sign-up does not wait for it; it is tried again when it fails."""
    _note(event.secrets["JOURNAL"], f"{event.user.email} has signed up")


@post_change_password
def warn(event: PostChangePassword) -> None:
    """Act once a password has really changed, whoever changed it, and not when somebody only asks for a mail."""
    _note(event.secrets["JOURNAL"], f"{event.user.email} has another password")


@send_phone_message
def sign_text(event: SendPhoneMessage) -> MessageChanges:
    """Say in the message who it is from."""
    return MessageChanges(text=f"{event.code} is your code for the Example Shop.")


def _note(journal: str, line: str) -> None:
    """Stands for whatever is to happen: a mail, an entry in another system."""
    with Path(journal).open("a", encoding="utf-8") as lines:
        lines.write(f"{line}\n")
