"""All routes of the gateway."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from hookpoint.proxy.config.sms_gateway import SmsGatewaySettings
from hookpoint.proxy.flows.intercepted import Directory
from hookpoint.proxy.gateway.flow import Delivery, GatewayFlow
from hookpoint.proxy.gateway.format import Options
from hookpoint.proxy.gateway.formats.registry import FORMATS
from hookpoint.proxy.routes import Matched, Refused, Route, RouteTable

_MAX_ROOTS: Final = 64  # a mount path with parameters has any number of roots


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayRoute:
    """One route as it is configured; `deadline` is the format's own where it is None."""

    path: str
    format: str
    options: Options
    deadline: float | None = None


class Gateway:
    """The routes by their paths, apart from those of the server behind: they are served before it is known, and without it.

    Raises RouteError for two routes with one path, and ValueError for a secret that the format cannot use; the configuration lets neither through.
    """

    def __init__(
        self,
        routes: Iterable[GatewayRoute],
        delivery: Delivery,
        *,
        directory: Directory,
        new_id: Callable[[], str],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._routes: list[Route] = []
        self._flows: dict[str, GatewayFlow] = {}
        self._tables: dict[str, RouteTable] = {}
        for route in routes:
            opened = FORMATS[route.format](route.options)
            kind = f"sms_gateway_{len(self._routes)}"
            self._routes.append(Route(kind=kind, path=route.path))
            self._flows[kind] = GatewayFlow(
                opened,
                delivery,
                path=route.path,
                deadline=opened.deadline if route.deadline is None else route.deadline,
                directory=directory,
                new_id=new_id,
                now=now,
            )
        self._table("")

    def find(self, raw_path: bytes, path: str, *, root_path: str = "") -> GatewayFlow | Refused | None:
        """The flow of a path in its one spelling, why another spelling of it is refused, or None when it is none of ours.

        The arguments are those of `RouteTable.decide`.
        """
        if not self._routes:
            return None
        decision = self._table(root_path).decide(raw_path, path)
        if isinstance(decision, Matched):
            return self._flows[decision.route.kind]
        return decision if isinstance(decision, Refused) else None

    def _table(self, root_path: str) -> RouteTable:
        table = self._tables.get(root_path)
        if table is None:
            if len(self._tables) >= _MAX_ROOTS:
                self._tables.pop(next(iter(self._tables)))
            table = self._tables[root_path] = RouteTable(self._routes, root_path=root_path)
        return table


def configured_routes(settings: Iterable[SmsGatewaySettings]) -> list[GatewayRoute]:
    """The routes that `[[sms.gateway]]` names."""
    return [
        GatewayRoute(
            path=each.route_path,
            format=each.format,
            options=Options(
                secrets=tuple(secret.get_secret_value() for secret in each.secrets),
                authentication=each.chosen_authentication,
                header=each.header or "",
                audience=each.audience or "",
                fields={str(name): theirs for name, theirs in each.fields.items()},
            ),
            deadline=each.deadline,
        )
        for each in settings
    ]
