"""What a hook may answer at its point, and how answers add up.

Claims of an access token are frozen (never from hooks), guarded (only through a field of `TokenChanges` that checks) or free.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from itertools import islice
from typing import Any, Protocol, TypeAlias, TypeVar

from hookpoint.hooks.errors import ClaimNotWritable, InvalidResult, ScopeNotGrantable
from hookpoint.hooks.events import CredentialsExchange, PreUserRegistration, SendPhoneMessage, TokenIssuance
from hookpoint.hooks.json import MAX_VALUES, FrozenDict, JsonValue, NotJsonError, copy_members, copy_text, freeze
from hookpoint.hooks.points import (
    AnyPoint,
    credentials_exchange,
    pre_user_registration,
    send_phone_message,
    token_issuance,
)
from hookpoint.hooks.results import Delivered, MessageChanges, TokenChanges, UserChanges

# Meaning fixed by the issuer: RFC 7519 4.1, RFC 7800 (cnf), RFC 8693 4 (act, may_act, client_id), OpenID Connect Core 2 and 3.3.2.11
# (azp, nonce, *_hash, auth_time, acr, amr), Back-Channel Logout 2.4 (sid), RFC 8417 (txn, toe), RFC 9493 (sub_id).
FROZEN_CLAIMS = frozenset(
    [
        "iss",
        "iat",
        "nbf",
        "jti",
        "cnf",
        "act",
        "may_act",
        "client_id",
        "azp",
        "nonce",
        "at_hash",
        "c_hash",
        "s_hash",
        "auth_time",
        "acr",
        "amr",
        "sid",
        "typ",
        "txn",
        "sub_id",
        "token_type",
    ]
)
GUARDED_CLAIMS: Mapping[str, str] = {
    "scope": "Return TokenChanges(scope=...).",
    "scp": "Return TokenChanges(scope=...).",
    "exp": "Return TokenChanges(expires_in=...), which can shorten the token's life.",
    "aud": "The audience is what the server granted; let the client ask for another one.",
    "sub": "The subject is whom the server authenticated; use a claim of your own.",
}
_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749 section 3.3

E = TypeVar("E")
R = TypeVar("R")


class Rules(Protocol[E, R]):
    """The rules of one point, all pure.

    `check` returns an answer as a plain copy, out of reach of the hook, and raises InvalidResult when the hook may not answer this.
    `apply` returns the event as the next hook sees it, `merge` two answers as one.
    """

    def check(self, hook: str, event: E, result: R) -> R: ...

    def apply(self, event: E, result: R) -> E: ...

    def merge(self, earlier: R, later: R) -> R: ...


AnyRules: TypeAlias = Rules[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRules:
    """Rules for tokens. `grantable_scopes` maps globs of client ids to the scopes that hooks may add for them."""

    grantable_scopes: Mapping[str, Collection[str]] = field(default_factory=dict)

    def check(self, hook: str, event: CredentialsExchange, result: TokenChanges) -> TokenChanges:
        claims = _members(hook, "claims", result.claims)
        removed = _texts(hook, "remove_claims", result.remove_claims)
        for name in (*claims, *sorted(removed)):
            check_claim_name(hook, name)
        scope = result.scope
        return TokenChanges(
            claims=claims,
            remove_claims=removed - claims.keys(),
            scope=None if scope is None else self._check_scope(hook, event, _texts(hook, "scope", scope)),
            expires_in=_seconds(hook, result.expires_in),
            id_token_claims=self._check_id_token(
                hook, event, _members(hook, "id_token_claims", result.id_token_claims)
            ),
        )

    def _check_id_token(self, hook: str, event: CredentialsExchange, claims: FrozenDict) -> FrozenDict:
        if claims and not isinstance(event, TokenIssuance):
            raise InvalidResult(
                hook, "returned id_token_claims, and there is no ID token where a client asks for itself"
            )
        for name in claims:
            check_claim_name(hook, name)
        return claims

    def _check_scope(self, hook: str, event: CredentialsExchange, scope: frozenset[str]) -> frozenset[str]:
        for token in sorted(scope):
            if not _SCOPE_TOKEN.fullmatch(token):
                raise InvalidResult(hook, f"returned {token!r}, which is no scope (RFC 6749 section 3.3)")
        added = scope - event.scope
        for glob, scopes in self.grantable_scopes.items():
            if fnmatchcase(event.client.id, glob):
                added = added.difference(scopes)
        if (
            isinstance(event, TokenIssuance)
            and event.is_refresh
            and (grown := scope - event.scope - event.granted_before)
        ):
            # RFC 6749 section 6: a refreshed token may not have more than the one before it.
            raise ScopeNotGrantable(
                hook, f"added the scope {' '.join(sorted(grown))!r} on a refresh, where scope cannot grow"
            )
        if added:
            raise ScopeNotGrantable(
                hook,
                f"added the scope {' '.join(sorted(added))!r}, which client {event.client.id!r} may not be given; "
                f"allow it with tokens.grantable_scopes",
            )
        return scope

    def apply(self, event: CredentialsExchange, result: TokenChanges) -> CredentialsExchange:
        removed = frozenset(result.remove_claims)
        claims = {name: value for name, value in event.claims.items() if name not in removed} | dict(result.claims)
        if isinstance(event, TokenIssuance) and event.id_token_claims:
            event = replace(event, id_token_claims=freeze({**event.id_token_claims, **result.id_token_claims}))
        if result.scope is None:
            return replace(event, claims=freeze(claims))
        scope = frozenset(result.scope)
        for name in [each for each in ("scope", "scp") if each in claims] or (["scope"] if claims and scope else []):
            claims[name] = scope_as(claims.get(name, ""), scope)
        return replace(event, claims=freeze(claims), scope=scope)

    def merge(self, earlier: TokenChanges, later: TokenChanges) -> TokenChanges:
        kept = {name: value for name, value in earlier.claims.items() if name not in frozenset(later.remove_claims)}
        limits = [seconds for seconds in (earlier.expires_in, later.expires_in) if seconds is not None]
        return TokenChanges(
            claims={**kept, **later.claims},
            remove_claims=(frozenset(earlier.remove_claims) - later.claims.keys()) | frozenset(later.remove_claims),
            scope=earlier.scope if later.scope is None else later.scope,
            expires_in=min(limits, default=None),
            id_token_claims={**earlier.id_token_claims, **later.id_token_claims},
        )


def scope_as(shape: object, scope: Collection[str]) -> JsonValue:
    """A scope in the shape that a server uses for it: one text (RFC 6749 section 3.3) or an array; what was there stays in order."""
    before = (
        shape.split()
        if isinstance(shape, str)
        else [str(each) for each in shape]
        if isinstance(shape, Sequence)
        else []
    )
    ordered = [each for each in before if each in scope] + sorted(frozenset(scope).difference(before))
    return " ".join(ordered) if isinstance(shape, str) else ordered


def check_claim_name(hook: str, name: object) -> None:
    """Raise when hooks may not write or remove this claim."""
    if not isinstance(name, str) or not name:
        raise InvalidResult(hook, f"named a claim {name!r}; names are texts")
    if name in FROZEN_CLAIMS:
        raise ClaimNotWritable(hook, f"changed the claim {name!r}, which only the issuer sets; use a claim of your own")
    if name in GUARDED_CLAIMS:
        raise ClaimNotWritable(hook, f"changed the claim {name!r} directly. {GUARDED_CLAIMS[name]}")


class UserRules:
    """Rules for sign-ups: metadata names without dots and without a leading dollar sign, as Auth0 has them."""

    def check(self, hook: str, event: PreUserRegistration, result: UserChanges) -> UserChanges:
        changes = UserChanges(
            user_metadata=_members(hook, "user_metadata", result.user_metadata),
            app_metadata=_members(hook, "app_metadata", result.app_metadata),
        )
        for kind, members in (("user_metadata", changes.user_metadata), ("app_metadata", changes.app_metadata)):
            for name in members:
                if not name or "." in name or name.startswith("$"):
                    raise InvalidResult(
                        hook, f"set {kind}[{name!r}]: names may hold no dot and start with no dollar sign"
                    )
        return changes

    def apply(self, event: PreUserRegistration, result: UserChanges) -> PreUserRegistration:
        user = replace(
            event.user,
            user_metadata=freeze({**event.user.user_metadata, **result.user_metadata}),
            app_metadata=freeze({**event.user.app_metadata, **result.app_metadata}),
        )
        return replace(event, user=user)

    def merge(self, earlier: UserChanges, later: UserChanges) -> UserChanges:
        return UserChanges(
            user_metadata={**earlier.user_metadata, **later.user_metadata},
            app_metadata={**earlier.app_metadata, **later.app_metadata},
        )


MessageResult: TypeAlias = MessageChanges | Delivered


class MessageRules:
    """Rules for phone messages: a hook that delivered the message ends the chain's say over it."""

    def check(self, hook: str, event: SendPhoneMessage, result: MessageResult) -> MessageResult:
        if isinstance(result, Delivered):
            return Delivered(message_id=_text(hook, "message_id", result.message_id))
        return MessageChanges(
            text=_optional_text(hook, "text", result.text),
            sender=_optional_text(hook, "sender", result.sender),
            provider=_optional_text(hook, "provider", result.provider),
        )

    def apply(self, event: SendPhoneMessage, result: MessageResult) -> SendPhoneMessage:
        if isinstance(result, MessageChanges) and result.text is not None:
            return replace(event, text=result.text)
        return event

    def merge(self, earlier: MessageResult, later: MessageResult) -> MessageResult:
        if isinstance(earlier, Delivered) or isinstance(later, Delivered):
            return earlier if isinstance(earlier, Delivered) else later
        return MessageChanges(
            text=earlier.text if later.text is None else later.text,
            sender=earlier.sender if later.sender is None else later.sender,
            provider=earlier.provider if later.provider is None else later.provider,
        )


def default_rules(*, grantable_scopes: Mapping[str, Collection[str]] | None = None) -> Mapping[AnyPoint, AnyRules]:
    """The rules of every point that has results."""
    tokens = TokenRules(grantable_scopes=grantable_scopes or {})
    return {
        credentials_exchange: tokens,
        token_issuance: tokens,
        pre_user_registration: UserRules(),
        send_phone_message: MessageRules(),
    }


def _members(hook: str, kind: str, value: object) -> FrozenDict:
    if not isinstance(value, Mapping):
        raise InvalidResult(hook, f"returned {kind} of type {type(value).__name__}; give a mapping")
    try:
        return copy_members(value)
    except NotJsonError as error:
        raise InvalidResult(hook, f"returned {kind} that JSON cannot hold: it {error}") from None


def _texts(hook: str, kind: str, value: object) -> frozenset[str]:
    if isinstance(value, (str, bytes)) or not isinstance(value, Collection):
        raise InvalidResult(hook, f'returned {kind} of type {type(value).__name__}; give texts, such as {{"a", "b"}}')
    return frozenset(_text(hook, f"an item of {kind}", each) for each in islice(value, MAX_VALUES))


def _optional_text(hook: str, kind: str, value: object) -> str | None:
    return None if value is None else _text(hook, kind, value)


def _text(hook: str, kind: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidResult(hook, f"returned {kind} of type {type(value).__name__}; give text")
    try:
        return copy_text(value)
    except NotJsonError as error:
        raise InvalidResult(hook, f"returned {kind} that {error}") from None


def _seconds(hook: str, value: object) -> int | None:
    if value is None or (type(value) is int and value > 0):
        return value
    raise InvalidResult(hook, f"returned expires_in={value!r}; give whole seconds above zero")
