"""The peers, one module each; a module defines `PEERS`."""

from __future__ import annotations

from bench.peers import (
    asgiproxy,
    caddy,
    direct,
    fastapi_proxy_lib,
    fastify,
    haproxy,
    hookpoint,
    http_hook,
    mitmproxy,
    nginx,
    sign_up,
)

PEERS = (
    *direct.PEERS,
    *nginx.PEERS,
    *haproxy.PEERS,
    *caddy.PEERS,
    *hookpoint.PEERS,
    *http_hook.PEERS,
    *sign_up.PEERS,
    *fastify.PEERS,
    *mitmproxy.PEERS,
    *asgiproxy.PEERS,
    *fastapi_proxy_lib.PEERS,
)
SWEEP = hookpoint.SWEEP
"""Those that are measured apart from the others, against hookpoint as it comes."""
