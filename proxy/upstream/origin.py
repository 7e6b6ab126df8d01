"""The one place requests are forwarded to, and the exact target they ask for there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_to_bytes, urlsplit

from hookpoint.proxy.upstream.errors import RequestRefused

if TYPE_CHECKING:
    from starlette.types import Scope

_PORTS = {"http": 80, "https": 443}
# Anything but controls and space: those would end the request line early.
_TARGET = re.compile(rb"[\x21-\x7e\x80-\xff]+")
_BASE_PATH = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Scheme, host and port of the upstream, with an optional base path that every target is put behind."""

    scheme: str
    host: str
    port: int
    base_path: bytes = b""

    @classmethod
    def parse(cls, url: str) -> Origin:
        """Read "http[s]://host[:port][/base]"; raises ValueError for anything else."""
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError("the upstream is an http or https URL with a host")
        if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
            raise ValueError("the upstream's URL has no user, query or fragment")
        base = parts.path.rstrip("/")
        if not _BASE_PATH.fullmatch(base) or climbs(base.encode()):
            raise ValueError("the upstream's base path has empty segments or leads out of itself")
        return cls(
            scheme=parts.scheme,
            host=parts.hostname,
            port=parts.port or _PORTS[parts.scheme],
            base_path=base.encode(),
        )

    @property
    def authority(self) -> bytes:
        """Host and port as a Host field names them (RFC 9110 section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}").encode()

    def target(self, scope: Scope) -> bytes:
        """Return the target to ask for: byte for byte the client's, behind the base path (RFC 9110 section 7.7).

        Raises RequestRefused for whole URLs and authorities, which would choose another host, and for targets that lead
        out of the base path.
        """
        target = requested_target(scope)
        if target == b"*" and scope.get("method") == "OPTIONS":
            return target
        if target[:1] != b"/" or not _TARGET.fullmatch(target):
            raise RequestRefused("the target is not a path")
        if self.base_path:
            if climbs(target.partition(b"?")[0]):
                raise RequestRefused("the target leads out of the base path")
            return self.base_path + target
        return target


def requested_target(scope: Scope) -> bytes:
    """Return the target of a request as its client sent it, as exactly as the server tells."""
    target = scope.get("hookpoint.target")
    if isinstance(target, bytes):
        return target
    raw_path = scope.get("raw_path")
    if not isinstance(raw_path, bytes):
        raw_path = quote(scope["path"], safe="/:@!$&'()*+,;=~").encode()
    query = scope.get("query_string", b"")
    return raw_path + b"?" + query if query else raw_path


def climbs(path: bytes) -> bool:
    """Tell whether a path leaves the folder it starts in, however an upstream may decode and split it."""
    decoded = unquote_to_bytes(unquote_to_bytes(path)).replace(b"\\", b"/")
    depth = 0
    for segment in decoded.split(b"/"):
        name = segment.partition(b";")[0]
        if name == b"..":
            depth -= 1
        elif name not in (b"", b"."):
            depth += 1
        if depth < 0:
            return True
    return False
