"""What an export holds that an import reads, as the Deploy CLI writes it; everything else is left alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, RootModel, model_validator

from hookpoint.proxy.auth0_import.keywords import is_keyword


def _as_text(value: object) -> object:
    """Numbers and booleans as the texts they would be in JSON: versions and metadata are texts, whatever YAML makes of them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _names_of_secrets(value: object) -> object:
    """Names only: exports show no values, and those that somebody wrote into one stay there."""
    if isinstance(value, Mapping):
        return tuple(value)
    if isinstance(value, list):
        return tuple(each.get("name") if isinstance(each, Mapping) else each for each in value)
    return () if value is None else value


def _by_name(value: object) -> object:
    """Dependencies of Hooks are an object, those of Actions a list of names and versions."""
    if isinstance(value, list):
        return {each.get("name"): each.get("version") or "latest" for each in value if isinstance(each, Mapping)}
    return {} if value is None else value


def _present(value: object) -> object:
    return {} if value is None else value


Text = Annotated[str, BeforeValidator(_as_text)]
Texts = Annotated[Mapping[str, Text], BeforeValidator(_present)]
SecretNames = Annotated[tuple[str, ...], BeforeValidator(_names_of_secrets)]
Dependencies = Annotated[Mapping[str, Text], BeforeValidator(_by_name)]


class Asset(BaseModel):
    """One object of an export. `placeholders` are members that are no text and whose value the export does not say."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    placeholders: Mapping[str, str] = Field(default_factory=dict, alias="")

    @model_validator(mode="before")
    @classmethod
    def _set_placeholders_apart(cls, data: object) -> object:
        if not isinstance(data, Mapping):
            return data
        kinds = {field.alias or name: field.annotation for name, field in cls.model_fields.items()}
        unknown = {
            name: value
            for name, value in data.items()
            if isinstance(value, str) and is_keyword(value) and kinds.get(name, str) not in (str, str | None)
        }
        return {**{name: value for name, value in data.items() if name not in unknown}, "": unknown}


class Hook(Asset):
    """A Hook; `script` is its code."""

    name: Text
    script: str
    trigger: str = Field(alias="triggerId")
    enabled: bool = False
    secrets: SecretNames = ()
    dependencies: Dependencies = {}


class SupportedTrigger(Asset):
    """A trigger that an Action is written for."""

    id: str


class UsedModule(Asset):
    """A module of shared code that an Action uses."""

    name: str = Field(alias="module_name")


class Action(Asset):
    """An Action; `deployed` is false where the code has changed since it was deployed, or never was."""

    name: Text
    code: str = ""
    supported_triggers: tuple[SupportedTrigger, ...] = ()
    deployed: bool = True
    secrets: SecretNames = ()
    dependencies: Dependencies = {}
    modules: tuple[UsedModule, ...] = ()


class ActionModule(Asset):
    """Code that Actions share, as `require('actions:NAME')`."""

    name: Text
    code: str = ""


class Binding(Asset):
    """An Action's place in the flow of a trigger."""

    action_name: Text


class Triggers(RootModel[Mapping[str, tuple[Binding, ...] | None]]):
    """The flow of each trigger, in its order."""


class Tenant(Asset):
    """What the tenant is called."""

    friendly_name: Text = ""


class Client(Asset):
    """An application. `client_id` is there only in exports with AUTH0_EXPORT_IDENTIFIERS."""

    name: Text = ""
    client_id: Text | None = None
    metadata: Texts = Field(default_factory=dict, alias="client_metadata")
    is_global: bool = Field(default=False, alias="global")


class ClientGrant(Asset):
    """What an application may ask of an API. `client` is its name, or its id where the export does not hold it."""

    client: Text = Field(alias="client_id")
    audience: Text
    scope: tuple[str, ...] = ()


class ResourceServer(Asset):
    """An API."""

    name: Text = ""
    identifier: Text = ""
    signing_alg: str | None = None


class Rule(Asset):
    """A Rule, which ran at logins."""

    name: Text
    enabled: bool = False


class PhoneProviderConfiguration(Asset):
    """How a provider is used: the account's id, and the number that messages come from."""

    sid: Text = ""
    default_from: Text = ""


class PhoneProvider(Asset):
    """Who sends text messages for the tenant."""

    name: str
    disabled: bool = False
    configuration: PhoneProviderConfiguration = PhoneProviderConfiguration()


class Database(Asset):
    """A database connection, perhaps with scripts of its own."""

    name: Text
    options: Mapping[str, Any] = {}


class TokenExchangeProfile(Asset):
    """A kind of token exchange that an Action decides on."""

    name: Text
    action: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """An export. `triggers` holds the flow of each trigger in its order, None where the export has none at all."""

    place: str
    tenant_name: str
    hooks: tuple[Hook, ...]
    actions: tuple[Action, ...]
    triggers: Mapping[str, tuple[Binding, ...]] | None
    modules: tuple[ActionModule, ...]
    clients: tuple[Client, ...]
    grants: tuple[ClientGrant, ...]
    resource_servers: tuple[ResourceServer, ...]
    rules: tuple[Rule, ...]
    phone_providers: tuple[PhoneProvider, ...]
    databases: tuple[Database, ...]
    exchange_profiles: tuple[TokenExchangeProfile, ...]
