# mypy: ignore-errors
"""What both type checkers must refuse, line by line, where it says `refused`. Nobody runs this file."""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette

from hookpoint.hooks import (
    CredentialsExchange,
    Delivered,
    Deny,
    MessageChanges,
    PostUserRegistration,
    PreUserRegistration,
    SendPhoneMessage,
    TokenChanges,
    TokenIssuance,
    UserChanges,
    credentials_exchange,
    post_user_registration,
    pre_user_registration,
    send_phone_message,
    token_issuance,
)
from hookpoint.providers import Message, Receipt
from hookpoint.proxy import HookpointMiddleware, Upstream


def of_token(event: CredentialsExchange) -> TokenChanges:
    return TokenChanges()


async def of_token_later(event: CredentialsExchange) -> TokenChanges:
    return TokenChanges()


def of_issuance(event: TokenIssuance) -> TokenChanges:
    return TokenChanges()


def of_sign_up(event: PreUserRegistration) -> UserChanges:
    return UserChanges()


async def of_sign_up_later(event: PreUserRegistration) -> UserChanges:
    return UserChanges()


async def of_message(event: SendPhoneMessage) -> MessageChanges:
    return MessageChanges()


def gives_text(event: CredentialsExchange) -> str:
    return "gold"


def gives_mapping(event: CredentialsExchange) -> dict[str, Any]:
    return {"claims": {}}


async def gives_denial(event: CredentialsExchange) -> Deny:
    return Deny("access_denied", "no")


async def gives_metadata(event: CredentialsExchange) -> UserChanges:
    return UserChanges()


async def gives_receipt(event: CredentialsExchange) -> Receipt:
    raise NotImplementedError


async def gives_delivery(event: PostUserRegistration) -> Delivered:
    return Delivered()


async def takes_message(message: Message) -> Receipt:
    raise NotImplementedError


def takes_nothing() -> None: ...


def takes_two(event: CredentialsExchange, other: str) -> None: ...


# Another event
credentials_exchange(of_sign_up)  # refused
credentials_exchange(of_sign_up_later)  # refused
credentials_exchange(of_issuance)  # refused
credentials_exchange(takes_message)  # refused
credentials_exchange(takes_nothing)  # refused
credentials_exchange(takes_two)  # refused
pre_user_registration(of_token)  # refused
pre_user_registration(of_token_later)  # refused
send_phone_message(of_token_later)  # refused
credentials_exchange()(of_sign_up)  # refused
credentials_exchange(order=1)(of_sign_up_later)  # refused
token_issuance(early=True)(of_sign_up)  # refused

# Another result
credentials_exchange(gives_text)  # refused
credentials_exchange(gives_mapping)  # refused
credentials_exchange(gives_denial)  # refused
credentials_exchange(gives_metadata)  # refused
credentials_exchange(gives_receipt)  # refused
post_user_registration(gives_delivery)  # refused
credentials_exchange(timeout=1)(gives_text)  # refused
credentials_exchange(timeout=1)(gives_metadata)  # refused

# Another option
credentials_exchange(oder=1)  # refused
credentials_exchange(order="first")  # refused
credentials_exchange(timeout="3s")  # refused
credentials_exchange(on_error="ignore")  # refused
credentials_exchange(name=5)  # refused
credentials_exchange(needs_password=True)  # refused
pre_user_registration(needs_password="yes")  # refused
pre_user_registration(early=True)  # refused
send_phone_message(early=True)  # refused
credentials_exchange(when={"client": ["a"]})  # refused
credentials_exchange(when={"client_id": [5]})  # refused
credentials_exchange(when=["m2m-*"])  # refused

# Another member
TokenChanges({"plan": "gold"})  # refused
TokenChanges(claim={"plan": "gold"})  # refused
TokenChanges(claims={"when": object()})  # refused
TokenChanges(claims=["plan"])  # refused
TokenChanges(expires_in="60")  # refused
UserChanges(metadata={})  # refused
MessageChanges(text=5)  # refused
Delivered(message_id=None)  # refused
Deny("access_denied")  # refused
Deny(403, "no")  # refused


def writes(event: CredentialsExchange, users: PreUserRegistration) -> None:
    event.scope = frozenset()  # refused
    event.claims["plan"] = "gold"  # refused
    event.client.metadata.update(plan="gold")  # refused
    event.scope.add("admin")  # refused
    len(users.password)  # refused
    event.user  # noqa: B018  # refused


# Another part
HookpointMiddleware()  # refused
HookpointMiddleware(Starlette(), hooks=of_token)  # refused
HookpointMiddleware(Starlette(), configuration="hookpoint.toml")  # refused
Upstream(5)  # refused
Upstream("http://127.0.0.1", reuse="always")  # refused
Upstream("http://127.0.0.1", secret_header="s")  # refused
