"""ZITADEL's HTTP provider for text messages; any success is a message that was sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hookpoint.hooks.events import SendPhoneMessage, User
from hookpoint.hooks.http.formats.format import ANY_SUCCESS, Answer, Facts, Json, Statuses, Unsayable, Verdict
from hookpoint.hooks.http.members import Members, Unreadable
from hookpoint.hooks.results import Delivered

_EVENT_TYPES: Final = {
    "second-factor-authentication": "user.human.mfa.otp.sms.code.added",
    "password-reset": "user.human.password.code.added",
    "verification": "user.human.phone.code.added",
}
# Words in an event's type, the most telling first.
_PURPOSES: Final = (
    ("password", "password-reset"),
    ("otp", "second-factor-authentication"),
    ("phone", "verification"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZitadelMessages:
    """The provider."""

    statuses: Statuses = ANY_SUCCESS

    def write_event(self, event: SendPhoneMessage, facts: Facts) -> Json:
        """`{contextInfo, templateData, args}`. Raises Unsayable for anything but text messages."""
        if event.kind != "sms":
            raise Unsayable(f"ZITADEL's provider has no {event.kind}")
        kind = _EVENT_TYPES.get(event.purpose, _EVENT_TYPES["second-factor-authentication"])
        return {
            "contextInfo": {
                "eventType": kind,
                "provider": {"id": "", "description": "hookpoint"},
                "recipientPhoneNumber": event.recipient,
            },
            "templateData": {"text": event.text},
            "args": {
                "code": event.code,
                "displayName": event.user.name,
                "userName": event.user.username,
                "preferredLoginName": event.user.username,
                "preferredLanguage": event.language,
                "lastPhone": event.recipient,
                "verifiedEmail": event.user.email,
            },
        }

    def read_answer(self, event: SendPhoneMessage, answer: Answer, facts: Facts) -> Delivered:
        """Any success."""
        return Delivered()

    def read_event(self, body: Members, facts: Facts) -> SendPhoneMessage:
        """Raises Unreadable."""
        code = body.text("args", "code") or body.text("args", "otp")
        text = body.text("templateData", "text") or code
        if not text:
            raise Unreadable("templateData.text is missing")
        kind = body.text("contextInfo", "eventType")
        number = body.text("contextInfo", "recipientPhoneNumber") or body.text("args", "lastPhone")
        return SendPhoneMessage(
            recipient=number or body.required("args", "verifiedPhone"),
            text=text,
            code=code,
            purpose=next((purpose for word, purpose in _PURPOSES if word in kind), ""),
            language=body.text("args", "preferredLanguage"),
            user=User(
                username=body.text("args", "userName") or body.text("args", "preferredLoginName"),
                email=body.text("args", "verifiedEmail"),
                name=body.text("args", "displayName"),
            ),
        )

    def write_answer(self, event: SendPhoneMessage, verdict: Verdict, facts: Facts) -> Answer:
        """An empty success; a refusal is a failed delivery."""
        if verdict.failed:
            return Answer(status=500)
        if verdict.denial is not None:
            return Answer(status=403)
        if not isinstance(verdict.changes, Delivered):
            raise Unsayable("no hook delivered the message, and ZITADEL's provider can only deliver it")
        return Answer(status=200)
