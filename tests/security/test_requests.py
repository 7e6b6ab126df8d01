"""Nothing but the path says what a request is, and nothing that a request says is fetched."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import quote

import pytest

from tests.partners.resource_server import read_claims
from tests.security.stage import GRANT, HOOKED, Stage, page_request, token_request

# What other proxies have decided by, and what they or the servers behind them took for the path, the method or the caller.
FIELDS = {
    "forwarded-uri": b"X-Forwarded-Uri: /livez\r\n",
    "original-url": b"X-Original-URL: /livez\r\n",
    "rewrite-url": b"X-Rewrite-URL: /livez\r\n",
    "forwarded-prefix": b"X-Forwarded-Prefix: /x\r\n",
    "forwarded-host": b"X-Forwarded-Host: other.test\r\nForwarded: host=other.test;proto=https\r\n",
    "forwarded-method": b"X-Forwarded-Method: GET\r\n",
    "forwarded-user": b"X-Forwarded-User: admin\r\nX_Forwarded_User: admin\r\nX-Auth-Request-User: admin\r\n",
    "health-check": b"User-Agent: GoogleHC/1.0\r\n",
    "load-balancer": b"User-Agent: ELB-HealthChecker/2.0\r\n",
    "upgrade": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n",
    "purpose": b"Purpose: prefetch\r\nSec-Fetch-Mode: no-cors\r\n",
}


@pytest.mark.parametrize("name", FIELDS)
async def test_P_no_header_field_leads_around_the_hook(stage: Stage, name: str) -> None:
    head, _, body = (await stage.exchange(token_request(name, headers=FIELDS[name]))).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), body
    assert read_claims(json.loads(body)["access_token"])[HOOKED] == name


async def test_P_no_header_field_and_no_query_makes_a_token_request(stage: Stage) -> None:
    runs = len(stage.hook_runs())
    for name in ("X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Uri", "X-Forwarded-Path"):
        field = f"{name}: /oauth/token\r\nContent-Length: 0\r\n".encode()
        assert b"heard /page" in await stage.exchange(page_request(method=b"POST", headers=field))
    for target in (b"/page?/oauth/token", b"/page?path=/oauth/token", b"/?/../oauth/token"):
        await stage.exchange(page_request(target))
    assert [message.target for message in stage.upstream.heard][4:] == [
        b"/page?/oauth/token",
        b"/page?path=/oauth/token",
        b"/?/../oauth/token",
    ]
    assert not [name for message in stage.upstream.heard for name, value in message.fields if value == b"/oauth/token"]
    assert len(stage.hook_runs()) == runs


async def test_F_no_address_in_a_parameter_is_fetched(stage: Stage) -> None:
    came: list[object] = []
    listening = await asyncio.start_server(lambda reader, writer: came.append(writer), "127.0.0.1", 0)
    address = quote(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/")
    names = (
        "request_uri",
        "jwks_uri",
        "sector_identifier_uri",
        "redirect_uri",
        "jku",
        "logo_uri",
        "resource",
        "client_id",
    )
    form = GRANT.partition(b"&client_id")[0] + "".join(f"&{name}={address}" for name in names).encode()
    head = b"POST /oauth/token HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    answer = await stage.exchange(head + b"Content-Length: %d\r\n\r\n" % len(form) + form)
    assert answer.startswith(b"HTTP/1.1 200 ")
    await stage.exchange(page_request(f"/authorize?request_uri={address}&client_id={address}".encode()))
    await stage.exchange(page_request(b"/page", headers=f"Referer: {address}\r\nOrigin: {address}\r\n".encode()))
    listening.close()
    assert came == []
