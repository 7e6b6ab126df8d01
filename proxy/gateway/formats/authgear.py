"""Authgear's custom SMS gateway.

Source: authgear/authgear-server, docs/specs/sms_gateway.md and hook.md, pkg/lib/infra/sms/custom.
"""

from __future__ import annotations

from typing import Final

from hookpoint.hooks import Client
from hookpoint.proxy.answers import Answer
from hookpoint.proxy.gateway.answering import Accepted, Failure, FailureKind, answer_json
from hookpoint.proxy.gateway.authentication import BodyHmac
from hookpoint.proxy.gateway.bodies import read_json
from hookpoint.proxy.gateway.call import Call
from hookpoint.proxy.gateway.errors import Malformed
from hookpoint.proxy.gateway.format import Format, Options
from hookpoint.proxy.sms.request import DeliveryRequest

_PURPOSES: Final = (
    ("authenticate_primary", "sign-in"),
    ("authenticate_secondary", "second-factor-authentication"),
    ("forgot_password", "password-reset"),
    ("setup", "enrollment"),
    ("verification", "verification"),
)
_CODES: Final[dict[FailureKind, str]] = {
    "malformed": "unsupported_request",
    "unauthenticated": "authentication_failed",
    "number": "invalid_phone_number",
    "limited": "rate_limited",
    "denied": "delivery_rejected",
    "rejected": "delivery_rejected",
    "unknown": "timeout",
    "busy": "timeout",
    "down": "unknown_error",
    "broken": "unknown_error",
}


def open_authgear(options: Options) -> Format:
    """The format; a secret is the project's webhook secret. The signature has no time: a repeat is told by its body."""
    return Format(
        name="authgear",
        deadline=10.0,
        authentication=BodyHmac(secrets=options.secrets, header="x-authgear-body-signature"),
        read=read,
        accept=accept,
        refuse=refuse,
    )


def read(call: Call) -> DeliveryRequest:
    """Read `to`, `body` and what is said of the template."""
    body = read_json(call)
    text = body.message("body")
    if text is None:
        raise Malformed("body is missing.")
    template, app_id = body.text("template_name"), body.text("app_id")
    return DeliveryRequest(
        recipient=body.number("to"),
        text=text,
        code=body.code("template_variables", "code"),
        purpose=next((purpose for start, purpose in _PURPOSES if template.startswith(start)), ""),
        language=body.text("language_tag"),
        client=Client(id=app_id) if app_id else None,
    )


def accept(accepted: Accepted) -> Answer:
    """`ok`, and who took it."""
    return answer_json(200, {"code": "ok", "info": {"provider_name": accepted.provider}})


def refuse(failure: Failure) -> Answer:
    """Authgear's word for it, which it reads whatever the status."""
    members: dict[str, object] = {"code": _CODES[failure.kind], "description": failure.message}
    members["info"] = {"provider_error_code": failure.code}
    return answer_json(failure.status, members, failure.headers)
