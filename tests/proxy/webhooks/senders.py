"""The servers that tell of their users: what each sends, and how it signs."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwt
from joserfc.jwk import OctKey

Headers = dict[str, str]
EMAIL = "ada@example.com"
NEW_KEY, OLD_KEY, OTHER_KEY = ("a new secret of this route", "an old secret of this route", "somebody else's secret")


def standard_webhooks_secret(text: str) -> str:
    return "v1,whsec_" + b64encode(text.encode()).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """One server: the body of a sign-up and of a changed password (None: it tells of none), of something else, and its signature."""

    name: str
    registered: Mapping[str, Any]
    changed: Mapping[str, Any] | None
    other: Mapping[str, Any]
    sign: Callable[[str, bytes], Headers]
    expected: Mapping[str, str] = field(default_factory=lambda: {"id": "u1", "email": EMAIL})
    secret_of: Callable[[str], str] = str

    def request(self, members: Mapping[str, Any], secret: str) -> tuple[bytes, Headers]:
        """Body and headers of a call."""
        body = json.dumps(members).encode()
        return body, {"content-type": "application/json", **self.sign(secret, body)}


def _hex(secret: str, signed: bytes) -> str:
    return hmac.digest(secret.encode(), signed, "sha256").hex()


def _sign_supabase(secret: str, body: bytes) -> Headers:
    now = str(int(time.time()))
    key = b64decode(secret.removeprefix("v1,whsec_"))
    message_id = f"msg_{time.time_ns()}"
    value = b64encode(hmac.digest(key, f"{message_id}.{now}.".encode() + body, "sha256")).decode()
    return {"webhook-id": message_id, "webhook-timestamp": now, "webhook-signature": f"v1,{value}"}


def _sign_zitadel(secret: str, body: bytes) -> Headers:
    now = str(int(time.time()))
    return {"zitadel-signature": f"t={now},v1={_hex(secret, now.encode() + b'.' + body)}"}


def _sign_fusionauth(secret: str, body: bytes) -> Headers:
    digest = b64encode(hashlib.sha256(body).digest()).decode()
    token = jwt.encode({"alg": "HS256"}, {"request_body_sha256": digest}, OctKey.import_key(secret))
    return {"x-fusionauth-signature-jwt": token}


def _fusionauth(kind: str, event_id: str) -> dict[str, Any]:
    user = {"id": "u1", "email": EMAIL, "verified": True, "fullName": "Ada", "data": {"colour": "blue"}}
    event = {"id": event_id, "type": kind, "createInstant": 1_800_000_000_000, "tenantId": "t1", "user": user}
    return {"event": {**event, "info": {"ipAddress": "192.0.2.7", "userAgent": "curl"}}}


def _zitadel(kind: str, sequence: int, payload: object) -> dict[str, Any]:
    of = {"aggregateID": "u1", "aggregateType": "user", "resourceOwner": "o1", "sequence": sequence}
    return {**of, "event_type": kind, "created_at": "2027-01-02T03:04:05.678Z", "event_payload": payload}


_LOGTO_USER: dict[str, Any] = {
    "id": "u1",
    "username": "ada",
    "primaryEmail": EMAIL,
    "primaryPhone": None,
    "customData": {},
}
_IDENTITY = {"id": "u1", "traits": {"email": EMAIL}, "metadata_public": {"plan": "gold"}}
_KEYCLOAK = {"userId": "u1", "realmId": "r1", "ipAddress": "192.0.2.7", "details": {"username": "ada", "email": EMAIL}}

SENDERS = (
    Sender(
        name="supabase",
        registered={
            "metadata": {"uuid": "m1", "name": "after-user-created", "ip_address": "192.0.2.7"},
            "user": {"id": "u1", "email": EMAIL, "phone": "491512345678", "user_metadata": {}, "app_metadata": {}},
        },
        changed=None,
        other={"metadata": {"uuid": "m2", "name": "before-user-created"}, "user": {"id": "u1"}},
        sign=_sign_supabase,
        secret_of=standard_webhooks_secret,
        expected={"id": "u1", "email": EMAIL, "phone_number": "+491512345678"},
    ),
    Sender(
        name="kratos",
        registered={"event": "registration", "identity": _IDENTITY},
        changed={"event": "settings.password", "identity": _IDENTITY},
        other={"event": "login", "identity": _IDENTITY},
        sign=lambda secret, _: {"authorization": secret},
    ),
    Sender(
        name="zitadel",
        registered=_zitadel("user.human.added", 1, {"userName": "ada", "email": EMAIL, "displayName": "Ada"}),
        changed=_zitadel("user.human.password.changed", 2, b64encode(json.dumps({"email": EMAIL}).encode()).decode()),
        other=_zitadel("user.human.email.changed", 3, {}),
        sign=_sign_zitadel,
    ),
    Sender(
        name="logto",
        registered={"hookId": "h1", "event": "PostRegister", "createdAt": "2027-01-02T03:04:05Z", "user": _LOGTO_USER},
        changed={"hookId": "h1", "event": "PostResetPassword", "createdAt": "2027-01-02T03:05Z", "user": _LOGTO_USER},
        other={"hookId": "h1", "event": "PostSignIn", "user": _LOGTO_USER},
        sign=lambda secret, body: {"logto-signature-sha-256": _hex(secret, body)},
        expected={"id": "u1", "email": EMAIL, "username": "ada"},
    ),
    Sender(
        name="fusionauth",
        registered=_fusionauth("user.create.complete", "f1"),
        changed=_fusionauth("user.password.update", "f2"),
        other=_fusionauth("user.login.success", "f3"),
        sign=_sign_fusionauth,
        expected={"id": "u1", "email": EMAIL, "name": "Ada"},
    ),
    Sender(
        name="keycloak",
        registered={"type": "access.REGISTER", "uid": "k1", "time": 1_800_000_000_000, **_KEYCLOAK},
        changed={"type": "UPDATE_PASSWORD", "id": "k2", "time": 1_800_000_000_000, **_KEYCLOAK},
        other={"type": "access.LOGIN", "uid": "k3", **_KEYCLOAK},
        sign=lambda secret, body: {"x-keycloak-signature": _hex(secret, body)},
        expected={"id": "u1", "email": EMAIL, "username": "ada"},
    ),
)
