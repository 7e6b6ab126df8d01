"""Okta's telephony inline hook."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from hookpoint.hooks.events import MessageKind, SendPhoneMessage, User
from hookpoint.hooks.http.formats.format import OK, Answer, Facts, Json, SaysFailed, Statuses, Unsayable, Verdict
from hookpoint.hooks.http.formats.okta.envelope import (
    check_type,
    command,
    commands_of,
    envelope,
    error_of,
    read_request,
)
from hookpoint.hooks.http.members import Members, Unreadable
from hookpoint.hooks.results import Delivered

TYPE: Final = "com.okta.telephony.provider"
_ACTION: Final = "com.okta.telephony.action"
_REQUEST_TYPE: Final = "com.okta.user.telephony."
_PURPOSES: Final = {
    "enrollment": "pre-enrollment",
    "second-factor-authentication": "mfa-verification",
    "account-unlock": "account-unlock",
    "password-reset": "password-reset",
}
_CHANNELS: Final[dict[str, MessageKind]] = {"SMS": "sms", "CALL": "voice"}
_MESSAGE: Final = ("data", "messageProfile")
_USER: Final = ("data", "userProfile")
_CODE_LIFE: Final = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OktaTelephony:
    """The hook; it delivers, and can neither change a message nor leave it to somebody else."""

    statuses: Statuses = OK

    def write_event(self, event: SendPhoneMessage, facts: Facts) -> Json:
        """`data.messageProfile` and `data.userProfile`. Raises Unsayable for other channels than text and voice."""
        channel = next((name for name, kind in _CHANNELS.items() if kind == event.kind), None)
        if channel is None:
            raise Unsayable(f"Okta's telephony hook has no {event.kind}")
        first, _, last = event.user.name.partition(" ")
        data = {
            "userProfile": {
                "firstName": first,
                "lastName": last,
                "login": event.user.username or event.user.email,
                "userId": event.user.id,
            },
            "messageProfile": {
                "msgTemplate": event.text,
                "phoneNumber": event.recipient,
                "otpExpires": datetime.fromtimestamp(facts.at + _CODE_LIFE, UTC).isoformat(timespec="milliseconds"),
                "deliveryChannel": channel,
                "otpCode": event.code,
                "locale": event.language,
            },
        }
        kind = _REQUEST_TYPE + _PURPOSES.get(event.purpose, "mfa-verification")
        return envelope(TYPE, data, event.request, facts, request_type=kind)

    def read_answer(self, event: SendPhoneMessage, answer: Answer, facts: Facts) -> Delivered:
        """SUCCESSFUL and PENDING are delivered; anything else has failed."""
        if (summary := error_of(answer)) is not None:
            raise SaysFailed(summary)
        for _, value in commands_of(answer, (_ACTION,)):
            for action in Members({"value": value}).objects("value"):
                if action.required("status") in ("SUCCESSFUL", "PENDING"):
                    return Delivered(message_id=action.text("transactionId"))
                raise SaysFailed("the message was not sent")
        raise Unreadable(f"there is no command {_ACTION}")

    def read_event(self, body: Members, facts: Facts) -> SendPhoneMessage:
        """Raises Unreadable."""
        check_type(body, TYPE)
        kind = _CHANNELS.get(body.required(*_MESSAGE, "deliveryChannel"))
        if kind is None:
            raise Unreadable("data.messageProfile.deliveryChannel is neither SMS nor CALL")
        asked = body.text("requestType").removeprefix(_REQUEST_TYPE)
        code = body.required(*_MESSAGE, "otpCode")
        return SendPhoneMessage(
            recipient=body.required(*_MESSAGE, "phoneNumber"),
            text=body.text(*_MESSAGE, "msgTemplate") or code,
            code=code,
            kind=kind,
            purpose=next((ours for ours, theirs in _PURPOSES.items() if theirs == asked), asked),
            language=body.text(*_MESSAGE, "locale"),
            user=User(
                id=body.text(*_USER, "userId"),
                username=body.text(*_USER, "login"),
                name=f"{body.text(*_USER, 'firstName')} {body.text(*_USER, 'lastName')}".strip(),
            ),
            request=read_request(body),
        )

    def write_answer(self, event: SendPhoneMessage, verdict: Verdict, facts: Facts) -> Answer:
        """A refusal is FAILED, which keeps Okta from sending the code itself."""
        if verdict.failed:
            return Answer(status=500)
        if verdict.denial is not None:
            return command(_ACTION, [{"status": "FAILED", "provider": "hookpoint"}])
        if not isinstance(verdict.changes, Delivered):
            raise Unsayable("no hook delivered the message, and Okta's telephony hook can only deliver it")
        action = {"status": "SUCCESSFUL", "provider": "hookpoint"}
        if verdict.changes.message_id:
            action["transactionId"] = verdict.changes.message_id
        return command(_ACTION, [action])
