"""asgiproxy on uvicorn: another reverse proxy in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.environments import environment
from bench.peers.peer import Peer
from bench.processes import Launch

if TYPE_CHECKING:
    from pathlib import Path

    from bench.stage import Stage

UVICORN = ("uvicorn==0.54.0", "uvloop==0.23.0", "httptools==0.9.0")
_REQUIREMENTS = ("asgiproxy==0.2.0", "aiohttp==3.14.5", "starlette==1.10.0", *UVICORN)
_APPLICATION = """
from asgiproxy.config import BaseURLProxyConfigMixin, ProxyConfig
from asgiproxy.context import ProxyContext
from asgiproxy.simple_proxy import make_simple_proxy_app


class Config(BaseURLProxyConfigMixin, ProxyConfig):
    upstream_base_url = "http://127.0.0.1:{upstream}"


app = make_simple_proxy_app(ProxyContext(Config()))
"""


def uvicorn_command(programs: Path, port: int) -> list[str]:
    """Serve `app` of `application.py` as quickly as uvicorn can."""
    options = ["--port", str(port), "--loop", "uvloop", "--http", "httptools", "--timeout-keep-alive", "75"]
    return [str(programs / "uvicorn"), "application:app", *options, "--no-access-log", "--log-level", "warning"]


def _launch(stage: Stage, folder: Path, port: int) -> Launch:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "application.py").write_text(_APPLICATION.format(upstream=stage.upstream))
    return Launch(command=uvicorn_command(environment("asgiproxy", *_REQUIREMENTS), port), folder=folder)


def _version() -> str:
    environment("asgiproxy", *_REQUIREMENTS)
    return "0.2.0 with aiohttp 3.14.5 on uvicorn 0.54.0"


PEERS = (Peer(name="asgiproxy", works=frozenset({"small", "large"}), launch=_launch, version=_version),)
