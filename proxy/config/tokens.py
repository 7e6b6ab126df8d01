"""Section [tokens]: what re-issued tokens look like and which ones are accepted from the upstream."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from hookpoint.proxy.config.secrets import KeyText, Secret
from hookpoint.proxy.config.section import Bytes, Number, Seconds, Section, refuse

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


_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _in_seconds(value: object) -> object:
    """Return a text like "90d" in seconds; leave numbers to be checked as such."""
    if not isinstance(value, str):
        return value
    if not (parts := re.fullmatch(r"(\d{1,9})([smhd])", value)):
        raise refuse("this is no length of time", 'Write seconds as a number, or for example "90d".')
    return float(parts[1]) * _UNITS[parts[2]]


Scope = Annotated[str, AfterValidator(_check_scope)]
Duration = Annotated[float, Number, BeforeValidator(_in_seconds)]


class Pkcs11Settings(Section):
    """A key that stands in a device or module with a PKCS#11 interface, and does not leave it."""

    module: Path
    """The module's library, an absolute path."""

    token_label: str
    """The token that holds the key."""

    pin: Secret | None = Field(default=None, examples=["env:HSM_PIN"])
    """What the token asks its user for; without, none is given."""

    key_label: str
    """The key; its public half must be there under the same label."""

    algorithm: Literal["RS256", "ES256"]
    """What the key signs."""

    timeout: Seconds = 5.0
    """How long one signature may take."""

    @field_validator("module")
    @classmethod
    def _check_module(cls, value: Path) -> Path:
        if not value.is_file():
            raise refuse(f"there is no file {value}", "Name the module, for example /usr/lib/softhsm/libsofthsm2.so.")
        if importlib.util.find_spec("pkcs11") is None:
            raise refuse("keys on a device need python-pkcs11", "Run: pip install 'hookpoint[pkcs11]'")
        return value


class TokenSettings(Section):
    """Access tokens: verified as the upstream signed them, changed by hooks, signed again."""

    algorithm: Literal["upstream", "RS256", "PS256", "ES256", "Ed25519"] = "upstream"
    """How re-issued tokens are signed; `upstream` takes the algorithm of the token that came in."""

    jwks: Literal["merged", "exclusive"] = "merged"
    """What `jwks_uri` shows: the upstream's keys and hookpoint's, or hookpoint's only."""

    issuer: Literal["keep", "rewrite"] = "keep"
    """`keep` leaves `iss` as the upstream wrote it; `rewrite` puts `server.public_url` in place of its origin, there and in discovery."""

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

    key_publish_delay: Annotated[float, Number, Field(ge=1, le=30 * 86400)] = 900.0
    """How long a new key is published before it signs: the key set's max-age (300) and the slowest verifier's own cache."""

    key_rotation: Annotated[Duration, Field(ge=0, le=3660 * 86400)] = 90 * 86400.0
    """After how long a key that hookpoint made gets a successor: seconds, or "90d"; 0 never."""

    pkcs11: Pkcs11Settings | None = None
    """A key in a device; it comes before keys in the store. Needs `hookpoint[pkcs11]`."""

    max_bytes: Bytes = 8192
    """The largest access token that is looked at; a larger one is an error."""
