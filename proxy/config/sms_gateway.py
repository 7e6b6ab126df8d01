"""Section [[sms.gateway]]: routes that other servers call to have codes delivered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from hookpoint.hooks.http.webhook_keys import webhook_keys
from hookpoint.proxy.config.own_paths import OwnPath
from hookpoint.proxy.config.secrets import Secret
from hookpoint.proxy.config.section import Seconds, Section, refuse

Format = Literal[
    "auth0",
    "auth0-passwordless",
    "authentik",
    "authgear",
    "fusionauth",
    "generic",
    "keycloak",
    "kratos",
    "logto",
    "okta",
    "supabase",
    "zitadel",
]
Authentication = Literal["bearer", "basic", "header", "hmac", "standard-webhooks", "member"]
FieldName = Literal["to", "code", "text", "kind", "purpose", "language", "client", "user", "ip", "id", "token"]

_CHOSEN: Final[Mapping[str, tuple[Authentication, ...]]] = {
    "generic": ("bearer", "basic", "header", "hmac", "standard-webhooks", "member"),
    "keycloak": ("bearer", "basic", "header", "hmac", "standard-webhooks", "member"),
    "kratos": ("header", "basic"),
    "fusionauth": ("basic", "header"),
    "authentik": ("bearer", "basic"),
}
"""What may be chosen, the default first; the other formats have one way each."""
_OWN_HEADER: Final = ("okta", "kratos", "fusionauth", "generic", "keycloak")
_LEAST_SECRET: Final = 16


class SmsGatewaySettings(Section):
    """One route. What a server has to be told to call it is on the page of its format."""

    format: Format = Field(examples=["supabase"])
    """Whose requests it takes and whose answers it gives."""

    path: OwnPath = Field(default="", examples=["/hookpoint/sms/supabase"])
    """Where it is; `/hookpoint/sms/` and the format when nothing is said. Exactly this spelling is served, by POST."""

    secrets: tuple[Secret, ...] = Field(min_length=1, examples=[["env:SMS_SECRET", "env:OLD_SMS_SECRET"]])
    """What the caller proves itself with; all of them hold at once, so that one can follow another. Basic: `user:password`."""

    authentication: Authentication | None = Field(default=None, examples=["basic"])
    """How it does so, where the format leaves a choice."""

    header: str | None = Field(default=None, pattern=r"^[A-Za-z0-9-]+$", examples=["X-Api-Key"])
    """The header field of `header` and `hmac`; `Authorization` and `X-Signature` when nothing is said."""

    audience: str | None = Field(default=None, min_length=1, examples=["urn:MySmsGateway"])
    """The `audience` of Auth0's `gateway_authentication`; any will do when nothing is said."""

    fields: Mapping[FieldName, Annotated[str, Field(min_length=1, max_length=128)]] = Field(
        default_factory=dict, examples=[{"to": "phone", "code": "otp"}]
    )
    """The caller's names of members, for `generic` and `keycloak`; a full stop leads into objects."""

    deadline: Seconds | None = Field(default=None, examples=[4.0])
    """How many seconds the caller waits; the answer comes before that. The format's own when nothing is said."""

    @property
    def route_path(self) -> str:
        """The path of the route, chosen or not."""
        return self.path or f"/hookpoint/sms/{self.format}"

    @property
    def chosen_authentication(self) -> str:
        """How the caller proves itself, where the format leaves a choice; empty where it does not."""
        return self.authentication or next(iter(_CHOSEN.get(self.format, ())), "")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        allowed = _CHOSEN.get(self.format, ())
        if self.authentication is not None and self.authentication not in allowed:
            raise refuse(
                f"{self.format} is not authenticated by {self.authentication}",
                f"Write one of {', '.join(allowed)}." if allowed else "Leave authentication out.",
            )
        if self.header is not None and not self._names_a_header():
            raise refuse("no header is chosen for this format and authentication", "Leave header out.")
        if self.audience is not None and self.format != "auth0-passwordless":
            raise refuse(f"{self.format} has no audience", "Leave audience out.")
        if self.fields and self.format not in ("generic", "keycloak"):
            raise refuse(f"the names of {self.format} are its own", "Leave fields out, or write format = 'generic'.")
        self._check_secrets()
        return self

    def _names_a_header(self) -> bool:
        return self.format in _OWN_HEADER and (
            self.format == "okta" or self.chosen_authentication in ("header", "hmac")
        )

    def _check_secrets(self) -> None:
        secrets = [secret.get_secret_value() for secret in self.secrets]
        if any(len(secret) < _LEAST_SECRET for secret in secrets):
            raise refuse(f"a secret has less than {_LEAST_SECRET} characters", "Write a random one.")
        if any(not secret.isascii() or not secret.isprintable() for secret in secrets):
            raise refuse("a secret holds something other than printable ASCII", "Write another one.")
        if self.chosen_authentication == "basic" and any(":" not in secret for secret in secrets):
            raise refuse("a secret of basic authentication has no colon", "Write user:password.")
        if self.format == "supabase" or self.chosen_authentication == "standard-webhooks":
            for secret in secrets:
                try:
                    webhook_keys(secret)
                except ValueError as error:
                    raise refuse(str(error), "Copy the whole secret.") from None
