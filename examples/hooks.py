"""Hooks for machine-to-machine tokens as one would write them for a company with several tenants and APIs.

`hookpoint.hooks.testing` tries one without a server: `try_hook(scopes_by_audience).scope`.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Mapping

import httpx2

from hookpoint.hooks import CredentialsExchange, Deny, TokenChanges, credentials_exchange

# What a client may do at each API, whatever the OAuth server granted. An API that is not listed gets no scope at all.
SCOPES_BY_AUDIENCE: Mapping[str, frozenset[str]] = {
    "https://api.example.com": frozenset({"reports:read", "reports:write"}),
    "https://billing.example.com": frozenset({"invoices:read"}),
}
SHORT_LIVED = {"reports:write": 300}  # seconds that a token with this scope may live


@credentials_exchange(order=-10)
def known_networks_only(event: CredentialsExchange) -> None:
    """Refuse a client that calls from outside of the networks in its metadata: `networks = "10.0.0.0/8 192.0.2.0/24"`.

    `event.request.ip` is the address of whoever connected, unless `trusted_proxies` says whose word on it is believed.
    """
    networks = str(event.client.metadata.get("networks", "")).split()
    if not networks:
        return
    address = ipaddress.ip_address(event.request.ip)
    if not any(address in ipaddress.ip_network(network) for network in networks):
        # The reason is for the log. The client gets the last argument, which does not tell an attacker what to change.
        raise Deny(
            "access_denied", f"{address} is not in the client's networks", "This client may not be used from here."
        )


@credentials_exchange
def scopes_by_audience(event: CredentialsExchange) -> TokenChanges:
    """Keep only what every audience of the token may see, and let tokens that can write live for a short time."""
    allowed = [SCOPES_BY_AUDIENCE.get(audience, frozenset()) for audience in event.audiences]
    scope = event.scope.intersection(*allowed) if allowed else frozenset()
    lifetimes = [seconds for name, seconds in SHORT_LIVED.items() if name in scope]
    return TokenChanges(scope=scope, expires_in=min(lifetimes, default=None))


class TenantDirectory:
    """Knows which tenant a client belongs to: asks the directory once and remembers the answer for a while."""

    def __init__(self, lifetime: float = 300.0) -> None:
        self._lifetime = lifetime
        self._tenants: dict[str, tuple[str, float]] = {}

    async def tenant_of(self, client_id: str, url: str, token: str) -> str:
        tenant, known_until = self._tenants.get(client_id, ("", 0.0))
        if time.monotonic() >= known_until:
            async with httpx2.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {token}"}) as directory:
                response = await directory.get("/tenant", params={"client_id": client_id})
            tenant = str(response.raise_for_status().json()["tenant"])
            self._tenants[client_id] = (tenant, time.monotonic() + self._lifetime)
        return tenant


directory = TenantDirectory()


@credentials_exchange(timeout=2.0, on_error="deny", when={"audience": ["https://api.example.com"]})
async def add_tenant(event: CredentialsExchange) -> TokenChanges:
    """Write the client's tenant into tokens for the API that keeps tenants apart.

    When the directory does not answer, the request fails (`on_error="deny"`): a token without a tenant would be worse. The
    directory's address and its token come from `secrets` in hookpoint.toml, so this file can be shown to anybody.
    """
    tenant = await directory.tenant_of(
        event.client.id, event.secrets["DIRECTORY_URL"], event.secrets["DIRECTORY_TOKEN"]
    )
    return TokenChanges(claims={"https://example.com/tenant": tenant})
