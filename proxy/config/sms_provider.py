"""Section [[sms.providers]]: one provider and its own settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, SecretStr

from hookpoint.proxy.config.secrets import resolve
from hookpoint.proxy.config.section import Section

if TYPE_CHECKING:
    from pydantic import ValidationInfo


def _hidden(value: object, info: ValidationInfo) -> object:
    """A setting whose texts, wherever they stand in it, are secrets: only the provider knows which of them are."""
    if isinstance(value, str):
        return SecretStr(str(resolve(value, info)))
    if isinstance(value, Mapping):
        return {str(key): _hidden(inner, info) for key, inner in value.items()}
    return tuple(_hidden(inner, info) for inner in value) if isinstance(value, list | tuple) else value


def _shown(value: object) -> object:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Mapping):
        return {key: _shown(inner) for key, inner in value.items()}
    return [_shown(inner) for inner in value] if isinstance(value, tuple) else value


class SmsProviderSettings(Section):
    """One provider; the keys besides `name` and `type` are the provider's own, and every text in them may be a secret."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[Any, BeforeValidator(_hidden)]] = Field(init=False)

    name: str = Field(min_length=1, max_length=64, examples=["main"])
    """How logs, hooks and the router call it."""

    type: str = Field(min_length=1, examples=["twilio"])
    """A provider that comes with hookpoint, one that a package registers, or `module:Class`."""

    @property
    def own(self) -> dict[str, object]:
        """The provider's own settings, secrets in clear."""
        return {key: _shown(value) for key, value in (self.__pydantic_extra__ or {}).items()}
