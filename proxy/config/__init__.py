"""The configuration of hookpoint: a typed model, and `load`, which reads it and reports all problems at once."""

from __future__ import annotations

from hookpoint.proxy.config.addresses import Address
from hookpoint.proxy.config.clients import ClientSettings
from hookpoint.proxy.config.hooks import HookConditions, HookKind, HookSettings
from hookpoint.proxy.config.limits import LimitSettings
from hookpoint.proxy.config.loading import load, validate
from hookpoint.proxy.config.problems import ConfigurationError, Problem
from hookpoint.proxy.config.server import LogSettings, ServerSettings
from hookpoint.proxy.config.settings import Settings
from hookpoint.proxy.config.sms import SmsSettings
from hookpoint.proxy.config.sms_provider import SmsProviderSettings
from hookpoint.proxy.config.store import StoreSettings
from hookpoint.proxy.config.tokens import TokenSettings
from hookpoint.proxy.config.upstream import RouteSettings, SecretHeader, UpstreamSettings

__all__ = [
    "Address",
    "ClientSettings",
    "ConfigurationError",
    "HookConditions",
    "HookKind",
    "HookSettings",
    "LimitSettings",
    "LogSettings",
    "Problem",
    "RouteSettings",
    "SecretHeader",
    "ServerSettings",
    "Settings",
    "SmsProviderSettings",
    "SmsSettings",
    "StoreSettings",
    "TokenSettings",
    "UpstreamSettings",
    "load",
    "validate",
]
