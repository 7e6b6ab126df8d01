"""Okta's registration inline hook, for people who sign up themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from hookpoint.hooks.events import PreUserRegistration
from hookpoint.hooks.http.formats.format import OK, Answer, Facts, Json, Statuses, Unsayable, Verdict
from hookpoint.hooks.http.formats.okta.envelope import (
    PROFILE,
    check_type,
    command,
    commands_of,
    envelope,
    error_of,
    profile_of,
    read_request,
    refusal,
    user_of,
)
from hookpoint.hooks.http.formats.okta.tokens import metadata_of
from hookpoint.hooks.http.formats.tokens import REFUSED
from hookpoint.hooks.http.members import Members, Unreadable
from hookpoint.hooks.results import Deny, UserChanges

TYPE: Final = "com.okta.user.pre-registration"
_ACTION: Final = "com.okta.action.update"
_PROFILE: Final = "com.okta.user.profile.update"


@dataclass(frozen=True, slots=True, kw_only=True)
class OktaRegistration:
    """The hook; members of a profile that are not the user's own stand for `user_metadata`."""

    statuses: Statuses = OK

    def write_event(self, event: PreUserRegistration, facts: Facts) -> Json:
        """`data.userProfile` and `data.action`."""
        profile = {**event.user.user_metadata, **profile_of(event.user)}
        data = {"userProfile": profile, "action": "ALLOW"}
        return envelope(TYPE, data, event.request, facts, request_type="self.service.registration")

    def read_answer(self, event: PreUserRegistration, answer: Answer, facts: Facts) -> UserChanges | None:
        """An error and a DENY refuse; updates of the profile are metadata."""
        if (summary := error_of(answer)) is not None:
            raise Deny("access_denied", summary)
        metadata: dict[str, object] = {}
        for kind, value in commands_of(answer, (_ACTION, _PROFILE)):
            members = Members({"value": value}).mapping("value")
            if kind == _PROFILE:
                if own := sorted(members.keys() & PROFILE):
                    raise Unreadable(f"userProfile.{own[0]} cannot be changed by a hook")
                metadata |= members
            elif members.get("registration") == "DENY":
                raise Deny("access_denied", REFUSED)
            elif members.get("registration") != "ALLOW":
                raise Unreadable("registration is neither ALLOW nor DENY")
        return UserChanges(user_metadata=metadata) if metadata else None  # type: ignore[arg-type]

    def read_event(self, body: Members, facts: Facts) -> PreUserRegistration:
        """Raises Unreadable."""
        check_type(body, TYPE)
        profile = body.mapping("data", "userProfile")
        user = replace(user_of(Members(profile)), user_metadata=metadata_of(profile))
        return PreUserRegistration(user=user, request=read_request(body))

    def write_answer(self, event: PreUserRegistration, verdict: Verdict, facts: Facts) -> Answer:
        """A profile update for metadata."""
        if verdict.failed:
            return Answer(status=500)
        if verdict.denial is not None:
            return refusal(verdict.denial)
        changes: UserChanges | None = verdict.changes
        if changes is None:
            return Answer(status=204)
        if changes.app_metadata:
            raise Unsayable("Okta's registration hook has no app_metadata")
        return command(_PROFILE, changes.user_metadata)
