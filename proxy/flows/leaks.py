"""Finds the server's own tokens in answers that pass: each of them left without a hook having seen it."""

from __future__ import annotations

import re
import zlib
from itertools import islice
from typing import Final

import structlog
from starlette.types import Message, Scope, Send

from hookpoint.hooks.strict_json import JsonError, JsonObject
from hookpoint.proxy.observability import Metrics
from hookpoint.proxy.tokens.compact import split
from hookpoint.proxy.tokens.errors import KeysUnavailable, TokenRejected
from hookpoint.proxy.tokens.remote_keys import RemoteKeySet

_MOST: Final = 1024 * 1024  # of an answer; tokens stand at the beginning of what is small
_LONGEST: Final = 16 * 1024
_CANDIDATES: Final = 8
# Each begins where a word begins, so that no text costs more than one look at each character.
_token = re.compile(rb"(?<![A-Za-z0-9_.-])eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}").finditer
_WORD: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
_plain_segment = re.compile(r"[a-z][a-z_.-]{0,31}").fullmatch

log = structlog.get_logger(__name__)


class LeakDetector:
    """Watches answers on their way out, without holding them up, and reports what should not be in them.

    An answer is looked at when it is JSON, plain or compressed with gzip or deflate, or a redirect that takes a token along. Reports
    are one line in the log, without the token and without what in a path may name somebody, and a metric.
    """

    def __init__(self, keys: RemoteKeySet, *, issuer: str, metrics: Metrics) -> None:
        self._keys = keys
        self._issuer = issuer
        self._metrics = metrics

    def watching(self, scope: Scope, send: Send) -> Send:
        """A `send` for one request's answer."""
        search: _Search | None = None

        async def watch(message: Message) -> None:
            nonlocal search
            if message["type"] == "http.response.start":
                search = _search_for(message)
            elif search is not None:
                search.feed(message.get("body", b""))
            await send(message)
            if search is not None and message["type"] == "http.response.body" and not message.get("more_body", False):
                search.finish()
                await self._report(scope, search)
                search = None

        return watch

    async def _report(self, scope: Scope, search: _Search) -> None:
        for token in search.found:
            if await self._is_the_servers(token):
                self._metrics.upstream_token_leaked()
                log.warning(
                    "upstream_token_leaked",
                    method=scope["method"],
                    path=path_pattern(scope["path"]),
                    where=search.where,
                    remedy="no hook saw this token; take this way of getting it from clients",
                )
                return

    async def _is_the_servers(self, token: bytes) -> bool:
        try:
            parts = split(token.decode("ascii"))
            header, claims = (JsonObject.parse(part).members for part in (parts.header, parts.payload))
        except (TokenRejected, JsonError):
            return False
        # What never ends is no token but a statement, such as signed metadata (RFC 8414 section 2.1).
        if claims.get("iss") != self._issuer or "exp" not in claims:
            return False
        try:
            known = [key.get("kid") for key in await self._keys.keys()]
        except KeysUnavailable:
            return True
        return "kid" not in header or header["kid"] in known


def path_pattern(path: str) -> str:
    """A path for logs: segments that are no plain words, and so may name somebody, are left out."""
    return "/".join(segment if not segment or _plain_segment(segment) else "*" for segment in path.split("/"))


def _search_for(start: Message) -> _Search | None:
    kind = encoding = location = b""
    for name, value in start["headers"]:
        if name == b"content-type":
            kind = value
        elif name == b"content-encoding":
            encoding = value
        elif name == b"location":
            location = value
    if location and b"access_token=" in location:
        search = _Search("redirect", b"")
        search.feed(location)
        return search
    if b"json" not in kind:
        return None
    return _Search("body", encoding.strip().lower())


def _begun_word(text: bytes) -> int:
    """How long the word is that a text ends within, 0 when it cannot become a token any more."""
    end = text[-_LONGEST - 1 :]
    length = len(end) - len(end.rstrip(_WORD))
    return length if length <= _LONGEST else 0


class _Search:
    """Looks for tokens in bytes that come in pieces."""

    def __init__(self, where: str, encoding: bytes) -> None:
        self.where = where
        self.found: list[bytes] = []
        self._left = _MOST
        self._rest = b""
        # 32 and more: zlib tells gzip and deflate apart by itself.
        self._decoder = zlib.decompressobj(32 + zlib.MAX_WBITS) if encoding in (b"gzip", b"deflate") else None
        if encoding not in (b"", b"identity", b"gzip", b"deflate"):
            self._left = 0

    def feed(self, data: bytes) -> None:
        """Take the next piece."""
        if self._left <= 0 or not data:
            return
        if self._decoder is not None:
            try:
                data = self._decoder.decompress(data, self._left)
            except zlib.error:
                self._left = 0
                return
        self._left -= len(data)
        text = self._rest + data if self._rest else data
        end = len(text) - _begun_word(text)
        self._keep(text[:end])
        self._rest = text[end:]

    def finish(self) -> None:
        """There is nothing more to come."""
        self._keep(self._rest)
        self._rest = b""

    def _keep(self, text: bytes) -> None:
        if b"eyJ" in text:
            found = (match[0] for match in _token(text))
            self.found += islice(found, _CANDIDATES - len(self.found))
