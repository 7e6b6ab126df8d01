"""What the tests know of a running OAuth server."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tests.partners.loopback import ask, open_http

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx2

    from tests.partners.processes import ServerProcess

ClientAuthMethod = Literal["client_secret_basic", "client_secret_post", "private_key_jwt"]

SECRET_HEADER = ("X-Upstream-Secret", "partners-only-4f1d0c7e")


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client that is registered with a server; `private_key` is a private JWK, for private_key_jwt."""

    client_id: str
    client_secret: str = field(default="", repr=False)
    method: ClientAuthMethod = "client_secret_basic"
    private_key: Mapping[str, str] | None = field(default=None, repr=False)

    def as_json(self) -> dict[str, Any]:
        """The members that the node scripts read."""
        key = dict(self.private_key) if self.private_key is not None else None
        return {"id": self.client_id, "secret": self.client_secret, "method": self.method, "key": key}


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """A running server: `url` is where it listens, `issuer` what it believes to be, `control` its side door for tests."""

    url: str
    issuer: str
    control: str
    token_path: str
    jwks_path: str
    secret: tuple[str, str]
    clients: Mapping[str, Client]
    process: ServerProcess

    @property
    def token_url(self) -> str:
        """The token route where the server itself listens."""
        return self.url + self.token_path

    @property
    def headers(self) -> dict[str, str]:
        """The secret header without which the server answers 403."""
        return dict([self.secret])

    def client(self, method: ClientAuthMethod = "client_secret_basic") -> Client:
        """Return the machine-to-machine client that authenticates by `method`."""
        return next(client for client in self.clients.values() if client.method == method)

    def counts(self) -> dict[str, int]:
        """How often each route's handler ran since the start: `token`, `jwks`, `discovery` ...; `refused` counts 403s."""
        counts: dict[str, int] = ask("GET", f"{self.control}/counts")
        return {"token": 0, "jwks": 0, "discovery": 0, "refused": 0} | counts

    def mails(self) -> list[dict[str, Any]]:
        """What it would have sent by mail, where it sends mails."""
        mails: list[dict[str, Any]] = ask("GET", f"{self.control}/mails")
        return mails

    async def ask_for_token(self, url: str | None = None, **parameters: str) -> httpx2.Response:
        """Post a client_credentials request of the client_secret_basic client, with the secret header."""
        client = self.client()
        form = {"grant_type": "client_credentials", "scope": "api:read"} | parameters
        async with open_http(self.headers) as http:
            return await http.post(url or self.token_url, data=form, auth=(client.client_id, client.client_secret))

    async def get_keys(self) -> httpx2.Response:
        """Fetch the JWK Set where the server itself listens."""
        async with open_http(self.headers) as http:
            return await http.get(self.url + self.jwks_path)
