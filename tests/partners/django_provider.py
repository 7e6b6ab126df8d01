"""Django: opaque tokens of django-oauth-toolkit and RS256 JWTs of django-allauth, from one process."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.partners.partner import SECRET_HEADER, Client, Partner
from tests.partners.processes import server_process

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[2]
# Letters and digits only: allauth does not form-decode Basic credentials (RFC 6749 2.3.1), and openid-client encodes "-".
CLIENT = Client(client_id="m2m", client_secret="m2mDjangoSecret0123456789abcdef")


@dataclass(frozen=True, slots=True, kw_only=True)
class DjangoProvider(Partner):
    """`token_path` is the toolkit's (opaque), `jwt_token_path` allauth's (JWT); counted as `token` and `jwt_token`."""

    jwt_token_path: str

    @property
    def jwt_token_url(self) -> str:
        """The route of allauth's tokens where the server itself listens."""
        return self.url + self.jwt_token_path


@contextmanager
def run_django_provider(issuer: str | None = None, secret: tuple[str, str] = SECRET_HEADER) -> Iterator[DjangoProvider]:
    """Run both servers on a fresh database.

    allauth takes its issuer from the Host header of each request, so `issuer` is what a proxy that keeps Host will show.
    Discovery is allauth's and leads to `jwt_token_path`; the toolkit's route is reached by its URL alone.
    """
    with TemporaryDirectory() as folder:
        settings = {"folder": folder, "secret": secret, "clients": [CLIENT.as_json()]}
        command = [sys.executable, "-m", "tests.partners.servers.django_server"]
        with server_process(command, settings=settings, cwd=REPOSITORY) as process:
            yield DjangoProvider(
                url=process.ready["url"],
                issuer=issuer or process.ready["url"],
                control=process.ready["control"],
                token_path="/oauth/token",
                jwt_token_path="/identity/o/api/token",
                jwks_path="/.well-known/jwks.json",
                secret=secret,
                clients={CLIENT.client_id: CLIENT},
                process=process,
            )
