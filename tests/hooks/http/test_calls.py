"""Calls to services that answer, and to services that do not."""

from __future__ import annotations

import hmac
import ssl
from base64 import b64decode, b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hookpoint import __version__
from hookpoint.hooks import (
    Deny,
    HookFailed,
    HookTimedOut,
    TokenChanges,
    credentials_exchange,
    post_user_registration,
    pre_user_registration,
    send_phone_message,
)
from hookpoint.hooks.http.addresses import Addresses, AddressPolicy
from hookpoint.hooks.http.breaker import Breaker
from hookpoint.hooks.http.errors import HookAnswerUnusable, HookCallFailed, HookUnreachable
from hookpoint.hooks.http.remembered import Remembered
from hookpoint.hooks.testing import sample_event
from tests.hooks.http.runners import NOW, runner_of
from tests.hooks.http.service import Behaviour, answer, flood, hang, reset, running, stop_halfway
from tests.proxy.upstream.certificates import Authority

GOOD = answer(200, {"changes": {"claims": {"plan": "gold"}}})
NO = answer(200, {"deny": {"code": "access_denied", "reason": "no", "user_message": "No."}})
EVENT: Any = sample_event(credentials_exchange)
NEW, OLD = "whsec_" + b64encode(b"n" * 32).decode(), "whsec_" + b64encode(b"o" * 32).decode()


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


async def test_an_event_is_posted_and_the_answer_read() -> None:
    async with running(GOOD) as service, runner_of(service.url) as runner:
        assert await runner.run(EVENT) == TokenChanges(claims={"plan": "gold"})
    request = service.last
    assert request.line == "POST /hook?tenant=a HTTP/1.1"
    assert request.headers["host"] == f"127.0.0.1:{service.port}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["user-agent"] == f"hookpoint/{__version__}"
    assert request.headers["webhook-id"] == "msg_1"
    assert request.json["type"] == "credentials-exchange.v1"
    assert request.json["timestamp"] == "2026-01-01T00:00:00.000+00:00"
    assert request.json["data"]["client"]["id"] == "reporting"
    assert "secrets" not in request.json["data"]


async def test_connections_are_used_again() -> None:
    async with running(GOOD) as service, runner_of(service.url) as runner:
        for _ in range(3):
            await runner.run(EVENT)
        assert len(service.requests) == 3


@pytest.mark.parametrize(
    ("kind", "secrets", "field", "value"),
    [
        ("bearer", ["new", "old"], "authorization", "Bearer new"),
        ("basic", ["me:new", "me:old"], "authorization", "Basic " + b64encode(b"me:new").decode()),
        ("header", ["new"], "authorization", "new"),
    ],
)
async def test_a_fixed_secret_is_the_newest(kind: Any, secrets: list[str], field: str, value: str) -> None:
    async with running() as service, runner_of(service.url, kind=kind, secrets=secrets) as runner:
        await runner.run(EVENT)
    assert service.last.headers[field] == value


async def test_a_call_is_signed_with_all_keys() -> None:
    async with (
        running() as service,
        runner_of(service.url, kind="standard-webhooks", secrets=[NEW, OLD]) as runner,
    ):
        await runner.run(EVENT)
    headers = service.last.headers
    assert headers["webhook-timestamp"] == str(int(NOW))
    signed = f"msg_1.{int(NOW)}.".encode() + service.last.body
    expected = [hmac.digest(key * 32, signed, "sha256") for key in (b"n", b"o")]
    entries = [entry.partition(",") for entry in headers["webhook-signature"].split(" ")]
    assert [(version, b64decode(value)) for version, _, value in entries] == [("v1", each) for each in expected]


async def test_a_delivery_carries_the_events_id() -> None:
    event = sample_event(post_user_registration)
    async with running() as service, runner_of(service.url, point=post_user_registration) as runner:
        assert await runner.run(event) is None
    assert service.last.headers["webhook-id"] == event.id


async def test_a_service_says_no() -> None:
    async with running(NO) as service, runner_of(service.url) as runner:
        with pytest.raises(Deny) as denied:
            await runner.run(EVENT)
    assert denied.value.args == ("access_denied", "no", "No.")


@pytest.mark.parametrize(
    ("behaviour", "kind", "reason"),
    [
        (answer(500, {}), HookCallFailed, "answered with status 500"),
        (answer(404, {}), HookCallFailed, "answered with status 404"),
        (answer(401, {}), HookCallFailed, "answered with status 401"),
        (answer(302, headers={"location": "http://127.0.0.1:1/"}), HookCallFailed, "redirects are not followed"),
        (answer(200, b"<p>", kind="text/html"), HookAnswerUnusable, "content type 'text/html'"),
        (answer(200, b"{}", kind=None), HookAnswerUnusable, "content type ''"),
        (answer(200, b"[]"), HookAnswerUnusable, "no JSON object"),
        (answer(200, b'{"a":1,"a":1}'), HookAnswerUnusable, "two members of one name"),
        (answer(200, b"\xff"), HookAnswerUnusable, "not UTF-8"),
        (answer(200, {"change": {}}), HookAnswerUnusable, "did you mean 'changes'"),
        (answer(200, {"changes": {"claim": {}}}), HookAnswerUnusable, "did you mean 'claims'"),
        (answer(200, {"changes": {}, "deny": {}}), HookAnswerUnusable, "more than one of"),
        (answer(200, {"deny": {"code": 'a"b'}}), HookAnswerUnusable, "no OAuth error code"),
        (answer(200, {"deny": {"code": "x", "why": ""}}), HookAnswerUnusable, "unknown members"),
        (answer(200, {"deny": []}), HookAnswerUnusable, "deny is not an object"),
        (answer(200, b"{}" + b" " * 300_000), HookAnswerUnusable, "more than 262144 bytes"),
        (answer(200, b"{}", headers={"content-encoding": "gzip"}), HookAnswerUnusable, "compressed"),
        (flood, HookAnswerUnusable, "more than 262144 bytes"),
        (reset, HookCallFailed, "gave no answer"),
        (stop_halfway, HookCallFailed, "gave no answer"),
    ],
)
async def test_what_is_no_answer_is_a_failure(behaviour: Behaviour, kind: type[HookFailed], reason: str) -> None:
    async with running(behaviour) as service, runner_of(service.url) as runner:
        with pytest.raises(kind, match=reason):
            await runner.run(EVENT)
        assert len(service.requests) == 1


async def test_a_slow_service_is_given_up() -> None:
    async with running(hang) as service, runner_of(service.url, timeout=0.1) as runner:
        with pytest.raises(HookTimedOut, match=r"did not answer within 0\.1 s"):
            await runner.run(EVENT)


async def test_a_large_event_is_not_sent() -> None:
    event = sample_event(credentials_exchange, parameters={"much": "x" * 300_000})
    async with running() as service, runner_of(service.url) as runner:
        with pytest.raises(HookFailed, match="was not called: the event has more than 262144 bytes"):
            await runner.run(event)
        assert service.requests == []


BUSY = answer(429, headers={"retry-after": "0"})


@pytest.mark.parametrize(
    ("point", "behaviours", "calls"),
    [
        (credentials_exchange, [BUSY, answer(200, {})], 2),
        (pre_user_registration, [answer(503, headers={"retry-after": "0"}), answer(200, {})], 2),
        (credentials_exchange, [BUSY, BUSY, answer(200, {})], 2),
        (credentials_exchange, [answer(429), answer(200, {})], 1),
        (credentials_exchange, [answer(429, headers={"retry-after": "60"})], 1),
        (credentials_exchange, [answer(500, headers={"retry-after": "0"})], 1),
        (send_phone_message, [BUSY, answer(200, {})], 1),
        (send_phone_message, [reset, answer(200, {})], 1),
        (post_user_registration, [BUSY, answer(200, {})], 1),
    ],
)
async def test_only_what_may_be_asked_twice_is(point: Any, behaviours: list[Behaviour], calls: int) -> None:
    good = len(behaviours) == calls and calls == 2
    async with running(*behaviours) as service, runner_of(service.url, point=point) as runner:
        try:
            await runner.run(sample_event(point))
            assert good
        except HookFailed:
            assert not good
        assert len(service.requests) == calls
        assert len({request.headers["webhook-id"] for request in service.requests}) == 1


async def test_a_service_that_is_away_is_tried_again() -> None:
    resolved: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        resolved.append(host)
        return ("127.0.0.1",)

    async with running() as service:
        gone, service.port = service.port, 1
    addresses = Addresses(host="localhost", port=gone, policy=AddressPolicy(), resolve=resolve)
    async with runner_of("http://localhost/", addresses=addresses, point=send_phone_message) as runner:
        with pytest.raises(HookUnreachable, match="was not reached"):
            await runner.run(sample_event(send_phone_message))
    assert resolved == ["localhost", "localhost"]  # not one byte was written, so even a message may be tried again


async def test_the_next_address_is_tried() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ("127.0.0.2", "127.0.0.1")

    async with running(GOOD) as service:
        addresses = Addresses(host="localhost", port=service.port, policy=AddressPolicy(), resolve=resolve)
        async with runner_of("http://localhost/", addresses=addresses, retries=0) as runner:
            assert await runner.run(EVENT) is not None
        assert service.last.headers["host"] == "localhost"


async def test_a_name_that_leads_into_a_private_network_is_refused() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ("10.0.0.1", "169.254.169.254", "::ffff:192.168.1.1")

    addresses = Addresses(host="hooks.example", port=443, policy=AddressPolicy(), resolve=resolve)
    async with runner_of("http://hooks.example/", addresses=addresses) as runner:
        with pytest.raises(HookUnreachable, match=r"leads to 10\.0\.0\.1.*allow it with http\.allow_private"):
            await runner.run(EVENT)


async def test_the_connection_goes_to_the_address_that_was_judged() -> None:
    found = [("127.0.0.1",), ("10.0.0.1",)]

    async def resolve(host: str, port: int) -> Sequence[str]:
        return found.pop(0)

    clock = Clock()
    async with running(GOOD) as service:
        policy = AddressPolicy(private=True)
        addresses = Addresses(host="rebound.example", port=service.port, policy=policy, resolve=resolve, clock=clock)
        async with runner_of(f"http://rebound.example:{service.port}/", addresses=addresses, retries=0) as runner:
            await runner.run(EVENT)
            await runner.run(EVENT)  # asked once in a while only
            assert len(found) == 1
            clock.time += 31
            addresses.policy = AddressPolicy()
            with pytest.raises(HookUnreachable, match="leads to"):
                await runner.run(EVENT)


async def test_a_service_that_fails_is_left_alone_for_a_while() -> None:
    clock = Clock()
    breaker = Breaker(threshold=2, pause=5.0, clock=clock, draw=lambda: 0.0)
    async with (
        running(answer(500), answer(500), answer(500), GOOD) as service,
        runner_of(service.url, breaker=breaker) as runner,
    ):
        for _ in range(2):
            with pytest.raises(HookCallFailed):
                await runner.run(EVENT)
        with pytest.raises(HookUnreachable, match="left alone for a while: 2 calls failed in a row"):
            await runner.run(EVENT)
        clock.time += 5.1
        with pytest.raises(HookCallFailed):
            await runner.run(EVENT)
        clock.time += 5.1  # not enough: the pause has doubled
        with pytest.raises(HookUnreachable):
            await runner.run(EVENT)
        clock.time += 5.1
        assert await runner.run(EVENT) is not None
        assert await runner.run(EVENT) is not None
        assert len(service.requests) == 5


async def test_the_last_good_answer_stands_in() -> None:
    clock = Clock()
    claims = {**EVENT.claims, "jti": "another", "iat": 1, "exp": 2}
    again = sample_event(credentials_exchange, claims=claims, request=sample_event(credentials_exchange).request)
    other = sample_event(credentials_exchange, scope=frozenset({"reports:read"}))
    async with (
        running(GOOD, answer(500)) as service,
        runner_of(service.url, remembered=Remembered(60.0, clock=clock)) as runner,
    ):
        assert await runner.run(EVENT) == TokenChanges(claims={"plan": "gold"})
        assert await runner.run(again) == TokenChanges(claims={"plan": "gold"})
        with pytest.raises(HookCallFailed):
            await runner.run(other)
        clock.time += 61
        with pytest.raises(HookCallFailed):
            await runner.run(EVENT)


async def test_a_remembered_refusal_is_a_refusal() -> None:
    async with (
        running(NO, answer(503)) as service,
        runner_of(service.url, remembered=Remembered(60.0)) as runner,
    ):
        for _ in range(2):
            with pytest.raises(Deny):
                await runner.run(EVENT)


async def test_an_answer_that_cannot_be_used_is_not_covered_up() -> None:
    async with (
        running(GOOD, answer(200, {"what": 1})) as service,
        runner_of(service.url, remembered=Remembered(60.0)) as runner,
    ):
        await runner.run(EVENT)
        with pytest.raises(HookAnswerUnusable):
            await runner.run(EVENT)


async def test_certificates_are_checked_against_the_name(tmp_path: Path) -> None:
    authority, other = Authority.create(tmp_path), Authority.create(tmp_path / "other")

    async def resolve(host: str, port: int) -> Sequence[str]:
        return ("127.0.0.1",)

    async def call(trust: ssl.SSLContext, host: str, port: int) -> object:
        policy = AddressPolicy(private=True)
        addresses = Addresses(host=host, port=port, policy=policy, resolve=resolve)
        async with runner_of(f"https://{host}:{port}/", addresses=addresses, tls=trust, retries=0) as runner:
            return await runner.run(EVENT)

    async with running(GOOD, tls=authority.server("hooks.test")) as service:
        assert await call(authority.client(), "hooks.test", service.port) is not None
        with pytest.raises(HookUnreachable, match="CERTIFICATE_VERIFY_FAILED"):
            await call(other.client(), "hooks.test", service.port)
        with pytest.raises(HookUnreachable, match="not valid for"):
            await call(authority.client(), "elsewhere.test", service.port)
        assert len(service.requests) == 1


async def test_a_client_certificate_is_shown(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path)
    server = authority.server("localhost")
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(cadata=authority.pem)
    authority.server("hookpoint.test")  # leaves hookpoint.test.pem
    with_certificate = authority.client()
    with_certificate.load_cert_chain(tmp_path / "hookpoint.test.pem")
    async with running(GOOD, tls=server) as service:
        url = f"https://localhost:{service.port}/"
        async with runner_of(url, tls=with_certificate) as runner:
            assert await runner.run(EVENT) is not None
        async with runner_of(url, tls=authority.client(), retries=0) as runner:
            with pytest.raises(HookFailed):
                await runner.run(EVENT)
    assert len(service.requests) == 1
