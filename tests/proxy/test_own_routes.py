"""Routes of hookpoint's own: where they lie, and that the server behind never sees a request for one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from hookpoint.proxy.answers import Answer
from hookpoint.proxy.config import validate
from hookpoint.proxy.middleware import HookpointMiddleware
from hookpoint.proxy.own_routes import OwnRoute, OwnRoutes
from hookpoint.proxy.routes import Refused, RouteError

PATH = "/hookpoint/own"


async def answer(scope: Scope, receive: Receive, send: Send) -> str:
    await Answer(status=299, body=scope["method"].encode()).send(send)
    return "answered"


def own(*paths: str) -> OwnRoutes:
    return OwnRoutes(OwnRoute(kind="own", path=path, flow=answer) for path in paths)


@pytest.mark.parametrize(
    ("raw_path", "root_path", "expected"),
    [
        (PATH, "", OwnRoute),
        (f"/auth{PATH}", "/auth", OwnRoute),
        (PATH, "/auth", OwnRoute),
        (f"{PATH}/", "", Refused),
        (PATH.upper(), "", Refused),
        ("/hookpoint/x/../own", "", Refused),
        ("/hookpoint//own", "", Refused),
        ("/oauth/token", "", None),
        ("*", "", None),
        ("/a b", "", None),
    ],
)
def test_a_route_has_one_spelling(raw_path: str, root_path: str, expected: type | None) -> None:
    found = own(PATH).find(raw_path.encode(), raw_path, root_path=root_path)
    assert found is None if expected is None else isinstance(found, expected)


def test_a_decoded_path_that_differs_is_refused() -> None:
    assert isinstance(own(PATH).find(b"/elsewhere", PATH), Refused)
    assert isinstance(own(PATH).find(PATH.encode(), "/elsewhere"), Refused)


def test_without_routes_nothing_is_looked_at() -> None:
    assert own().find(b"/%zz", "/%zz") is None


def test_any_number_of_mount_roots_takes_no_more_memory_than_some() -> None:
    routes = own(PATH)
    for number in range(200):
        assert isinstance(routes.find(f"/{number}{PATH}".encode(), PATH, root_path=f"/{number}"), OwnRoute)
    assert len(routes._tables) <= 64


def test_one_path_has_one_route() -> None:
    with pytest.raises(RouteError):
        own(PATH, PATH)


def alone(app: HookpointMiddleware) -> tuple[ASGIApp, str]:
    return app, ""


def below_a_mount(app: HookpointMiddleware) -> tuple[ASGIApp, str]:
    return Starlette(routes=[Mount("/auth", app)]), "/auth"


@pytest.mark.parametrize("place", [alone, below_a_mount])
async def test_the_server_behind_sees_nothing_of_them(
    place: Callable[[HookpointMiddleware], tuple[ASGIApp, str]],
) -> None:
    seen: list[str] = []

    async def behind(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["path"])
        await Answer(status=503).send(send)

    settings = validate({"store": {"url": "sqlite://"}}, environ={})
    middleware = HookpointMiddleware(behind, config=settings)
    middleware.runtime.own_routes = own(PATH)
    app, root = place(middleware)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="https://login.example") as http:
        for method in ("GET", "POST", "DELETE", "OPTIONS"):
            answered = await http.request(method, root + PATH)
            assert (answered.status_code, answered.text) == (299, method)
        for spelling in (f"{PATH}/", PATH.upper(), "/hookpoint/%6fwn", "/hookpoint;x/own"):
            assert (await http.get(root + spelling)).status_code == 400, spelling
        assert not seen
        assert (await http.get(f"{root}/other")).status_code == 503
        assert seen
    await middleware.aclose()


async def test_there_is_no_websocket() -> None:
    async def behind(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("nothing may reach it")

    middleware = HookpointMiddleware(behind, config=validate({"store": {"url": "sqlite://"}}, environ={}))
    middleware.runtime.own_routes = own(PATH)
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": PATH, "raw_path": PATH.encode(), "headers": [], "query_string": b""}
    await middleware(scope, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": ""}]
