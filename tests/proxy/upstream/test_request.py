from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookpoint.proxy.upstream import TrustedProxies, Upstream
from hookpoint.proxy.upstream.errors import CodingRefused, LoopDetected, MethodRefused, RequestRefused
from hookpoint.proxy.upstream.framing import Coding
from hookpoint.proxy.upstream.origin import Origin, climbs
from hookpoint.proxy.upstream.request import Forwarder, OutgoingRequest
from hookpoint.proxy.upstream.sending import BodySender

if TYPE_CHECKING:
    from starlette.types import Scope

ORIGIN = Origin.parse("http://127.0.0.1:3000")
HOST = (b"host", b"login.test")


def scope(*fields: tuple[bytes, bytes], method: str = "GET", target: bytes = b"/", version: str = "1.1") -> Scope:
    return {
        "type": "http",
        "method": method,
        "headers": list(fields),
        "hookpoint.target": target,
        "client": ("192.0.2.1", 1),
        "http_version": version,
    }


def prepare(scope: Scope, *, secret: tuple[str, str] | None = None, close: bool = False) -> OutgoingRequest:
    return Forwarder(ORIGIN, TrustedProxies(), via="hookpoint", secret=secret, close=close).prepare(scope)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.test", "//a.test", "a.test", "http://", "http://u:p@a.test", "http://a.test?x", "http://a.test#x",
        "http://a.test/a//b", "http://a.test/a/../..", "http://a.test/a b", "http://a.test:99999",
    ],
)  # fmt: skip
def test_urls_that_are_no_origin_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Upstream(url)


@pytest.mark.parametrize(
    ("url", "authority"),
    [("http://a.test", b"a.test"), ("https://a.test:443/", b"a.test"), ("http://[::1]:8080", b"[::1]:8080")],
)
def test_authority_of_an_origin(url: str, authority: bytes) -> None:
    assert Origin.parse(url).authority == authority


@pytest.mark.parametrize(
    "target", [b"http://evil.test/", b"evil.test:443", b"*", b"", b"/a b", b"/a\r\nX: y", b"/\0", b"a/b"]
)
def test_nothing_but_a_path_is_forwarded(target: bytes) -> None:
    with pytest.raises(RequestRefused):
        prepare(scope(HOST, target=target))


def test_options_may_ask_the_server_as_a_whole() -> None:
    assert prepare(scope(HOST, method="OPTIONS", target=b"*")).target == b"*"


@given(st.from_regex(rb"/[!-~]*", fullmatch=True))
def test_targets_are_kept_byte_for_byte(target: bytes) -> None:
    assert prepare(scope(HOST, target=target)).target == target


@pytest.mark.parametrize(
    ("path", "out"),
    [
        (b"/../x", True), (b"/a/../../x", True), (b"/%2e%2e/x", True), (b"/.%2E/", True), (b"/a\\..\\..\\x", True),
        (b"/a%2f..%2f..%2fx", True), (b"/%252e%252e/x", True), (b"//../x", True), (b"/..;a=b/x", True),
        (b"/a/../x", False), (b"/a/./b/../c", False), (b"/..a/x", False), (b"/a..", False), (b"/", False),
    ],
)  # fmt: skip
def test_paths_that_lead_out_of_a_base_path_are_refused(path: bytes, out: bool) -> None:
    assert climbs(path) is out
    based = Forwarder(Origin.parse("http://a.test/base/"), TrustedProxies(), via="v", secret=None, close=False)
    if out:
        with pytest.raises(RequestRefused):
            based.prepare(scope(HOST, target=path))
    else:
        assert based.prepare(scope(HOST, target=path)).target == b"/base" + path
    assert prepare(scope(HOST, target=path)).target == path


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "trace", "Connect"])
def test_methods_that_are_not_for_proxies_are_refused(method: str) -> None:
    with pytest.raises(MethodRefused):
        prepare(scope(HOST, method=method))


@pytest.mark.parametrize("hosts", [[], [HOST, HOST]])
def test_requests_without_exactly_one_host_are_refused(hosts: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(RequestRefused):
        prepare(scope(*hosts))


def test_http_1_0_needs_no_host() -> None:
    request = prepare(scope(version="1.0"))
    assert (b"host", b"127.0.0.1:3000") in request.fields
    assert (b"via", b"1.0 hookpoint") in request.fields


def test_loops_are_refused() -> None:
    with pytest.raises(LoopDetected):
        prepare(scope(HOST, (b"via", b"1.1 hookpoint")))


def test_via_is_added_behind_those_of_others() -> None:
    request = prepare(scope(HOST, (b"via", b"1.1 cdn")))
    assert [value for name, value in request.fields if name == b"via"] == [b"1.1 cdn", b"1.1 hookpoint"]


@pytest.mark.parametrize(
    "forged", [b"x-upstream-secret", b"x_upstream_secret", b"X-Upstream-Secret", b"x_upstream-secret"]
)
def test_the_secret_header_is_ours_alone(forged: bytes) -> None:
    request = prepare(scope(HOST, (forged, b"guess")), secret=("X-Upstream-Secret", "s3cret"))
    assert [field for field in request.fields if b"secret" in field[0].lower()] == [(b"x-upstream-secret", b"s3cret")]


@pytest.mark.parametrize("secret", [("X Y", "a"), ("X-Y", "a\r\nb"), ("X-Y", " a"), ("", "a"), ("X-Y", "ä\n")])
def test_secret_headers_that_are_no_headers_are_refused(secret: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Upstream("http://a.test", secret_header=secret)


@pytest.mark.parametrize("via", ["", "a b", "a,b", "ä"])
def test_names_that_do_not_fit_into_via_are_refused(via: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Upstream("http://a.test", via=via)


FRAMINGS = [
    ([], None),
    ([(b"content-length", b"5")], 5),
    ([(b"transfer-encoding", b"chunked")], Coding.CHUNKED),
    ([(b"transfer-encoding", b"Chunked")], Coding.CHUNKED),
]


@pytest.mark.parametrize(("fields", "framing"), FRAMINGS)
def test_requests_are_framed_anew(fields: list[tuple[bytes, bytes]], framing: int | Coding | None) -> None:
    assert prepare(scope(HOST, *fields)).framing is framing or prepare(scope(HOST, *fields)).framing == framing


@pytest.mark.parametrize(
    "fields",
    [
        [(b"content-length", b"5"), (b"transfer-encoding", b"chunked")],
        [(b"content-length", b"5"), (b"content-length", b"5")],
        [(b"content-length", b"5, 5")],
        [(b"content-length", b"+5")],
        [(b"content-length", b"")],
    ],
)
def test_requests_that_two_servers_could_read_in_two_ways_are_refused(fields: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(RequestRefused):
        prepare(scope(HOST, *fields, method="POST"))


@pytest.mark.parametrize("coding", [b"gzip, chunked", b"xchunked", b"identity", b"chunked, chunked", b"\x0bchunked"])
def test_other_transfer_codings_are_refused(coding: bytes) -> None:
    with pytest.raises(CodingRefused):
        prepare(scope(HOST, (b"transfer-encoding", coding), method="POST"))


@pytest.mark.parametrize(("left", "sent"), [(b"3", b"2"), (b"x", b"x"), (b"-1", b"-1")])
def test_options_spends_one_forward(left: bytes, sent: bytes) -> None:
    assert (b"max-forwards", sent) in prepare(scope(HOST, (b"max-forwards", left), method="OPTIONS")).fields


@given(name=st.binary(min_size=1, max_size=8), value=st.binary(max_size=12))
def test_no_field_starts_a_line_of_its_own(name: bytes, value: bytes) -> None:
    request = OutgoingRequest(method=b"GET", target=b"/", fields=[(name, value)], framing=None)
    try:
        head = request.head()
    except RequestRefused:
        assert {b"\r", b"\n", b"\0"} & {bytes([byte]) for byte in name + value}
    else:
        assert head.count(b"\r\n") == len(request.fields) + 2


def test_one_connection_per_request_says_so() -> None:
    assert (b"connection", b"close") in prepare(scope(HOST), close=True).fields


@given(st.lists(st.binary()))
def test_chunked_bodies_are_the_pieces_in_chunks(pieces: list[bytes]) -> None:
    sender = BodySender(Coding.CHUNKED, whole=None)
    wire = b"".join(sender.encode(piece, more=True) for piece in pieces) + sender.encode(b"", more=False)
    body = b""
    while wire:
        size, _, wire = wire.partition(b"\r\n")
        body, wire = body + wire[: int(size, 16)], wire[int(size, 16) + 2 :]
    assert body == b"".join(pieces)


@pytest.mark.parametrize(
    ("pieces", "fits"), [([b"abc"], True), ([b"ab", b"c"], True), ([b"ab"], False), ([b"ab", b"cd"], False)]
)
def test_a_declared_length_is_held(pieces: list[bytes], fits: bool) -> None:
    sender = BodySender(3, whole=None)
    try:
        sent = b"".join(sender.encode(piece, more=index < len(pieces) - 1) for index, piece in enumerate(pieces))
    except RequestRefused:
        assert not fits
    else:
        assert fits
        assert sent == b"abc"


@pytest.mark.parametrize(
    ("whole", "fields"),
    [(0, ()), (3, ((b"content-length", b"3"),)), (None, ((b"transfer-encoding", b"chunked"),))],
)
def test_bodies_no_field_speaks_of_are_framed_by_what_is_known(whole: int | None, fields: object) -> None:
    assert BodySender(None, whole=whole).fields == fields
