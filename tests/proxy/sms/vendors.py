"""Vendors of text messages on this machine that answer as they are told, from another thread."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.proxy.e2e.serving import serve_in_thread


@dataclass(slots=True, kw_only=True)
class Vendors:
    """Any number of vendors by name, under `url` and the name; `say` is how one answers, `sent` what it took or may have taken.

    `ok`, `down` (503), `throttled` (429), `rejecting` (400), `broken` (500) and `silent`, until nobody waits any more.
    """

    url: str = ""
    say: defaultdict[str, str] = field(default_factory=lambda: defaultdict(lambda: "ok"))
    sent: defaultdict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    asked: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    def texts(self) -> int:
        """How many texts arrived at phones, were it real."""
        return sum(map(len, self.sent.values()))

    async def answer(self, request: Request) -> Response:
        """Take a message, or not."""
        name = request.path_params["name"]
        self.asked[name] += 1
        body = await request.body()
        is_json = request.headers.get("content-type", "").startswith("application/json")
        message = json.loads(body) if is_json else dict(parse_qsl(body.decode()))
        says = self.say[name]
        if says in ("ok", "silent", "broken"):
            self.sent[name].append(message)
        while says == "silent" and not await request.is_disconnected():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)
        status = {"down": 503, "throttled": 429, "rejecting": 400, "broken": 500}.get(says, 201)
        id_ = f"SM-{name}-{self.asked[name]}"
        return JSONResponse({"sid": id_, "status": "queued", "echo": message}, status)


@contextmanager
def run_vendors() -> Iterator[Vendors]:
    """Serve vendors until the block ends."""
    vendors = Vendors()
    app = Starlette(routes=[Route("/{name}/{rest:path}", vendors.answer, methods=["POST"])])
    with serve_in_thread(app) as url:
        vendors.url = url
        yield vendors
