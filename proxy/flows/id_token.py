"""ID tokens that leave beside a re-issued access token (OpenID Connect Core section 3.1.3.3)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

from hookpoint.hooks.strict_json import JsonError, JsonObject
from hookpoint.proxy.tokens.compact import classify
from hookpoint.proxy.tokens.errors import TokenRejected
from hookpoint.proxy.tokens.verification import TokenVerifier, VerifiedToken


class IdTokenFixed(Exception):  # noqa: N818 - names the state
    """The ID token has to change, and only the server could sign what would come out; the text is for operators."""

    code = "id_token_fixed"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdToken:
    """An ID token as it came. `verified` is None where it cannot be: `why_not` says why, and `binds` whether it may name the
    access token's hash."""

    value: str = field(repr=False)
    verified: VerifiedToken | None = field(repr=False)
    why_not: str = ""
    binds: bool = False

    @property
    def claims(self) -> Mapping[str, object]:
        """Its claims, empty where they could not be verified."""
        return self.verified.payload.members if self.verified else {}

    def must_change(self, *, added: bool, replaced: bool, always: bool) -> bool:
        """Whether claims that hooks added, or a new access token beside it, make this ID token wrong as it stands."""
        return added or always or (replaced and self.binds)

    def changeable(self) -> VerifiedToken:
        """The verified token that a new one is made of; raises IdTokenFixed."""
        if self.verified is None:
            raise IdTokenFixed(f"the ID token must be signed again, and {self.why_not}")
        return self.verified


async def read_id_token(value: str, client_id: str, verifier: TokenVerifier) -> IdToken:
    """Look at the ID token of an answer.

    One signed with the client's secret, or encrypted to the client, is none of hookpoint's business as long as it can stay as it is.
    Raises TokenRejected for one that should verify and does not, KeysUnavailable.
    """
    if classify(value) == "jwe":
        return IdToken(value=value, verified=None, why_not="it is encrypted to the client", binds=True)
    algorithm, claims = _peek(value)
    if algorithm.startswith("HS"):
        why_not = f"it is signed with the client's secret ({algorithm})"
        return IdToken(value=value, verified=None, why_not=why_not, binds="at_hash" in claims)
    verified = await verifier.verify_id_token(value, client_id)
    return IdToken(value=value, verified=verified, binds="at_hash" in verified.payload.members)


def _peek(value: str) -> tuple[str, Mapping[str, object]]:
    """The algorithm and the claims, unverified."""
    try:
        header, claims = (JsonObject.parse(_decoded(part)).members for part in value.split(".")[:2])
    except (ValueError, JsonError):
        raise TokenRejected("token_malformed", "the ID token is no JWT") from None
    return str(header.get("alg", "")), claims


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
