"""Okta's telephony inline hook.

Source: okta/okta-developer-docs, docs/reference/telephony-hook and docs/concepts/inline-hooks.
"""

from __future__ import annotations

from typing import Final

from hookpoint.hooks import Request, User
from hookpoint.providers import Kind
from hookpoint.proxy.answers import Answer
from hookpoint.proxy.gateway.answering import Accepted, Failure, answer_json
from hookpoint.proxy.gateway.authentication import HeaderSecret
from hookpoint.proxy.gateway.bodies import read_json
from hookpoint.proxy.gateway.call import Call
from hookpoint.proxy.gateway.errors import Malformed
from hookpoint.proxy.gateway.format import Format, Options, body_key
from hookpoint.proxy.sms.request import DeliveryRequest

_ACTION: Final = "com.okta.telephony.action"
_REQUEST_TYPES: Final = {
    "com.okta.user.telephony.pre-enrollment": "enrollment",
    "com.okta.user.telephony.mfa-verification": "second-factor-authentication",
    "com.okta.user.telephony.account-unlock": "account-unlock",
    "com.okta.user.telephony.password-reset": "password-reset",
}
_CHANNELS: Final[dict[str, Kind]] = {"SMS": "sms", "CALL": "voice"}
_MESSAGE: Final = ("data", "messageProfile")
_USER: Final = ("data", "userProfile")
# After any status but 200, and after silence, Okta sends the code by a provider of its own.
_OKTA_MAY_SEND: Final = frozenset({"down", "limited", "broken", "malformed", "unauthenticated"})


def open_okta(options: Options) -> Format:
    """The format; `header` and the secrets are those of the hook's `authScheme`."""
    return Format(
        name="okta",
        deadline=3.0,
        authentication=HeaderSecret(secrets=options.secrets, header=options.header or "authorization"),
        read=read,
        key=event_key,
        accept=accept,
        refuse=refuse,
    )


def read(call: Call) -> DeliveryRequest:
    """Read `data.messageProfile`; calls have no text, only a code."""
    body = read_json(call)
    channel = body.required(*_MESSAGE, "deliveryChannel")
    kind = _CHANNELS.get(channel.upper())
    if kind is None:
        raise Malformed("data.messageProfile.deliveryChannel is neither SMS nor CALL.")
    code = body.code(*_MESSAGE, "otpCode")
    if code is None:
        raise Malformed("data.messageProfile.otpCode is missing.")
    request_type = body.text("requestType")
    return DeliveryRequest(
        recipient=body.number(*_MESSAGE, "phoneNumber"),
        text=body.message(*_MESSAGE, "msgTemplate"),
        code=code,
        kind=kind,
        purpose=_REQUEST_TYPES.get(request_type, request_type.rpartition(".")[2]),
        language=body.text(*_MESSAGE, "locale"),
        user=User(
            id=body.text(*_USER, "userId"),
            username=body.text(*_USER, "login"),
            name=f"{body.text(*_USER, 'firstName')} {body.text(*_USER, 'lastName')}".strip(),
        ),
        request=Request(ip=body.address("data", "context", "request", "ipAddress")),
    )


def event_key(call: Call) -> str:
    """Okta's name for the event; the body's digest where it has none."""
    event_id = read_json(call).text("eventId")
    return f"event {event_id}" if event_id else body_key(call)


def accept(accepted: Accepted) -> Answer:
    """The command that says so."""
    return _command("SUCCESSFUL", accepted)


def refuse(failure: Failure) -> Answer:
    """What keeps Okta from sending the code itself where that would be wrong, and lets it where nothing was sent.

    A refusal is a command FAILED, what may have been sent PENDING. Where no provider could be reached the status makes Okta use its
    own one. The member `error` is for those alone: Okta's reference contradicts itself about what it does in a 200.
    """
    if failure.kind in ("unknown", "busy"):
        return _command("PENDING", Accepted())
    if failure.kind not in _OKTA_MAY_SEND or failure.code == "limit_exceeded" or failure.code == "hook_failed":
        return _command("FAILED", Accepted())
    error = {
        "errorSummary": failure.message,
        "errorCauses": [{"errorSummary": failure.message, "reason": failure.code}],
    }
    return answer_json(failure.status, {"error": error}, failure.headers)


def _command(status: str, accepted: Accepted) -> Answer:
    value = {"status": status, "provider": accepted.provider or "hookpoint"}
    if accepted.id:
        value["transactionId"] = accepted.id
    return answer_json(200, {"commands": [{"type": _ACTION, "value": [value]}]})
