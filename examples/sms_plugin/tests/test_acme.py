"""The contract over the plugin, with a vendor made of a transport: no server is needed."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable

import httpx2
import pytest
from acme_sms import Acme, AcmeSettings

from hookpoint.providers.testing import CONTRACT, Case

IDS = itertools.count(1)


def vendor(request: httpx2.Request) -> httpx2.Response:
    assert request.headers["authorization"] == "Bearer k3y"
    return httpx2.Response(201, json={"id": f"acme-{next(IDS)}"})


def make() -> Acme:
    return Acme("under-test", AcmeSettings(api_key="k3y"), transport=httpx2.MockTransport(vendor))


@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
async def test_acme_keeps_the_contract(check: Callable[[Case], Awaitable[None]]) -> None:
    await check(Case(type=Acme, settings={"api_key": "k3y"}, secrets=("k3y",), build=make))
