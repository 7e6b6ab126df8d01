"""HTTP clients for plain http on the loopback: no proxies from the environment, no trust store (which takes 50 ms to load)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2

from tests.leak_scan import scan_answer

if TYPE_CHECKING:
    from collections.abc import Mapping


PATIENCE = 30.0
"""Seconds that a client waits; machines under load take longer than the five that are usual."""


def open_http(
    headers: Mapping[str, str] | None = None, *, base_url: str = "", auth: tuple[str, str] | None = None
) -> httpx2.AsyncClient:
    """Return a client to be used as an async context manager; it follows no redirects.

    What hookpoint answers to it with an error is searched for codes and phone numbers.
    """
    return httpx2.AsyncClient(
        headers=headers,
        base_url=base_url,
        auth=auth,
        trust_env=False,
        verify=False,
        timeout=PATIENCE,
        event_hooks={"response": [scan_answer]},
    )


def ask(method: str, url: str, *, headers: Mapping[str, str] | None = None, json: object = None) -> Any:
    """Make one request without an event loop and return the JSON of its answer; raises HTTPStatusError."""
    with httpx2.Client(trust_env=False, verify=False) as http:
        answer = http.request(method, url, headers=headers, json=json)
    answer.raise_for_status()
    return answer.json()
