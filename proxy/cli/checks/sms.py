"""Checks that phone messages can be sent, and warnings of what cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hookpoint.proxy.cli.checks.finding import error, fine, warning
from hookpoint.proxy.config import ConfigurationError, HookKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hookpoint.providers import SmsProvider
    from hookpoint.proxy.cli.checks.context import CheckContext
    from hookpoint.proxy.cli.checks.finding import Finding
    from hookpoint.proxy.config import Settings

_SUBJECT = "sms"
_FOR_DEVELOPMENT = {"console": "prints", "file": "writes", "memory": "keeps"}
_LONGEST_CODE = "0" * 8
_REPORTS = {
    "none": "no delivery reports",
    "signed": "signed delivery reports",
    "unsigned": "delivery reports that are not signed",
    "session": "delivery reports over its connection",
}


async def phone_messages_can_be_sent(context: CheckContext) -> list[Finding]:
    """Make every provider, without sending anything, and hold what is asked of it against what it can do."""
    settings = context.settings
    if not settings.sms.used:
        return []
    # Loaded only where messages are sent: it brings the plans of all numbers.
    from hookpoint.proxy.sms.configured import configured_providers

    try:
        providers = configured_providers(settings)
    except ConfigurationError as failure:
        return [
            error(_SUBJECT, each.reason, key=each.key, value=each.value, remedy=each.remedy)
            for each in failure.problems
        ]
    return [
        *_able(settings, providers),
        *_somebody_delivers(settings, providers),
        *_routes_are_served(settings, providers),
        *_reports_arrive(settings, providers),
        *_texts_are_short(settings),
        *_countries_are_chosen(settings),
    ]


def _able(settings: Settings, providers: Mapping[str, SmsProvider]) -> Iterator[Finding]:
    for index, entry in enumerate(settings.sms.providers):
        able = providers[entry.name].capabilities
        yield fine(_SUBJECT, f"{entry.name} sends {', '.join(sorted(able.kinds))}; {_REPORTS[able.receipts]}")
        if entry.type in _FOR_DEVELOPMENT:
            yield warning(
                _SUBJECT,
                f"{entry.name} {_FOR_DEVELOPMENT[entry.type]} messages with their codes and sends nothing",
                key=f"sms.providers[{index}].type",
                value=entry.type,
                remedy="Use it for development only.",
            )


def _somebody_delivers(settings: Settings, providers: Mapping[str, SmsProvider]) -> Iterator[Finding]:
    if providers:
        return
    hooked = any(
        hook.trigger in (None, "send-phone-message") or hook.kind in (HookKind.FILE, HookKind.OBJECT)
        for hook in settings.hooks
    )
    reason = "there is no provider, so that only a hook can deliver messages"
    remedy = "Add [[sms.providers]]."
    report = warning if hooked else error
    yield report(_SUBJECT, reason, key="sms.providers", remedy=remedy)


def _routes_are_served(settings: Settings, providers: Mapping[str, SmsProvider]) -> Iterator[Finding]:
    for index, route in enumerate(settings.sms.routes):
        for kind in (*route.kinds, *route.fallback_kinds):
            if any(kind in providers[name].capabilities.kinds for name in _names(settings, index, kind)):
                continue
            yield warning(
                _SUBJECT,
                f"no provider of this route can send {kind}",
                key=f"sms.routes[{index}]",
                remedy=f"Name a provider that can, or leave {kind} out.",
            )


def _names(settings: Settings, index: int, kind: str) -> list[str]:
    """The providers that a kind of a route, or one that it falls back to, may reach."""
    route = settings.sms.routes[index]
    if kind in route.kinds:
        return list(route.providers)
    routes = [each for each in settings.sms.routes if not each.kinds or kind in each.kinds]
    return [name for each in routes for name in each.providers]


def _reports_arrive(settings: Settings, providers: Mapping[str, SmsProvider]) -> Iterator[Finding]:
    taken = {each.provider for each in settings.sms.receipts}
    for name, provider in providers.items():
        if provider.capabilities.receipts == "signed" and name not in taken:
            yield warning(
                _SUBJECT,
                f"nothing takes the delivery reports of {name}: nobody will know what became of its messages",
                key="sms.receipts",
                remedy=f'Add [[sms.receipts]] with provider = "{name}", and tell the vendor its address.',
            )
    if taken and settings.server.public_url is None and settings.upstream.issuer is None:
        yield warning(
            _SUBJECT,
            "vendors sign the address of a report, and what clients see of it is not configured",
            key="server.public_url",
            remedy="Write the origin that vendors are told.",
        )


def _texts_are_short(settings: Settings) -> Iterator[Finding]:
    from hookpoint.providers import segments
    from hookpoint.proxy.sms.configured import configured_texts

    texts = configured_texts(settings.sms)
    for index, each in enumerate(settings.sms.templates):
        text = texts.render(_LONGEST_CODE, purpose=each.purpose, language=each.language, client=each.client or None)
        counted = segments.count(text)
        if counted.parts > 1:
            yield warning(
                _SUBJECT,
                f"this text goes out in {counted.parts} parts, and costs as many ({counted.encoding})",
                key=f"sms.templates[{index}].text",
                remedy="Make it shorter, or leave out characters that are not in GSM-7.",
            )


def _countries_are_chosen(settings: Settings) -> Iterator[Finding]:
    if settings.sms.countries is None:
        yield warning(
            _SUBJECT,
            "messages are sent to all countries, which is what toll fraud lives on",
            key="sms.countries",
            remedy='Write the countries of your users, as in countries = ["DE", "AT"].',
        )
