"""Which request heads are served: target, version, method, Host and body framing (RFC 9112)."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from hookpoint.proxy.server.rejection import Rejection

if TYPE_CHECKING:
    from collections.abc import Iterable

# Visible ASCII but '#': a fragment is never sent (RFC 9112 §3.2.1), and who drops it sees another path than who does not.
_ORIGIN_FORM = re.compile(rb'/[!"$-~]*')

# uri-host [":" port] (RFC 9110 §7.2) without the sub-delims and escapes of reg-name: no host that resolves has them,
# and code that builds URLs from Host is led astray by them.
_HOST = re.compile(rb"(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")

# TRACE would show the client the headers that the proxy adds (RFC 9110 §9.3.8); the rest are methods of RTSP and ICE
# that the parser knows. CONNECT is refused by the form of its target.
_REFUSED_METHODS = frozenset(
    {"ANNOUNCE", "DESCRIBE", "FLUSH", "GET_PARAMETER", "PAUSE", "PLAY", "RECORD", "REDIRECT", "SETUP"}
    | {"SET_PARAMETER", "SOURCE", "TEARDOWN", "TRACE"}
)


_EXAMINED = frozenset({b"host", b"content-length", b"transfer-encoding", b"upgrade", b"expect"})


class Framing(NamedTuple):
    """What the head says about the rest of the request."""

    has_body: bool
    upgrade: bool
    """Whether there is an Upgrade field, to whatever."""
    expects_continue: bool
    """Whether the client waits for `100 Continue` before it sends its body (RFC 9110 §10.1.1)."""


def check_request_line(method: str, target: bytes, version: str) -> None:
    """Raise Rejection unless this is an HTTP/1.0 or 1.1 request in origin-form, or `OPTIONS *` (RFC 9112 §3.2)."""
    if version not in ("1.1", "1.0"):
        if version == "0.9":
            raise Rejection(HTTPStatus.BAD_REQUEST, "The request line names no HTTP version.")
        raise Rejection(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "Only HTTP/1.1 and HTTP/1.0 are spoken here.")
    if method in _REFUSED_METHODS:
        raise Rejection(HTTPStatus.NOT_IMPLEMENTED, "This method is not served here.")
    if _ORIGIN_FORM.fullmatch(target) is None and not (target == b"*" and method == "OPTIONS"):
        raise Rejection(HTTPStatus.BAD_REQUEST, "The request target must be a path, without a fragment.")


def check_headers(headers: Iterable[tuple[bytes, bytes]], version: str) -> Framing:
    """Raise Rejection unless Host and framing are beyond doubt; names must be lower-case.

    Source: RFC 9112 §3.2 (Host), §6.1 (Transfer-Encoding), §6.3 (Content-Length).
    """
    hosts: list[bytes] = []
    lengths: list[bytes] = []
    codings: list[bytes] = []
    upgrade = expectation = False
    for name, value in headers:
        if name not in _EXAMINED:
            continue
        if name == b"host":
            hosts.append(value)
        elif name == b"content-length":
            lengths.append(value)
        elif name == b"transfer-encoding":
            codings.append(value)
        elif name == b"upgrade":
            upgrade = True
        else:
            expectation = expectation or value.lower() == b"100-continue"
    _check_host(hosts, version)
    if codings:
        _check_codings(codings, lengths, version)
    elif lengths and (len(lengths) > 1 or not lengths[0].isdigit()):
        raise Rejection(HTTPStatus.BAD_REQUEST, "Content-Length must be one number.")
    has_body = bool(codings) or (bool(lengths) and int(lengths[0]) > 0)
    return Framing(has_body, upgrade, expects_continue=expectation and has_body and version == "1.1")


def _check_host(hosts: list[bytes], version: str) -> None:
    if len(hosts) > 1 or (not hosts and version == "1.1"):
        raise Rejection(HTTPStatus.BAD_REQUEST, "A request needs exactly one Host.")
    if hosts and _HOST.fullmatch(hosts[0]) is None:
        raise Rejection(HTTPStatus.BAD_REQUEST, "Host is not a host name with an optional port.")


def _check_codings(codings: list[bytes], lengths: list[bytes], version: str) -> None:
    if version == "1.0":
        raise Rejection(HTTPStatus.BAD_REQUEST, "HTTP/1.0 has no Transfer-Encoding.")
    if lengths:
        raise Rejection(HTTPStatus.BAD_REQUEST, "Content-Length and Transfer-Encoding exclude each other.")
    if len(codings) > 1 or codings[0].rstrip(b" ").lower() != b"chunked":
        raise Rejection(HTTPStatus.NOT_IMPLEMENTED, "The only transfer coding is chunked.")
