"""Section [tokens]: what re-issued tokens look like and which ones are accepted from the upstream."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from hookpoint.proxy.config.secrets import KeyText
from hookpoint.proxy.config.section import Bytes, Section, refuse

# RFC 6749 §3.3
_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")

SignatureAlgorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA"
]


def _check_scope(value: str) -> str:
    if not _SCOPE_TOKEN.fullmatch(value):
        raise refuse(
            "a scope is one word of printable ASCII without quotes or backslashes (RFC 6749 §3.3)",
            'Write each scope as its own text: ["reports:read", "reports:write"].',
        )
    return value


def _refuse_shared_secret_algorithms(value: object) -> object:
    if isinstance(value, str) and (value.startswith("HS") or value.lower() == "none"):
        raise refuse(
            f"{value} cannot be verified with a published key (RFC 8725 §3.1)",
            "Let the upstream sign with RS256, ES256 or Ed25519.",
        )
    return value


Scope = Annotated[str, AfterValidator(_check_scope)]


class TokenSettings(Section):
    """Access tokens: verified as the upstream signed them, changed by hooks, signed again."""

    algorithm: Literal["upstream", "RS256", "PS256", "ES256", "Ed25519"] = "upstream"
    """How re-issued tokens are signed; `upstream` takes the algorithm of the token that came in."""

    jwks: Literal["merged", "exclusive"] = "merged"
    """What `jwks_uri` shows: the upstream's keys and hookpoint's, or hookpoint's only."""

    issuer: Literal["keep", "rewrite"] = "keep"
    """`keep` leaves `iss` as the upstream wrote it; `rewrite` puts `server.public_url` there and into discovery."""

    opaque: Literal["pass", "mint"] = "pass"
    """Access tokens that are no JWT: handed on unchanged, or replaced by a JWT."""

    grantable_scopes: Mapping[str, tuple[Scope, ...]] = Field(
        default_factory=dict, examples=[{"client-a": ["reports:read"]}]
    )
    """Scopes that hooks may add, by client id; taking scopes away is always allowed."""

    typ: Literal["lenient", "strict"] = "lenient"
    """The `typ` header that upstream tokens may have: `strict` is `at+jwt` only (RFC 9068 §2.1)."""

    upstream_algorithms: tuple[
        Annotated[SignatureAlgorithm, BeforeValidator(_refuse_shared_secret_algorithms)], ...
    ] = Field(
        default=("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA"),
        min_length=1,
        examples=[["RS256", "ES256"]],
    )
    """Signature algorithms accepted from the upstream."""

    keys: tuple[KeyText, ...] = Field(default=(), examples=[["keys/signing.pem"]])
    """Private keys to sign with (PEM or JWKS; a path, `file:PATH` or `env:NAME`). Default: made and kept in the store."""

    keep_originals: bool = True
    """Whether the server's own tokens are kept, sealed, so that re-issued ones work at the server too: introspection, revocation, user
    info, exchange. Without them they are good for verification by key only."""

    front_channel: Literal["block", "pass"] = "block"
    """Requests for access tokens in authorization responses (`response_type=token`), where no hook would see them."""

    leak_detector: Literal["log", "off"] = "log"
    """Reports answers that pass with a token of the upstream in them, which no hook has seen."""

    max_bytes: Bytes = 8192
    """The largest access token that is looked at; a larger one is an error."""
