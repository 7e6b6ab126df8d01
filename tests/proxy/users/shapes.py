"""Requests and answers of servers that do not run here, after their documentation.

GoTrue: openapi.yaml of supabase/auth. Kratos: its API reference (self-service flows, identities). Keycloak: the admin REST API and the
forms of the login theme. ZITADEL: the user service v2 over REST.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.proxy.users.scripted import Said
from tests.proxy.users.stage import PASSWORD

ID = "7f0d4c1e-9a57-4c1b-8f4c-2f4a1f6f7a10"
EMAIL = "@example.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One route of one server: `request` gives the arguments of a request for a user name."""

    dialect: str
    method: str
    target: str
    request: Callable[[str], Mapping[str, Any]]
    done: Said
    refused: Said | None = None
    denied: tuple[int, object] = (0, None)
    calls: Mapping[str, Said] = field(default_factory=dict)
    email: str = "jo@example.com"
    enriched: Callable[[Any], object] | None = None
    entitled: Callable[[Any], object] | None = None
    connection: str = ""

    @property
    def path(self) -> str:
        """The target without the query."""
        return self.target.partition("?")[0]

    @property
    def name(self) -> str:
        """What tests call it."""
        return f"{self.dialect} {self.method} {self.path}"


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


GOTRUE_USER = {
    "id": ID,
    "aud": "authenticated",
    "role": "authenticated",
    "email": "jo@example.com",
    "phone": "",
    "confirmation_sent_at": "2026-11-30T10:00:00.1Z",
    "app_metadata": {"provider": "email", "providers": ["email"]},
    "user_metadata": {},
    "identities": [{"identity_id": "1", "provider": "email"}],
    "created_at": "2026-11-30T10:00:00.1Z",
}
MESSAGE = "You cannot sign up <here>."

SIGN_UPS = (
    Shape(
        dialect="supabase",
        method="POST",
        target="/signup?redirect_to=https%3A%2F%2Fapp.example.com",
        request=lambda who: {"json": {"email": who + EMAIL, "password": PASSWORD, "data": {"color": "red"}}},
        done=Said(body={"access_token": "opaque", "token_type": "bearer", "expires_in": 3600, "user": GOTRUE_USER}),
        # One who was there already: a user without identities.
        refused=Said(body={**GOTRUE_USER, "identities": []}),
        denied=(422, {"code": 422, "error_code": "not_welcome", "msg": MESSAGE}),
        calls={f"PUT /admin/users/{ID}": Said(body=GOTRUE_USER)},
        enriched=lambda body: body["data"],
        entitled=lambda body: body["app_metadata"],
    ),
    Shape(
        dialect="kratos",
        method="POST",
        target="/self-service/registration?flow=f1",
        request=lambda who: {"json": {"method": "password", "password": PASSWORD, "traits": {"email": who + EMAIL}}},
        done=Said(
            body={
                "session_token": "opaque",
                "identity": {
                    "id": ID,
                    "traits": {"email": "jo@example.com"},
                    "verifiable_addresses": [{"value": "jo@example.com", "verified": False, "via": "email"}],
                },
                "continue_with": None,
            }
        ),
        refused=Said(
            status=400, body={"id": "f1", "ui": {"messages": [{"id": 4000007, "type": "error", "text": "exists"}]}}
        ),
        denied=(
            400,
            {
                "id": "f1",
                "type": "api",
                "ui": {
                    "action": "/self-service/registration?flow=f1",
                    "method": "POST",
                    "nodes": [],
                    "messages": [{"id": 4000001, "type": "error", "text": MESSAGE, "context": {"code": "not_welcome"}}],
                },
            },
        ),
        calls={f"PATCH /admin/identities/{ID}": Said(body={"id": ID})},
        enriched=lambda body: next(each["value"] for each in body if each["path"] == "/metadata_public"),
        entitled=lambda body: next(each["value"] for each in body if each["path"] == "/metadata_admin"),
    ),
    Shape(
        dialect="keycloak",
        method="POST",
        target="/admin/realms/acme/users",
        request=lambda who: {
            "json": {
                "username": who,
                "email": who + EMAIL,
                "enabled": True,
                "credentials": [{"type": "password", "value": PASSWORD, "temporary": False}],
                "attributes": {"color": ["red"]},
            }
        },
        done=Said(status=201, headers={"location": f"https://login.example.com/admin/realms/acme/users/{ID}"}),
        refused=Said(status=409, body={"errorMessage": "User exists with same email"}),
        denied=(400, {"errorMessage": MESSAGE, "error": "not_welcome"}),
        enriched=lambda body: body["attributes"],
        entitled=lambda body: body["attributes"],
        connection="acme",
    ),
    Shape(
        dialect="zitadel",
        method="POST",
        target="/v2/users/human",
        request=lambda who: {
            "json": {
                "username": who,
                "organization": {"orgId": "acme"},
                "profile": {"givenName": "Jo", "familyName": "Doe"},
                "email": {"email": who + EMAIL, "isVerified": True},
                "password": {"password": PASSWORD, "changeRequired": False},
                "metadata": [{"key": "color", "value": _b64("red")}],
            }
        },
        done=Said(status=201, body={"userId": ID, "details": {"sequence": "2", "resourceOwner": "acme"}}),
        refused=Said(status=409, body={"code": 6, "message": "User already exists (V2-x)", "details": []}),
        denied=(
            400,
            {
                "code": 9,
                "message": MESSAGE,
                "details": [
                    {"@type": "type.googleapis.com/zitadel.v1.ErrorDetail", "id": "not_welcome", "message": MESSAGE}
                ],
            },
        ),
        enriched=lambda body: body["metadata"],
        entitled=lambda body: body["metadata"],
        connection="acme",
    ),
    Shape(
        dialect="generic",
        method="POST",
        target="/register",
        request=lambda who: {"json": {"email": who + EMAIL, "password": PASSWORD, "user_metadata": {"color": "red"}}},
        done=Said(status=201, body={"id": ID, "email": "jo@example.com"}),
        refused=Said(status=409, body={"error": "user_exists"}),
        denied=(400, {"error": "not_welcome", "error_description": MESSAGE}),
        enriched=lambda body: body["user_metadata"],
        entitled=lambda body: body["app_metadata"],
    ),
)

# What is written for {"plan": "gold", "limits": {"seats": 3}} over what the requests bring, and for {"roles": ["member"]}.
ENRICHED: Mapping[str, object] = {
    "supabase": {"color": "red", "plan": "gold", "limits": {"seats": 3}},
    "kratos": {"plan": "gold", "limits": {"seats": 3}},
    "keycloak": {"color": ["red"], "plan": ["gold"], "limits": ['{"seats":3}']},
    "zitadel": [
        {"key": "color", "value": _b64("red")},
        {"key": "plan", "value": _b64("gold")},
        {"key": "limits", "value": _b64('{"seats":3}')},
    ],
    "generic": {"color": "red", "plan": "gold", "limits": {"seats": 3}},
}
ENTITLED: Mapping[str, object] = {
    "supabase": {"roles": ["member"]},
    "kratos": {"roles": ["member"]},
    "keycloak": {"color": ["red"], "roles": ["member"]},
    "zitadel": [{"key": "color", "value": _b64("red")}, {"key": "roles", "value": _b64('["member"]')}],
    "generic": {"roles": ["member"]},
}

PASSWORD_CHANGES = (
    Shape(
        dialect="supabase",
        method="PUT",
        target="/user",
        request=lambda _: {"json": {"password": PASSWORD}, "headers": {"authorization": "Bearer opaque"}},
        done=Said(body=GOTRUE_USER),
        refused=Said(status=422, body={"code": 422, "error_code": "same_password", "msg": "same"}),
    ),
    Shape(
        dialect="supabase",
        method="PUT",
        target=f"/admin/users/{ID}",
        request=lambda _: {"json": {"password": PASSWORD}},
        done=Said(body=GOTRUE_USER),
    ),
    Shape(
        dialect="kratos",
        method="POST",
        target="/self-service/settings?flow=f2",
        request=lambda _: {"json": {"method": "password", "password": PASSWORD}},
        done=Said(body={"id": "f2", "state": "success", "identity": {"id": ID, "traits": {"email": "jo@example.com"}}}),
        refused=Said(status=400, body={"id": "f2", "state": "show_form"}),
        calls={
            "GET /sessions/whoami": Said(body={"identity": {"id": ID, "traits": {"email": "jo@example.com"}}}),
        },
    ),
    Shape(
        dialect="keycloak",
        method="PUT",
        target=f"/admin/realms/acme/users/{ID}/reset-password",
        request=lambda _: {"json": {"type": "password", "value": PASSWORD, "temporary": False}},
        done=Said(status=204),
        refused=Said(status=400, body={"error": "invalidPasswordHistoryMessage"}),
        email="",
        connection="acme",
    ),
    Shape(
        dialect="zitadel",
        method="POST",
        target=f"/v2/users/{ID}/password",
        request=lambda _: {"json": {"newPassword": {"password": PASSWORD}, "currentPassword": "old"}},
        done=Said(body={"details": {"sequence": "5"}}),
        refused=Said(status=400, body={"code": 3, "message": "Password is invalid", "details": []}),
        email="",
    ),
    Shape(
        dialect="zitadel",
        method="PUT",
        target="/auth/v1/users/me/password",
        request=lambda _: {
            "json": {"oldPassword": "old", "newPassword": PASSWORD},
            "headers": {"authorization": "Bearer x"},
        },
        done=Said(body={"details": {"sequence": "5"}}),
        calls={
            "GET /auth/v1/users/me": Said(
                body={"user": {"id": ID, "userName": "jo", "human": {"email": {"email": "jo@example.com"}}}}
            )
        },
    ),
    Shape(
        dialect="generic",
        method="PUT",
        target="/password",
        request=lambda _: {"json": {"current_password": "old", "new_password": PASSWORD}},
        done=Said(body={"id": ID, "email": "jo@example.com"}),
        refused=Said(status=400, body={"error": "invalid_grant"}),
    ),
)
# Mails that are asked for, and changes that leave the password alone.
NO_CHANGES: tuple[tuple[str, str, str, Mapping[str, Any]], ...] = (
    ("supabase", "POST", "/recover", {"json": {"email": "jo@example.com"}}),
    ("supabase", "PUT", "/user", {"json": {"data": {"color": "blue"}}}),
    ("kratos", "POST", "/self-service/recovery", {"json": {"email": "jo@example.com"}}),
    (
        "kratos",
        "POST",
        "/self-service/settings",
        {"json": {"method": "profile", "traits": {"email": "jo@example.com"}}},
    ),
    ("keycloak", "PUT", f"/admin/realms/acme/users/{ID}/execute-actions-email", {"json": ["UPDATE_PASSWORD"]}),
    ("zitadel", "POST", f"/v2/users/{ID}/password_reset", {"json": {"sendLink": {}}}),
)
