"""oauth2-mock-server (npm) behind a layer that makes its tokens, answers and key sets wrong on demand."""

from __future__ import annotations

import base64
import datetime as dt
import functools
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from joserfc.jwk import RSAKey

from tests.partners.loopback import ask
from tests.partners.node import NODE_FOLDER, require_node
from tests.partners.partner import SECRET_HEADER, Client, Partner
from tests.partners.processes import server_process

if TYPE_CHECKING:
    from collections.abc import Iterator

CLIENT = Client(client_id="m2m", client_secret="never-checked-by-the-mock")
AUDIENCE = "https://api.example.test"


@dataclass(frozen=True, slots=True, kw_only=True)
class MockServer(Partner):
    """A server that answers honestly until told otherwise; it believes every client."""

    def behave(self, token: str = "honest", jwks: str = "honest", *, seconds: float = 0.0, fetches: int = 0) -> None:
        """Answer by these modes from now on, publish the current key alone, and start counting anew.

        `seconds` is how long `slow` waits. With `fetches` only that many JWKS answers are wrong, later ones are honest.
        Modes are the keys of `node/servers/misbehaviour/`: answers.mjs and forgeries.mjs for tokens, jwks.mjs for key sets.
        """
        self._command("behave", {"token": token, "jwks": jwks, "seconds": seconds, "fetches": fetches})

    def rotate(self) -> str:
        """Sign with a new key from now on, publish it beside the older ones and return its kid."""
        return str(self._command("rotate")["kid"])

    def modes(self) -> dict[str, list[str]]:
        """All modes of `behave`, by its parameters `token` and `jwks`."""
        return self._command("modes")

    def _command(self, name: str, argument: object = None) -> dict[str, Any]:
        members: dict[str, Any] = ask("POST", f"{self.control}/{name}", json=argument or {})
        return members


@contextmanager
def run_mock_server(issuer: str | None = None, secret: tuple[str, str] = SECRET_HEADER) -> Iterator[MockServer]:
    """Run oauth2-mock-server under `issuer` (the public URL of a proxy; None: its own address)."""
    node = require_node()
    settings = {"issuer": issuer, "secret": secret, "attacker": _attacker()}
    command = [node.executable, NODE_FOLDER / "servers" / "oauth2_mock.mjs"]
    with server_process(command, settings=settings, env=node.environment()) as process:
        yield MockServer(
            url=process.ready["url"],
            issuer=process.ready["issuer"],
            control=process.ready["control"],
            token_path="/oauth/token",
            jwks_path="/.well-known/jwks.json",
            secret=secret,
            clients={CLIENT.client_id: CLIENT},
            process=process,
        )


@functools.cache
def _attacker() -> dict[str, Any]:
    """A key pair with a certificate that vouches for it, as an attacker would put into a token's header."""
    key = RSAKey.generate_key(2048)
    private = key.private_key
    assert isinstance(private, RSAPrivateKey)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "attacker")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(private, SHA256())
    )
    der = certificate.public_bytes(Encoding.DER)
    return {"jwk": key.as_dict(private=True), "certificate": base64.b64encode(der).decode()}
