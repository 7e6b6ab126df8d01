"""What can go wrong with tokens and keys.

TokenError
├── TokenRejected      the upstream's token does not verify; `code` says which rule it breaks
├── KeysUnavailable    there is no key set to verify with
├── FetchFailed        a key set could not be fetched
├── KeySetInvalid      a key set was fetched and cannot be used
├── SigningKeyError    an own key cannot be used
│   └── KeyCollision       an upstream key has the kid of an own key
├── ClaimFrozen        a change would touch a claim that must stay as the upstream wrote it
├── ScopeInvalid       a scope value that no token may carry
└── TokenTooLarge      the finished token is larger than allowed

The texts are for operators. Clients see none of them.
"""
# ruff: noqa: N818 - named after what happened, as the log events are

from __future__ import annotations

from typing import Literal

Rejection = Literal[
    "token_too_large",
    "token_malformed",
    "algorithm_not_allowed",
    "critical_header",
    "wrong_type",
    "unknown_key",
    "bad_signature",
    "wrong_issuer",
    "wrong_audience",
    "token_expired",
    "not_yet_valid",
    "invalid_claim",
]


class TokenError(Exception):
    """Base of all errors of this package; `code` is stable and fit for logs and alerts."""

    code: str = "token_error"


class TokenRejected(TokenError):
    """The upstream's token must not be used; `reason` names the rule and never holds the token."""

    def __init__(self, code: Rejection, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class KeysUnavailable(TokenError):
    """No usable key set has been fetched yet, or the last one is too old."""

    code = "keys_unavailable"


class FetchFailed(TokenError):
    """A key set could not be fetched; the text says why."""

    code = "key_fetch_failed"


class KeySetInvalid(TokenError):
    """A document is not a key set that can be used (RFC 7517 section 5)."""

    code = "key_set_invalid"


class SigningKeyError(TokenError):
    """An own key cannot be used."""

    code = "signing_key"


class KeyCollision(SigningKeyError):
    """A key of the upstream has the kid of an own key but is another key."""

    code = "key_collision"


class ClaimFrozen(TokenError):
    """A change would touch a claim that must stay as the upstream wrote it; `claim` is its name."""

    code = "claim_frozen"

    def __init__(self, claim: str, reason: str) -> None:
        super().__init__(f"the claim '{claim}' {reason}")
        self.claim = claim


class ScopeInvalid(TokenError):
    """A scope value that breaks the grammar of RFC 6749 section 3.3."""

    code = "scope_invalid"


class TokenTooLarge(TokenError):
    """The finished token is larger than allowed; sizes are in bytes."""

    code = "token_too_large"

    def __init__(self, size: int, allowed: int) -> None:
        super().__init__(f"the finished token would have {size} bytes, {allowed} are allowed")
        self.size = size
        self.allowed = allowed
