"""Events as Auth0's Actions get them, and what their api recorded, as results.

Source: auth0/docs-v2, main/docs/actions/reference. What only Auth0 knows (organizations, security context, statistics) is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from hookpoint.hooks.auth0.bodies import ACTIONS, MESSAGE_TYPES
from hookpoint.hooks.auth0.claims import is_settable
from hookpoint.hooks.events import (
    Client,
    Connection,
    CredentialsExchange,
    PostChangePassword,
    PostUserRegistration,
    PreUserRegistration,
    Request,
    SendPhoneMessage,
    User,
)
from hookpoint.hooks.json import JsonValue
from hookpoint.hooks.points import (
    AnyPoint,
    credentials_exchange,
    post_change_password,
    post_user_registration,
    pre_user_registration,
    send_phone_message,
)
from hookpoint.hooks.results import Deny, TokenChanges, UserChanges

Members = dict[str, Any]
Command = Sequence[Any]

FUNCTIONS: Final[Mapping[str, AnyPoint]] = {
    "onExecuteCredentialsExchange": credentials_exchange,
    "onExecutePreUserRegistration": pre_user_registration,
    "onExecutePostUserRegistration": post_user_registration,
    "onExecutePostChangePassword": post_change_password,
    "onExecuteSendPhoneMessage": send_phone_message,
    "onExecuteCustomPhoneProvider": send_phone_message,
}
"""The functions that an Action exports, and their points."""
_TOKEN_ERRORS: Final = ("invalid_scope", "invalid_request", "server_error")


def credentials_exchange_event(event: CredentialsExchange) -> Members:
    """The event of `onExecuteCredentialsExchange`."""
    scope = sorted(event.scope)
    return {
        "accessToken": {"customClaims": {}, "scope": scope},
        "client": _client(event.client),
        "request": {**_request(event.request), "body": event.parameters},
        "resource_server": {"identifier": event.audience},
        "tenant": _tenant(event.request),
        "transaction": {
            "requested_scopes": str(event.parameters.get("scope", "")).split(),
            "target_scopes": scope,
            "correlation_id": event.request.id,
        },
    }


def pre_user_registration_event(event: PreUserRegistration) -> Members:
    """The event of `onExecutePreUserRegistration`; never with a password."""
    user = event.user
    members: Members = {
        "username": user.username,
        "email": user.email,
        "phone_number": user.phone_number,
        "name": user.name,
        "user_metadata": user.user_metadata,
        "app_metadata": user.app_metadata,
    }
    return {**_around(event.connection, event.request, event.client), "user": _filled(members)}


def post_user_registration_event(event: PostUserRegistration) -> Members:
    """The event of `onExecutePostUserRegistration`."""
    return {**_around(event.connection, event.request, event.client), "user": _user(event.user)}


def post_change_password_event(event: PostChangePassword) -> Members:
    """The event of `onExecutePostChangePassword`."""
    user = {**_user(event.user), "last_password_reset": event.changed_at.isoformat()}
    return {**_around(event.connection, event.request, None), "user": user}


def send_phone_message_event(event: SendPhoneMessage) -> Members:
    """The event of `onExecuteSendPhoneMessage`."""
    members: Members = {
        "message_options": {
            "action": event.purpose if event.purpose in ACTIONS else "second-factor-authentication",
            "code": event.code,
            "message_type": MESSAGE_TYPES[event.kind],
            "recipient": event.recipient,
            "text": event.text,
        },
        "request": _request(event.request),
        "tenant": _tenant(event.request),
        "user": _user(event.user),
    }
    return {**members, "client": _client(event.client)} if event.client is not None else members


def custom_phone_provider_event(event: SendPhoneMessage) -> Members:
    """The event of `onExecuteCustomPhoneProvider`."""
    members: Members = {
        "notification": {
            "as_text": event.text,
            "as_voice": event.text,
            "code": event.code,
            "delivery_method": "voice" if event.kind == "voice" else "text",
            "locale": event.language,
            "message_type": "otp_enroll" if event.purpose == "enrollment" else "otp_verify",
            "recipient": event.recipient,
        },
        "request": _request(event.request),
        "tenant": _tenant(event.request),
        "user": _user(event.user),
    }
    return {**members, "client": _client(event.client)} if event.client is not None else members


EVENTS: Final[Mapping[str, Callable[[Any], Members]]] = {
    "onExecuteCredentialsExchange": credentials_exchange_event,
    "onExecutePreUserRegistration": pre_user_registration_event,
    "onExecutePostUserRegistration": post_user_registration_event,
    "onExecutePostChangePassword": post_change_password_event,
    "onExecuteSendPhoneMessage": send_phone_message_event,
    "onExecuteCustomPhoneProvider": custom_phone_provider_event,
}
"""How the event of each function is written."""


def applied_to_token(
    event: CredentialsExchange, commands: Sequence[Command], *, namespaced_only: bool
) -> TokenChanges | None:
    """What an Action did to a token, by its commands in order; raises Deny for the first that says no."""
    claims: dict[str, JsonValue] = {}
    scope = set(event.scope)
    for name, *values in commands:
        match name, values:
            case "deny", [code, *reason]:
                raise _token_denial(code, reason[0] if reason else None)
            case "claim", [str(claim), value]:
                if is_settable(claim, namespaced_only=namespaced_only):
                    claims[claim] = value
            case "add_scope", [str(added), *_]:
                scope.add(added)
            case "remove_scope", [str(removed), *_]:
                scope.discard(removed)
            case "set_scopes", [list(scopes), *_]:
                scope = {str(each) for each in scopes}
            case "clear_scopes", _:
                scope = set()
    changed = None if scope == event.scope else frozenset(scope)
    return TokenChanges(claims=claims, scope=changed) if claims or changed is not None else None


def applied_to_user(commands: Sequence[Command]) -> UserChanges | None:
    """What an Action did to a user who is about to be created; raises Deny when one of its commands says no."""
    user: dict[str, JsonValue] = {}
    app: dict[str, JsonValue] = {}
    for name, *values in commands:
        match name, values:
            case "deny", [reason, *message]:
                raise Deny("access_denied", str(reason), _text_or_none(message))
            case "invalid", [code, *message]:
                text = str(message[0]) if message else str(code)
                raise Deny("invalid_request", f"{code}: {text}", text)
            case "user_metadata", [str(key), value]:
                user[key] = value
            case "app_metadata", [str(key), value]:
                app[key] = value
    return UserChanges(user_metadata=user, app_metadata=app) if user or app else None


def _token_denial(code: object, reason: object) -> Deny:
    known = code if isinstance(code, str) and code in _TOKEN_ERRORS else "access_denied"
    return Deny(known, str(code if reason is None else reason))


def _text_or_none(values: Sequence[object]) -> str | None:
    return str(values[0]) if values and values[0] is not None else None


def _around(connection: Connection, request: Request, client: Client | None) -> Members:
    members: Members = {
        "connection": {"id": connection.id, "name": connection.name, "strategy": "auth0"},
        "request": {**_request(request), "body": {}},
        "tenant": _tenant(request),
    }
    return {**members, "client": _client(client)} if client is not None else members


def _user(user: User) -> Members:
    members: Members = {
        "user_id": user.id,
        "username": user.username,
        "email": user.email,
        "email_verified": user.email_verified,
        "phone_number": user.phone_number,
        "phone_verified": user.phone_verified,
        "name": user.name,
        "user_metadata": user.user_metadata,
        "app_metadata": user.app_metadata,
    }
    return _filled(members)


def _client(client: Client) -> Members:
    return {"client_id": client.id, "name": client.name, "metadata": client.metadata}


def _request(request: Request) -> Members:
    return {
        "geoip": request.geo,
        "hostname": request.hostname,
        "ip": request.ip,
        "language": request.language,
        "method": request.method,
        "user_agent": request.user_agent,
    }


def _tenant(request: Request) -> Members:
    return {"id": request.hostname}


def _filled(members: Members) -> Members:
    """Without texts that are unknown."""
    return {name: value for name, value in members.items() if value != ""}
