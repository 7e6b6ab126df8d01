"""Section [hook_server]: hooks served to somebody else's server by `hookpoint hooks serve`."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from hookpoint.hooks.http.formats.format import Authentication
from hookpoint.hooks.http.formats.registry import FORMATS
from hookpoint.hooks.http.webhook_keys import webhook_keys
from hookpoint.proxy.config.addresses import Address, ListenAddress
from hookpoint.proxy.config.hooks import FormatName
from hookpoint.proxy.config.secrets import Secret
from hookpoint.proxy.config.section import Section, refuse
from hookpoint.proxy.routes import Route, RouteError, RouteTable

_LEAST_SECRET = 16


def _check_path(path: str) -> str:
    try:
        RouteTable([Route(kind="hook", path=path)])
    except RouteError as error:
        raise refuse(str(error), "Write /hooks, for example.") from None
    return path.rstrip("/")


class HookEndpointSettings(Section):
    """One caller: its format, and what it proves itself with."""

    format: FormatName = Field(examples=["supabase"])
    """Whose requests it takes and whose answers it gives."""

    path: Annotated[str, AfterValidator(_check_path)] = Field(default="", examples=["/supabase"])
    """What the paths of its points begin with, before `/` and the point. Default: `/` and the format."""

    authentication: Authentication | None = Field(default=None, examples=["bearer"])
    """How the caller proves itself; each format has some of these, and a usual one. `none` has to be written."""

    secrets: tuple[Secret, ...] = Field(default=(), examples=[["env:SUPABASE_HOOK_SECRET"]])
    """What it proves itself with; all of them hold at once, so that one can follow another. Basic: `user:password`."""

    header: str | None = Field(default=None, pattern=r"^[A-Za-z0-9-]+$", examples=["X-Api-Key"])
    """The header field of `header`. Default: `Authorization`."""

    @property
    def base(self) -> str:
        """What its paths begin with, chosen or not."""
        return self.path or f"/{self.format}"

    @property
    def kind(self) -> Authentication:
        """How the caller proves itself, chosen or not."""
        return self.authentication or FORMATS[self.format].authentications[0]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        known, kind = FORMATS[self.format].authentications, self.kind
        if kind not in known:
            raise refuse(f"{self.format} is not authenticated by {kind}", f"Write one of {', '.join(known)}.")
        if self.header is not None and kind != "header":
            raise refuse(f"{kind} has a header of its own", "Remove header.")
        secrets = [secret.get_secret_value() for secret in self.secrets]
        if bool(secrets) is (kind == "none"):
            remedy = "Remove secrets." if secrets else f'Write secrets (for {kind}), or authentication = "none".'
            raise refuse("secrets go with authentication, and authentication with secrets", remedy)
        if any(len(secret) < _LEAST_SECRET or not secret.isascii() for secret in secrets):
            raise refuse(f"a secret has less than {_LEAST_SECRET} characters of ASCII", "Write a random one.")
        if kind == "basic" and any(":" not in secret for secret in secrets):
            raise refuse("a secret of basic authentication has no colon", "Write user:password.")
        if kind == "standard-webhooks":
            try:
                [webhook_keys(secret) for secret in secrets]
            except ValueError as error:
                raise refuse(str(error), "Copy the whole secret.") from None
        return self


class HookServerSettings(Section):
    """`hookpoint hooks serve` serves the configured hooks to these callers."""

    listen: ListenAddress = Field(default=Address("127.0.0.1", 8082), examples=["127.0.0.1:8082"])
    """Where callers reach the hooks."""

    admin_listen: ListenAddress = Field(default=Address("127.0.0.1", 8083), examples=["127.0.0.1:8083"])
    """Health and metrics."""

    endpoints: tuple[HookEndpointSettings, ...] = Field(
        default=(), examples=[[{"format": "auth0", "secrets": ["env:A"]}]]
    )
    """The callers, each as `[[hook_server.endpoints]]`."""
