from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookpoint.proxy.upstream import Client, TrustedProxies, client_of
from hookpoint.proxy.upstream.clients import forwarded_elements, node_address
from hookpoint.proxy.upstream.forwarding import forwarding_fields, passed_before

TRUSTED = TrustedProxies(["10.0.0.0/8", "::1", "unix"])


def who(peer: str | None, *fields: tuple[bytes, bytes], scheme: str = "http") -> Client:
    client = (peer, 1) if peer else None
    return client_of({"client": client, "scheme": scheme, "headers": [(b"host", b"login.test"), *fields]}, TRUSTED)


def test_untrusted_peer_is_the_client_whatever_it_says() -> None:
    client = who(
        "192.0.2.1",
        (b"x-forwarded-for", b"10.0.0.1"),
        (b"x-forwarded-proto", b"https"),
        (b"x-forwarded-host", b"evil.test"),
        (b"forwarded", b"for=10.0.0.1;proto=https;host=evil.test"),
    )
    assert (client.ip, client.scheme, client.host, client.trusted, client.path) == (
        "192.0.2.1",
        "http",
        "login.test",
        False,
        (),
    )


@pytest.mark.parametrize(
    ("chain", "ip"),
    [
        (b"192.0.2.1", "192.0.2.1"),
        (b"203.0.113.9, 192.0.2.1", "192.0.2.1"),
        (b"203.0.113.9, 192.0.2.1, 10.9.9.9", "192.0.2.1"),
        (b"10.0.0.7, 10.0.0.8", "10.0.0.7"),
        (b"192.0.2.1:4711", "192.0.2.1"),
        (b"[2001:db8::1]:4711", "2001:db8::1"),
        (b"::ffff:192.0.2.1", "192.0.2.1"),
        (b"192.0.2.1, unknown", "10.0.0.1"),
        (b"192.0.2.1, <script>, 10.0.0.8", "10.0.0.8"),
        (b"", "10.0.0.1"),
    ],
)
def test_client_is_the_last_address_that_is_no_trusted_proxy(chain: bytes, ip: str) -> None:
    assert who("10.0.0.1", (b"x-forwarded-for", chain)).ip == ip


def test_forwarded_is_read_where_nothing_else_is_said() -> None:
    client = who("10.0.0.1", (b"forwarded", b'for="[2001:db8::7]:99";proto=https;host="a.test:8443", For=10.0.0.2'))
    assert (client.ip, client.scheme, client.host) == ("2001:db8::7", "https", "a.test:8443")


def test_scheme_and_host_are_the_last_ones_named() -> None:
    client = who("10.0.0.1", (b"x-forwarded-proto", b"http, https"), (b"x-forwarded-host", b"evil.test, a.test"))
    assert (client.scheme, client.host) == ("https", "a.test")


@pytest.mark.parametrize("host", [b"a/oauth/token?x=", b"a b", b"a@b", b"[::1", b"a:b:c"])
def test_a_host_that_is_none_is_not_believed(host: bytes) -> None:
    assert who("10.0.0.1", (b"x-forwarded-host", host)).host == "login.test"


def test_peer_on_a_unix_socket_is_trusted_where_that_is_configured() -> None:
    assert who(None, (b"x-forwarded-for", b"192.0.2.1")).ip == "192.0.2.1"
    assert client_of({"client": None, "headers": []}, TrustedProxies()).ip is None


@pytest.mark.parametrize(("scheme", "expected"), [("ws", "http"), ("wss", "https"), ("https", "https")])
def test_websocket_schemes_are_those_of_http(scheme: str, expected: str) -> None:
    assert who("192.0.2.1", scheme=scheme).scheme == expected


def test_networks_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="does not appear"):
        TrustedProxies(["10.0.0.0/99"])


@given(st.lists(st.ip_addresses().map(str)), st.ip_addresses(v=4, network="198.51.100.0/24").map(str))
def test_no_chain_moves_an_untrusted_last_address(chain: list[str], last: str) -> None:
    value = ", ".join([*chain, last]).encode()
    assert who("10.0.0.1", (b"x-forwarded-for", value)).ip == last


@given(st.binary())
def test_any_bytes_in_forwarding_fields_are_survived(value: bytes) -> None:
    client = who("10.0.0.1", (b"forwarded", value), (b"x-forwarded-for", value), (b"x-forwarded-proto", value))
    fields = forwarding_fields(client, [value])
    assert client.scheme in ("http", "https")
    assert {name for name, _ in fields} >= {b"x-forwarded-for", b"forwarded", b"x-forwarded-proto"}


def test_fields_for_an_untrusted_client() -> None:
    assert dict(forwarding_fields(who("2001:db8::1", scheme="https"))) == {
        b"x-forwarded-for": b"2001:db8::1",
        b"x-forwarded-host": b"login.test",
        b"x-forwarded-port": b"443",
        b"x-forwarded-proto": b"https",
        b"x-real-ip": b"2001:db8::1",
        b"forwarded": b'for="[2001:db8::1]";host="login.test";proto=https',
    }


def test_trusted_chain_is_appended_to() -> None:
    client = who("10.0.0.1", (b"x-forwarded-for", b"192.0.2.1"), (b"x-forwarded-proto", b"https"))
    fields = dict(forwarding_fields(client))
    assert fields[b"x-forwarded-for"] == b"192.0.2.1, 10.0.0.1"
    assert fields[b"x-real-ip"] == b"192.0.2.1"
    assert fields[b"forwarded"] == b'for=192.0.2.1;host="login.test";proto=https, for=10.0.0.1'
    existing = [b"for=192.0.2.1;proto=https"]
    assert dict(forwarding_fields(client, existing))[b"forwarded"] == b"for=192.0.2.1;proto=https, for=10.0.0.1"


def test_quotes_in_a_host_stay_within_their_quotes() -> None:
    client = Client(ip="192.0.2.1", scheme="http", host='a";for=evil', peer="192.0.2.1", trusted=False, path=())
    value = dict(forwarding_fields(client))[b"forwarded"]
    assert forwarded_elements([value]) == [{"for": "192.0.2.1", "host": 'a";for=evil', "proto": "http"}]


@pytest.mark.parametrize(("node", "address"), [("_hidden", None), ("", None), ("1.2.3.4.5", None), ("[::1]", "::1")])
def test_nodes(node: str, address: str | None) -> None:
    assert node_address(node) == address


@pytest.mark.parametrize(
    ("values", "looped"),
    [
        ([b"1.1 hookpoint"], True),
        ([b"1.0 fred, 2 HookPoint (note)"], True),
        ([b"1.1 other", b"1.1 hookpoint"], True),
        ([b"1.1 hookpoint-2, 1.1 a.hookpoint"], False),
        ([b"hookpoint"], False),
        ([b"", b","], False),
    ],
)
def test_loops_are_seen_in_via(values: list[bytes], looped: bool) -> None:
    assert passed_before(b"hookpoint", values) is looped
