"""TLS to the upstream is verified unless its certificate is trusted explicitly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hookpoint.proxy.upstream import Upstream
from tests.proxy.upstream.wire import answer, get, proxied, scripted

if TYPE_CHECKING:
    from tests.proxy.upstream.certificates import Authority
    from tests.proxy.upstream.wire import Peer


async def secure(peer: Peer) -> None:
    while True:
        await peer.message()
        await peer.send(answer(b"sealed"))


async def test_certificate_of_a_trusted_authority_is_accepted(authority: Authority) -> None:
    async with scripted(secure, tls=authority.server("localhost")) as upstream:
        async with proxied(Upstream(upstream.url, ssl_context=authority.client())) as client:
            for _ in range(3):
                await client.send(get())
                assert (await client.message()).body == b"sealed"
        assert upstream.connections == 1


@pytest.mark.parametrize(("host", "known"), [("localhost", False), ("other.test", True)])
async def test_certificate_of_a_stranger_or_for_another_name_is_a_502(
    host: str, known: bool, authority: Authority
) -> None:
    async def never(peer: Peer) -> None:
        raise AssertionError(await peer.reader.read())

    async with (
        scripted(never, tls=authority.server(host)) as upstream,
        proxied(Upstream(upstream.url, ssl_context=authority.client() if known else None)) as client,
    ):
        await client.send(get())
        message = await client.message()
        assert message.status == 502
        assert b"certificate" not in message.body


async def test_plain_server_behind_an_https_url_is_a_502() -> None:
    async def plain(peer: Peer) -> None:
        await peer.send(answer())

    async with scripted(plain) as upstream, proxied(Upstream(upstream.url.replace("http:", "https:"))) as client:
        await client.send(get())
        assert (await client.message()).status == 502


async def test_truncated_tls_answer_breaks_the_clients_connection(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    async def script(peer: Peer) -> None:
        await peer.message()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await peer.close()

    async with (
        scripted(script, tls=authority.server("localhost")) as upstream,
        proxied(Upstream(upstream.url, ssl_context=authority.client())) as client,
    ):
        await client.send(get())
        await client.head()
        assert await client.eof() == b"half"
    assert "UpstreamBroken" in caplog.text
