"""HAProxy, plain, and re-signing in a Lua service with its own HTTP client and luaossl."""

from __future__ import annotations

import shutil
import subprocess
from functools import partial
from typing import TYPE_CHECKING

from joserfc.jwk import KeySet

from bench.peers.lua import require_lua, resign_source
from bench.peers.peer import Absent, Peer
from bench.processes import Launch

if TYPE_CHECKING:
    from pathlib import Path

    from bench.stage import Stage

_CONFIGURATION = """
global
  nbthread 1
  maxconn 4000
  {global_lines}

defaults
  mode http
  timeout connect 5s
  timeout client 75s
  timeout server 75s
  timeout http-keep-alive 75s

frontend clients
  bind 127.0.0.1:{port}
  {frontend_lines}
  default_backend origin

backend origin
  http-reuse always
  option forwardfor
  server origin 127.0.0.1:{upstream}
"""
_SERVICE = """
core.register_service("token", "http", function(applet)
  local answer = core.httpclient():post{
    url = "http://127.0.0.1:UPSTREAM/oauth/token",
    headers = { ["content-type"] = applet.headers["content-type"], ["host"] = applet.headers["host"] },
    body = applet:receive(),
  }
  local encode = function(text) return applet.c:ub64enc(text) end
  local decode = function(text) return applet.c:ub64dec(text) end
  local body = answer.status == 200 and resign(answer.body, encode, decode) or answer.body
  applet:set_status(answer.status)
  applet:add_header("content-type", "application/json")
  applet:add_header("cache-control", "no-store")
  applet:add_header("content-length", tostring(#body))
  applet:start_response()
  applet:send(body)
end)
"""


def _launch(stage: Stage, folder: Path, port: int, *, resigns: bool) -> Launch:
    folder.mkdir(parents=True, exist_ok=True)
    service = folder / "service.lua"
    service.touch(mode=0o600)
    service.write_text(resign_source(stage) + _SERVICE.replace("UPSTREAM", str(stage.upstream)))
    configuration = folder / "haproxy.cfg"
    configuration.write_text(
        _CONFIGURATION.format(
            port=port,
            upstream=stage.upstream,
            global_lines=f"lua-load {service}" if resigns else "",
            frontend_lines="http-request use-service lua.token if { path /oauth/token }" if resigns else "",
        )
    )
    return Launch(command=["haproxy", "-db", "-f", str(configuration)], folder=folder)


def _version(*, resigns: bool) -> str:
    if shutil.which("haproxy") is None:
        raise Absent("haproxy is not on the path")
    shown = subprocess.run(["haproxy", "-v"], capture_output=True, text=True, check=True).stdout
    if resigns:
        require_lua("5.3")
    return shown.split()[2] + (", Lua 5.3 with luaossl" if resigns else "")


PEERS = (
    Peer(
        name="HAProxy",
        works=frozenset({"small", "large"}),
        launch=partial(_launch, resigns=False),
        version=partial(_version, resigns=False),
    ),
    Peer(
        name="HAProxy + Lua",
        works=frozenset({"token"}),
        launch=partial(_launch, resigns=True),
        version=partial(_version, resigns=True),
        resigns=True,
        keys=lambda stage: KeySet([stage.resigning_key]),
    ),
)
