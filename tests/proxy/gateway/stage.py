"""The gateway, called as one of the servers would: in front of a whole delivery, or of one that answers as it is told."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from hookpoint.providers.vendors.memory import Memory
from hookpoint.proxy.answers import Answer
from hookpoint.proxy.config.sms_gateway import SmsGatewaySettings
from hookpoint.proxy.flows.intercepted import Directory, KnownClient
from hookpoint.proxy.gateway.flow import Delivery
from hookpoint.proxy.gateway.gateway import configured_routes, gateway_routes
from hookpoint.proxy.own_routes import OwnRoutes
from hookpoint.proxy.routes import Refused
from hookpoint.proxy.sms.request import DeliveryRequest
from hookpoint.proxy.sms.results import DeliveryResult, Sent
from tests.leaks import Watch
from tests.proxy.gateway.callers import Caller, Expected, Members
from tests.proxy.sms.stage import CODE, NUMBER, Clock, stage


@dataclass(slots=True)
class ToldDelivery:
    """Answers with one result and keeps what it was asked for."""

    result: DeliveryResult = field(default_factory=lambda: Sent(provider="main", id="main-1"))
    requests: list[DeliveryRequest] = field(default_factory=list)
    deadlines: list[float] = field(default_factory=list)

    async def deliver(self, request: DeliveryRequest, *, deadline: float) -> DeliveryResult:
        """Keep and answer."""
        self.requests.append(request)
        self.deadlines.append(deadline)
        return self.result


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayStage:
    """What a test talks to; `outcomes` are what the flows returned for the metrics."""

    caller: Caller
    http: httpx2.AsyncClient
    provider: Memory
    told: ToldDelivery
    clock: Clock
    outcomes: list[str]
    answers: list[httpx2.Response] = field(default_factory=list)

    async def call(
        self,
        number: str = NUMBER,
        *,
        secret: str | None = None,
        age: int = 0,
        body: Members | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """Ask for a message, proved with the new secret unless another one is given."""
        secret = self.caller.secrets[0] if secret is None else secret
        content = self.caller.encode(self.caller.body(number) if body is None else body, secret)
        return await self.post(content, **{**self.prove(content, secret, age=age), **(headers or {})})

    def prove(self, content: bytes, secret: str | None = None, *, age: int = 0) -> dict[str, str]:
        """The headers that prove a body."""
        secret = self.caller.secrets[0] if secret is None else secret
        return self.caller.prove(content, secret, int(self.clock.now) - age)

    async def post(self, content: bytes, **headers: str) -> httpx2.Response:
        """Post bytes as they are."""
        fields = {"content-type": self.caller.content_type, **headers}
        answer = await self.http.post(self.path, content=content, headers=fields)
        self.answers.append(answer)
        return answer

    @property
    def path(self) -> str:
        """The route's path."""
        return f"/hookpoint/sms/{self.caller.format}"


@asynccontextmanager
async def told_stage(caller: Caller, result: DeliveryResult | None = None) -> AsyncIterator[GatewayStage]:
    """Open the route of one caller in front of a delivery that gives one result."""
    told = ToldDelivery() if result is None else ToldDelivery(result)
    async with _opened(caller, told, Clock()) as (http, outcomes):
        yield GatewayStage(
            caller=caller, http=http, provider=Memory("main"), told=told, clock=Clock(), outcomes=outcomes
        )


@asynccontextmanager
async def whole_stage(
    caller: Caller, *, hooks: Sequence[Callable[..., Any]] = (), provider: Memory | None = None
) -> AsyncIterator[GatewayStage]:
    """Open the route of one caller in front of the real delivery; at the end no log entry and no answer may show a thing."""
    async with stage(hooks=hooks, providers=[provider or Memory("main")]) as it:
        with capture_logs() as logs:
            async with _opened(caller, it.delivery, it.clock) as (http, outcomes):
                gateway = GatewayStage(
                    caller=caller, http=http, provider=it.main, told=ToldDelivery(), clock=it.clock, outcomes=outcomes
                )
                yield gateway
    assert logs
    shown = f"{logs} {[(answer.headers, answer.text) for answer in gateway.answers]}"
    Watch(codes={CODE}, numbers={NUMBER}, secrets=set(caller.secrets)).look("a log entry or an answer", shown)


@asynccontextmanager
async def _opened(
    caller: Caller, delivery: Delivery, clock: Clock
) -> AsyncIterator[tuple[httpx2.AsyncClient, list[str]]]:
    outcomes: list[str] = []
    settings = SmsGatewaySettings.model_validate(
        {"format": caller.format, "secrets": caller.secrets, **caller.settings}
    )
    gateway = OwnRoutes(
        gateway_routes(
            configured_routes([settings]),
            delivery,
            directory=Directory({"web": KnownClient(name="The shop")}),
            new_id=lambda: "call-1",
            now=clock,
        )
    )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found = gateway.find(scope["raw_path"], scope["path"], root_path=scope["root_path"])
        if found is None or isinstance(found, Refused):
            await Answer(status=404 if found is None else 400).send(send)
        else:
            outcomes.append(await found.flow(scope, receive, send))

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="https://login.example") as http:
        yield http, outcomes


def read_answer(answer: httpx2.Response) -> Expected:
    """The status of an answer, and its body as what its content type says."""
    if answer.headers["content-type"].startswith("application/json"):
        return answer.status_code, json.loads(answer.content)
    return answer.status_code, answer.text
