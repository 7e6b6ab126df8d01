"""What both type checkers must accept. Nobody runs this file."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.types import ASGIApp

from hookpoint.hooks import (
    Client,
    CredentialsExchange,
    Delivered,
    Deny,
    JsonValue,
    MessageChanges,
    PostChangePassword,
    PostUserRegistration,
    PreUserRegistration,
    SendPhoneMessage,
    TokenChanges,
    TokenIssuance,
    UserChanges,
    credentials_exchange,
    hooks_of_functions,
    post_change_password,
    post_user_registration,
    pre_user_registration,
    send_phone_message,
    token_issuance,
)
from hookpoint.hooks.testing import sample_event, try_hook, try_hooks
from hookpoint.providers import Message, Receipt, SmsProvider
from hookpoint.proxy import HookpointMiddleware, Upstream


@credentials_exchange
async def changes_claims(event: CredentialsExchange) -> TokenChanges:
    if event.client.metadata.get("suspended") == "yes":
        raise Deny("access_denied", "This client is suspended.", user_message="Ask the administrator.")
    claims: dict[str, JsonValue] = {"https://example.com/plan": "gold", "roles": ["admin", {"level": 1}]}
    return TokenChanges(claims=claims, scope=event.scope - {"debug"}, remove_claims=["ext"], expires_in=60)


@credentials_exchange
def changes_perhaps(event: CredentialsExchange) -> TokenChanges | None:
    return TokenChanges(scope=["a"]) if "a" in event.scope else None


@credentials_exchange
async def changes_nothing(event: CredentialsExchange) -> None:
    await asyncio.sleep(0)


@credentials_exchange(
    order=10,
    timeout=1.5,
    on_error="skip",
    when={"client_id": ["m2m-*"], "audience": ["https://api.example.com"], "scope": ("reports:*",)},
    name="with-options",
)
async def has_options(event: CredentialsExchange) -> TokenChanges:
    return TokenChanges(claims={"level": 1, "nothing": None, "list": (1, 2.5, True)})


@credentials_exchange(early=True)
def runs_early(event: CredentialsExchange) -> None:
    if event.request.geo.get("country") == "XX":
        raise Deny("access_denied", "Not from there.")


@token_issuance
async def issues(event: TokenIssuance) -> TokenChanges:
    return TokenChanges(id_token_claims={"email": event.user.email, "grant": event.grant_type})


@token_issuance(early=True, order=1)
def issues_early(event: TokenIssuance) -> None: ...


@token_issuance
@credentials_exchange
def stands_at_both(event: CredentialsExchange) -> TokenChanges | None:
    return None


@pre_user_registration
def signs_up(event: PreUserRegistration) -> UserChanges:
    return UserChanges(user_metadata={"source": event.connection.name}, app_metadata={"roles": []})


@pre_user_registration(needs_password=True, when={"connection": ["db"]})
async def judges_passwords(event: PreUserRegistration) -> None:
    if event.password is not None and len(event.password) < 12:
        raise Deny("invalid_password", "Too short.")


@post_user_registration
def welcomes(event: PostUserRegistration) -> None:
    print(event.id, event.user.email)


@post_user_registration(timeout=2)
async def welcomes_later(event: PostUserRegistration) -> None:
    await asyncio.sleep(0)


@post_change_password
async def tells_of_change(event: PostChangePassword) -> None:
    print(event.changed_at.isoformat(), event.secrets["KEY"])


@send_phone_message
async def sends(event: SendPhoneMessage) -> Delivered:
    return Delivered(message_id=event.recipient)


@send_phone_message(on_error="deny")
def rewords(event: SendPhoneMessage) -> MessageChanges | Delivered | None:
    if event.kind == "voice":
        return None
    return MessageChanges(text=event.text, sender="Acme", provider="main")


class Acme(SmsProvider):
    name = "acme"

    async def send(self, message: Message) -> Receipt:
        raise NotImplementedError


def tries() -> None:
    trial = try_hook(changes_claims, client=Client(id="partner"), grantable_scopes={"a"})
    claims: Mapping[str, JsonValue] = trial.claims
    scope: frozenset[str] = trial.scope
    assert claims
    assert scope
    assert trial.denial is None or trial.denial.code


async def tries_together() -> None:
    hooks = hooks_of_functions([changes_claims, has_options])
    event: CredentialsExchange = sample_event(credentials_exchange, scope=frozenset({"a"}))
    trial = await try_hooks(hooks, event, grantable_scopes={"m2m-*": ["a"]}, timeout=1.0)
    assert [run.outcome for run in trial.runs] == ["changed"]


def mounts() -> ASGIApp:
    inside = Starlette()
    inside.add_middleware(HookpointMiddleware, config="hookpoint.toml")
    inside.mount("/oauth", HookpointMiddleware(Starlette(), hooks=[changes_claims, signs_up], dialect="auth0"))
    return HookpointMiddleware(
        Upstream("http://127.0.0.1:3000", secret_header=("X-Upstream-Secret", "s"), reuse="never")
    )
