"""nginx as a plain reverse proxy, streaming like the others rather than writing bodies to disk."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from bench.peers.peer import Absent, Peer
from bench.processes import Launch

if TYPE_CHECKING:
    from pathlib import Path

    from bench.stage import Stage

_CONFIGURATION = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 100000000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream origin {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port};
    client_max_body_size 0;
    location / {{
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_request_buffering off;
      proxy_buffering off;
    }}
  }}
}}
"""


def _launch(stage: Stage, folder: Path, port: int) -> Launch:
    folder.mkdir(parents=True, exist_ok=True)
    configuration = folder / "nginx.conf"
    configuration.write_text(_CONFIGURATION.format(folder=folder, port=port, upstream=stage.upstream))
    return Launch(command=["nginx", "-p", str(folder), "-c", str(configuration)], folder=folder)


def _version() -> str:
    if shutil.which("nginx") is None:
        raise Absent("nginx is not on the path")
    shown = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr
    return shown.partition("/")[2].strip()


PEERS = (Peer(name="nginx", works=frozenset({"small", "large"}), launch=_launch, version=_version),)
