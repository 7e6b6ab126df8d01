"""ZITADEL's function `preaccesstoken`: claims can be appended to the access token, and the issue refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from hookpoint.hooks.events import Client, CredentialsExchange, Request, TokenIssuance
from hookpoint.hooks.http.formats.format import OK, Answer, Facts, Json, SaysFailed, Statuses, Unsayable, Verdict
from hookpoint.hooks.http.formats.tokens import CLIENT_CREDENTIALS, as_audiences, token_event
from hookpoint.hooks.http.formats.zitadel.users import metadata_json, read_user, user_json
from hookpoint.hooks.http.members import Members, Unreadable
from hookpoint.hooks.results import Deny, TokenChanges

_FUNCTION: Final = "function/preaccesstoken"
_OWN_CLAIMS: Final = "urn:zitadel:iam"
_UNKNOWN_GRANT: Final = "authorization_code"


@dataclass(frozen=True, slots=True, kw_only=True)
class ZitadelTokens:
    """The function, for every grant; clients that ask for themselves are machine users there."""

    statuses: Statuses = OK

    def write_event(self, event: CredentialsExchange, facts: Facts) -> Json:
        """`{function, userinfo, user, user_metadata, org, user_grants, application}`."""
        metadata: list[Json] = []
        if isinstance(event, TokenIssuance):
            user, metadata = user_json(event.user), metadata_json(event.user.user_metadata)
        else:
            subject = event.claims.get("sub") or event.client.id
            machine = {"name": event.client.name, "description": ""}
            user = {"id": subject, "username": event.client.id, "machine": machine}
        return {
            "function": _FUNCTION,
            "userinfo": event.claims,
            "user": user,
            "user_metadata": metadata,
            "org": {"id": "", "name": event.request.hostname, "primary_domain": event.request.hostname},
            "user_grants": [],
            "application": {"client_id": event.client.id},
        }

    def read_answer(self, event: CredentialsExchange, answer: Answer, facts: Facts) -> TokenChanges | None:
        """Claims that are there already stay as they are, and ZITADEL's own cannot be appended."""
        read = answer.read
        raise_error(read)
        if read.objects("set_user_metadata"):
            raise Unreadable("set_user_metadata cannot be done when a token is issued")
        claims: dict[str, Any] = {}
        for each in read.objects("append_claims"):
            name = each.required("key")
            if name not in event.claims and not name.startswith(_OWN_CLAIMS):
                claims.setdefault(name, each.value("value"))
        return TokenChanges(claims=claims) if claims else None

    def read_event(self, body: Members, facts: Facts) -> CredentialsExchange:
        """Raises Unreadable. ZITADEL does not tell the grant: machine users have one, people are taken for another."""
        if body.required("function") != _FUNCTION:
            raise Unreadable(f"function is not {_FUNCTION}")
        claims = body.mapping("userinfo")
        is_machine = body.has("user", "machine")
        user = read_user(body)
        client_id = body.text("application", "client_id") or Members(claims).text("client_id")
        scope = claims.get("scope")
        return token_event(
            grant=CLIENT_CREDENTIALS if is_machine else _UNKNOWN_GRANT,
            client=Client(id=client_id or (user.username if is_machine else "")),
            scope=frozenset(scope.split()) if isinstance(scope, str) else frozenset(),
            audiences=as_audiences(claims.get("aud")),
            claims=claims,
            id_token_claims={},
            user=user,
            request=Request(hostname=body.text("org", "primary_domain")),
        )

    def write_answer(self, event: CredentialsExchange, verdict: Verdict, facts: Facts) -> Answer:
        """Appended claims. Raises Unsayable for any other change."""
        if verdict.failed:
            return Answer(status=500)
        if verdict.denial is not None:
            return refusal(verdict.denial)
        changes: TokenChanges = verdict.changes or TokenChanges()
        if replaced := sorted(changes.claims.keys() & event.claims.keys()):
            raise Unsayable(f"ZITADEL cannot replace claims, such as {replaced[0]}")
        scope_stays = changes.scope is None or frozenset(changes.scope) == event.scope
        if not scope_stays or changes.remove_claims or changes.expires_in is not None or changes.id_token_claims:
            raise Unsayable("ZITADEL can append claims to the access token, and nothing else")
        appended = [{"key": name, "value": value} for name, value in changes.claims.items()]
        return Answer(status=200, members={"append_claims": appended} if appended else {})


def raise_error(read: Members) -> None:
    """Raises Deny for a forwarded status of the caller's fault, SaysFailed for any other."""
    status = read.value("forwardedStatusCode")
    if status is None:
        return
    message = read.text("forwardedErrorMessage") or "The hook refused."
    if isinstance(status, int) and 400 <= status < 500:
        raise Deny("access_denied", message)
    raise SaysFailed(message)


def refusal(denial: Deny) -> Answer:
    """The error that ZITADEL forwards, where the target may interrupt."""
    message = denial.user_message or denial.reason
    return Answer(status=200, members={"forwardedStatusCode": 403, "forwardedErrorMessage": message})
