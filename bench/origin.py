"""The server behind every peer: one process that answers fixed documents and echoes bodies, as cheaply as Python can.

What is posted to /delay/N comes back after N milliseconds. Run as `python -m bench.origin --port N --folder F`, where F holds the documents that `bench.stage` wrote.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING, cast

import httptools
import uvloop

if TYPE_CHECKING:
    from collections.abc import Mapping

_DOCUMENTS = {
    b"/oauth/token": "token.json",
    b"/jwks": "jwks.json",
    b"/.well-known/openid-configuration": "discovery.json",
    b"/.well-known/oauth-authorization-server": "discovery.json",
}

_DELAY = b"/delay/"


class Origin(asyncio.Protocol):
    """One connection; `answers` are whole answers by target, everything else is echoed."""

    def __init__(self, answers: Mapping[bytes, bytes]) -> None:
        self._answers = answers
        self._parser = httptools.HttpRequestParser(self)
        self._target = self._content_type = b""
        self._pieces: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    def on_url(self, url: bytes) -> None:
        self._target = url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"content-type":
            self._content_type = value

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        answer = self._answers.get(self._target)
        pieces, self._pieces = self._pieces, []
        if answer is not None:
            self._transport.write(answer)
            return
        delay = int(self._target[len(_DELAY) :]) / 1000 if self._target.startswith(_DELAY) else 0.0
        if delay:
            asyncio.get_running_loop().call_later(delay, self._echo, self._content_type, pieces)
        else:
            self._echo(self._content_type, pieces)

    def _echo(self, content_type: bytes, pieces: list[bytes]) -> None:
        self._transport.write(_head(content_type, sum(map(len, pieces))))
        self._transport.writelines(pieces)


def main() -> None:
    """Serve until terminated."""
    parser = argparse.ArgumentParser(prog="bench.origin")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    answers = {target: _answer((options.folder / name).read_bytes()) for target, name in _DOCUMENTS.items()}
    uvloop.run(_serve(options.port, answers))


async def _serve(port: int, answers: Mapping[bytes, bytes]) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    server = await loop.create_server(lambda: Origin(answers), "127.0.0.1", port, backlog=2048)
    await stop.wait()
    server.close()


def _answer(body: bytes) -> bytes:
    return _head(b"application/json", len(body)) + body


def _head(content_type: bytes, length: int) -> bytes:
    fields = b"content-type: %b\r\ncache-control: no-store\r\ncontent-length: %d\r\n" % (content_type, length)
    return b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n"


if __name__ == "__main__":
    main()
