"""Answers that no client may take for whole ones, by name."""

from __future__ import annotations

from tests.proxy.upstream.wire import answer

OK = b"HTTP/1.1 200 OK\r\n"
# Answers that are refused before the client hears of them.
INVALID = {
    "CL and TE": OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "CL list": OK + b"Content-Length: 2, 2\r\n\r\nok",
    "CL twice": OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    "TE list": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "TE in 1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "1xx flood": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 50 + answer(),
    "101 unsolicited": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "NUL": OK + b"X: \0\r\nContent-Length: 2\r\n\r\nok",
    "too many fields": OK + b"X: y\r\n" * 101 + b"Content-Length: 2\r\n\r\nok",
    "too many bytes": OK + b"X: " + b"y" * 40_000 + b"\r\nContent-Length: 2\r\n\r\nok",
    "nothing": b"",
    "half a head": OK + b"Content-Le",
    "not HTTP": b"SSH-2.0-OpenSSH\r\n",
}
# Answers that break off behind their head.
CUT = {
    "length": OK + b"Content-Length: 10\r\n\r\nhalf",
    "chunked": OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    "chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n8\r\nhalf",
    "bad chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n",
}
