"""The body of a request as it goes to the upstream."""

from __future__ import annotations

from hookpoint.proxy.upstream.errors import RequestRefused
from hookpoint.proxy.upstream.framing import Coding


class BodySender:
    """Frames the pieces of a body.

    A declared length is held: neither a byte more nor less goes out as a complete request. `whole` is the body's length
    where it is known though no field says it, because the server speaks HTTP/2 or another app made the request.
    """

    def __init__(self, framing: int | Coding | None, *, whole: int | None) -> None:
        self.fields: tuple[tuple[bytes, bytes], ...] = ()
        if framing is None:
            framing, self.fields = _chosen(whole)
        self._chunked = framing is Coding.CHUNKED
        self._remaining = framing if isinstance(framing, int) else 0

    def encode(self, data: bytes, *, more: bool) -> bytes:
        """Return the bytes to write for a piece; raises RequestRefused where the body is not as long as declared."""
        if self._chunked:
            chunk = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
            return chunk if more else chunk + b"0\r\n\r\n"
        self._remaining -= len(data)
        if self._remaining < 0 or (self._remaining and not more):
            raise RequestRefused("the body is not as long as Content-Length says")
        return data


def _chosen(whole: int | None) -> tuple[int | Coding, tuple[tuple[bytes, bytes], ...]]:
    if whole is None:
        return Coding.CHUNKED, ((b"transfer-encoding", b"chunked"),)
    return whole, ((b"content-length", b"%d" % whole),) if whole else ()
