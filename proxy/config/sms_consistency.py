"""Rules between the keys of [sms]."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from hookpoint.proxy.config.problems import Conflict

if TYPE_CHECKING:
    from hookpoint.proxy.config.schema import Location
    from hookpoint.proxy.config.settings import Settings


def _provider_names_differ(settings: Settings) -> Iterator[Conflict]:
    seen: set[str] = set()
    for index, provider in enumerate(settings.sms.providers):
        if provider.name in seen:
            yield Conflict(
                location=("sms", "providers", index, "name"),
                reason="another provider has this name, and routes and logs could not tell them apart",
                remedy="Choose another name.",
            )
        seen.add(provider.name)


def _named_providers_exist(settings: Settings) -> Iterator[Conflict]:
    known = [provider.name for provider in settings.sms.providers]
    remedy = f"There are {', '.join(known)}." if known else "Add [[sms.providers]]."
    named: list[tuple[Location, str]] = [
        (("sms", "routes", index, "providers"), name)
        for index, route in enumerate(settings.sms.routes)
        for name in route.providers
    ]
    named += [
        (("sms", "receipts", index, "provider"), each.provider) for index, each in enumerate(settings.sms.receipts)
    ]
    named += [
        (("sms", "test_numbers", index, "provider"), each.provider)
        for index, each in enumerate(settings.sms.test_numbers)
        if each.provider is not None
    ]
    for location, name in named:
        if name not in known:
            yield Conflict(location=location, reason=f"there is no provider named {name}", remedy=remedy)


def _test_numbers_cost_nothing(settings: Settings) -> Iterator[Conflict]:
    types = {provider.name: provider.type for provider in settings.sms.providers}
    for index, each in enumerate(settings.sms.test_numbers):
        if each.provider is not None and types.get(each.provider, "file") not in _SEND_NOTHING:
            yield Conflict(
                location=("sms", "test_numbers", index, "provider"),
                reason=f"{each.provider} sends messages, and nothing is sent to a test number",
                remedy="Name a provider of type file or console.",
            )


_SEND_NOTHING: Final = frozenset({"file", "console", "memory"})


def _receipts_can_be_read(settings: Settings) -> Iterator[Conflict]:
    if not settings.sms.receipts:
        return
    # Loaded only when there is something to be read.
    from hookpoint.providers.receipts import reader

    kinds = {provider.name: receipt_kind(provider.type, provider.own) for provider in settings.sms.providers}
    for name, count in Counter(each.provider for each in settings.sms.receipts).items():
        index = next(at for at, each in enumerate(settings.sms.receipts) if each.provider == name)
        if name in kinds and reader(kinds[name]) is None:
            yield Conflict(
                location=("sms", "receipts", index, "provider"),
                reason=f"{name} sends no delivery reports that could be read here",
                remedy="Remove this table.",
            )
        if count > 1:
            yield Conflict(
                location=("sms", "receipts"),
                reason=f"{name} is named {count} times",
                remedy="Put all secrets into one table.",
            )


def receipt_kind(type_: str, own: dict[str, object]) -> str:
    """Whose delivery reports a provider's are, by its type and its own settings."""
    return str(own["preset"]) if type_ == "http" and "preset" in own else type_


def _own_paths_differ(settings: Settings) -> Iterator[Conflict]:
    routes = settings.upstream.routes
    taken = {path: "the OAuth server's" for name in type(routes).model_fields for path in getattr(routes, name)}
    for location, path in _own_paths(settings):
        if path in taken:
            yield Conflict(
                location=location,
                reason=f"{path} is {taken[path]} already",
                remedy="Choose another path, such as /hookpoint/sms/NAME.",
            )
        taken[path] = "another route's"


def _own_paths(settings: Settings) -> Iterator[tuple[Location, str]]:
    sms = settings.sms
    for index, webhook in enumerate(settings.webhooks):
        yield ("webhooks", index, "path"), webhook.route_path
    for index, gateway in enumerate(sms.gateway):
        yield ("sms", "gateway", index, "path"), gateway.route_path
    for index, receipt in enumerate(sms.receipts):
        yield ("sms", "receipts", index, "path"), receipt.route_path
    if sms.verified is not None:
        yield ("sms", "verified", "path"), sms.verified.path


def _budgets_hear_of_verified_codes(settings: Settings) -> Iterator[Conflict]:
    budgets = settings.sms.budgets
    if budgets is not None and budgets.mode == "deny" and settings.sms.verified is None:
        yield Conflict(
            location=("sms", "budgets", "mode"),
            reason="nobody can say which codes were typed in, so that every code would count against the budgets",
            remedy='Add [sms.verified], or write mode = "record".',
        )


def _route_paths_are_paths(settings: Settings) -> Iterator[Conflict]:
    for index, receipt in enumerate(settings.sms.receipts):
        if not receipt.path and not _FIT_FOR_PATHS.issuperset(receipt.provider):
            yield Conflict(
                location=("sms", "receipts", index, "path"),
                reason="the provider's name cannot stand in a path as it is",
                remedy='Write path = "/hookpoint/receipts/NAME".',
            )


_FIT_FOR_PATHS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-")

SMS_RULES: Final[tuple[Callable[[Settings], Iterator[Conflict]], ...]] = (
    _provider_names_differ,
    _named_providers_exist,
    _test_numbers_cost_nothing,
    _receipts_can_be_read,
    _route_paths_are_paths,
    _own_paths_differ,
    _budgets_hear_of_verified_codes,
)
