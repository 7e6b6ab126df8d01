"""What each system's documentation says of its hooks: the shape of calls, their proof, and what answers mean."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

import pytest

from hookpoint.hooks import POINTS, Delivered, Deny, HookFailed, TokenChanges, UserChanges
from hookpoint.hooks.http.errors import HookAnswerUnusable, HookCallFailed
from hookpoint.hooks.testing import sample_event
from tests.hooks.http.runners import NOW, runner_of
from tests.hooks.http.service import Request, answer, running

WEBHOOK_KEY = b"k" * 32
SECRETS = {
    "auth0": ("bearer", "extension-secret"),
    "hydra": ("header", "api-key"),
    "okta": ("header", "auth-scheme-value"),
    "supabase": ("standard-webhooks", "v1,whsec_" + b64encode(WEBHOOK_KEY).decode()),
    "zitadel": ("zitadel", "signing-key"),
}
CLAIM = "https://example.com/plan"
USER_KEYS = {"id", "tenant", "username", "email", "emailVerified", "phoneNumber", "phoneNumberVerified"}


async def sent(name: str, point: str, event: Any = None) -> Request:
    """What a service gets."""
    kind, secret = SECRETS[name]
    good = answer(200, {"status": "success"} if name == "auth0" else _GOOD.get((name, point), {}))
    async with (
        running(good) as service,
        runner_of(service.url, point=POINTS[point], format=name, kind=kind, secrets=[secret]) as runner,  # type: ignore[arg-type]
    ):
        await runner.run(event or sample_event(POINTS[point]))
    return service.last


async def outcome(name: str, point: str, status: int, body: object, event: Any = None) -> Any:
    """What an answer comes to: a result, a Deny, or a failure."""
    async with (
        running(answer(status, body)) as service,
        runner_of(service.url, point=POINTS[point], format=name, now=lambda: NOW) as runner,
    ):
        try:
            return await runner.run(event or sample_event(POINTS[point]))
        except (Deny, HookFailed) as error:
            return error


_SENT_SMS = {"commands": [{"type": "com.okta.telephony.action", "value": [{"status": "SUCCESSFUL"}]}]}
_GOOD: dict[tuple[str, str], object] = {
    ("supabase", "token-issuance"): {"claims": {}},
    ("hydra", "token-issuance"): {"session": {}},
    ("hydra", "credentials-exchange"): {"session": {}},
    ("okta", "send-phone-message"): _SENT_SMS,
}
# A hook of Supabase that leaves out the issuer's claims has written them, which nobody may.
SUPABASE_CLAIMS = {
    **sample_event(POINTS["token-issuance"]).claims,
    "email": "jo@example.com",
    "phone": "15005550006",
    "app_metadata": sample_event(POINTS["token-issuance"]).user.app_metadata,
    "user_metadata": sample_event(POINTS["token-issuance"]).user.user_metadata,
    "role": "authenticated",
    "aal": "aal1",
    "session_id": "",
    "is_anonymous": False,
}


@pytest.mark.parametrize("name", SECRETS)
async def test_a_call_proves_itself_as_the_system_does(name: str) -> None:
    point = "token-issuance" if name == "supabase" else "send-phone-message" if name != "hydra" else "token-issuance"
    request = await sent(name, point)
    kind, secret = SECRETS[name]
    headers = request.headers
    if kind == "bearer":
        assert headers["authorization"] == f"Bearer {secret}"
    elif kind == "header":
        assert headers["authorization"] == secret
    elif kind == "standard-webhooks":
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + request.body
        version, _, value = headers["webhook-signature"].partition(",")
        assert (version, b64decode(value)) == ("v1", hmac.digest(WEBHOOK_KEY, signed, "sha256"))
    else:
        sent_at = str(int(NOW))
        mac = hmac.digest(secret.encode(), sent_at.encode() + b"." + request.body, "sha256").hex()
        assert headers["zitadel-signature"] == f"t={sent_at},v1={mac}"
    assert headers["content-type"] == "application/json"


async def test_auth0_calls_have_the_arguments_of_its_hooks() -> None:
    body = (await sent("auth0", "credentials-exchange")).json
    assert body["client"].keys() == {"id", "name", "tenant", "metadata"}
    assert body["scope"] == ["debug", "reports:read"]
    assert body["audience"] == "https://api.example.com"
    assert body["context"]["body"]["grant_type"] == "client_credentials"
    body = (await sent("auth0", "pre-user-registration")).json
    assert body["user"].keys() == USER_KEYS | {"user_metadata", "app_metadata", "password"}
    assert body["context"]["connection"].keys() == {"id", "name", "tenant"}
    body = (await sent("auth0", "post-user-registration")).json
    assert body["user"].keys() == USER_KEYS | {"user_metadata", "app_metadata"}
    body = (await sent("auth0", "post-change-password")).json
    assert body["user"].keys() == {"id", "username", "email", "last_password_reset"}
    body = (await sent("auth0", "send-phone-message")).json
    assert body.keys() == {"recipient", "text", "context"}
    enforced = {"message_type", "action", "language", "code", "ip", "user_agent", "user"}
    assert enforced <= body["context"].keys()
    assert body["context"]["client"].keys() == {"client_id", "name", "client_metadata"}


async def test_hydra_calls_have_session_and_request() -> None:
    body = (await sent("hydra", "token-issuance")).json
    assert body.keys() == {"session", "request"}
    session = body["session"]
    assert session.keys() >= {"id_token", "extra", "client_id", "consent_challenge", "exclude_not_before_claim"}
    claims = session["id_token"]["id_token_claims"]
    assert claims.keys() == {
        "jti", "iss", "sub", "aud", "nonce", "at_hash", "acr", "amr", "c_hash", "ext"
    }  # fmt: skip
    assert claims["ext"] == {"email": "jo@example.com"}
    assert body["request"] == {
        "client_id": "reporting",
        "requested_scopes": ["openid", "reports:read"],
        "granted_scopes": ["openid", "reports:read"],
        "granted_audience": ["https://api.example.com"],
        "grant_types": ["authorization_code"],
        "payload": {},
    }


@pytest.mark.parametrize(
    ("point", "event_type", "members"),
    [
        ("token-issuance", "com.okta.oauth2.tokens.transform", {"context", "identity", "access"}),
        ("credentials-exchange", "com.okta.oauth2.tokens.transform", {"context", "access"}),
        ("pre-user-registration", "com.okta.user.pre-registration", {"context", "userProfile", "action"}),
        ("send-phone-message", "com.okta.telephony.provider", {"context", "userProfile", "messageProfile"}),
    ],
)
async def test_okta_calls_have_its_envelope(point: str, event_type: str, members: set[str]) -> None:
    body = (await sent("okta", point)).json
    assert body["eventType"] == event_type
    assert body.keys() - {"requestType"} == {
        "eventId", "eventTime", "eventType", "eventTypeVersion", "cloudEventVersion", "contentType", "source", "data"
    }  # fmt: skip
    assert body["data"].keys() == members
    assert body["data"]["context"]["request"].keys() == {"id", "method", "url", "ipAddress"}
    if "access" in members:
        assert body["data"]["access"]["token"] == {"lifetime": {"expiration": 3600}}
        assert body["data"]["context"]["protocol"].keys() == {"type", "request", "issuer", "client"}
    if point == "send-phone-message":
        message = body["data"]["messageProfile"]
        assert message.keys() == {"msgTemplate", "phoneNumber", "otpExpires", "deliveryChannel", "otpCode", "locale"}
        assert body["requestType"] == "com.okta.user.telephony.mfa-verification"


async def test_supabase_calls_have_metadata_and_the_hooks_members() -> None:
    body = (await sent("supabase", "token-issuance")).json
    assert body.keys() == {"metadata", "user_id", "claims", "authentication_method"}
    always = {"iss", "sub", "aud", "exp", "iat", "email", "phone", "app_metadata", "user_metadata", "role", "aal"}
    assert body["claims"].keys() >= always | {"session_id", "is_anonymous"}
    body = (await sent("supabase", "send-phone-message")).json
    assert body["sms"] == {"otp": "123456", "phone": "15005550006", "sms_type": "mfa"}
    assert body["user"]["phone"] == "15005550006"
    for point, name in (
        ("pre-user-registration", "before-user-created"),
        ("post-user-registration", "after-user-created"),
    ):
        body = (await sent("supabase", point)).json
        assert body.keys() == {"metadata", "user"}
        assert body["metadata"]["name"] == name
        assert "password" not in str(body).lower()


async def test_zitadel_calls_have_the_functions_members() -> None:
    body = (await sent("zitadel", "token-issuance")).json
    assert body.keys() == {"function", "userinfo", "user", "user_metadata", "org", "user_grants", "application"}
    assert body["function"] == "function/preaccesstoken"
    body = (await sent("zitadel", "send-phone-message")).json
    assert body.keys() == {"contextInfo", "templateData", "args"}
    assert body["contextInfo"].keys() == {"eventType", "provider", "recipientPhoneNumber"}
    for point, kind in (
        ("post-user-registration", "user.human.added"),
        ("post-change-password", "user.human.password.changed"),
    ):
        body = (await sent("zitadel", point)).json
        assert body["event_type"] == kind
        assert body.keys() == {
            "aggregateID", "aggregateType", "resourceOwner", "instanceID", "version", "sequence", "event_type",
            "created_at", "userID", "event_payload",
        }  # fmt: skip


def deny(code: str, text: str) -> Callable[[Any], bool]:
    return lambda found: isinstance(found, Deny) and found.code == code and text in (found.reason, found.user_message)


def is_a(kind: type, text: str = "") -> Callable[[Any], bool]:
    return lambda found: isinstance(found, kind) and text in str(found)


def same(expected: object) -> Callable[[Any], bool]:
    return lambda found: bool(found == expected)


ACCESS, IDENTITY = "com.okta.access.patch", "com.okta.identity.patch"


def patch(kind: str, *operations: dict[str, object]) -> dict[str, object]:
    return {"commands": [{"type": kind, "value": list(operations)}]}


ANSWERS: list[tuple[str, str, int, object, Callable[[Any], bool]]] = [
    # Auth0: always 200, and an envelope
    ("auth0", "credentials-exchange", 200, {"status": "success", "data": {"scope": ["a"], CLAIM: "x", "acr": "no"}},
     same(TokenChanges(claims={CLAIM: "x"}, scope=["a"]))),
    ("auth0", "credentials-exchange", 200, {"status": "success", "data": {}}, same(TokenChanges(scope=()))),
    ("auth0", "credentials-exchange", 200,
     {"status": "error", "data": {"name": "InvalidScopeError", "message": "no", "stack": "at x"}},
     deny("invalid_scope", "no")),
    ("auth0", "credentials-exchange", 200, {"status": "error", "data": {"message": "no"}}, deny("server_error", "no")),
    ("auth0", "credentials-exchange", 200,
     {"status": "error", "data": {"message": "Unauthorized extensibility point", "statusCode": 500}},
     is_a(HookAnswerUnusable, "Unauthorized")),
    ("auth0", "credentials-exchange", 500, {}, is_a(HookCallFailed, "status 500")),
    ("auth0", "credentials-exchange", 200, {"data": {}}, is_a(HookAnswerUnusable, "status is missing")),
    ("auth0", "pre-user-registration", 200,
     {"status": "success", "data": {"user": {"user_metadata": {"a": 1}, "email": "other"}}},
     same(UserChanges(user_metadata={"a": 1}))),
    ("auth0", "pre-user-registration", 200, {"status": "success", "data": {}}, same(None)),
    ("auth0", "pre-user-registration", 200,
     {"status": "error", "data": {"name": "PreUserRegistrationError", "message": "log", "friendlyMessage": "you"}},
     deny("access_denied", "you")),
    ("auth0", "send-phone-message", 200, {"status": "success", "data": {"MessageID": "m"}}, same(Delivered(message_id="m"))),
    ("auth0", "send-phone-message", 200, {"status": "success"}, same(Delivered())),
    # Hydra: what is sent replaces
    ("hydra", "token-issuance", 204, b"", same(None)),
    ("hydra", "token-issuance", 403, b"whatever", deny("access_denied", "The hook refused.")),
    ("hydra", "token-issuance", 200, {"session": {"access_token": {"a": 1}, "id_token": {"b": 2}}},
     same(TokenChanges(claims={"a": 1}, id_token_claims={"b": 2}))),
    ("hydra", "token-issuance", 200, {}, is_a(HookAnswerUnusable, "session is missing")),
    ("hydra", "token-issuance", 400, {}, is_a(HookCallFailed)),
    # Okta: patches
    ("okta", "credentials-exchange", 204, b"", same(None)),
    ("okta", "credentials-exchange", 200, patch(ACCESS, {"op": "add", "path": "/claims/a", "value": [1]},
     {"op": "add", "path": "/claims/a/0", "value": 0}, {"op": "add", "path": "/claims/a/-", "value": 2}),
     same(TokenChanges(claims={"a": [0, 1, 2]}))),
    ("okta", "credentials-exchange", 200, patch(ACCESS, {"op": "add", "path": "/claims/https:~1~1example.com~1plan", "value": "x"}),
     same(TokenChanges(claims={CLAIM: "x"}))),
    ("okta", "credentials-exchange", 200,
     patch(ACCESS, {"op": "replace", "path": "/token/lifetime/expiration", "value": 60}), same(TokenChanges(expires_in=60))),
    ("okta", "credentials-exchange", 200, patch(ACCESS, {"op": "add", "path": "/claims/a", "value": 1},
     {"op": "replace", "path": "/claims/none", "value": 1}), is_a(HookAnswerUnusable, "cannot be done")),
    ("okta", "credentials-exchange", 200, patch(ACCESS, {"op": "move", "path": "/claims/a"}), is_a(HookAnswerUnusable, "an op is")),
    ("okta", "credentials-exchange", 200, patch(ACCESS, {"op": "add", "path": "/scopes/a", "value": 1}), is_a(HookAnswerUnusable, "a path is")),
    ("okta", "credentials-exchange", 200, patch(IDENTITY, {"op": "add", "path": "/claims/a", "value": 1}), is_a(HookAnswerUnusable, "no ID token")),
    ("okta", "token-issuance", 200, patch(IDENTITY, {"op": "add", "path": "/claims/a", "value": 1}),
     same(TokenChanges(id_token_claims={"a": 1}))),
    ("okta", "token-issuance", 200, patch(IDENTITY, {"op": "remove", "path": "/claims/email"}), is_a(HookAnswerUnusable, "cannot be removed")),
    ("okta", "token-issuance", 200, {"commands": [{"type": "com.okta.user.profile.update", "value": {}}]}, is_a(HookAnswerUnusable, "none of")),
    ("okta", "token-issuance", 200, {"error": {"errorSummary": "no"}, "commands": []}, deny("server_error", "no")),
    ("okta", "token-issuance", 200, {"debugContext": {"a": "b"}}, same(None)),
    ("okta", "pre-user-registration", 200, {"commands": [{"type": "com.okta.action.update", "value": {"registration": "DENY"}}]},
     deny("access_denied", "The hook refused.")),
    ("okta", "pre-user-registration", 200, {"commands": [{"type": "com.okta.user.profile.update", "value": {"plan": "x"}},
     {"type": "com.okta.action.update", "value": {"registration": "ALLOW"}}]}, same(UserChanges(user_metadata={"plan": "x"}))),
    ("okta", "pre-user-registration", 200, {"commands": [{"type": "com.okta.user.profile.update", "value": {"email": "x"}}]},
     is_a(HookAnswerUnusable, "cannot be changed")),
    ("okta", "send-phone-message", 200, {"commands": [{"type": "com.okta.telephony.action", "value": [{"status": "PENDING", "transactionId": "t"}]}]},
     same(Delivered(message_id="t"))),
    ("okta", "send-phone-message", 200, {"commands": [{"type": "com.okta.telephony.action", "value": [{"status": "FAILED"}]}]}, is_a(HookCallFailed, "not sent")),
    ("okta", "send-phone-message", 200, {}, is_a(HookAnswerUnusable, "no command")),
    # Supabase: the complete set of claims, and errors in a 200
    ("supabase", "token-issuance", 204, b"", same(None)),
    ("supabase", "token-issuance", 200, {}, is_a(HookAnswerUnusable, "claims is missing")),
    ("supabase", "token-issuance", 200, {"claims": {**SUPABASE_CLAIMS, "plan": "x"}}, same(TokenChanges(claims={"plan": "x"}))),
    ("supabase", "token-issuance", 202, {"claims": {**SUPABASE_CLAIMS, "exp": int(NOW) + 60}}, same(TokenChanges(expires_in=60))),
    ("supabase", "token-issuance", 200, {"claims": {**SUPABASE_CLAIMS, "scope": "openid"}}, same(TokenChanges(scope=frozenset({"openid"})))),
    ("supabase", "token-issuance", 200, {"claims": {name: value for name, value in SUPABASE_CLAIMS.items() if name != "iss"}},
     same(TokenChanges(remove_claims=frozenset({"iss"})))),
    ("supabase", "token-issuance", 200, {"error": {"http_code": 403, "message": "no"}}, deny("access_denied", "no")),
    ("supabase", "token-issuance", 200, {"error": {"message": "broken"}}, is_a(HookCallFailed, "says that it failed: broken")),
    ("supabase", "token-issuance", 400, {}, is_a(HookCallFailed, "status 400")),
    ("supabase", "pre-user-registration", 200, {"error": {"http_code": 400, "message": "no"}}, deny("access_denied", "no")),
    ("supabase", "pre-user-registration", 200, {"error": {"http_code": 400, "message": ""}}, same(None)),
    ("supabase", "send-phone-message", 204, b"", same(Delivered())),
    # ZITADEL: claims are appended
    ("zitadel", "token-issuance", 200, {"append_claims": [{"key": "plan", "value": "x"}, {"key": "iss", "value": "x"},
     {"key": "urn:zitadel:iam:x", "value": 1}], "append_log_claims": ["a"]}, same(TokenChanges(claims={"plan": "x"}))),
    ("zitadel", "token-issuance", 200, {"set_user_metadata": [{"key": "a", "value": "Yg=="}]}, is_a(HookAnswerUnusable, "set_user_metadata")),
    ("zitadel", "token-issuance", 200, {"forwardedStatusCode": 403, "forwardedErrorMessage": "no"}, deny("access_denied", "no")),
    ("zitadel", "token-issuance", 200, {"forwardedStatusCode": 500, "forwardedErrorMessage": "no"}, is_a(HookCallFailed)),
    ("zitadel", "send-phone-message", 201, b"sent", same(Delivered())),
    ("zitadel", "send-phone-message", 500, b"", is_a(HookCallFailed)),
    ("zitadel", "post-user-registration", 202, b"whatever", same(None)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "point", "status", "body", "expected"), ANSWERS)
async def test_an_answer_means_what_the_system_says(
    name: str, point: str, status: int, body: object, expected: Callable[[Any], bool]
) -> None:
    event = sample_event(POINTS[point])
    if (name, point) == ("hydra", "token-issuance"):  # with no claims of its own, of which the answer would say nothing
        event = sample_event(POINTS[point], id_token_claims={"sub": "u"})
    found = await outcome(name, point, status, body, event)
    assert expected(found), repr(found)


@pytest.mark.parametrize("name", ["okta", "supabase", "zitadel"])
async def test_an_event_that_a_format_cannot_say_is_not_sent(name: str) -> None:
    event = sample_event(POINTS["send-phone-message"], kind="whatsapp")
    found = await outcome(name, "send-phone-message", 200, {}, event)
    assert isinstance(found, HookFailed)
    assert "was not called" in found.reason
