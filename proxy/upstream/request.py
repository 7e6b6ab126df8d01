"""What goes to the upstream instead of the client's request."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hookpoint.proxy.upstream.clients import client_of
from hookpoint.proxy.upstream.errors import LoopDetected, MethodRefused, RequestRefused
from hookpoint.proxy.upstream.fields import request_fields
from hookpoint.proxy.upstream.forwarding import forwarding_fields, passed_before, via_field
from hookpoint.proxy.upstream.framing import Coding, request_framing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import Scope

    from hookpoint.proxy.upstream.clients import TrustedProxies
    from hookpoint.proxy.upstream.origin import Origin

    Header = tuple[bytes, bytes]

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingRequest:
    """A request as the upstream gets it; `framing` None means that no field said whether there is a body."""

    method: bytes
    target: bytes
    fields: Sequence[Header]
    framing: int | Coding | None

    def head(self, *extra: Header) -> bytes:
        """Return request line and fields; raises RequestRefused for bytes that would start a line of their own."""
        parts = [self.method, b" ", self.target, b" HTTP/1.1\r\n"]
        for name, value in (*self.fields, *extra):
            parts += (name, b": ", value, b"\r\n")
        parts.append(b"\r\n")
        head = b"".join(parts)
        lines = len(self.fields) + len(extra) + 2
        if head.count(b"\n") != lines or head.count(b"\r") != lines or b"\0" in head:
            raise RequestRefused("line breaks or NUL in the request's head")
        return head


class Forwarder:
    """Makes requests for the upstream out of scopes.

    `secret` is a field (name, value) only we may set; `via` is our name in Via fields; both as configured. Raises
    ValueError where they are not fit for a header.
    """

    def __init__(
        self, origin: Origin, trusted: TrustedProxies, *, via: str, secret: tuple[str, str] | None, close: bool
    ) -> None:
        self._origin = origin
        self._trusted = trusted
        self._via = via.encode("ascii")
        if not _TOKEN.fullmatch(self._via):
            raise ValueError("the name in Via is a token (RFC 9110 section 7.6.3)")
        self._secret = _checked_secret(secret) if secret else None
        # Fields with underscores never pass, so this is the one spelling left to look for.
        self._secret_name = self._secret[0].replace(b"_", b"-") if self._secret else None
        self._close = close

    def prepare(self, scope: Scope) -> OutgoingRequest:
        """Return the request to send for an http or websocket scope; raises RequestRefused and its kind."""
        method = scope.get("method", "GET").encode("latin-1")
        if not _TOKEN.fullmatch(method):
            raise RequestRefused("the method is not a token")
        if method.upper() in (b"TRACE", b"CONNECT"):
            raise MethodRefused("TRACE or CONNECT")
        target = self._origin.target(scope)
        headers = scope["headers"]
        framing = request_framing(headers)
        client = client_of(scope, self._trusted)
        fields = request_fields(headers, trusted=client.trusted, secret_name=self._secret_name)
        http_version = scope.get("http_version", "1.1")
        self._check_host(fields, http_version)
        if passed_before(self._via, [value for name, value in fields if name == b"via"]):
            raise LoopDetected("Via names this proxy")
        if method == b"OPTIONS":
            fields = _one_forward_less(fields)
        if framing is Coding.CHUNKED:
            fields.append((b"transfer-encoding", b"chunked"))
        forwarded = [value for name, value in headers if name == b"forwarded"] if client.trusted else ()
        fields += forwarding_fields(client, forwarded)
        fields.append(via_field(self._via, http_version))
        if self._secret:
            fields.append(self._secret)
        if self._close:
            fields.append((b"connection", b"close"))
        return OutgoingRequest(method=method, target=target, fields=fields, framing=framing)

    def _check_host(self, fields: list[Header], http_version: str) -> None:
        hosts = sum(1 for name, _ in fields if name == b"host")
        if hosts == 0 and http_version == "1.0":
            fields.insert(0, (b"host", self._origin.authority))
        elif hosts != 1:
            # RFC 9112 section 3.2
            raise RequestRefused("not exactly one Host")


def ends_here(scope: Scope) -> bool:
    """Tell whether a request asks the first proxy to answer it (RFC 9110 section 7.6.2)."""
    if scope.get("method") != "OPTIONS":
        return False
    return any(name == b"max-forwards" and value.isdigit() and int(value) == 0 for name, value in scope["headers"])


def _one_forward_less(fields: list[Header]) -> list[Header]:
    return [
        (name, b"%d" % (int(value) - 1))
        if name == b"max-forwards" and value.isdigit() and len(value) < 10
        else (name, value)
        for name, value in fields
    ]


def _checked_secret(secret: tuple[str, str]) -> Header:
    name, value = secret[0].lower().encode("ascii"), secret[1].encode("latin-1")
    if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value) or value != value.strip():
        raise ValueError("the secret header's name or value is not fit for a header")
    return name, value
