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
from hookpoint.proxy.own_routes import OwnRoute

KIND: Final = "sms_gateway"


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayRoute:
    """One route as it is configured; `deadline` is the format's own where it is None."""

    path: str
    format: str
    options: Options
    deadline: float | None = None


def gateway_routes(
    routes: Iterable[GatewayRoute],
    delivery: Delivery,
    *,
    directory: Directory,
    new_id: Callable[[], str],
    now: Callable[[], float] = time.time,
) -> list[OwnRoute]:
    """The routes as hookpoint serves them; raises ValueError for a secret that the format cannot use."""
    served: list[OwnRoute] = []
    for route in routes:
        opened = FORMATS[route.format](route.options)
        flow = GatewayFlow(
            opened,
            delivery,
            path=route.path,
            deadline=opened.deadline if route.deadline is None else route.deadline,
            directory=directory,
            new_id=new_id,
            now=now,
        )
        served.append(OwnRoute(kind=KIND, path=route.path, flow=flow))
    return served


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
