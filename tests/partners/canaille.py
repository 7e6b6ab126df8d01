"""Canaille, the server that pytest-iam runs: opaque tokens."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.partners.partner import SECRET_HEADER, Client, Partner
from tests.partners.processes import server_process

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[2]
CLIENTS = {
    client.client_id: client
    for client in (
        Client(client_id="m2m", client_secret="m2m-canaille-secret-0123456789ab"),
        Client(client_id="m2m-post", client_secret="m2m-canaille-secret-ba9876543210", method="client_secret_post"),
    )
}


@contextmanager
def run_canaille(issuer: str | None = None, secret: tuple[str, str] = SECRET_HEADER) -> Iterator[Partner]:
    """Run Canaille under `issuer` (an http:// URL without a path: the public URL of a proxy; None: its own address).

    It has a process of its own: as a plain fixture it would serve from a thread beside the event loop under test.
    """
    settings = {"issuer": issuer, "secret": secret, "clients": [client.as_json() for client in CLIENTS.values()]}
    command = [sys.executable, "-m", "tests.partners.servers.canaille_server"]
    with server_process(command, settings=settings, cwd=REPOSITORY) as process:
        yield Partner(
            url=process.ready["url"],
            issuer=issuer or process.ready["url"],
            control=process.ready["control"],
            token_path="/oauth/token",
            jwks_path="/oauth/jwks.json",
            secret=secret,
            clients=CLIENTS,
            process=process,
        )
