"""The authorization server by itself, to try hookpoint in front of it.

    python -m hookpoint.proxy.demo.authorization_server --listen 127.0.0.1:3000 --issuer http://127.0.0.1:8080

It knows one client, `reporting` with the secret `demo`. Only for this machine: everything is in memory, and anybody may read this.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys

from joserfc.jwk import ECKey

from hookpoint.proxy.demo.authorization_server.app import create_authorization_server
from hookpoint.proxy.demo.authorization_server.clients import Client
from hookpoint.proxy.demo.loopback import bind_loopback, serve

REPORTING = Client(
    client_id="reporting",
    name="Reporting job",
    secret="demo",  # noqa: S106 - for trying it
    scopes=frozenset({"reports:read", "debug"}),
    audiences=("https://api.example.com",),
)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m hookpoint.proxy.demo.authorization_server",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--listen", default="127.0.0.1:3000", metavar="127.0.0.1:PORT", help="where it listens")
    parser.add_argument("--issuer", default="http://127.0.0.1:8080", metavar="URL", help="where clients reach it")
    return parser.parse_args()


def _loopback_port(listen: str) -> int:
    host, _, port = listen.rpartition(":")
    if host != "127.0.0.1" or not port.isdigit():
        raise SystemExit("--listen is 127.0.0.1 and a port: this server is for trying only")
    return int(port)


async def _run(issuer: str, port: int) -> None:
    server = create_authorization_server(issuer, clients=[REPORTING], signing_key=ECKey.generate_key("P-256"))
    try:
        bound = bind_loopback(port)
    except OSError as error:
        raise SystemExit(f"127.0.0.1:{port} cannot be listened on: {error.strerror}") from None
    async with serve(server, bound) as url:
        sys.stdout.write(f"OAuth server ready on {url}, issuer {issuer}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


def main() -> None:
    """Run until Ctrl+C."""
    arguments = _arguments()
    port = _loopback_port(arguments.listen)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(arguments.issuer, port))


if __name__ == "__main__":
    main()
