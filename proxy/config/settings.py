"""The whole configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, PrivateAttr, model_validator

from hookpoint.proxy.config.clients import Clients
from hookpoint.proxy.config.deliveries import DeliverySettings
from hookpoint.proxy.config.hook_server import HookServerSettings
from hookpoint.proxy.config.hooks import HookSettings
from hookpoint.proxy.config.javascript import JavaScriptSettings
from hookpoint.proxy.config.limits import LimitSettings
from hookpoint.proxy.config.section import Section, Surroundings
from hookpoint.proxy.config.server import LogSettings, ServerSettings
from hookpoint.proxy.config.sms import SmsSettings
from hookpoint.proxy.config.store import StoreSettings
from hookpoint.proxy.config.tokens import TokenSettings
from hookpoint.proxy.config.upstream import UpstreamSettings
from hookpoint.proxy.config.webhooks import WebhookSettings


class Settings(Section):
    """Everything that can be configured; all paths in it are absolute once it is loaded."""

    server: ServerSettings = ServerSettings()
    upstream: UpstreamSettings = UpstreamSettings()
    tokens: TokenSettings = TokenSettings()
    store: StoreSettings = Field(default_factory=StoreSettings)
    clients: Clients = Field(default_factory=dict)
    hooks: tuple[HookSettings, ...] = ()
    hook_server: HookServerSettings = HookServerSettings()
    javascript: JavaScriptSettings = JavaScriptSettings()
    deliveries: DeliverySettings = DeliverySettings()
    webhooks: tuple[WebhookSettings, ...] = ()
    sms: SmsSettings = SmsSettings()
    limits: LimitSettings = LimitSettings()
    log: LogSettings = LogSettings()

    _directory: Path = PrivateAttr(default_factory=Path.cwd)

    @model_validator(mode="before")
    @classmethod
    def _place_store(cls, data: object) -> object:
        # A default is made without the surroundings, and the default store is a file in the configuration's folder.
        return {"store": {}, **data} if isinstance(data, Mapping) else data

    @property
    def directory(self) -> Path:
        """Return the folder that relative paths and `module:object` imports start from."""
        return self._directory

    def model_post_init(self, context: object, /) -> None:
        """Remember the folder of the configuration file."""
        if isinstance(context, Surroundings):
            self._directory = context.directory
