"""Section [[webhooks]]: routes on which servers tell of users who signed up or changed passwords without passing hookpoint."""

from __future__ import annotations

from typing import Final, Literal, Self

from pydantic import Field, model_validator

from hookpoint.hooks.http.webhook_keys import webhook_keys
from hookpoint.proxy.config.own_paths import OwnPath
from hookpoint.proxy.config.secrets import Secret
from hookpoint.proxy.config.section import Section, refuse

_LEAST_SECRET: Final = 16


class WebhookSettings(Section):
    """One route. What a server has to be told to call it is in the docs."""

    format: Literal["fusionauth", "keycloak", "kratos", "logto", "supabase", "zitadel"] = Field(examples=["supabase"])
    """Whose events it takes."""

    path: OwnPath = Field(default="", examples=["/hookpoint/webhooks/supabase"])
    """Where it is; `/hookpoint/webhooks/` and the format when nothing is said. Exactly this spelling is served, by POST."""

    secrets: tuple[Secret, ...] = Field(min_length=1, examples=[["env:WEBHOOK_SECRET", "env:OLD_WEBHOOK_SECRET"]])
    """What the server signs with, or sends (`kratos`, in `Authorization`); all hold at once, so that one can follow another."""

    @property
    def route_path(self) -> str:
        """The path of the route, chosen or not."""
        return self.path or f"/hookpoint/webhooks/{self.format}"

    @model_validator(mode="after")
    def _check_secrets(self) -> Self:
        for secret in (each.get_secret_value() for each in self.secrets):
            if len(secret) < _LEAST_SECRET:
                raise refuse(f"a secret has less than {_LEAST_SECRET} characters", "Write a random one.")
            if self.format == "supabase":
                try:
                    webhook_keys(secret)
                except ValueError as error:
                    raise refuse(str(error), "Copy the whole secret.") from None
        return self
