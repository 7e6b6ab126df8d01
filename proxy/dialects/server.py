"""The words for what every OAuth server has: tokens, documents, endpoints."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hookpoint.proxy.dialects.part import Part


class TokenDialect(Part):
    """The token endpoint."""

    paths: tuple[str, ...]
    """Where it is, unless discovery or the configuration say so; all of them are intercepted."""
    bodies: tuple[Literal["form", "json"], ...] = ("form",)
    """The kinds of body it reads."""
    denial_status: dict[str, int] = Field(default_factory=dict)
    """The HTTP status of an error code; 400 for codes that are not here (RFC 6749 section 5.2)."""
    other_paths: tuple[str, ...] = ()
    """Where the server issues tokens as well, in answers that hooks do not change; `hookpoint check` lists them."""


class DocumentDialect(Part):
    """Where the server publishes what it is."""

    discovery: tuple[str, ...]
    """Metadata documents, the first that exists counts; `{issuer}` stands for the path of the issuer."""
    jwks: str
    """Where keys are published when `jwks_uri` lies on another origin."""
    openapi: tuple[str, ...] = ()
    """OpenAPI documents, in JSON: `hookpoint check` looks there for routes that the dialect leaves out."""


class EndpointDialect(Part):
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
