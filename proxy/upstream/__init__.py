"""The upstream of the reverse proxy: an ASGI app that forwards to one origin."""

from __future__ import annotations

from hookpoint.proxy.upstream.app import Upstream
from hookpoint.proxy.upstream.clients import Client, TrustedProxies, client_of
from hookpoint.proxy.upstream.errors import ClientGone, UpstreamBroken, UpstreamError
from hookpoint.proxy.upstream.limits import Limits, Timeouts
from hookpoint.proxy.upstream.observer import ExchangeObserver, ExchangeRecord
from hookpoint.proxy.upstream.pool import PoolState

__all__ = [
    "Client",
    "ClientGone",
    "ExchangeObserver",
    "ExchangeRecord",
    "Limits",
    "PoolState",
    "Timeouts",
    "TrustedProxies",
    "Upstream",
    "UpstreamBroken",
    "UpstreamError",
    "client_of",
]
