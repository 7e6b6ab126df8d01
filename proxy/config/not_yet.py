"""Keys that this version knows but does not serve; they are problems rather than silently without effect."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hookpoint.proxy.config.hooks import HookKind
from hookpoint.proxy.config.problems import Conflict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hookpoint.proxy.config.schema import Location
    from hookpoint.proxy.config.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class NotYet:
    """Something that is designed and named, but not built: where a configuration uses it, and what to write instead."""

    uses: Callable[[Settings], Iterable[Location]]
    what: str
    remedy: str


def _runs(kind: HookKind) -> Callable[[Settings], Iterable[Location]]:
    return lambda settings: [("hooks", at, "run") for at, hook in enumerate(settings.hooks) if hook.kind is kind]


NOT_YET = (NotYet(uses=_runs(HookKind.SCRIPT), what="running JavaScript hooks", remedy="Write the hook in Python."),)


def find_not_yet(settings: Settings) -> Iterator[Conflict]:
    """Yield what the configuration asks for and this version does not do."""
    for each in NOT_YET:
        for location in each.uses(settings):
            yield Conflict(location=location, reason=f"this version does not serve {each.what} yet", remedy=each.remedy)
