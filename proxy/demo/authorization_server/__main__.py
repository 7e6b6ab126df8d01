"""The authorization server by itself, to try hookpoint in front of it.

    python -m hookpoint.proxy.demo.authorization_server --listen 127.0.0.1:3000 --issuer http://127.0.0.1:8080

It knows three clients, all with the secret `demo`: `reporting` gets tokens of its own, `app` logs users in and asks them for a second
factor, `admin` may use the Management API. Mails are printed, and so are codes for phones, unless `--gateway` says who delivers
them. Only for this machine: everything is in memory, and anybody may read this.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys

from joserfc.jwk import ECKey

from hookpoint.proxy.demo.authorization_server.app import create_authorization_server
from hookpoint.proxy.demo.authorization_server.clients import Client
from hookpoint.proxy.demo.authorization_server.codes import CodeSender, GatewayCodes
from hookpoint.proxy.demo.authorization_server.user_grants import USER_GRANTS
from hookpoint.proxy.demo.loopback import bind_loopback, serve

API = "https://api.example.com"
SECRET = "demo"  # noqa: S105 - for trying it


def demo_clients(issuer: str) -> list[Client]:
    """The clients that whoever tries hookpoint may be."""
    base = issuer.rstrip("/")
    return [
        Client(
            client_id="reporting",
            name="Reporting job",
            secret=SECRET,
            scopes=frozenset({"reports:read", "debug"}),
            audiences=(API,),
        ),
        Client(
            client_id="app",
            name="Demo app",
            secret=SECRET,
            scopes=frozenset(
                {"openid", "profile", "email", "reports:read", "read:authenticators", "remove:authenticators"}
            ),
            audiences=(API, f"{base}/mfa/"),
            grant_types=USER_GRANTS,
            second_factor=True,
        ),
        Client(
            client_id="admin",
            name="Administration",
            secret=SECRET,
            scopes=frozenset({"create:users", "read:users", "update:users"}),
            audiences=(f"{base}/api/v2/",),
        ),
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m hookpoint.proxy.demo.authorization_server",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--listen", default="127.0.0.1:3000", metavar="127.0.0.1:PORT", help="where it listens")
    parser.add_argument("--issuer", default="http://127.0.0.1:8080", metavar="URL", help="where clients reach it")
    parser.add_argument(
        "--gateway", metavar="URL", help="who delivers codes, called as Auth0's hook send-phone-message"
    )
    parser.add_argument("--gateway-secret", metavar="SECRET", default="", help="what the gateway knows this server by")
    return parser.parse_args()


def _loopback_port(listen: str) -> int:
    host, _, port = listen.rpartition(":")
    if host != "127.0.0.1" or not port.isdigit():
        raise SystemExit("--listen is 127.0.0.1 and a port: this server is for trying only")
    return int(port)


async def _run(issuer: str, port: int, codes: CodeSender | None) -> None:
    server = create_authorization_server(
        issuer, clients=demo_clients(issuer), signing_key=ECKey.generate_key("P-256"), codes=codes
    )
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
    codes = GatewayCodes(arguments.gateway, arguments.gateway_secret) if arguments.gateway else None
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(arguments.issuer, port, codes))


if __name__ == "__main__":
    main()
