"""The routes of hookpoint's own: answered without the server behind, and before anything is known of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hookpoint.proxy.flows.flow import Flow
from hookpoint.proxy.routes import ALIAS, OUT_OF_STEP, Matched, Refused, Route, RouteTable

_MAX_ROOTS: Final = 64  # a mount path with parameters has any number of roots


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRoute:
    """A path that hookpoint answers itself, whatever the method; `kind` is what metrics call it.

    `path` is as that of `hookpoint.proxy.routes.Route`. The flow is called once the runtime has started, and never before.
    """

    kind: str
    path: str
    flow: Flow


class OwnRoutes:
    """Finds the route of a request; a request that names one, in whatever spelling, never reaches the server behind.

    Raises RouteError for two routes with one path; the configuration lets that not through.
    """

    def __init__(self, routes: Iterable[OwnRoute]) -> None:
        self.routes: Final = tuple(routes)
        self._by_path = {route.path: route for route in self.routes}
        self._tables: dict[str, RouteTable] = {}
        self._table("")

    def find(self, raw_path: bytes, path: str, *, root_path: str = "") -> OwnRoute | Refused | None:
        """The route of a path in its one spelling, why another spelling of it is refused, or None when it is none of ours.

        The arguments are those of `RouteTable.decide`. What is malformed without meaning one of these routes is none of ours.
        """
        if not self.routes:
            return None
        decision = self._table(root_path).decide(raw_path, path)
        if isinstance(decision, Matched):
            return self._by_path[decision.route.path]
        return decision if isinstance(decision, Refused) and decision in (ALIAS, OUT_OF_STEP) else None

    def _table(self, root_path: str) -> RouteTable:
        table = self._tables.get(root_path)
        if table is None:
            if len(self._tables) >= _MAX_ROOTS:
                self._tables.pop(next(iter(self._tables)))
            routes = [Route(kind=route.kind, path=route.path) for route in self.routes]
            table = self._tables[root_path] = RouteTable(routes, root_path=root_path)
        return table
