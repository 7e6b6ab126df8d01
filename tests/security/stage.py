"""hookpoint as users run it, in front of a server that keeps every byte."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.proxy.e2e.product import Product, free_port, run_hookpoint
from tests.proxy.upstream.wire import Peer
from tests.security.raw_upstream import RawUpstream, run_raw_upstream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
GRANT = b"grant_type=client_credentials&client_secret=a-secret&client_id=m2m"
HOOKED = "https://example.test/hooked"
# A line for each time that the hook ran, with the id of the request.
HOOKS = """
from pathlib import Path

from hookpoint.hooks import CredentialsExchange, TokenChanges, credentials_exchange


@credentials_exchange
async def hooked(event: CredentialsExchange) -> TokenChanges:
    with Path(__file__).with_name("runs").open("a") as runs:
        print(event.parameters.get("mark", "-"), file=runs)
    return TokenChanges(claims={"https://example.test/hooked": event.parameters.get("mark", "-")})
"""
LIMITS = """
[limits]
upstream_header_timeout = {patience}
idle_timeout = {patience}
token_timeout = {whole}
hook_timeout = {hooks}
hooks_timeout = {hooks}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The product, what it stands in front of, and where its hooks write that they ran."""

    product: Product
    upstream: RawUpstream
    folder: Path

    @property
    def port(self) -> int:
        """Where clients connect."""
        port = urlsplit(self.product.url).port
        assert port is not None
        return port

    def hook_runs(self) -> list[str]:
        """The marks of the requests for which hooks ran."""
        runs = self.folder / "runs"
        return runs.read_text().splitlines() if runs.exists() else []

    def forget_hook_runs(self) -> None:
        """Start afresh; the hook only ever appends."""
        (self.folder / "runs").write_text("")

    async def exchange(self, *pieces: bytes, half_close: bool = False) -> bytes:
        """Send bytes on a connection of their own; return all that comes until hookpoint ends it."""
        async with self.connected() as client:
            for piece in pieces:
                client.writer.write(piece)
                await asyncio.sleep(0)
            if half_close:
                client.writer.write_eof()
            return await client.eof()

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Peer]:
        """Connect as a client."""
        peer = Peer(*await asyncio.open_connection("127.0.0.1", self.port, limit=2**20))
        try:
            yield peer
        finally:
            await peer.close()


@contextmanager
def run_stage(folder: Path, *, patience: float = 2.0) -> Iterator[Stage]:
    """Run both until the block ends; `patience` in seconds is how long hookpoint waits for anything."""
    port = free_port()
    with run_raw_upstream(f"http://127.0.0.1:{port}") as upstream:
        limits = LIMITS.format(patience=patience, whole=1.5 * patience, hooks=patience / 2)
        text = f'[upstream]\nurl = "{upstream.url}"\n{limits}\n[[hooks]]\nrun = "hooks.py"\n'
        with run_hookpoint(folder, text, hooks=HOOKS, port=port) as product:
            yield Stage(product=product, upstream=upstream, folder=folder)


def token_request(mark: str = "", *, client: str = "m2m", headers: bytes = b"", close: bool = True) -> bytes:
    """A good token request."""
    body = GRANT.removesuffix(b"m2m") + client.encode() + (f"&mark={mark}".encode() if mark else b"")
    ending = b"Connection: close\r\n" if close else b""
    head = b"POST /oauth/token HTTP/1.1\r\nHost: login.test\r\n" + FORM + headers + ending
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def page_request(
    target: bytes = b"/page", *, headers: bytes = b"", method: bytes = b"GET", close: bool = True
) -> bytes:
    """A good request for something that passes through."""
    ending = b"Connection: close\r\n" if close else b""
    return method + b" " + target + b" HTTP/1.1\r\nHost: login.test\r\n" + headers + ending + b"\r\n"
