"""The servers that call: how each asks for a message, proves itself, and is answered."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import OctKey

from tests.proxy.sms.stage import CODE

Members = dict[str, Any]
Expected = tuple[int, Any]
TEXT = f"Your code is {CODE}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A way in which a call goes wrong: what HTTP, our own JSON and people call it."""

    status: int
    code: str
    message: str


REFUSALS: Mapping[str, Refusal] = {
    "unauthenticated": Refusal(status=401, code="unauthenticated", message="The request is not authenticated."),
    "number": Refusal(status=422, code="invalid_number", message="The phone number is not valid."),
    "premium": Refusal(status=422, code="number_refused", message="Messages to this phone number are not supported."),
    "limited": Refusal(status=429, code="limit_exceeded", message="Too many messages. Try again later."),
    "throttled": Refusal(status=429, code="throttled", message="Too many messages. Try again later."),
    "denied": Refusal(status=403, code="access_denied", message="Not from here."),
    "rejected": Refusal(status=422, code="rejected", message="The message could not be sent."),
    "down": Refusal(status=503, code="unavailable", message="The message could not be sent."),
    "unknown": Refusal(status=504, code="unknown", message="The message may be on its way."),
    "busy": Refusal(status=409, code="busy", message="This message is being sent."),
    "misconfigured": Refusal(status=500, code="misconfigured", message="The message could not be sent."),
    "hook_failed": Refusal(status=500, code="hook_failed", message="The message could not be sent."),
}


def in_json(refusal: Refusal) -> Expected:
    return refusal.status, {"error": refusal.code, "error_description": refusal.message}


def in_words(refusal: Refusal) -> Expected:
    return refusal.status, refusal.message


def in_auth0s_envelope(refusal: Refusal) -> Expected:
    if refusal.status == 401:
        data: Members = {"message": "Unauthorized extensibility point", "statusCode": 500}
    else:
        data = {"name": "SendPhoneMessageError", "message": refusal.message, "friendlyMessage": refusal.message}
    return 200, {"status": "error", "data": data}


def in_supabases_error(refusal: Refusal) -> Expected:
    status = refusal.status if refusal.status in (400, 401, 405, 413, 415) else 200
    return status, {"error": {"http_code": refusal.status, "message": refusal.message}}


def in_oktas_commands(refusal: Refusal) -> Expected:
    if refusal.code in {"unknown", "busy"}:
        return 200, okta_command("PENDING", "hookpoint")
    if refusal.code in {
        "invalid_number",
        "number_refused",
        "limit_exceeded",
        "access_denied",
        "rejected",
        "hook_failed",
    }:
        return 200, okta_command("FAILED", "hookpoint")
    causes = [{"errorSummary": refusal.message, "reason": refusal.code}]
    return refusal.status, {"error": {"errorSummary": refusal.message, "errorCauses": causes}}


def okta_command(status: str, provider: str, **more: str) -> Members:
    value = {"status": status, "provider": provider, **more}
    return {"commands": [{"type": "com.okta.telephony.action", "value": [value]}]}


AUTHGEAR_CODES = {
    "unauthenticated": "authentication_failed",
    "invalid_number": "invalid_phone_number",
    "number_refused": "invalid_phone_number",
    "limit_exceeded": "rate_limited",
    "throttled": "rate_limited",
    "access_denied": "delivery_rejected",
    "rejected": "delivery_rejected",
    "unknown": "timeout",
    "busy": "timeout",
    "unavailable": "unknown_error",
    "misconfigured": "unknown_error",
    "hook_failed": "unknown_error",
}


def in_authgears_codes(refusal: Refusal) -> Expected:
    code = AUTHGEAR_CODES.get(refusal.code, "unsupported_request")
    return refusal.status, {
        "code": code,
        "description": refusal.message,
        "info": {"provider_error_code": refusal.code},
    }


Prove = Callable[[bytes, str, int], dict[str, str]]


def by_bearer(body: bytes, secret: str, at: int) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


def by_basic(body: bytes, secret: str, at: int) -> dict[str, str]:
    return {"authorization": f"Basic {b64encode(secret.encode()).decode()}"}


def by_header(name: str) -> Prove:
    return lambda body, secret, at: {name: secret}


def by_jwt(body: bytes, secret: str, at: int) -> dict[str, str]:
    claims = {"sub": "urn:Auth0", "aud": "urn:MySmsGateway", "iat": at, "exp": at + 60}
    return {"authorization": f"Bearer {jwt.encode({'alg': 'HS256'}, claims, OctKey.import_key(secret))}"}


def by_hmac(name: str, prefix: str = "") -> Prove:
    return lambda body, secret, at: {name: prefix + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def by_timed_hex(body: bytes, secret: str, at: int) -> dict[str, str]:
    mac = hmac.new(secret.encode(), str(at).encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"ZITADEL-Signature": f"t={at},v1={mac}"}


def by_standard_webhooks(body: bytes, secret: str, at: int, message_id: str = "msg_1") -> dict[str, str]:
    key = secret.removeprefix("v1,").removeprefix("whsec_")
    signed = f"{message_id}.{at}.".encode() + body
    mac = b64encode(hmac.new(b64decode(key), signed, hashlib.sha256).digest()).decode()
    return {"webhook-id": message_id, "webhook-timestamp": str(at), "webhook-signature": f"v1,{mac}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """One server. `body` makes what it posts for a number; `asked` is what the provider is then given."""

    name: str
    body: Callable[[str], Members]
    prove: Prove
    secrets: tuple[str, str] = ("the new secret of the caller", "the old secret of the caller")
    settings: Members = field(default_factory=dict)
    refused: Callable[[Refusal], Expected] = in_json
    sent: Any = field(default_factory=lambda: {"id": "main-1"})
    timed: bool = False
    asked: Members = field(default_factory=dict)
    proof_in_body: str = ""
    form: bool = False

    @property
    def format(self) -> str:
        """The format's name, without what tells apart several callers of it."""
        return self.name.partition(" ")[0]

    def encode(self, members: Members, secret: str | None = None) -> bytes:
        if self.proof_in_body and secret is not None:
            members = {self.proof_in_body: secret, **members}
        return urlencode(members).encode() if self.form else json.dumps(members).encode()

    @property
    def content_type(self) -> str:
        return "application/x-www-form-urlencoded" if self.form else "application/json; charset=utf-8"


def auth0_body(number: str) -> Members:
    return {
        "recipient": number,
        "text": TEXT,
        "context": {
            "message_type": "sms",
            "action": "second-factor-authentication",
            "language": "de",
            "code": CODE,
            "ip": "192.0.2.7",
            "user_agent": "Browser",
            "client": {"client_id": "web", "name": "Web", "client_metadata": {"plan": "gold"}},
            "user": {"user_id": "auth0|1", "name": "Jo", "email": "jo@example.com", "user_metadata": {"a": 1}},
        },
    }


def supabase_body(number: str) -> Members:
    return {
        "metadata": {"uuid": "0b7d", "time": "2026-11-23T00:00:00Z", "ip_address": "192.0.2.7"},
        "user": {"id": "u-1", "phone": number.lstrip("+"), "email": "", "app_metadata": {}, "user_metadata": {}},
        "sms": {"otp": CODE, "sms_type": "mfa", "phone": number.lstrip("+")},
    }


def kratos_body(number: str) -> Members:
    return {
        "recipient": number,
        "subject": "",
        "body": TEXT,
        "template_type": "login_code_valid",
        "template_data": {"to": number, "login_code": CODE, "identity": {"id": "u-1", "traits": {"phone": number}}},
        "message_type": "sms",
        "request_headers": {"True-Client-Ip": ["192.0.2.7"], "User-Agent": ["Browser"]},
    }


def okta_body(number: str) -> Members:
    return {
        "eventId": "uS5871kJThSsU8qlA1LTcg",
        "eventType": "com.okta.telephony.provider",
        "requestType": "com.okta.user.telephony.mfa-verification",
        "data": {
            "context": {"request": {"id": "req1", "method": "POST", "ipAddress": "192.0.2.7"}},
            "userProfile": {"firstName": "Jo", "lastName": "Doe", "login": "jo@example.com", "userId": "00u1"},
            "messageProfile": {
                "msgTemplate": TEXT,
                "phoneNumber": number,
                "otpExpires": "2026-11-23T00:05:00.000Z",
                "deliveryChannel": "SMS",
                "otpCode": CODE,
                "locale": "EN-US",
            },
        },
    }


def zitadel_body(number: str) -> Members:
    return {
        "contextInfo": {
            "eventType": "user.human.otp.sms.code.added",
            "provider": {"id": "1", "description": "hookpoint"},
            "recipientPhoneNumber": number,
        },
        "templateData": {"text": TEXT, "title": "ZITADEL"},
        "args": {"code": CODE, "displayName": "Jo Doe", "preferredLoginName": "jo"},
    }


def logto_body(number: str) -> Members:
    payload = {"code": CODE, "locale": "de"}
    return {"to": number.lstrip("+"), "type": "MfaVerification", "payload": payload, "ip": "192.0.2.7"}


SECOND = "second-factor-authentication"
USER_PASSWORD = ("hookpoint:the new password", "hookpoint:the old password")
WHSEC = ("v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "v1,whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")
RENDERED_DE = f"{CODE} ist Ihr Bestätigungscode."

CALLERS = (
    Caller(
        name="auth0",
        body=auth0_body,
        prove=by_bearer,
        refused=in_auth0s_envelope,
        sent={"statusCode": 200, "headers": {}, "status": "success", "data": {"message_id": "main-1"}},
        asked={
            "text": TEXT,
            "code": CODE,
            "purpose": SECOND,
            "language": "de",
            "client": "web",
            "user": "auth0|1",
            "ip": "192.0.2.7",
        },
    ),
    Caller(
        name="auth0-passwordless",
        body=lambda number: {"recipient": number, "body": TEXT, "sender": "Acme", "req": {"ip": "192.0.2.7"}},
        prove=by_jwt,
        settings={"audience": "urn:MySmsGateway"},
        refused=in_words,
        timed=True,
        asked={"text": TEXT, "code": None, "purpose": "sign-in", "ip": "192.0.2.7"},
    ),
    Caller(
        name="supabase",
        body=supabase_body,
        prove=by_standard_webhooks,
        secrets=WHSEC,
        refused=in_supabases_error,
        sent={},
        timed=True,
        asked={"text": f"{CODE} is your verification code.", "code": CODE, "purpose": SECOND, "user": "u-1"},
    ),
    Caller(
        name="kratos",
        body=kratos_body,
        prove=by_header("x-api-key"),
        settings={"header": "X-Api-Key"},
        asked={"text": TEXT, "code": CODE, "purpose": "sign-in", "user": "u-1", "ip": "192.0.2.7"},
    ),
    Caller(
        name="kratos basic",
        body=kratos_body,
        prove=by_basic,
        secrets=USER_PASSWORD,
        settings={"authentication": "basic"},
        asked={"text": TEXT},
    ),
    Caller(
        name="okta",
        body=okta_body,
        prove=by_header("authorization"),
        refused=in_oktas_commands,
        sent=okta_command("SUCCESSFUL", "main", transactionId="main-1"),
        asked={"text": TEXT, "code": CODE, "purpose": SECOND, "language": "EN-US", "user": "00u1", "ip": "192.0.2.7"},
    ),
    Caller(
        name="zitadel",
        body=zitadel_body,
        prove=by_timed_hex,
        timed=True,
        asked={"text": TEXT, "code": CODE, "purpose": SECOND},
    ),
    Caller(
        name="logto",
        body=logto_body,
        prove=by_header("authorization"),
        refused=in_words,
        asked={"text": RENDERED_DE, "code": CODE, "purpose": SECOND, "language": "de", "ip": "192.0.2.7"},
    ),
    Caller(
        name="fusionauth",
        body=lambda number: {
            "code": CODE,
            "phoneNumber": number,
            "textMessage": TEXT,
            "type": "SMS",
            "userId": "u-1",
        },
        prove=by_basic,
        secrets=USER_PASSWORD,
        asked={"text": TEXT, "code": CODE, "user": "u-1", "kind": "sms"},
    ),
    Caller(
        name="fusionauth header",
        body=lambda number: {"code": CODE, "phoneNumber": number, "message": TEXT, "type": "Voice"},
        prove=by_header("x-messenger"),
        settings={"authentication": "header", "header": "X-Messenger"},
        asked={"text": TEXT, "code": CODE, "kind": "voice"},
    ),
    Caller(
        name="authentik",
        body=lambda number: {"From": "Acme", "To": number, "Body": CODE, "Message": TEXT},
        prove=by_bearer,
        refused=in_words,
        asked={"text": TEXT, "code": CODE},
    ),
    Caller(
        name="authentik basic",
        body=lambda number: {"From": "Acme", "To": number, "Body": CODE},
        prove=by_basic,
        secrets=USER_PASSWORD,
        settings={"authentication": "basic"},
        refused=in_words,
        asked={"text": f"{CODE} is your verification code.", "code": CODE},
    ),
    Caller(
        name="authgear",
        body=lambda number: {
            "to": number,
            "body": TEXT,
            "language_tag": "de",
            "app_id": "shop",
            "template_name": "authenticate_secondary_oob_sms.txt",
            "template_variables": {"code": CODE},
        },
        prove=by_hmac("x-authgear-body-signature"),
        refused=in_authgears_codes,
        sent={"code": "ok", "info": {"provider_name": "main"}},
        asked={"text": TEXT, "code": CODE, "purpose": SECOND, "language": "de", "client": "shop"},
    ),
    Caller(
        name="keycloak member",
        body=lambda number: {"message": TEXT, "receiver": number, "from": "Acme"},
        prove=lambda body, secret, at: {},
        settings={
            "authentication": "member",
            "fields": {"text": "message", "to": "receiver", "token": "apikey"},
        },
        proof_in_body="apikey",
        asked={"text": TEXT, "code": None},
    ),
    Caller(
        name="keycloak form",
        body=lambda number: {"text": TEXT, "to": number},
        prove=by_basic,
        secrets=USER_PASSWORD,
        settings={"authentication": "basic"},
        form=True,
        asked={"text": TEXT, "code": None},
    ),
    Caller(
        name="generic",
        body=lambda number: {
            "to": number,
            "code": CODE,
            "kind": "sms",
            "purpose": "sign-up",
            "language": "de",
            "client": "web",
            "user": "u-1",
            "ip": "192.0.2.7",
        },
        prove=by_bearer,
        asked={
            "text": RENDERED_DE,
            "code": CODE,
            "purpose": "sign-up",
            "client": "web",
            "user": "u-1",
            "ip": "192.0.2.7",
        },
    ),
    Caller(
        name="generic header",
        body=lambda number: {"to": number, "text": TEXT, "kind": "whatsapp"},
        prove=by_header("x-api-key"),
        settings={"authentication": "header", "header": "X-Api-Key"},
        asked={"text": TEXT, "kind": "whatsapp"},
    ),
    Caller(
        name="generic names",
        body=lambda number: {"message": {"phone": number, "otp": CODE}},
        prove=by_hmac("x-hub-signature-256", "sha256="),
        settings={
            "authentication": "hmac",
            "header": "X-Hub-Signature-256",
            "fields": {"to": "message.phone", "code": "message.otp"},
        },
        asked={"code": CODE},
    ),
    Caller(
        name="generic signed",
        body=lambda number: {"to": number, "code": CODE},
        prove=by_standard_webhooks,
        secrets=WHSEC,
        settings={"authentication": "standard-webhooks"},
        timed=True,
        asked={"code": CODE},
    ),
)
