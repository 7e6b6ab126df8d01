"""Requests that HTTP clients would not send: header fields and bodies go out exactly as they are given."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class RawAnswer:
    """An answer: its status, its fields in lower case, its body with any chunks put together."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def members(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


async def send_raw(
    url: str, target: str, headers: Sequence[tuple[str, str]], body: bytes, *, method: str = "POST"
) -> RawAnswer:
    """Send one request on a connection of its own, with Host, Content-Length and Connection added."""
    parts = urlsplit(url)
    fields = [("host", parts.netloc), ("content-length", str(len(body))), ("connection", "close"), *headers]
    head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields) + "\r\n"
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(head.encode("latin-1"))
        async with asyncio.TaskGroup() as group:
            group.create_task(_write(writer, body))
            answer = group.create_task(_read(reader))
    finally:
        writer.close()
    return answer.result()


async def _write(writer: asyncio.StreamWriter, body: bytes) -> None:
    try:
        writer.write(body)
        await writer.drain()
    except ConnectionError:
        pass  # the server has said no before it has read everything


async def _read(reader: asyncio.StreamReader) -> RawAnswer:
    async with asyncio.timeout(20):
        head = await reader.readuntil(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers["content-length"])) if "content-length" in headers else b""
        while headers.get("transfer-encoding") == "chunked" and (size := int(await reader.readline(), 16)):
            body += (await reader.readexactly(size + 2))[:-2]
    return RawAnswer(status=int(status.split()[1]), headers=headers, body=body)
