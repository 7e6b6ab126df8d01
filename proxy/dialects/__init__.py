"""Dialects: what is particular to a kind of OAuth server, as data.

A dialect file is TOML. `oidc.toml` explains the vocabulary; users write their own with it.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

_FOLDER = Path(__file__).parent


class DialectError(ValueError):
    """A dialect file that cannot be used; the message names the file and every problem in it."""

    code = "dialect_invalid"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class TokenDialect(_Part):
    """The token endpoint."""

    paths: tuple[str, ...]
    """Where it is, unless discovery or the configuration say so; all of them are intercepted."""
    bodies: tuple[Literal["form", "json"], ...] = ("form",)
    """The kinds of body it reads."""
    denial_status: dict[str, int] = Field(default_factory=dict)
    """The HTTP status of an error code; 400 for codes that are not here (RFC 6749 section 5.2)."""
    other_paths: tuple[str, ...] = ()
    """Where the server issues tokens as well, in answers that hooks do not change; `hookpoint check` lists them."""


class DocumentDialect(_Part):
    """Where the server publishes what it is."""

    discovery: tuple[str, ...]
    """Metadata documents, the first that exists counts; `{issuer}` stands for the path of the issuer."""
    jwks: str
    """Where keys are published when `jwks_uri` lies on another origin."""


class EndpointDialect(_Part):
    """Where its other endpoints are, besides what discovery says."""

    introspection: tuple[str, ...] = ()
    """Token introspection (RFC 7662)."""
    revocation: tuple[str, ...] = ()
    """Token revocation (RFC 7009)."""
    userinfo: tuple[str, ...] = ()
    """User info (OpenID Connect Core section 5.3)."""
    authorization: tuple[str, ...] = ()
    """Authorization requests (RFC 6749 section 3.1)."""
    pushed_authorization: tuple[str, ...] = ()
    """Pushed authorization requests (RFC 9126)."""
    end_session: tuple[str, ...] = ()
    """Logout (OpenID Connect RP-Initiated Logout section 2)."""


class Dialect(_Part):
    """One kind of server."""

    title: str
    token: TokenDialect
    documents: DocumentDialect
    endpoints: EndpointDialect = EndpointDialect()

    def status_of(self, error: str) -> int:
        """The HTTP status with which an OAuth error code is answered."""
        return self.token.denial_status.get(error, 400)


def load_dialect(name: str) -> Dialect:
    """Load a dialect by its name, or by the path of its file; raises DialectError."""
    path = Path(name) if name.endswith(".toml") else _FOLDER / f"{name}.toml"
    try:
        return Dialect.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise DialectError(f"{path}: cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DialectError(f"{path}: is not TOML: {error}.") from None
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise DialectError(f"{path}: {problems}.") from None
