"""What a hook may answer at its point, and how answers add up.

Claims of an access token are frozen (never from hooks), guarded (only through a field of `TokenChanges` that checks) or free.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, Protocol, TypeAlias, TypeVar

from hookpoint.hooks.errors import ClaimNotWritable, InvalidResult, ScopeNotGrantable
from hookpoint.hooks.events import CredentialsExchange, PreUserRegistration, SendPhoneMessage, TokenIssuance
from hookpoint.hooks.json import JsonValue, explain_not_json, freeze
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
    """The rules of one point, all pure."""

    def check(self, hook: str, event: E, result: R) -> None:
        """Raise InvalidResult when the hook may not answer this."""

    def apply(self, event: E, result: R) -> E:
        """The event as the next hook sees it."""

    def merge(self, earlier: R, later: R) -> R:
        """Both results as one."""


AnyRules: TypeAlias = Rules[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRules:
    """Rules for tokens. `grantable_scopes` maps globs of client ids to the scopes that hooks may add for them."""

    grantable_scopes: Mapping[str, Collection[str]] = field(default_factory=dict)

    def check(self, hook: str, event: CredentialsExchange, result: TokenChanges) -> None:
        for name, value in _mapping(hook, "claims", result.claims).items():
            check_claim_name(hook, name)
            if reason := explain_not_json(value):
                raise InvalidResult(hook, f"set the claim {name!r}, which {reason}")
        for name in _texts(hook, "remove_claims", result.remove_claims):
            check_claim_name(hook, name)
        self._check_id_token(hook, event, _mapping(hook, "id_token_claims", result.id_token_claims))
        if result.scope is not None:
            self._check_scope(hook, event, frozenset(_texts(hook, "scope", result.scope)))
        if result.expires_in is not None and not (type(result.expires_in) is int and result.expires_in > 0):
            raise InvalidResult(hook, f"returned expires_in={result.expires_in!r}; give whole seconds above zero")

    def _check_id_token(self, hook: str, event: CredentialsExchange, claims: Mapping[str, JsonValue]) -> None:
        if claims and not isinstance(event, TokenIssuance):
            raise InvalidResult(
                hook, "returned id_token_claims, and there is no ID token where a client asks for itself"
            )
        for name, value in claims.items():
            check_claim_name(hook, name)
            if reason := explain_not_json(value):
                raise InvalidResult(hook, f"set the ID token's claim {name!r}, which {reason}")

    def _check_scope(self, hook: str, event: CredentialsExchange, scope: frozenset[str]) -> None:
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

    def apply(self, event: CredentialsExchange, result: TokenChanges) -> CredentialsExchange:
        removed = frozenset(result.remove_claims)
        claims = {name: value for name, value in event.claims.items() if name not in removed} | dict(result.claims)
        if isinstance(event, TokenIssuance) and event.id_token_claims:
            event = replace(event, id_token_claims=freeze({**event.id_token_claims, **result.id_token_claims}))
        if result.scope is None:
            return replace(event, claims=freeze(claims))
        scope = frozenset(result.scope)
        claims |= {name: scope_as(claims[name], scope) for name in ("scope", "scp") if name in claims}
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

    def check(self, hook: str, event: PreUserRegistration, result: UserChanges) -> None:
        for kind in ("user_metadata", "app_metadata"):
            for name, value in _mapping(hook, kind, getattr(result, kind)).items():
                if not isinstance(name, str) or not name or "." in name or name.startswith("$"):
                    raise InvalidResult(hook, f"set {kind}.{name}: names may hold no dot and start with no dollar sign")
                if reason := explain_not_json(value):
                    raise InvalidResult(hook, f"set {kind}.{name}, which {reason}")

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

    def check(self, hook: str, event: SendPhoneMessage, result: MessageResult) -> None:
        for each in ("text", "sender", "provider", "message_id"):
            value = getattr(result, each, None)
            if value is not None and not isinstance(value, str):
                raise InvalidResult(hook, f"returned {each} of type {type(value).__name__}; give text")

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


def _mapping(hook: str, name: str, value: object) -> Mapping[str, JsonValue]:
    if not isinstance(value, Mapping):
        raise InvalidResult(hook, f"returned {name} of type {type(value).__name__}; give a mapping")
    return value


def _texts(hook: str, name: str, value: Collection[str]) -> Collection[str]:
    if (
        isinstance(value, (str, bytes))
        or not isinstance(value, Collection)
        or not all(isinstance(v, str) for v in value)
    ):
        raise InvalidResult(hook, f'returned {name}={value!r}; give a collection of texts, such as {{"a", "b"}}')
    return value
