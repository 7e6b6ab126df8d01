"""hookpoint whose hook is a service on this machine: `hookpoint hooks serve` with the hook of the other peers, called over HTTP.

Both are of one peer: run as a module, this starts the service and then hookpoint, in the folder with the configuration of each.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.peers.hookpoint import launch
from bench.peers.peer import Peer
from bench.processes import Launch, free_port
from hookpoint import __version__

if TYPE_CHECKING:
    from bench.stage import Stage

_HOOKPOINT = str(Path(sys.executable).parent / "hookpoint")
_SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
_SERVICE = """
[log]
level = "warning"

[hook_server]
listen = "127.0.0.1:{port}"
admin_listen = "127.0.0.1:0"

[[hook_server.endpoints]]
format = "hookpoint"
secrets = ["{secret}"]

[[hooks]]
run = "hooks.py"
"""
_HOOK = """
[[hooks]]
run = "http://127.0.0.1:{port}/hookpoint/credentials-exchange"
trigger = "credentials-exchange"
http = {{ secrets = ["{secret}"] }}
"""


def _launch(stage: Stage, folder: Path, port: int) -> Launch:
    service = free_port()
    launched = launch(stage, folder, port, configured=_HOOK.format(port=service, secret=_SECRET))
    (folder / "service.toml").write_text(_SERVICE.format(port=service, secret=_SECRET))
    environment = {"PYTHONPATH": str(Path(__file__).parents[2])}
    return Launch(command=[sys.executable, "-m", __name__], folder=launched.folder, environment=environment)


PEERS = (
    Peer(
        name="HTTP hook",
        works=frozenset({"token"}),
        launch=_launch,
        version=lambda: f"{__version__}, RS256, keeps originals, its hook is a service",
        resigns=True,
    ),
)


def main() -> int:
    """Run both until told to stop; returns hookpoint's exit code."""
    command = [_HOOKPOINT, "-c", "service.toml", "hooks", "serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        service.stdout.readline()
        with subprocess.Popen([_HOOKPOINT, "serve"]) as proxy:
            signal.signal(signal.SIGTERM, partial(_end, proxy))
            try:
                return proxy.wait()
            finally:
                service.terminate()


def _end(process: subprocess.Popen[bytes], *_: object) -> None:
    process.terminate()


if __name__ == "__main__":
    raise SystemExit(main())
