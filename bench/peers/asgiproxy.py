"""asgiproxy on uvicorn: another reverse proxy in Python. It is measured where its package is installed."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from typing import TYPE_CHECKING

from bench.peers.peer import Absent, Peer
from bench.processes import Launch

if TYPE_CHECKING:
    from pathlib import Path

    from bench.stage import Stage

_APPLICATION = """
from asgiproxy.config import BaseURLProxyConfigMixin, ProxyConfig
from asgiproxy.context import ProxyContext
from asgiproxy.simple_proxy import make_simple_proxy_app


class Config(BaseURLProxyConfigMixin, ProxyConfig):
    upstream_base_url = "http://127.0.0.1:{upstream}"


app = make_simple_proxy_app(ProxyContext(Config()))
"""


def _launch(stage: Stage, folder: Path, port: int) -> Launch:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "application.py").write_text(_APPLICATION.format(upstream=stage.upstream))
    options = [
        "--port",
        str(port),
        "--loop",
        "uvloop",
        "--http",
        "httptools",
        "--no-access-log",
        "--log-level",
        "warning",
    ]
    command = [sys.executable, "-m", "uvicorn", "application:app", *options, "--timeout-keep-alive", "75"]
    return Launch(command=command, folder=folder)


def _version() -> str:
    if importlib.util.find_spec("asgiproxy") is None:
        raise Absent("its package is not installed: pip install asgiproxy")
    return f"{importlib.metadata.version('asgiproxy')} on uvicorn {importlib.metadata.version('uvicorn')}"


PEERS = (Peer(name="asgiproxy", works=frozenset({"small", "large"}), launch=_launch, version=_version),)
