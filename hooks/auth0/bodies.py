"""Events as Auth0's hooks get them: the body that its runtime was sent, whose members are the hook's arguments.

Source: auth0/auth0-ext-compilers, lib/compilers; auth0/docs, articles/hooks/extensibility-points. Auth0 names the tenant in several
places; here it is the host name of the request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

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
from hookpoint.hooks.points import (
    AnyPoint,
    credentials_exchange,
    post_change_password,
    post_user_registration,
    pre_user_registration,
    send_phone_message,
)

Members = dict[str, Any]

MESSAGE_TYPES: Final = {"sms": "sms", "voice": "voice", "whatsapp": "sms"}
ACTIONS: Final = ("enrollment", "second-factor-authentication")


def credentials_exchange_body(event: CredentialsExchange) -> Members:
    """`{client, scope?, audience, context}`; `context.body` are the parameters of the token request."""
    body: Members = {
        "client": {
            "id": event.client.id,
            "name": event.client.name,
            "tenant": event.request.hostname,
            "metadata": event.client.metadata,
        },
        "audience": event.audience,
        "context": {"body": event.parameters, "request": _request(event.request)},
    }
    return {**body, "scope": sorted(event.scope)} if event.scope else body


def pre_user_registration_body(event: PreUserRegistration) -> Members:
    """`{user, context}`; `user.password` only where the hook asked for it."""
    user = _user(event.user, event.request)
    if event.password is not None:
        user["password"] = event.password
    return {"user": user, "context": _context(event.connection, event.request)}


def post_user_registration_body(event: PostUserRegistration) -> Members:
    """`{user, context}`; the id is without a prefix such as `auth0|`."""
    user = _user(event.user, event.request)
    return {"user": {**user, "id": _bare(event.user.id)}, "context": _context(event.connection, event.request)}


def post_change_password_body(event: PostChangePassword) -> Members:
    """`{user, context}`."""
    user = {
        "id": _bare(event.user.id),
        "username": event.user.username,
        "email": event.user.email,
        "last_password_reset": event.changed_at.isoformat(),
    }
    return {"user": user, "context": _context(event.connection, event.request)}


def send_phone_message_body(event: SendPhoneMessage) -> Members:
    """`{recipient, text, context}`."""
    purpose = event.purpose if event.purpose in ACTIONS else "second-factor-authentication"
    context: Members = {
        "factor_type": "second",
        "message_type": MESSAGE_TYPES[event.kind],
        "action": purpose,
        "language": event.language,
        "code": event.code,
        "ip": event.request.ip,
        "user_agent": event.request.user_agent,
        "request": _request(event.request),
        "user": {
            "user_id": event.user.id,
            "name": event.user.name,
            "email": event.user.email,
            "user_metadata": event.user.user_metadata,
            "app_metadata": event.user.app_metadata,
        },
    }
    if event.client is not None:
        context["client"] = _named_client(event.client)
    return {"recipient": event.recipient, "text": event.text, "context": context}


BODIES: Final[Mapping[AnyPoint, Callable[[Any], Members]]] = {
    credentials_exchange: credentials_exchange_body,
    pre_user_registration: pre_user_registration_body,
    post_user_registration: post_user_registration_body,
    post_change_password: post_change_password_body,
    send_phone_message: send_phone_message_body,
}
"""How an event of a point is written; Auth0 has no hook at any other."""


def _user(user: User, request: Request) -> Members:
    return {
        "id": user.id,
        "tenant": request.hostname,
        "username": user.username,
        "email": user.email,
        "emailVerified": user.email_verified,
        "phoneNumber": user.phone_number,
        "phoneNumberVerified": user.phone_verified,
        "user_metadata": user.user_metadata,
        "app_metadata": user.app_metadata,
    }


def _context(connection: Connection, request: Request) -> Members:
    return {
        "requestLanguage": request.language,
        "renderLanguage": request.language,
        "request": _request(request),
        "connection": {"id": connection.id, "name": connection.name, "tenant": request.hostname},
    }


def _request(request: Request) -> Members:
    return {
        "language": request.language,
        "ip": request.ip,
        "hostname": request.hostname,
        "user_agent": request.user_agent,
        "geoip": request.geo,
    }


def _named_client(client: Client) -> Members:
    return {"client_id": client.id, "name": client.name, "client_metadata": client.metadata}


def _bare(user_id: str) -> str:
    return user_id.removeprefix("auth0|")
