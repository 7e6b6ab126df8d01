"""Okta's token inline hook: patches to the claims of both tokens, and to the access token's life."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from hookpoint.hooks.events import Client, CredentialsExchange, TokenIssuance, User
from hookpoint.hooks.http.formats.format import OK, Answer, Facts, Json, Statuses, Unsayable, Verdict
from hookpoint.hooks.http.formats.okta.envelope import (
    PROFILE,
    check_type,
    commands_of,
    envelope,
    error_of,
    profile_of,
    read_request,
    refusal,
    user_of,
)
from hookpoint.hooks.http.formats.tokens import as_audiences, differences, grant_of, token_event
from hookpoint.hooks.http.members import Members, Unreadable
from hookpoint.hooks.json import JsonValue, freeze
from hookpoint.hooks.results import Deny, TokenChanges

TYPE: Final = "com.okta.oauth2.tokens.transform"
_ACCESS: Final = "com.okta.access.patch"
_IDENTITY: Final = "com.okta.identity.patch"
_LIFE: Final = ("token", "lifetime", "expiration")
_PROTOCOL: Final = ("data", "context", "protocol")
_PROFILE: Final = ("data", "context", "user", "profile")


@dataclass(frozen=True, slots=True, kw_only=True)
class OktaTokens:
    """The hook for every grant."""

    statuses: Statuses = OK

    def write_event(self, event: CredentialsExchange, facts: Facts) -> Json:
        """`data.access` and, where an ID token is issued, `data.identity`."""
        context: dict[str, Any] = {
            "protocol": {
                "type": "OAUTH2.0",
                "request": {
                    "scope": " ".join(sorted(event.scope)),
                    "client_id": event.client.id,
                    "grant_type": grant_of(event),
                    **_given(event.parameters, "state", "redirect_uri", "response_mode", "response_type"),
                },
                "issuer": {"uri": event.claims.get("iss", "")},
                "client": {"id": event.client.id, "name": event.client.name, "type": "PUBLIC"},
            }
        }
        data: dict[str, Any] = {
            "access": {
                "claims": event.claims,
                "token": {"lifetime": {"expiration": life_of(event, facts)}},
                "scopes": {scope: {"id": scope, "action": "GRANT"} for scope in sorted(event.scope)},
            }
        }
        if isinstance(event, TokenIssuance):
            context["user"] = {
                "id": event.user.id,
                "profile": {**event.user.user_metadata, **profile_of(event.user)},
            }
            if event.id_token_claims:
                data["identity"] = {
                    "claims": event.id_token_claims,
                    "token": {"lifetime": {"expiration": _left(event.id_token_claims, facts)}},
                }
        return envelope(TYPE, {**data, "context": context}, event.request, facts)

    def read_answer(self, event: CredentialsExchange, answer: Answer, facts: Facts) -> TokenChanges | None:
        """One operation that cannot be done voids the whole answer."""
        if (summary := error_of(answer)) is not None:
            raise Deny("server_error", summary)
        changes = TokenChanges()
        for kind, value in commands_of(answer, (_ACCESS, _IDENTITY)):
            operations = Members({"value": value}).objects("value")
            if kind == _ACCESS:
                life = life_of(event, facts)
                document = _patched(event.claims, life, operations)
                changed, removed = differences(event.claims, document["claims"])
                wanted = document["token"]["lifetime"]["expiration"]
                expires_in = None if wanted == life else wanted
                changes = replace(changes, claims=changed, remove_claims=removed, expires_in=expires_in)
            elif isinstance(event, TokenIssuance) and event.id_token_claims:
                changes = replace(changes, id_token_claims=_identity(event.id_token_claims, operations, facts))
            else:
                raise Unreadable("there is no ID token to patch")
        return None if changes == TokenChanges() else changes

    def read_event(self, body: Members, facts: Facts) -> CredentialsExchange:
        """Raises Unreadable."""
        check_type(body, TYPE)
        claims = body.mapping("data", "access", "claims")
        grant = body.text(*_PROTOCOL, "request", "grant_type")
        if not grant and not body.has("data", "context", "user"):
            grant = "client_credentials"
        profile = body.mapping(*_PROFILE)
        user = user_of(Members(profile), body.text("data", "context", "user", "id"))
        return token_event(
            grant=grant,
            client=Client(id=body.required(*_PROTOCOL, "client", "id"), name=body.text(*_PROTOCOL, "client", "name")),
            scope=frozenset(body.mapping("data", "access", "scopes")),
            audiences=as_audiences(claims.get("aud")),
            claims=claims,
            id_token_claims=body.mapping("data", "identity", "claims"),
            user=replace(user, user_metadata=metadata_of(profile)) if profile else User(id=user.id),
            request=read_request(body),
        )

    def write_answer(self, event: CredentialsExchange, verdict: Verdict, facts: Facts) -> Answer:
        """Commands for what changes; an empty answer for nothing."""
        if verdict.failed:
            return Answer(status=500)
        if verdict.denial is not None:
            return refusal(verdict.denial)
        changes: TokenChanges | None = verdict.changes
        if changes is None:
            return Answer(status=204)
        if changes.scope is not None and frozenset(changes.scope) != event.scope:
            raise Unsayable("Okta's token hook cannot change scope")
        access = _operations(event.claims, changes.claims)
        access += [
            {"op": "remove", "path": _path(name)} for name in sorted(changes.remove_claims) if name in event.claims
        ]
        if changes.expires_in is not None:
            access.append({"op": "replace", "path": "/" + "/".join(_LIFE), "value": changes.expires_in})
        before = event.id_token_claims if isinstance(event, TokenIssuance) else {}
        identity = _operations(before, changes.id_token_claims)
        patches = [(_IDENTITY, identity), (_ACCESS, access)]
        commands = [{"type": kind, "value": operations} for kind, operations in patches if operations]
        return Answer(status=200, members={"commands": commands}) if commands else Answer(status=204)


def metadata_of(profile: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    """The members of a profile that are no user's own."""
    return freeze({name: value for name, value in profile.items() if name not in PROFILE})


def life_of(event: CredentialsExchange, facts: Facts) -> int:
    """How long the access token lives, in seconds from its issue; 0 when it does not say."""
    return _left(event.claims, facts)


def _left(claims: Mapping[str, JsonValue], facts: Facts) -> int:
    end, start = claims.get("exp"), claims.get("iat")
    if isinstance(end, bool) or not isinstance(end, (int, float)):
        return 0
    return int(end - (start if isinstance(start, (int, float)) else facts.at))


def _given(parameters: Mapping[str, JsonValue], *names: str) -> Json:
    return {name: parameters[name] for name in names if name in parameters}


def _path(name: str) -> str:
    return "/claims/" + name.replace("~", "~0").replace("/", "~1")


def _operations(before: Mapping[str, JsonValue], claims: Mapping[str, JsonValue]) -> list[dict[str, Any]]:
    return [
        {"op": "replace" if name in before else "add", "path": _path(name), "value": value}
        for name, value in claims.items()
    ]


def _identity(claims: Mapping[str, JsonValue], operations: list[Members], facts: Facts) -> Json:
    life = _left(claims, facts)
    document = _patched(claims, life, operations)
    changed, removed = differences(claims, document["claims"])
    if removed:
        raise Unreadable("claims of ID tokens cannot be removed")
    if document["token"]["lifetime"]["expiration"] != life:
        raise Unreadable("the life of ID tokens cannot be changed")
    return changed


def _patched(claims: Mapping[str, JsonValue], life: int, operations: list[Members]) -> dict[str, Any]:
    """The claims and the life with the operations done (RFC 6902, of which Okta has three). Raises Unreadable."""
    document: dict[str, Any] = {"claims": _plain(claims), "token": {"lifetime": {"expiration": life}}}
    for operation in operations:
        name, path = operation.required("op"), operation.required("path")
        if name not in ("add", "replace", "remove"):
            raise Unreadable("an op is none of add, replace, remove")
        steps = [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")[1:]]
        if not (steps[:1] == ["claims"] and len(steps) > 1) and tuple(steps) != _LIFE:
            raise Unreadable("a path is neither /claims/NAME nor /token/lifetime/expiration")
        if tuple(steps) == _LIFE and name == "remove":
            raise Unreadable("a token's life cannot be removed")
        try:
            _do(document, name, steps, copy.deepcopy(operation.value("value")))
        except (KeyError, IndexError, TypeError, ValueError):
            raise Unreadable(f"the operation {name} on one of the paths cannot be done") from None
    return document


def _do(document: Any, name: str, steps: list[str], value: object) -> None:
    *way, last = steps
    for step in way:
        document = document[int(step) if isinstance(document, list) else step]
    if isinstance(document, list):
        at = len(document) if last == "-" and name == "add" else int(last)
        if not 0 <= at <= len(document) - (name != "add"):
            raise IndexError(at)
        if name == "add":
            document.insert(at, value)
        elif name == "replace":
            document[at] = value
        else:
            del document[at]
        return
    if not isinstance(document, dict):
        raise TypeError(last)
    if name == "remove":
        del document[last]
    elif name == "replace" and last not in document:
        raise KeyError(last)
    else:
        document[last] = value


def _plain(value: Any) -> Any:
    """A copy that can be changed."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
