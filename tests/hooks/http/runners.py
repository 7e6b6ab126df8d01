"""Runners that call a service of a test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from hookpoint.hooks.http.addresses import Addresses, AddressPolicy
from hookpoint.hooks.http.exchange import Caller
from hookpoint.hooks.http.formats.format import Authentication
from hookpoint.hooks.http.formats.registry import FORMATS
from hookpoint.hooks.http.runner import CallPolicy, HttpRunner
from hookpoint.hooks.http.signing import credentials_of
from hookpoint.hooks.points import AnyPoint, credentials_exchange

NOW = 1_767_225_600.0


@asynccontextmanager
async def runner_of(
    url: str,
    *,
    point: AnyPoint = credentials_exchange,
    format: str = "hookpoint",  # noqa: A002 - what it is
    kind: Authentication = "none",
    secrets: Sequence[str] = (),
    timeout: float = 10.0,
    retries: int = 1,
    tls: Any = None,
    addresses: Addresses | None = None,
    **more: Any,
) -> AsyncIterator[HttpRunner]:
    """A runner of a hook named `remote`, started."""
    parts = urlsplit(url)
    found = addresses or Addresses(host=parts.hostname or "", port=parts.port or 443, policy=AddressPolicy())
    runner = HttpRunner(
        "remote",
        point,
        FORMATS[format].codecs[point],
        Caller(url, found, tls=tls),
        credentials_of(kind, secrets),
        policy=CallPolicy(timeout=timeout, retries=retries),
        **{"now": lambda: NOW, "new_id": lambda: "msg_1", "draw": lambda: 0.0} | more,
    )
    await runner.start()
    try:
        yield runner
    finally:
        await runner.aclose()
