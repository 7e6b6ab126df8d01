"""fastapi-proxy-lib on uvicorn: a reverse proxy in Python over httpx."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.environments import environment
from bench.peers.asgiproxy import UVICORN, uvicorn_command
from bench.peers.peer import Peer
from bench.processes import Launch

if TYPE_CHECKING:
    from pathlib import Path

    from bench.stage import Stage

_REQUIREMENTS = ("fastapi-proxy-lib==0.3.0", "httpx==0.28.1", "starlette==1.10.0", *UVICORN)
_APPLICATION = """
from contextlib import asynccontextmanager

from fastapi_proxy_lib.core.http import ReverseHttpProxy
from starlette.applications import Starlette
from starlette.routing import Route

proxy = ReverseHttpProxy(base_url="http://127.0.0.1:{upstream}/")


@asynccontextmanager
async def lifespan(app):
    yield
    await proxy.aclose()


async def forward(request):
    return await proxy.proxy(request=request, path=request.path_params["path"])


app = Starlette(routes=[Route("/{{path:path}}", forward, methods=["GET", "POST"])], lifespan=lifespan)
"""


def _launch(stage: Stage, folder: Path, port: int) -> Launch:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "application.py").write_text(_APPLICATION.format(upstream=stage.upstream))
    return Launch(command=uvicorn_command(environment("fastapi-proxy-lib", *_REQUIREMENTS), port), folder=folder)


def _version() -> str:
    environment("fastapi-proxy-lib", *_REQUIREMENTS)
    return "0.3.0 with httpx 0.28.1 on uvicorn 0.54.0"


PEERS = (Peer(name="fastapi-proxy-lib", works=frozenset({"small", "large"}), launch=_launch, version=_version),)
