"""FastAPI Users: users in memory, passwords, mails that are kept. It is no OAuth server."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.partners.partner import SECRET_HEADER, Partner
from tests.partners.processes import server_process

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[2]


@contextmanager
def run_fastapi_users(secret: tuple[str, str] = SECRET_HEADER) -> Iterator[Partner]:
    """Run it. Its counts are by the names of its endpoints and the method, such as `register:register:POST`."""
    command = [sys.executable, "-m", "tests.partners.servers.fastapi_users_server"]
    with server_process(command, settings={"secret": secret}, cwd=REPOSITORY) as process:
        yield Partner(
            url=process.ready["url"],
            issuer=process.ready["url"],
            control=process.ready["control"],
            token_path="",
            jwks_path="",
            secret=secret,
            clients={},
            process=process,
        )
