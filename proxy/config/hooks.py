"""Section [[hooks]]: what runs, where, and under which conditions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field

from hookpoint.proxy.config.addresses import split_url
from hookpoint.proxy.config.http_hooks import HookHttpSettings
from hookpoint.proxy.config.secrets import Secret
from hookpoint.proxy.config.section import Number, Seconds, Section, absolute_path, refuse

if TYPE_CHECKING:
    from pydantic import ValidationInfo

Trigger = Literal[
    "credentials-exchange",
    "token-issuance",
    "pre-user-registration",
    "post-user-registration",
    "post-change-password",
    "send-phone-message",
]

FormatName = Literal["hookpoint", "auth0", "hydra", "okta", "supabase", "zitadel"]

_OBJECT = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
_RUN_REMEDY = 'Write a file ("hooks.py", "legacy/add-claim.js") or an importable object ("acme_hooks:add_plan").'


class HookKind(StrEnum):
    """What the `run` of a hook names."""

    FILE = "file"
    OBJECT = "object"
    SCRIPT = "script"
    URL = "url"


def kind_of_run(run: str) -> HookKind | None:
    """Return what `run` names by its form alone: *.py, module:object, a JavaScript file, a URL; None for no such form."""
    if run.startswith(("https://", "http://")):
        return HookKind.URL
    if run.endswith((".js", ".mjs", ".cjs")):
        return HookKind.SCRIPT
    if run.endswith(".py"):
        return HookKind.FILE
    return HookKind.OBJECT if _OBJECT.fullmatch(run) else None


def _check_run(value: str, info: ValidationInfo) -> str:
    kind = kind_of_run(value)
    if kind is None:
        raise refuse("this is neither a file, nor module:object, nor a URL", _RUN_REMEDY)
    if kind is HookKind.URL:
        split_url(value, 'Write the address of the service, for example "https://policy.example.com/signup".')
    if kind in (HookKind.OBJECT, HookKind.URL):
        return value
    path = absolute_path(value, info)
    if not path.is_file():
        raise refuse(f"there is no file {path}", "Relative paths start at the configuration file. " + _RUN_REMEDY)
    return str(path)


class HookConditions(Section):
    """Globs (`*`, `?`, `[abc]`); a hook runs when each key that is given has a glob that matches."""

    client_id: tuple[str, ...] = Field(default=(), examples=[["m2m-*"]])
    """Globs on the client's id."""

    audience: tuple[str, ...] = Field(default=(), examples=[["https://api.example.com"]])
    """Globs on the audiences of the token."""

    scope: tuple[str, ...] = Field(default=(), examples=[["reports:*"]])
    """Globs on the scopes of the token."""

    connection: tuple[str, ...] = Field(default=(), examples=[["Username-Password-Authentication"]])
    """Globs on the user's connection."""


class HookSettings(Section):
    """One entry of `[[hooks]]`: one hook, or all hooks of one file."""

    run: Annotated[str, AfterValidator(_check_run)] = Field(examples=["hooks.py"])
    """All decorated functions of a Python file, one importable object as `module:object`, an Auth0 Hook or Action in JavaScript, or the
    URL of a service."""

    trigger: Trigger | None = Field(default=None, examples=["credentials-exchange"])
    """The extensibility point; needed where `run` does not say it itself, as decorated functions and Actions do and Hooks do not."""

    name: str | None = Field(default=None, min_length=1, examples=["add-plan"])
    """What logs and metrics call the hook. Default: the name of the function, or of the script."""

    order: Annotated[int, Number] | None = Field(default=None, examples=[10])
    """Hooks of one point run from low to high. Default: what the decorator says."""

    timeout: Seconds | None = Field(default=None, examples=[3.0])
    """Seconds the hook may take. Default: what the decorator says, or `limits.hook_timeout`."""

    attempts: Annotated[int, Number, Field(ge=1, le=100)] | None = Field(default=None, examples=[5])
    """How often the hook is tried, where it runs after the answer. Default: what the decorator says, or `deliveries.attempts`."""

    on_error: Literal["deny", "skip"] | None = Field(default=None, examples=["deny"])
    """What a failing hook does: refuse the request or be left out. Default: what the decorator says, or `deny`."""

    when: HookConditions | None = Field(default=None, examples=[{"client_id": ["m2m-*"]}])
    """Conditions under which the hook runs. Default: what the decorator says, or always."""

    secrets: Mapping[str, Secret] = Field(default_factory=dict, examples=[{"API_KEY": "env:API_KEY"}])
    """Secrets by name, as `event.secrets`."""

    runtime: Literal["node", "deno"] = Field(default="node", examples=["deno"])
    """What runs a script. Deno refuses it files, network, environment and processes but for what the next keys allow."""

    env: Mapping[str, Secret] = Field(default_factory=dict, examples=[{"API_URL": "https://api.example.com"}])
    """The environment of a script, which sees nothing of hookpoint's."""

    memory: Annotated[int, Number, Field(ge=16, le=16_384)] = Field(default=128, examples=[256])
    """Megabytes for the values of a script in each of its processes; one that needs more is ended."""

    dependencies: Mapping[str, str] = Field(default_factory=dict, examples=[{"axios": "1.7.9"}])
    """Npm packages that a script needs and their versions; the folder of the script, or one above, has them in `node_modules`."""

    allow_net: tuple[str, ...] = Field(default=(), examples=[["api.example.com:443"]])
    """Hosts, with or without port, that a script in Deno may reach."""

    allow_read: tuple[str, ...] = Field(default=(), examples=[["node_modules"]])
    """Files and folders that a script in Deno may read."""

    format: FormatName | None = Field(default=None, examples=["hookpoint"])
    """What a hook behind a URL is sent and answers. Default: `hookpoint`."""

    http: HookHttpSettings = HookHttpSettings()
    """How a hook behind a URL is called."""

    needs_password: bool = False
    """Whether a service is sent the password of a sign-up in clear, at `pre-user-registration`."""

    @property
    def kind(self) -> HookKind:
        """Return what `run` names."""
        return kind_of_run(self.run) or HookKind.OBJECT
