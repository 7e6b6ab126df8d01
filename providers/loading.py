"""From a table of the configuration to a provider: by type name, by ``module:Class``, or by entry point."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from hookpoint.providers.errors import Misconfigured
from hookpoint.providers.provider import SmsProvider

GROUP: Final = "hookpoint.sms"
"""The entry point group of plugins; the entry point's name is the type name."""

_VENDORS: Final = "hookpoint.providers.vendors"
BUILT_IN: Final[Mapping[str, str]] = {
    "twilio": f"{_VENDORS}.twilio:Twilio",
    "twilio_verify": f"{_VENDORS}.twilio_verify:TwilioVerify",
    "vonage": f"{_VENDORS}.vonage:Vonage",
    "telnyx": f"{_VENDORS}.telnyx:Telnyx",
    "plivo": f"{_VENDORS}.plivo:Plivo",
    "sinch": f"{_VENDORS}.sinch:Sinch",
    "messagebird": f"{_VENDORS}.messagebird:MessageBird",
    "bird": f"{_VENDORS}.bird:Bird",
    "infobip": f"{_VENDORS}.infobip:Infobip",
    "aws_sns": f"{_VENDORS}.aws:Sns",
    "aws": f"{_VENDORS}.aws:EndUserMessaging",
    "smpp": f"{_VENDORS}.smpp:Smpp",
    "apprise": f"{_VENDORS}.apprise:Apprise",
    "http": f"{_VENDORS}.http:HttpGateway",
    "console": f"{_VENDORS}.console:Console",
    "file": f"{_VENDORS}.file:File",
    "memory": f"{_VENDORS}.memory:Memory",
}


def provider_type(name: str, *, plugins: Iterable[EntryPoint] | None = None) -> type[SmsProvider]:
    """Find a provider's class; ``plugins`` default to the installed ones.

    Raises:
        Misconfigured: nothing of that name, or it is no provider.
    """
    target = BUILT_IN.get(name)
    if target is not None:
        return _checked(_import(target, name), name)
    found = {plugin.name: plugin for plugin in (entry_points(group=GROUP) if plugins is None else plugins)}
    if name in found:
        try:
            return _checked(found[name].load(), name)
        except (ImportError, AttributeError) as error:
            raise Misconfigured(f"plugin {name!r} ({found[name].value}) cannot be loaded: {error}") from error
    if ":" in name:
        return _checked(_import(name, name), name)
    near = difflib.get_close_matches(name, [*BUILT_IN, *found], n=1)
    hint = f", did you mean {near[0]!r}?" if near else "; known are " + ", ".join(sorted({*BUILT_IN, *found}))
    raise Misconfigured(f"unknown provider type {name!r}{hint}")


def build(table: Mapping[str, object], *, plugins: Iterable[EntryPoint] | None = None) -> SmsProvider:
    """Build one provider from a table with ``type``, an optional ``name``, and the provider's own settings.

    Raises:
        Misconfigured: all problems at once.
        NotInstalled: an optional package is missing.
    """
    settings = dict(table)
    kind, name = settings.pop("type", None), settings.pop("name", None)
    if not isinstance(kind, str) or not kind:
        raise Misconfigured("'type' is missing", provider=str(name or ""))
    if name is not None and (not isinstance(name, str) or not name):
        raise Misconfigured("'name' must be a text", provider="")
    return provider_type(kind, plugins=plugins).from_settings(name or kind, settings)


def build_all(
    tables: Iterable[Mapping[str, object]], *, plugins: Iterable[EntryPoint] | None = None
) -> dict[str, SmsProvider]:
    """Build all providers, by name, in the order of the configuration.

    Raises:
        Misconfigured: the problems of all of them at once, each with the name of its provider.
    """
    providers: dict[str, SmsProvider] = {}
    problems: list[str] = []
    for table in tables:
        label = str(table.get("name") or table.get("type") or "?")
        try:
            provider = build(table, plugins=plugins)
        except Misconfigured as error:
            problems += [f"{label}: {problem}" for problem in error.problems]
            continue
        if provider.name in providers:
            problems.append(f"{label}: the name is used twice")
        providers[provider.name] = provider
    if problems:
        raise Misconfigured("; ".join(problems), problems=tuple(problems))
    return providers


def _import(target: str, name: str) -> object:
    module, _, attribute = target.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise Misconfigured(f"provider type {name!r} cannot be loaded: {error}") from error


def _checked(found: object, name: str) -> type[SmsProvider]:
    if not (isinstance(found, type) and issubclass(found, SmsProvider)):
        raise Misconfigured(f"provider type {name!r} is no subclass of SmsProvider")
    return found
