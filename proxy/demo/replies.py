"""Requests of the story and their answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer to a request; `body` is its JSON object, or empty."""

    status: int
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        error = self.body.get("error") or self.body.get("code")
        return f"{self.status} {error}" if error else str(self.status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that the story claims: whether it is so, and what was seen."""

    claim: str
    holds: bool
    seen: str


def reply(response: httpx2.Response) -> Reply:
    """What there is to say of an answer."""
    is_json = response.headers.get("content-type", "").partition(";")[0] == "application/json"
    body = response.json() if is_json else {}
    return Reply(status=response.status_code, body=body if isinstance(body, dict) else {})
