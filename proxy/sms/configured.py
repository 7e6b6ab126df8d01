"""What the configuration says of phone messages, in the terms of the providers package."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hookpoint.providers import Misconfigured, Route, SmsProvider
from hookpoint.providers.breaker import Breaker
from hookpoint.providers.budgets import Allowance, BudgetPolicy
from hookpoint.providers.guard import TestNumber
from hookpoint.providers.limits import DEFAULT_LIMITS, Limit, Prices
from hookpoint.providers.loading import build, provider_type
from hookpoint.providers.numbers import NumberPolicy
from hookpoint.providers.settings import fields
from hookpoint.providers.templates import Template, Templates
from hookpoint.proxy.config import ConfigurationError, Problem, Settings
from hookpoint.proxy.config.sms import SmsSettings
from hookpoint.proxy.config.sms_guard import SmsAllowanceSettings, SmsBudgetSettings, SmsLimitSettings
from hookpoint.proxy.config.sms_provider import SmsProviderSettings
from hookpoint.proxy.sms.texts import Texts

MICRO = 1_000_000


def configured_providers(settings: Settings) -> dict[str, SmsProvider]:
    """All providers by name, in their order; raises ConfigurationError with the problems of all of them."""
    providers: dict[str, SmsProvider] = {}
    problems: list[Problem] = []
    for index, entry in enumerate(settings.sms.providers):
        try:
            providers[entry.name] = _provider(entry, settings.directory)
        except Misconfigured as error:
            problems += _problems(error, index, entry)
    if problems:
        raise ConfigurationError(problems)
    return providers


def _provider(entry: SmsProviderSettings, directory: Path) -> SmsProvider:
    if ":" in entry.type and str(directory) not in sys.path:
        sys.path.append(str(directory))  # as for hooks that are named so
    own = entry.own
    for key, field in fields(provider_type(entry.type).settings_type).items():
        given = own.get(key)
        if field.metadata.get("path") and isinstance(given, str):
            own[key] = str(directory / Path(given).expanduser())
    return build({"name": entry.name, "type": entry.type, **own})


def _problems(error: Misconfigured, index: int, entry: SmsProviderSettings) -> Iterator[Problem]:
    for reason in error.problems:
        yield Problem(
            key=f"sms.providers[{index}]",
            value=f"{entry.name}, {entry.type}",
            reason=reason.rstrip("?."),
            remedy="The settings of each provider are in docs/providers.",
        )


def configured_routes(sms: SmsSettings) -> list[Route]:
    """The routes, in their order."""
    return [
        Route(
            providers=each.providers,
            countries=frozenset(each.countries),
            prefixes=each.prefixes,
            purposes=frozenset(each.purposes),
            kinds=frozenset(each.kinds),
            clients=each.clients,
            weights=each.weights,
            next_after_rejection=each.next_after_rejection,
            resend_after_unknown=each.resend_after_unknown,
            fallback_kinds=each.fallback_kinds,
        )
        for each in sms.routes
    ]


def configured_breaker(sms: SmsSettings) -> Breaker:
    """A breaker that has seen nothing yet."""
    breaker = sms.breaker
    return Breaker(
        threshold=breaker.threshold,
        cooldown=breaker.cooldown,
        longest=breaker.longest,
        undelivered=breaker.undelivered,
        sample=breaker.sample,
    )


def configured_numbers(sms: SmsSettings) -> NumberPolicy:
    """Which numbers are served."""
    return NumberPolicy(
        default_region=sms.default_region,
        countries=None if sms.countries is None else frozenset(sms.countries),
        denied_countries=frozenset(sms.denied_countries),
        types=None if sms.number_types is None else frozenset(sms.number_types),
    )


def configured_limits(sms: SmsSettings) -> tuple[Limit, ...]:
    """The limits, or the built-in ones when the configuration has none."""
    return DEFAULT_LIMITS if sms.limits is None else tuple(map(_limit, sms.limits))


def _limit(each: SmsLimitSettings) -> Limit:
    counts: Mapping[str, Any]
    if each.cost is None:
        counts = {"count": each.messages, "unit": "messages"}
    else:
        counts = {"count": round(each.cost * MICRO), "unit": "cost"}
    return Limit(
        scope=each.scope,
        window=each.window,
        calendar=each.calendar,
        enforced=each.enforced,
        prefix_digits=each.prefix_digits,
        countries=frozenset(each.countries),
        **counts,
    )


def configured_prices(sms: SmsSettings) -> Prices:
    """What messages cost, in millionths of the currency."""
    by_country = {country: round(price * MICRO) for country, price in sms.prices.by_country.items()}
    return Prices(by_country=by_country, default=round(sms.prices.default * MICRO))


def configured_budgets(budgets: SmsBudgetSettings) -> BudgetPolicy:
    """The budgets of unverified codes."""
    built_in = BudgetPolicy()
    return BudgetPolicy(
        mode=budgets.mode,
        country=_allowance(budgets.country, built_in.country),
        ip=_allowance(budgets.ip, built_in.ip),
        history_days=budgets.history_days,
        exempt_countries=frozenset(budgets.exempt_countries),
        exempt_networks=tuple(map(str, budgets.exempt_networks)),
        exempt_prefixes=budgets.exempt_prefixes,
    )


def _allowance(configured: SmsAllowanceSettings, built_in: Allowance) -> Allowance:
    shares = replace(built_in, day_share=configured.day_share, hour_share=configured.hour_share)
    given = {name: count for name in ("day", "hour") if (count := getattr(configured, name)) is not None}
    return replace(shares, **given)


def configured_test_numbers(sms: SmsSettings) -> list[TestNumber]:
    """The numbers that nothing is sent to, and who keeps their messages."""
    return [TestNumber(number=each.number, until=each.until, provider=each.provider) for each in sms.test_numbers]


def configured_texts(sms: SmsSettings) -> Texts:
    """The texts for codes that come alone."""
    templates = [
        Template(text=each.text, purpose=each.purpose, language=each.language, client=each.client)
        for each in sms.templates
    ]
    return Texts(
        templates=Templates(templates, default_language=sms.default_language),
        app=sms.app,
        minutes=sms.code_minutes,
        host=sms.code_host,
    )


def configured_pepper(sms: SmsSettings) -> bytes | None:
    """The configured pepper as the bytes that go into hashes; None when the store keeps one."""
    return None if sms.pepper is None else hashlib.sha256(sms.pepper.get_secret_value().encode()).digest()
