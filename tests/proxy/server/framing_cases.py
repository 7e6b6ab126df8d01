"""Requests that must never reach an application, and those that must reach it as they were sent, by name."""

from __future__ import annotations

import json

HOST = b"Host: a.example\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n"


def post(headers: bytes, body: bytes = b"", *, version: bytes = b"HTTP/1.1", host: bytes = HOST) -> bytes:
    return b"POST /x " + version + b"\r\n" + host + headers + b"\r\n" + body


def get(target: bytes = b"/x", headers: bytes = b"", *, host: bytes = HOST, method: bytes = b"GET") -> bytes:
    return method + b" " + target + b" HTTP/1.1\r\n" + host + headers + b"\r\n"


def chunk(line: bytes) -> bytes:
    return post(CHUNKED, line + b"\r\nx\r\n0\r\n\r\n")


# Refused while the head is read: the application never runs.
REFUSED_HEADS: dict[str, tuple[int, bytes]] = {
    "H_cl_te": (400, post(b"Content-Length: 3\r\n" + CHUNKED, b"0\r\n\r\n")),
    "H_te_cl": (400, post(CHUNKED + b"Content-Length: 3\r\n", b"0\r\n\r\n")),
    "H_cl_twice_same": (400, post(b"Content-Length: 3\r\nContent-Length: 3\r\n", b"abc")),
    "H_cl_twice_different": (400, post(b"Content-Length: 3\r\nContent-Length: 4\r\n", b"abcd")),
    "H_cl_plus": (400, post(b"Content-Length: +3\r\n", b"abc")),
    "H_cl_minus": (400, post(b"Content-Length: -3\r\n", b"abc")),
    "H_cl_hex": (400, post(b"Content-Length: 0x3\r\n", b"abc")),
    "H_cl_underscore": (400, post(b"Content-Length: 1_0\r\n", b"0123456789")),
    "H_cl_list": (400, post(b"Content-Length: 3,3\r\n", b"abc")),
    "H_cl_list_space": (400, post(b"Content-Length: 3, 3\r\n", b"abc")),
    "H_cl_empty": (400, post(b"Content-Length:\r\n")),
    "H_cl_blank": (400, post(b"Content-Length: \r\n")),
    "H_cl_huge": (400, post(b"Content-Length: 99999999999999999999\r\n", b"abc")),
    "H_space_before_colon": (400, post(b"Content-Length : 3\r\n", b"abc")),
    "H_te_xchunked": (501, post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n")),
    "H_te_gzip": (501, post(b"Transfer-Encoding: gzip\r\n", b"0\r\n\r\n")),
    "H_te_gzip_chunked": (501, post(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n")),
    "H_te_chunked_gzip": (400, post(b"Transfer-Encoding: chunked, gzip\r\n", b"0\r\n\r\n")),
    "H_te_chunked_chunked": (400, post(b"Transfer-Encoding: chunked, chunked\r\n", b"0\r\n\r\n")),
    "H_te_identity": (501, post(b"Transfer-Encoding: identity\r\n")),
    "H_te_quoted": (501, post(b'Transfer-Encoding: "chunked"\r\n', b"0\r\n\r\n")),
    "H_te_parameter": (501, post(b"Transfer-Encoding: chunked;q=1\r\n", b"0\r\n\r\n")),
    "H_te_comma_first": (501, post(b"Transfer-Encoding: ,chunked\r\n", b"0\r\n\r\n")),
    "H_te_vertical_tab": (400, post(b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n")),
    "H_te_trailing_tab": (501, post(b"Transfer-Encoding: chunked\t\r\n", b"0\r\n\r\n")),
    "H_te_empty": (400, post(b"Transfer-Encoding:\r\n")),
    "H_te_twice": (400, post(CHUNKED + CHUNKED, b"0\r\n\r\n")),
    "H_te_two_lines": (400, post(CHUNKED + b"Transfer-Encoding: identity\r\n", b"0\r\n\r\n")),
    "H_te_and_cl_coded": (400, post(b"Transfer-Encoding: gzip\r\nContent-Length: 3\r\n", b"abc")),
    "H_te_on_1_0": (400, post(CHUNKED, b"0\r\n\r\n", version=b"HTTP/1.0")),
    "H_no_host": (400, get(host=b"")),
    "H_two_hosts": (400, get(host=HOST + b"Host: b.example\r\n")),
    "H_two_hosts_same": (400, get(host=HOST + HOST)),
    "H_host_empty": (400, get(host=b"Host:\r\n")),
    "H_host_with_path": (400, get(host=b"Host: a/oauth/token?x=\r\n")),
    "H_host_with_user": (400, get(host=b"Host: user@a.example\r\n")),
    "H_host_list": (400, get(host=b"Host: a.example, b.example\r\n")),
    "H_host_with_fragment": (400, get(host=b"Host: a.example#b\r\n")),
    "H_host_bad_port": (400, get(host=b"Host: a.example:80x\r\n")),
    "H_host_two_ports": (400, get(host=b"Host: a.example:80:90\r\n")),
    "H_host_escaped": (400, get(host=b"Host: a%2eexample\r\n")),
    "H_host_high_bytes": (400, get(host=b"Host: \xc3\xa4.example\r\n")),
    "H_host_open_bracket": (400, get(host=b"Host: [::1\r\n")),
    "H_host_bad_on_1_0": (400, b"GET /x HTTP/1.0\r\nHost: a/b\r\n\r\n"),
    "H_two_hosts_on_1_0": (400, b"GET /x HTTP/1.0\r\n" + HOST + HOST + b"\r\n"),
    "H_bare_lf": (400, b"GET /x HTTP/1.1\nHost: a.example\n\n"),
    "H_bare_lf_after_header": (400, b"GET /x HTTP/1.1\r\nHost: a.example\nX: y\r\n\r\n"),
    "H_bare_cr": (400, get(headers=b"X: a\rb\r\n")),
    "H_nul_in_value": (400, get(headers=b"X: a\0b\r\n")),
    "H_nul_in_name": (400, get(headers=b"X\0: a\r\n")),
    "H_del_in_value": (400, get(headers=b"X: a\x7fb\r\n")),
    "H_obs_fold": (400, get(headers=b"X: a\r\n b\r\n")),
    "H_obs_fold_tab": (400, get(headers=b"X: a\r\n\tb\r\n")),
    "H_obs_fold_first": (400, b"GET /x HTTP/1.1\r\n Host: a.example\r\n\r\n"),
    "H_empty_name": (400, get(headers=b": a\r\n")),
    "H_no_colon": (400, get(headers=b"X\r\n")),
    "H_http_0_9": (400, b"GET /x\r\n\r\n"),
    "H_http_0_9_named": (400, b"GET /x HTTP/0.9\r\n" + HOST + b"\r\n"),
    "H_http_1_2": (400, b"GET /x HTTP/1.2\r\n" + HOST + b"\r\n"),
    "H_http_2_text": (505, b"GET /x HTTP/2.0\r\n" + HOST + b"\r\n"),
    "H_http_2_preface": (400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "H_rtsp": (501, b"SETUP /x RTSP/1.0\r\n" + HOST + b"\r\n"),
    "H_tls_hello": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    "H_method_unknown": (400, get(method=b"BREW")),
    "H_method_lower_case": (400, get(method=b"post")),
    "H_method_trace": (501, get(method=b"TRACE")),
    "H_connect": (400, b"CONNECT a.example:443 HTTP/1.1\r\n" + HOST + b"\r\n"),
    "H_target_absolute": (400, get(b"http://a.example/x")),
    "H_target_absolute_https": (400, get(b"https://b.example/x")),
    "H_target_authority": (400, get(b"a.example:80")),
    "H_target_no_slash": (400, get(b"x")),
    "H_target_star": (400, get(b"*")),
    "H_target_star_post": (400, get(b"*", method=b"POST")),
    "H_target_fragment": (400, get(b"/x#f")),
    "H_target_fragment_in_query": (400, get(b"/x?a#f")),
    "H_target_space": (400, get(b"/x y")),
    "H_target_tab": (400, get(b"/x\ty")),
    "H_target_nul": (400, get(b"/x\0y")),
    "H_target_high_bytes": (400, get(b"/\xc3\xa4")),
    "H_target_long": (414, get(b"/" + b"x" * 8192)),
    "H_headers_many": (431, get(headers=b"X: y\r\n" * 100)),
    "H_header_long": (431, get(headers=b"X: " + b"y" * 32768 + b"\r\n")),
    "H_headers_large": (431, get(headers=b"".join(b"X%d: %s\r\n" % (i, b"y" * 1000) for i in range(40)))),
    "H_headers_8_mb": (431, get(headers=b"X: " + b"y" * 8_000_000 + b"\r\n")),
    "H_websocket_post": (
        400,
        post(b"Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n", b"abc"),
    ),
    "H_websocket_with_body": (
        400,
        get(headers=b"Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n") + b"abc",
    ),
    "H_websocket_without_host": (400, get(host=b"", headers=b"Connection: upgrade\r\nUpgrade: websocket\r\n")),
    "H_websocket_absolute": (400, get(b"http://a/x", headers=b"Connection: upgrade\r\nUpgrade: websocket\r\n")),
    "H_websocket_with_data": (
        400,
        get(
            headers=b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        )
        + b"\x81\x00",
    ),
}

# Refused while the body is read: the application may know of the request, but never sees its end.
REFUSED_BODIES: dict[str, tuple[int, bytes]] = {
    "H_chunk_sign": (400, chunk(b"+1")),
    "H_chunk_minus": (400, chunk(b"-1")),
    "H_chunk_space": (400, chunk(b" 1")),
    "H_chunk_0x": (400, chunk(b"0x1")),
    "H_chunk_huge": (400, chunk(b"ffffffffffffffffff")),
    "H_chunk_empty": (400, chunk(b"")),
    "H_chunk_lf": (400, post(CHUNKED, b"1\nx\r\n0\r\n\r\n")),
    "H_chunk_ext_lf": (400, post(CHUNKED, b"1;a=b\nx\r\n0\r\n\r\n")),
    "H_chunk_ext_cr": (400, post(CHUNKED, b"1;a\rb\r\nx\r\n0\r\n\r\n")),
    "H_chunk_ext_quote": (400, chunk(b'1;"a')),
    "H_chunk_ext_flood": (400, post(CHUNKED, b"1;" + b"a" * 1_000_000 + b"\r\nx\r\n0\r\n\r\n")),
    "H_chunk_longer_than_said": (400, post(CHUNKED, b"1\r\nxy\r\n0\r\n\r\n")),
    "H_chunk_final_without_crlf": (400, post(CHUNKED, b"1\r\nx\r\n0\r\nGET / HTTP/1.1\r\n\r\n")),
    "H_trailer_content_length": (400, post(CHUNKED, b"1\r\nx\r\n0\r\nContent-Length: 5\r\n\r\n")),
    "H_trailer_transfer_encoding": (400, post(CHUNKED, b"1\r\nx\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n")),
    "H_trailers_many": (431, post(CHUNKED, b"1\r\nx\r\n0\r\n" + b"X: y\r\n" * 101 + b"\r\n")),
}

ACCEPTED: dict[str, tuple[bytes, bytes]] = {
    "H_cl_leading_zeros": (post(b"Content-Length: 03\r\n", b"abc"), b"abc"),
    "H_cl_trailing_space": (post(b"Content-Length: 3 \t\r\n", b"abc"), b"abc"),
    "H_te_mixed_case": (post(b"tRANSFER-eNCODING: Chunked\r\n", b"1\r\nx\r\n0\r\n\r\n"), b"x"),
    "H_te_tab": (post(b"Transfer-Encoding:\tchunked\r\n", b"1\r\nx\r\n0\r\n\r\n"), b"x"),
    "H_chunk_leading_zeros": (chunk(b"0001"), b"x"),
    "H_chunk_ext": (chunk(b'1;a=b;c="d"'), b"x"),
    "H_chunk_upper_case": (post(CHUNKED, b"A\r\n0123456789\r\n0\r\n\r\n"), b"0123456789"),
    "H_trailer_host": (post(CHUNKED, b"1\r\nx\r\n0\r\nHost: b.example\r\nAuthorization: Basic eDp5\r\n\r\n"), b"x"),
    "H_host_port": (get(host=b"Host: a.example:8080\r\n"), b""),
    "H_host_ipv6": (get(host=b"Host: [::1]:8080\r\n"), b""),
    "H_host_underscore": (get(host=b"Host: token_service:80\r\n"), b""),
    "H_leading_empty_line": (b"\r\n" + get(), b""),
    "H_connection_nominates": (get(headers=b"Connection: keep-alive, X-Forwarded-For\r\n"), b""),
    "H_h2c_upgrade": (
        get(headers=b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"),
        b"",
    ),
    "H_h2c_upgrade_with_body": (
        post(
            b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\nContent-Length: 3\r\n",
            b"abc",
        ),
        b"abc",
    ),
    "H_h2c_upgrade_chunked": (
        post(b"Upgrade: h2c\r\nConnection: Upgrade\r\n" + CHUNKED, b"3\r\nabc\r\n0\r\n\r\n"),
        b"abc",
    ),
    "H_upgrade_without_connection": (get(headers=b"Upgrade: websocket\r\n"), b""),
    "H_expect_with_body": (post(b"Expect: 100-continue\r\nContent-Length: 3\r\n", b"abc"), b"abc"),
    "H_expect_without_body": (get(headers=b"Expect: 100-continue\r\n"), b""),
    "H_target_longest": (get(b"/" + b"x" * 8191), b""),
    "H_headers_most": (get(headers=b"X: y\r\n" * 98), b""),
}


def status_of(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1.1 "), answer[:100]
    return int(answer[9:12])


def check_refusal(answer: bytes, status: int) -> None:
    assert status_of(answer) == status
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"connection: close" in head.lower()
    assert b"cache-control: no-store" in head.lower()
    assert json.loads(body)["error"] == "invalid_request"  # one answer and nothing after it
