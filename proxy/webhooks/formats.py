"""How each server tells of its users."""

from __future__ import annotations

import binascii
import json
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hookpoint.hooks import Connection, User
from hookpoint.proxy.gateway.authentication import Authentication, BodyHmac, HeaderSecret
from hookpoint.proxy.gateway.call import Call, Members
from hookpoint.proxy.gateway.errors import Malformed
from hookpoint.proxy.gateway.format import body_key
from hookpoint.proxy.gateway.signatures import StandardWebhooks, TimedHex
from hookpoint.proxy.webhooks.reading import Ignored, Told, What, time_of
from hookpoint.proxy.webhooks.signed_jwt import BodyDigestJwt


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookFormat:
    """How one server proves itself and what it tells; `read` raises Malformed, and sees authenticated calls alone."""

    authentication: Callable[[Sequence[str]], Authentication]
    read: Callable[[Call, Members], Told | Ignored]


def _supabase(call: Call, body: Members) -> Told | Ignored:
    """Supabase Auth, `after-user-created` (supabase/auth internal/hooks/v0hooks); every attempt has an id of its own."""
    name = body.text("metadata", "name")
    if name != "after-user-created":
        return Ignored(type=name)
    phone = body.text("user", "phone")
    user = User(
        id=body.required("user", "id"),
        email=body.text("user", "email"),
        phone_number=f"+{phone}" if phone and not phone.startswith("+") else phone,
        user_metadata=body.mapping("user", "user_metadata"),
        app_metadata=body.mapping("user", "app_metadata"),
    )
    return Told(what="registered", user=user, key=body_key(call), ip=body.address("metadata", "ip_address"))


_KRATOS: Final[Mapping[str, What]] = {
    "registration": "registered",
    "settings.password": "password_changed",
    "recovery": "password_changed",
}


def _kratos(call: Call, body: Members) -> Told | Ignored:
    """Ory Kratos, `web_hook`; the Jsonnet body says which flow it is of, as the context does not."""
    name = body.text("event")
    if name not in _KRATOS:
        return Ignored(type=name)
    traits = Members(body.mapping("identity", "traits"))
    user = User(
        id=body.required("identity", "id"),
        email=traits.text("email"),
        username=traits.text("username"),
        phone_number=traits.text("phone"),
        user_metadata=body.mapping("identity", "metadata_public"),
        app_metadata=body.mapping("identity", "metadata_admin"),
    )
    return Told(what=_KRATOS[name], user=user, key=call.header("ory-webhook-trigger-id") or body_key(call))


_ZITADEL: Final[Mapping[str, What]] = {
    "user.human.added": "registered",
    "user.human.selfregistered": "registered",
    "user.human.password.changed": "password_changed",
}


def _zitadel(call: Call, body: Members) -> Told | Ignored:
    """ZITADEL, an execution on events (Actions v2); the payload is the event's own, as an object or in base64."""
    name = body.text("event_type")
    if name not in _ZITADEL:
        return Ignored(type=name)
    payload = _payload(body)
    user = User(
        id=body.required("aggregateID"),
        email=payload.text("email"),
        username=payload.text("userName"),
        phone_number=payload.text("phone"),
        name=payload.text("displayName"),
    )
    return Told(
        what=_ZITADEL[name],
        user=user,
        key=body_key(call),
        at=time_of(body.text("created_at")),
        connection=Connection(name=body.text("resourceOwner")),
    )


def _payload(body: Members) -> Members:
    given = body.value("event_payload")
    if isinstance(given, str):
        try:
            given = json.loads(b64decode(given, validate=True))
        except (binascii.Error, ValueError, RecursionError):
            raise Malformed("event_payload is neither an object nor base64 of one.") from None
    return Members(given if isinstance(given, Mapping) else {})


_LOGTO: Final[Mapping[str, What]] = {
    "PostRegister": "registered",
    "User.Created": "registered",
    "PostResetPassword": "password_changed",
}


def _logto(call: Call, body: Members) -> Told | Ignored:
    """Logto's webhooks; a subscription to several events of one sign-up still makes one of it."""
    name = body.text("event")
    if name not in _LOGTO:
        return Ignored(type=name)
    found = Members(body.mapping("data" if name == "User.Created" else "user"))
    user = User(
        id=found.text("id") or body.required("userId"),
        email=found.text("primaryEmail"),
        username=found.text("username"),
        phone_number=found.text("primaryPhone"),
        name=found.text("name"),
        user_metadata=found.mapping("customData"),
    )
    return Told(
        what=_LOGTO[name],
        user=user,
        key=body_key(call),
        at=time_of(body.text("createdAt")),
        ip=body.address("userIp"),
        user_agent=body.text("userAgent"),
    )


_FUSIONAUTH: Final[Mapping[str, What]] = {
    "user.create.complete": "registered",  # `user.create` may still be rolled back
    "user.password.update": "password_changed",
    "user.password.reset.success": "password_changed",
}


def _fusionauth(call: Call, body: Members) -> Told | Ignored:
    """FusionAuth's webhooks; `event.id` is the same at every attempt."""
    name = body.text("event", "type")
    if name not in _FUSIONAUTH:
        return Ignored(type=name)
    found = Members(body.mapping("event", "user"))
    user = User(
        id=found.required("id"),
        email=found.text("email"),
        email_verified=found.flag("verified"),
        username=found.text("username"),
        phone_number=found.text("mobilePhone"),
        name=found.text("fullName"),
        user_metadata=found.mapping("data"),
    )
    return Told(
        what=_FUSIONAUTH[name],
        user=user,
        key=body.text("event", "id") or body_key(call),
        at=time_of(body.value("event", "createInstant")),
        connection=Connection(id=body.text("event", "tenantId")),
        ip=body.address("event", "info", "ipAddress"),
        user_agent=body.text("event", "info", "userAgent"),
    )


_KEYCLOAK: Final[Mapping[str, What]] = {
    "REGISTER": "registered",
    "UPDATE_PASSWORD": "password_changed",
}


def _keycloak(call: Call, body: Members) -> Told | Ignored:
    """Keycloak with an HTTP event sender (p2-inc/keycloak-events); types may begin with `access.`."""
    name = body.text("type")
    what = _KEYCLOAK.get(name.removeprefix("access."))
    if what is None:
        return Ignored(type=name)
    user = User(
        id=body.required("userId"), email=body.text("details", "email"), username=body.text("details", "username")
    )
    return Told(
        what=what,
        user=user,
        key=body.first(("uid",), ("id",)) or body_key(call),
        at=time_of(body.value("time")),
        connection=Connection(name=body.first(("realmName",), ("realmId",))),
        ip=body.address("ipAddress"),
    )


FORMATS: Final[Mapping[str, WebhookFormat]] = {
    "fusionauth": WebhookFormat(authentication=lambda secrets: BodyDigestJwt(secrets=secrets), read=_fusionauth),
    "keycloak": WebhookFormat(
        authentication=lambda secrets: BodyHmac(secrets=secrets, header="x-keycloak-signature"), read=_keycloak
    ),
    "kratos": WebhookFormat(authentication=lambda secrets: HeaderSecret(secrets=secrets), read=_kratos),
    "logto": WebhookFormat(
        authentication=lambda secrets: BodyHmac(secrets=secrets, header="logto-signature-sha-256"), read=_logto
    ),
    "supabase": WebhookFormat(authentication=lambda secrets: StandardWebhooks(secrets), read=_supabase),
    "zitadel": WebhookFormat(
        authentication=lambda secrets: TimedHex(secrets=secrets, headers=("zitadel-signature", "x-zitadel-signature")),
        read=_zitadel,
    ),
}
