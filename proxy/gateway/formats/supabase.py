"""Supabase Auth's hook `send-sms`.

Source: supabase/auth, internal/hooks/hookshttp and hookserrors; internal/api/phone.go and mfa.go.
"""

from __future__ import annotations

from hookpoint.hooks import Request, User
from hookpoint.proxy.answers import Answer
from hookpoint.proxy.gateway.answering import Accepted, Failure, answer_json
from hookpoint.proxy.gateway.bodies import read_json
from hookpoint.proxy.gateway.call import Call, Members
from hookpoint.proxy.gateway.errors import Malformed
from hookpoint.proxy.gateway.format import Format, Options
from hookpoint.proxy.gateway.signatures import StandardWebhooks
from hookpoint.proxy.sms.request import DeliveryRequest


def open_supabase(options: Options) -> Format:
    """The format. Every attempt has a new `webhook-id`, so that the body alone tells repeats."""
    return Format(
        name="supabase",
        deadline=5.0,
        authentication=StandardWebhooks(options.secrets),
        read=read,
        accept=accept,
        refuse=refuse,
    )


def read(call: Call) -> DeliveryRequest:
    """Read `sms.otp` and the number, which Supabase keeps without its plus sign."""
    body = read_json(call)
    number = body.first(("sms", "phone"), ("user", "new_phone"), ("user", "phone"))
    if not number:
        raise Malformed("sms.phone is missing.")
    code = body.code("sms", "otp")
    if code is None:
        raise Malformed("sms.otp is missing.")
    return DeliveryRequest(
        recipient=f"+{number}" if number.isdecimal() else number,
        code=code,
        purpose="second-factor-authentication" if body.text("sms", "sms_type") == "mfa" else "sign-in",
        user=_user(body),
        request=Request(ip=body.address("metadata", "ip_address")),
    )


def accept(accepted: Accepted) -> Answer:
    """An empty object; the content type is looked at."""
    return answer_json(200, {})


def refuse(failure: Failure) -> Answer:
    """An error inside of 200, which reaches the user; other statuses become a 500 that says nothing.

    No `Retry-After` goes out: it would make Supabase ask again at once, within the same five seconds.
    """
    if failure.kind in ("unauthenticated", "malformed"):
        return answer_json(failure.status, {"error": {"http_code": failure.status, "message": failure.message}})
    return answer_json(200, {"error": {"http_code": failure.status, "message": failure.message}})


def _user(body: Members) -> User:
    return User(
        id=body.text("user", "id"),
        email=body.text("user", "email"),
        user_metadata=body.mapping("user", "user_metadata"),
        app_metadata=body.mapping("user", "app_metadata"),
    )
