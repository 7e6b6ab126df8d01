from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from joserfc.jwk import ECKey, KeySet, RSAKey

from hookpoint.proxy.demo.authorization_server import Client, create_authorization_server
from hookpoint.proxy.demo.loopback import bind_loopback, origin, serve

API = "https://api.example.com"
OTHER_API = "https://other.example.com"


class Clock:
    """Unix time that stands still until it is moved; the test's own, so that tokens can grow old at once."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock(1_800_000_000.25)


@pytest.fixture(scope="session")
def signing_key() -> RSAKey:
    return RSAKey.generate_key(2048)


@pytest.fixture(scope="session")
def client_key() -> ECKey:
    return ECKey.generate_key("P-256")


@asynccontextmanager
async def authorization_server(signing_key: RSAKey, client_key: ECKey, clock: Clock) -> AsyncIterator[str]:
    """Runs an authorization server and gives its URL."""
    clients = [
        Client(
            client_id="reporting",
            name="Reporting job",
            secret="reporting-secret",
            scopes=frozenset({"reports:read", "reports:write", "debug"}),
            audiences=(API, OTHER_API),
        ),
        Client(client_id="billing", secret="billing-secret", scopes=frozenset({"bills"}), audiences=(API,)),
        Client(client_id="by key", public_keys=KeySet([client_key]), scopes=frozenset({"bills"}), audiences=(API,)),
        Client(client_id="api", secret="api-secret", may_introspect=True),
        Client(client_id="idle", secret="idle-secret", grant_types=frozenset(), audiences=(API,)),
    ]
    bound = bind_loopback()
    app = create_authorization_server(origin(bound), clients=clients, signing_key=signing_key, clock=clock)
    async with serve(app, bound) as url:
        yield url
