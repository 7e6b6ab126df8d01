"""Ory Hydra's token hook. What it answers replaces the claims that are not the issuer's; scope and life are not its business.

Source: ory/hydra, oauth2/token_hook.go, refresh_hook.go and session.go; ory/docs, docs/hydra/guides/oauth2-webhooks.mdx.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hookpoint.hooks.events import Client, CredentialsExchange, Request, TokenIssuance, User
from hookpoint.hooks.http.formats.format import Answer, Codec, Facts, Format, Json, Statuses, Unsayable, Verdict
from hookpoint.hooks.http.formats.tokens import (
    REFUSED,
    applied,
    as_audiences,
    differences,
    free_claims,
    grant_of,
    token_event,
)
from hookpoint.hooks.http.members import Members, Unreadable
from hookpoint.hooks.points import AnyPoint, credentials_exchange, token_issuance
from hookpoint.hooks.results import Deny, TokenChanges

_FORBIDDEN: Final = 403
_STATUSES: Final = Statuses(reading=frozenset({200, 204}), plain=frozenset({_FORBIDDEN}))
_CLAIMS: Final = ("session", "id_token", "id_token_claims")


@dataclass(frozen=True, slots=True, kw_only=True)
class HydraCodec:
    """The token hook, which Hydra calls for every grant."""

    statuses: Statuses = _STATUSES

    def write_event(self, event: CredentialsExchange, facts: Facts) -> Json:
        """`{session, request}`; `session.extra` are the free claims of the access token."""
        id_token = event.id_token_claims if isinstance(event, TokenIssuance) else {}
        subject = id_token.get("sub") or event.claims.get("sub") or ""
        asked = event.parameters.get("scope")
        registered = ("jti", "nonce", "at_hash", "acr", "c_hash")
        claims = {
            **{name: id_token.get(name) or "" for name in registered},
            "iss": id_token.get("iss") or event.claims.get("iss") or "",
            "sub": subject,
            "aud": as_audiences(id_token.get("aud")),
            "amr": id_token.get("amr") or (),
            "ext": free_claims(id_token),
        }
        return {
            "session": {
                "id_token": {
                    "id_token_claims": claims,
                    "headers": {"extra": {}},
                    "username": event.user.username if isinstance(event, TokenIssuance) else "",
                    "subject": subject,
                    "expires_at": {},
                },
                "extra": free_claims(event.claims),
                "client_id": event.client.id,
                "consent_challenge": "",
                "exclude_not_before_claim": False,
                "allowed_top_level_claims": [],
                "mirror_top_level_claims": False,
            },
            "request": {
                "client_id": event.client.id,
                "requested_scopes": asked.split() if isinstance(asked, str) else sorted(event.scope),
                "granted_scopes": sorted(event.scope),
                "granted_audience": event.audiences,
                "grant_types": [grant_of(event)],
                "payload": {},
            },
        }

    def read_answer(self, event: CredentialsExchange, answer: Answer, facts: Facts) -> TokenChanges | None:
        """403 refuses, 204 leaves all as it is, 200 replaces: claims that are not sent again are gone."""
        if answer.status == _FORBIDDEN:
            raise Deny("access_denied", REFUSED)
        if answer.status == 204:
            return None
        read = answer.read
        if not read.has("session"):
            raise Unreadable("session is missing")
        changed, removed = differences(free_claims(event.claims), read.mapping("session", "access_token"))
        id_token: Json = {}
        if isinstance(event, TokenIssuance) and event.id_token_claims:
            id_token, _ = differences(free_claims(event.id_token_claims), read.mapping("session", "id_token"))
        if not (changed or removed or id_token):
            return None
        return TokenChanges(claims=changed, remove_claims=removed, id_token_claims=id_token)

    def read_event(self, body: Members, facts: Facts) -> CredentialsExchange:
        """Raises Unreadable."""
        client_id = body.required("request", "client_id")
        subject = body.text(*_CLAIMS, "sub") or body.text("session", "id_token", "subject")
        audiences = body.texts("request", "granted_audience")
        ours = {"iss": body.text(*_CLAIMS, "iss"), "sub": subject, "client_id": client_id, "aud": audiences}
        grants = body.texts("request", "grant_types")
        id_token = body.mapping(*_CLAIMS)
        ext = body.mapping(*_CLAIMS, "ext")
        kept = {name: value for name, value in id_token.items() if name != "ext" and value}
        return token_event(
            grant=grants[0] if grants else "",
            client=Client(id=client_id),
            scope=frozenset(body.texts("request", "granted_scopes")),
            audiences=audiences,
            claims={**body.mapping("session", "extra"), **{name: value for name, value in ours.items() if value}},
            id_token_claims={**ext, **kept},
            user=User(id=subject, username=body.text("session", "id_token", "username")),
            request=Request(),
        )

    def write_answer(self, event: CredentialsExchange, verdict: Verdict, facts: Facts) -> Answer:
        """Both sets of claims whole, because each replaces what there was."""
        if verdict.failed:
            return Answer(status=500)
        if verdict.denial is not None:
            return Answer(status=_FORBIDDEN)
        changes: TokenChanges | None = verdict.changes
        if changes is None:
            return Answer(status=204)
        if changes.scope is not None and frozenset(changes.scope) != event.scope:
            raise Unsayable("Hydra's token hook cannot change scope")
        if changes.expires_in is not None:
            raise Unsayable("Hydra's token hook cannot change a token's life")
        id_token = free_claims(event.id_token_claims) if isinstance(event, TokenIssuance) else {}
        session = {
            "access_token": free_claims(applied(event.claims, changes)),
            "id_token": {**id_token, **changes.id_token_claims},
        }
        return Answer(status=200, members={"session": session})


_CODEC: Final[Codec] = HydraCodec()
CODECS: Final[dict[AnyPoint, Codec]] = {credentials_exchange: _CODEC, token_issuance: _CODEC}

HYDRA = Format(
    name="hydra",
    title="Ory Hydra",
    source="ory/docs, docs/hydra/guides/oauth2-webhooks.mdx",
    codecs=CODECS,
    authentications=("header", "bearer", "basic", "none"),
)
