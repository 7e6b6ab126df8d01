"""The peers, one module each; a module defines `PEERS`."""

from __future__ import annotations

from bench.peers import asgiproxy, direct, fastify, hookpoint, nginx

PEERS = (*direct.PEERS, *nginx.PEERS, *hookpoint.PEERS, *fastify.PEERS, *asgiproxy.PEERS)
