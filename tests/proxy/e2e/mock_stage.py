"""What a client sees of hookpoint in front of the misbehaving mock server."""

from __future__ import annotations

from dataclasses import dataclass

import httpx2

from tests.partners.mock_server import MockServer
from tests.proxy.e2e.product import Product


@dataclass(frozen=True, slots=True, kw_only=True)
class MockStage:
    """hookpoint and the mock server behind it."""

    product: Product
    partner: MockServer

    async def ask(self, **parameters: str) -> httpx2.Response:
        """Ask hookpoint for a token."""
        return await self.partner.ask_for_token(f"{self.product.url}/oauth/token", **parameters)

    async def hook_runs(self) -> float:
        """How often hooks have run so far."""
        return await self.product.metric("hookpoint_hook_seconds_count")


def assert_is_oauth_error(answer: httpx2.Response, status: int, error: str) -> None:
    """Check that an answer is an error as RFC 6749 section 5.2 has it, with nothing in it that clients must not see."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-request-id"]
    members = answer.json()
    assert members["error"] == error
    assert members.keys() == {"error", "error_description"}
    assert "Traceback" not in answer.text
    assert "eyJ" not in answer.text
