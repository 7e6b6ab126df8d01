"""Whole HTTP answers: those that hookpoint gives itself, and those it has read from the application behind it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import formatdate
from typing import Final, TypeAlias

from starlette.types import Send

from hookpoint.hooks.strict_json import write_json

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]

_UNSPEAKABLE = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")
_QUOTES: Final = {'"': "'", "\\": "/"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response as one value; header names are lower case, `body` is as it goes over the wire.

    `failure` says why an answer is hookpoint's own and not the server's: the code of an UpstreamError.
    """

    status: int
    headers: Headers = ()
    body: bytes = b""
    failure: str = ""

    def header(self, name: bytes) -> bytes | None:
        """The first field of a name (lower case), or None."""
        return next((value for each, value in self.headers if each == name), None)

    @property
    def media_type(self) -> bytes:
        """What the body is, in lower case and without parameters; empty when no field says so, or more than one."""
        values = [value for name, value in self.headers if name == b"content-type"]
        return values[0].partition(b";")[0].strip().lower() if len(values) == 1 else b""

    @property
    def coding(self) -> bytes:
        """How the body is compressed, by all fields together; empty when it is not."""
        return b", ".join(
            value
            for name, value in self.headers
            if name == b"content-encoding" and value.strip().lower() not in (b"", b"identity")
        )

    async def send(self, send: Send, *, body: bool = True) -> None:
        """Answer with it; without the body for HEAD."""
        await send({"type": "http.response.start", "status": self.status, "headers": list(self.headers)})
        await send({"type": "http.response.body", "body": self.body if body else b""})


def json_answer(status: int, body: bytes, headers: Headers = ()) -> Answer:
    """An answer of hookpoint's own with a JSON body."""
    return Answer(
        status=status,
        headers=(
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"date", formatdate(usegmt=True).encode()),
            *headers,
        ),
        body=body,
    )


def error_answer(status: int, error: str, description: str, *, request_id: str = "", headers: Headers = ()) -> Answer:
    """An OAuth error (RFC 6749 section 5.2); the description is cut down to the characters that it may have there."""
    members = {"error": error, "error_description": speakable(description)}
    extra = [(b"x-request-id", request_id.encode())] if request_id else []
    return json_answer(status, write_json(members), ((b"cache-control", b"no-store"), *extra, *headers))


def speakable(text: str) -> str:
    """A text in the characters of `error_description`: printable ASCII without quotes and backslashes."""
    return _UNSPEAKABLE.sub(lambda match: _QUOTES.get(match[0], " " if match[0].isspace() else "?"), text)
