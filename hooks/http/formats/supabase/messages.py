"""Supabase's hook `send-sms`, which is told the code and no text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hookpoint.hooks.events import SendPhoneMessage
from hookpoint.hooks.http.formats.format import Answer, Facts, Json, Statuses, Unsayable, Verdict
from hookpoint.hooks.http.formats.supabase.envelope import (
    FAILED,
    STATUSES,
    metadata,
    raise_error,
    read_request,
    read_user,
    refusal,
    user_json,
    with_plus,
)
from hookpoint.hooks.http.members import Members
from hookpoint.hooks.results import Delivered

_SECOND_FACTOR: Final = "second-factor-authentication"
_MFA: Final = "mfa"


@dataclass(frozen=True, slots=True, kw_only=True)
class SupabaseMessages:
    """The hook."""

    statuses: Statuses = STATUSES

    def write_event(self, event: SendPhoneMessage, facts: Facts) -> Json:
        """`{metadata, user, sms}`. Raises Unsayable for anything but text messages."""
        if event.kind != "sms":
            raise Unsayable(f"Supabase's hook send-sms has no {event.kind}")
        sms = {"otp": event.code, "phone": event.recipient.removeprefix("+")}
        return {
            "metadata": metadata("send-sms", event.request, facts),
            "user": user_json(event.user),
            "sms": {**sms, **({"sms_type": _MFA} if event.purpose == _SECOND_FACTOR else {})},
        }

    def read_answer(self, event: SendPhoneMessage, answer: Answer, facts: Facts) -> Delivered:
        """Whatever is no error has delivered the message."""
        raise_error(answer)
        return Delivered()

    def read_event(self, body: Members, facts: Facts) -> SendPhoneMessage:
        """The text is the code alone. Raises Unreadable."""
        code = body.required("sms", "otp")
        number = body.text("sms", "phone") or body.text("user", "new_phone") or body.required("user", "phone")
        return SendPhoneMessage(
            recipient=with_plus(number),
            text=code,
            code=code,
            purpose=_SECOND_FACTOR if body.text("sms", "sms_type") == _MFA else "sign-in",
            user=read_user(body),
            request=read_request(body),
        )

    def write_answer(self, event: SendPhoneMessage, verdict: Verdict, facts: Facts) -> Answer:
        """An empty object, or an error."""
        if verdict.failed:
            return FAILED
        if verdict.denial is not None:
            return refusal(verdict.denial)
        if not isinstance(verdict.changes, Delivered):
            raise Unsayable("no hook delivered the message, and Supabase's hook send-sms can only deliver it")
        return Answer(status=200)
