"""A small OAuth server over HTTP whose answers a test chooses."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from joserfc.jwk import ECKey

DISCOVERY_PATH = "/.well-known/openid-configuration"
KEY = ECKey.generate_key("P-256", {"kid": "server-1", "use": "sig", "alg": "ES256"})


def public_key() -> dict[str, object]:
    """Return the server's public key as a JWK."""
    return dict(KEY.as_dict(private=False))


@dataclass(kw_only=True)
class OAuthServer:
    """What the server answers: a JSON body by path, and the header that it demands, if any."""

    url: str
    documents: dict[str, object] = field(default_factory=dict)
    secret: tuple[str, str] | None = None
    hosts: list[str] = field(default_factory=list)

    def publish(self, public: str | None = None, /, **members: object) -> None:
        """Publish metadata for a public URL (the server's own by default) with further or other members."""
        base = public or self.url
        self.documents[DISCOVERY_PATH] = {
            "issuer": base,
            "token_endpoint": f"{base}/oauth/token",
            "jwks_uri": f"{base}/keys",
        } | members
        self.documents["/keys"] = {"keys": [public_key()]}


@contextmanager
def oauth_server() -> Iterator[OAuthServer]:
    """Run the server on a free port of the loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self._admitted():
                found = described.documents.get(self.path)
                self._answer(404 if found is None else 200, {} if found is None else found)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", "0")))
            if self._admitted():
                self._answer(401, {"error": "invalid_client"})

        def _admitted(self) -> bool:
            described.hosts.append(self.headers["host"])
            if described.secret is None or self.headers.get(described.secret[0]) == described.secret[1]:
                return True
            self._answer(403, {})
            return False

        def _answer(self, status: int, body: object) -> None:
            text = json.dumps(body).encode() if isinstance(body, Mapping) else str(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    described = OAuthServer(url=f"http://127.0.0.1:{server.server_port}")
    described.publish()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield described
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
