"""Web frameworks as small OAuth servers: POST /oauth/token is handled, counted, and answered as told."""

from __future__ import annotations

import json
import sys
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.partners.node import node_modules, require_node
from tests.partners.processes import LOOPBACK, ServerProcess, server_process

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TOKEN_PATH = "/oauth/token"
# In every answer of the handler, so that a test sees at once whether it ran.
HANDLED_FIELD = b"x-handled: yes"

PYTHON_FRAMEWORKS = ("starlette-h11", "starlette-httptools", "flask", "django")
NODE_FRAMEWORKS = ("express", "koa", "fastify", "hapi", "node-url")
FRAMEWORKS = PYTHON_FRAMEWORKS + NODE_FRAMEWORKS

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[2]
_ANSWER: Mapping[str, object] = {"access_token": "opaque", "token_type": "Bearer", "expires_in": 60}


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameworkServer:
    """A running framework on the loopback."""

    name: str
    port: int
    process: ServerProcess

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def runs(self) -> int:
        """How often the token handler ran."""
        with urllib.request.urlopen(f"{self.url}/runs", timeout=10) as answer:
            runs = json.load(answer)["runs"]
        assert isinstance(runs, int)
        return runs


@contextmanager
def run_framework(name: str, *, answer: Mapping[str, object] = _ANSWER) -> Iterator[FrameworkServer]:
    """Run one of `FRAMEWORKS` until the block ends; `answer` is the JSON its token handler returns."""
    settings: dict[str, object] = {"framework": name, "path": TOKEN_PATH, "answer": json.dumps(answer)}
    if name in NODE_FRAMEWORKS:
        node = require_node()
        settings["packages"] = str(node_modules())
        run = server_process([node.executable, _HERE / "node_servers.mjs"], settings=settings, env=node.environment())
    else:
        run = server_process(
            [sys.executable, "-m", "tests.proxy.frameworks.python_servers"], settings=settings, cwd=_ROOT
        )
    with run as process:
        yield FrameworkServer(name=name, port=process.ready["port"], process=process)
