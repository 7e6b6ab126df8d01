"""Section [upstream]: the OAuth server behind hookpoint."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from hookpoint.proxy.config.addresses import DocumentUrl, Issuer, UpstreamOrigin
from hookpoint.proxy.config.secrets import Secret
from hookpoint.proxy.config.section import Number, Section, absolute_path, refuse
from hookpoint.proxy.dialects import dialect_names

if TYPE_CHECKING:
    from pydantic import ValidationInfo

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^`|~-]+")
_PATH = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,=:@-]+)+")
# RFC 9110 §7.6.1 and what the proxy or the message framing sets itself.
_TAKEN_HEADERS = frozenset(
    [
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-length",
        "content-type",
        "host",
        "via",
        "expect",
        "date",
        "authorization",
        "proxy-authorization",
        "proxy-authenticate",
        "cookie",
        "set-cookie",
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-real-ip",
    ]
)


def _check_dialect(value: str, info: ValidationInfo) -> str:
    if "/" not in value and not value.endswith(".toml"):
        if value in dialect_names():
            return value
        raise refuse(
            f"there is no dialect of this name; there are {', '.join(dialect_names())}",
            "Choose one of them, or write the path of your own dialect file.",
        )
    path = absolute_path(value, info)
    if not path.is_file():
        raise refuse(f"there is no file {path}", "Relative paths start at the configuration file.")
    return str(path)


def _check_ca_file(value: Path, info: ValidationInfo) -> Path:
    path = absolute_path(str(value), info)
    if not path.is_file():
        raise refuse(f"there is no file {path}", "Name a PEM file with the certificates to trust.")
    return path


def _check_header_name(value: str) -> str:
    remedy = 'Choose a name of its own, for example "X-Upstream-Secret".'
    if "_" in value:
        raise refuse("many servers drop or confuse header names with underscores", remedy)
    if not _HEADER_NAME.fullmatch(value):
        raise refuse("this is not the name of a header (RFC 9110 §5.1)", remedy)
    if value.lower() in _TAKEN_HEADERS:
        raise refuse("this header has a meaning of its own between client, proxy and server", remedy)
    return value


def _check_header_value(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if text != text.strip() or not text.isascii() or not text.isprintable():
        raise refuse(
            "a header value is printable ASCII without spaces around it",
            "Make a new secret, for example with: openssl rand -hex 32",
        )
    return value


def _check_path(value: str) -> str:
    if not _PATH.fullmatch(value) or any(part in (".", "..") for part in value.split("/")):
        raise refuse(
            "this is not the plain path of a route",
            'Write the path as requests carry it: "/oauth/token", without host, query, dots, escapes or end slash.',
        )
    return value


RoutePath = Annotated[str, AfterValidator(_check_path)]


class SecretHeader(Section):
    """A header that tells the upstream that a request came through hookpoint."""

    name: Annotated[str, AfterValidator(_check_header_name)] = Field(examples=["X-Upstream-Secret"])
    """The header's name; copies that clients send are removed."""

    value: Annotated[Secret, AfterValidator(_check_header_value)] = Field(examples=["env:UPSTREAM_SECRET"])
    """The header's value, which the upstream must demand."""


class IntrospectionSettings(Section):
    """A client of the upstream that may ask it about tokens (RFC 7662 section 2.1), by client_secret_basic."""

    client_id: Annotated[str, Field(min_length=1)] = Field(examples=["hookpoint"])
    """Its client id."""

    client_secret: Secret = Field(examples=["env:INTROSPECTION_SECRET"])
    """Its client secret."""


class AdminSettings(Section):
    """An administrator of the server, for what a dialect says that administrators do: writing metadata, looking users up."""

    url: UpstreamOrigin | None = Field(default=None, examples=["http://127.0.0.1:4434"])
    """The origin of the administrators' API. Default: `upstream.url`."""

    headers: Mapping[str, Secret] = Field(default_factory=dict, examples=[{"Authorization": "env:ADMIN_AUTHORIZATION"}])
    """Credentials as header fields: an API key, or `Authorization` with a token that does not end."""

    client_id: Annotated[str, Field(min_length=1)] | None = Field(default=None, examples=["hookpoint"])
    """A client that gets tokens for itself (`grant_type=client_credentials`), by client_secret_basic."""

    client_secret: Secret | None = Field(default=None, examples=["env:ADMIN_CLIENT_SECRET"])
    """Its client secret."""

    parameters: Mapping[str, str] = Field(
        default_factory=dict, examples=[{"audience": "https://login.example.com/api/v2/"}]
    )
    """More parameters of its token requests."""

    token_path: RoutePath | None = Field(default=None, examples=["/oauth/token"])
    """Where it gets tokens. Default: the server's token endpoint."""


class RouteSettings(Section):
    """Paths, where the dialect and discovery do not say or say something else."""

    token: tuple[RoutePath, ...] = Field(default=(), examples=[["/oauth/token"]])
    """Token endpoints. Default: `token_endpoint` of discovery and the dialect's."""

    jwks: tuple[RoutePath, ...] = Field(default=(), examples=[["/.well-known/jwks.json"]])
    """Where keys are published. Default: `jwks_uri` of discovery and the dialect's."""

    discovery: tuple[RoutePath, ...] = Field(default=(), examples=[["/.well-known/openid-configuration"]])
    """Discovery documents (RFC 8414 §3, OpenID Connect Discovery §4). Default: the dialect's."""

    introspection: tuple[RoutePath, ...] = Field(default=(), examples=[["/oauth/introspect"]])
    """Token introspection (RFC 7662). Default: `introspection_endpoint` of discovery and the dialect's."""

    revocation: tuple[RoutePath, ...] = Field(default=(), examples=[["/oauth/revoke"]])
    """Token revocation (RFC 7009). Default: `revocation_endpoint` of discovery and the dialect's."""

    userinfo: tuple[RoutePath, ...] = Field(default=(), examples=[["/userinfo"]])
    """User info (OpenID Connect Core §5.3). Default: `userinfo_endpoint` of discovery and the dialect's."""

    authorization: tuple[RoutePath, ...] = Field(default=(), examples=[["/authorize"]])
    """Authorization endpoints. Default: `authorization_endpoint` of discovery and the dialect's."""

    pushed_authorization: tuple[RoutePath, ...] = Field(default=(), examples=[["/oauth/par"]])
    """Pushed authorization requests (RFC 9126). Default: `pushed_authorization_request_endpoint` of discovery and the dialect's."""

    end_session: tuple[RoutePath, ...] = Field(default=(), examples=[["/oidc/logout"]])
    """Logout (RP-Initiated Logout §2). Default: `end_session_endpoint` of discovery and the dialect's."""


class UpstreamSettings(Section):
    """Where the OAuth server is and what is known about it."""

    url: UpstreamOrigin | None = Field(default=None, examples=["http://127.0.0.1:3000"])
    """The origin that requests are forwarded to. Needed by `serve`; a mounted middleware has none."""

    dialect: Annotated[str, AfterValidator(_check_dialect)] = Field(default="oidc", examples=["oidc"])
    """Which routes and fields the server uses: a name, or the path of a dialect file."""

    issuer: Issuer | None = Field(default=None, examples=["https://login.example.com"])
    """The issuer in the upstream's tokens. Default: read from discovery."""

    secret_header: SecretHeader | None = Field(
        default=None, examples=[{"name": "X-Upstream-Secret", "value": "env:UPSTREAM_SECRET"}]
    )
    """Sent with every request, so that the upstream can refuse those that went around hookpoint."""

    introspection: IntrospectionSettings | None = Field(
        default=None, examples=[{"client_id": "hookpoint", "client_secret": "env:INTROSPECTION_SECRET"}]
    )
    """With what hookpoint asks about opaque tokens, so that hooks see their claims."""

    admin: AdminSettings | None = Field(
        default=None, examples=[{"client_id": "hookpoint", "client_secret": "env:ADMIN_CLIENT_SECRET"}]
    )
    """With what hookpoint does what only administrators may, so that it can write app metadata and look users up."""

    reuse: Literal["guarded", "never"] = "guarded"
    """Connections: used again after checks, or one for each request."""

    keepalive_expiry: Annotated[float, Number, Field(gt=0, le=300)] = 4.0
    """Seconds an idle connection is kept; must be less than the upstream's own time, often 5."""

    ca_file: Annotated[Path, AfterValidator(_check_ca_file)] | None = Field(default=None, examples=["ca.pem"])
    """PEM certificates to trust for an https upstream. Default: the system's."""

    jwks_uri: DocumentUrl | None = Field(default=None, examples=["https://keys.example.com/jwks.json"])
    """Where the upstream's keys are read; the only way to allow another origin than the upstream's."""

    routes: RouteSettings = RouteSettings()
    """Paths that differ from the dialect's."""
