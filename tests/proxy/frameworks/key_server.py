"""The keys of an issuer on the loopback, for servers that publish none, and a token that they verify."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from tests.partners.processes import LOOPBACK
from tests.proxy.tokens.issuer import CLAIMS, issue, key_for, key_set, public_jwk

if TYPE_CHECKING:
    from collections.abc import Iterator

ALGORITHM = "ES256"


@contextmanager
def key_server() -> Iterator[str]:
    """Serve the key set until the block ends; yields its URL."""
    document = key_set(public_jwk(key_for(ALGORITHM), kid="k", alg=ALGORITHM, use="sig"))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(document)))
            self.end_headers()
            self.wfile.write(document)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer((LOOPBACK, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://{LOOPBACK}:{server.server_port}/keys"
        server.shutdown()
        thread.join()


def granted(issuer: str) -> dict[str, object]:
    """A token answer with an access token of this issuer that is valid for an hour."""
    now = int(time.time())
    token = issue({**CLAIMS, "iss": issuer, "iat": now, "exp": now + 3600}, ALGORITHM, {"typ": "at+jwt"})
    return {"access_token": token, "token_type": "Bearer", "expires_in": 3600, "scope": CLAIMS["scope"]}
