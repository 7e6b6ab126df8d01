"""A state machine that speaks HTTP, good and mangled, to hookpoint, whose server answers well and badly.

It holds two promises: where the server's token handler ran, the hook ran; what a client sent is what the server saw, and what the
server answered is what that client got.
"""

from __future__ import annotations

import itertools
import json
import socket
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import ClassVar

import h11
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from tests.partners.resource_server import read_claims
from tests.proxy.path_mutations import mutated
from tests.proxy.upstream.wire import Message, Peer, answer
from tests.security.fuzz.targets import resolved
from tests.security.raw_upstream import JSON
from tests.security.stage import GRANT, HOOKED, Stage

TOKEN = b"/oauth/token"
PATIENCE = 120.0
FORGED = answer(b'{"access_token":"FORGED"}', JSON)

METHODS = st.sampled_from([b"GET", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"HEAD"])
TARGETS = st.sampled_from(
    [
        b"/",
        b"/a",
        b"/a/b/",
        b"//a",
        b"/%41%2f",
        b"/a;b=c?d=e&f",
        b"/a?",
        b"/.well-known/x",
        b"/a/../b",
        b"/oauth",
        b"/?/oauth/token",
    ]
)
FIELDS = st.lists(
    st.sampled_from(
        [
            (b"Accept", b"*/*"),
            (b"accept-language", b"de, en;q=0.5"),
            (b"Cookie", b"a=b; c=d"),
            (b"X-Custom", b"one"),
            (b"x-custom", b"two"),
            (b"If-None-Match", b'"a", W/"b"'),
            (b"Authorization", b"Basic eDp5"),
            (b"Range", b"bytes=0-1"),
        ]
    ),
    max_size=4,
)
BODIES = st.binary(max_size=80) | st.just(b"x" * 70_000)
SIZES = st.none() | st.lists(st.integers(1, 40), min_size=1, max_size=5)
WISHES = st.sampled_from(
    ["good"] * 4 + ["chunked", "poisoned", "poisoned-chunks", "cut", "reset", "invalid", "none", "close"]
)
# Those that the token endpoint answers with a token.
ANSWERED = {"good", "chunked", "poisoned", "poisoned-chunks", "close"}
# Of one hop, about the framing, or set by the proxy itself.
NOT_COMPARED = {
    b"host",
    b"connection",
    b"content-length",
    b"transfer-encoding",
    b"via",
    b"x-forwarded-for",
    b"x-forwarded-proto",
}
NOT_COMPARED |= {b"x-forwarded-host", b"x-request-id", b"accept-encoding"}

MANGLES = st.sampled_from(
    [
        (b"Host: login.test\r\n", b"Host: login.test\r\nHost: other.test\r\n"),
        (b"Host: login.test\r\n", b""),
        (b"Content-Length: ", b"Content-Length: +"),
        (b"Content-Length: ", b"Content-Length: 0"),
        (b"Content-Length: ", b"Content-Length : "),
        (b"Content-Length: ", b"Transfer-Encoding: chunked\r\nContent-Length: "),
        (b"Content-Length: ", b"Content-Length: 1\r\nContent-Length: "),
        (b"Transfer-Encoding: chunked", b"Transfer-Encoding: xchunked"),
        (b"Transfer-Encoding: chunked", b"Transfer-Encoding:\x0bchunked"),
        (b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked\r\nContent-Length: 4"),
        (b" HTTP/1.1\r\n", b" HTTP/1.0\r\n"),
        (b" HTTP/1.1\r\n", b" HTTP/1.1\n"),
        (b" HTTP/1.1\r\n", b"\r\n"),
        (b"\r\n\r\n", b"\r\n \r\n\r\n"),
        (b"\r\n\r\n", b"\n\n"),
        (b"0\r\n\r\n", b"0\r\nHost: x\r\n\r\n"),
        (b"0\r\n\r\n", b"0\r\n"),
        (b"POST", b"post"),
        (b"POST", b"GET"),
        (b"application/x-www-form-urlencoded", b"application/json"),
        (b"grant_type=", b"grant_type=x&grant_type="),
        (b"&client_id=", b";client_id="),
        (b" /", b" http://login.test/"),
        (b" /", b" /#"),
        (b" /", b" \\"),
        (b"X-Mark", b"X-HTTP-Method-Override: PUT\r\nX-Mark"),
        (b"X-Mark", b"Expect: 100-continue\r\nX-Mark"),
        (b"X-Mark", b"Upgrade: h2c\r\nConnection: Upgrade\r\nX-Mark"),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A request as the client meant it."""

    mark: str
    method: bytes
    target: bytes
    fields: list[tuple[bytes, bytes]]
    body: bytes
    sizes: list[int] | None = None

    def __bytes__(self) -> bytes:
        lines = [self.method + b" " + self.target + b" HTTP/1.1", b"Host: login.test"]
        lines += [name + b": " + value for name, value in self.fields]
        if self.sizes is None:
            lines.append(b"Content-Length: %d" % len(self.body))
            return b"\r\n".join([*lines, b"", self.body])
        chunks, rest = [], self.body
        for size in self.sizes:
            chunks.append(rest[:size])
            rest = rest[size:]
        coded = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in [*chunks, rest] if chunk)
        return b"\r\n".join([*lines, b"Transfer-Encoding: chunked", b"", coded + b"0\r\n\r\n"])


@dataclass(slots=True)
class Client:
    """A connection to hookpoint that stays open from step to step."""

    port: int
    socket: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port), PATIENCE)

    def ask(self, *requests: Sent) -> list[tuple[int, bytes] | None]:
        """Send requests at once and read an answer to each; None for those whose answer is missing or breaks off."""
        self.socket.sendall(b"".join(map(bytes, requests)))
        left, answers = b"", []
        for request in requests:
            got, left = self._read(left, request.method)
            answers.append(got)
            if got is None:
                self.socket.close()
                self.__post_init__()
                break
        return answers

    def _read(self, data: bytes, method: bytes) -> tuple[tuple[int, bytes] | None, bytes]:
        reading = h11.Connection(h11.CLIENT, max_incomplete_event_size=65536)
        reading.send(h11.Request(method=method, target="/", headers=[("host", "a")]))
        reading.send(h11.EndOfMessage())
        status, body = 0, bytearray()
        try:
            while True:
                event = reading.next_event() if data == b"" else None
                if data:
                    reading.receive_data(data)
                    data = b""
                elif event is h11.NEED_DATA:
                    reading.receive_data(self.socket.recv(65536))
                elif isinstance(event, h11.Response):
                    status = event.status_code
                    closes = (b"connection", b"close") in event.headers
                elif isinstance(event, h11.Data):
                    body += event.data
                elif isinstance(event, h11.EndOfMessage):
                    if closes:
                        self.socket.close()
                        self.__post_init__()
                    return (status, bytes(body)), reading.trailing_data[0]
                elif isinstance(event, h11.ConnectionClosed):
                    return None, b""
        except (h11.RemoteProtocolError, ConnectionError):
            return None, b""


class Conversation(RuleBasedStateMachine):
    """Clients, hookpoint, and its server; `stage` is set by who runs it."""

    stage: ClassVar[Stage]
    marks: ClassVar[itertools.count[int]] = itertools.count()
    steps: ClassVar[Counter[str]] = Counter()

    clients: Bundle[Client] = Bundle("clients")

    def __init__(self) -> None:
        super().__init__()
        self.meant: dict[str, Sent] = {}
        self.open: list[Client] = []
        self.first = next(self.marks)
        self.stage.upstream.forget()
        self.stage.upstream.everywhere = self.serve
        self.stage.forget_hook_runs()

    # The server's side

    async def serve(self, peer: Peer, message: Message) -> None:
        """Answer as the request wishes; pages tell the mark of the request."""
        wish = message.one(b"x-wish") or b"good"
        mark = message.one(b"x-mark") or b""
        is_token = message.target.partition(b"?")[0] == TOKEN
        body = self.stage.upstream.token_answer() if is_token else b"answer to " + mark
        good = answer(body, JSON)
        if message.start.startswith(b"HEAD "):
            good = good.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        chunked = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        if not message.start.startswith(b"HEAD "):
            chunked += b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        match wish.decode():
            case "chunked":
                await peer.send(chunked)
            case "poisoned":
                await peer.send(good + FORGED)
            case "poisoned-chunks":
                await peer.send(chunked + FORGED)
            case "cut":
                await peer.send(good[:-1])
                await peer.close()
            case "reset":
                peer.reset()
            case "invalid":
                await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx")
            case "none":
                await peer.send(b"HTTP/1.1 204 No Content\r\n\r\n" + FORGED)
            case "close":
                await peer.send(good)
                await peer.close()
            case _:
                await peer.send(good)

    # What clients do

    @rule(target=clients)
    def come(self) -> Client:
        """A client connects."""
        self.open.append(Client(self.stage.port))
        return self.open[-1]

    def teardown(self) -> None:
        """All clients go."""
        for client in self.open:
            client.socket.close()

    @rule(client=consumes(clients))
    def leave(self, client: Client) -> None:
        """A client goes."""
        client.socket.close()

    @rule(client=clients, data=st.data(), number=st.integers(1, 3))
    def ask_for_pages(self, client: Client, data: st.DataObject, number: int) -> None:
        """Good requests that pass through, one behind another without waiting."""
        requests = [self.page(data) for _ in range(number)]
        self.check(requests, client.ask(*requests))

    @rule(client=clients, data=st.data(), wish=WISHES)
    def ask_for_a_token(self, client: Client, data: st.DataObject, wish: str) -> None:
        """A good token request."""
        request = self.token(data, wish)
        self.check([request], client.ask(request))

    @rule(client=clients, data=st.data())
    def ask_for_both(self, client: Client, data: st.DataObject) -> None:
        """A page and a token without waiting."""
        requests = [self.page(data), self.token(data, "good"), self.page(data)]
        self.check(requests, client.ask(*requests))

    @rule(data=st.data(), mangles=st.lists(MANGLES, min_size=1, max_size=3), is_token=st.booleans())
    def mangle(self, data: st.DataObject, mangles: list[tuple[bytes, bytes]], is_token: bool) -> None:
        """A request that two servers might read in two ways, with another behind it, on a connection of their own."""
        first = self.token(data, "good") if is_token else self.page(data)
        behind = self.token(data, "good")
        wire = bytes(first)
        for old, new in mangles:
            wire = wire.replace(old, new, 1)
        self.steps["mangled"] += 1
        self.throw(wire + bytes(behind))

    @rule(data=st.data(), path=mutated("/oauth/token"))
    def ask_for_a_token_by_another_name(self, data: st.DataObject, path: str) -> None:
        """A token request under another spelling of the path."""
        request = self.token(data, "good")
        self.throw(bytes(request).replace(b" " + TOKEN, b" " + path.encode("latin-1"), 1))

    @rule(data=st.data(), is_token=st.booleans(), cut=st.integers(1, 200))
    def break_off(self, data: st.DataObject, is_token: bool, cut: int) -> None:
        """A request that ends too early is heard by nobody as a whole one."""
        request = self.token(data, "good") if is_token else self.page(data)
        wire = bytes(request)
        del self.meant[request.mark]  # so that hearing it is a broken promise
        self.throw(wire[: max(1, len(wire) - cut)] if request.body or request.sizes is not None else wire[:-1])

    # How

    def page(self, data: st.DataObject) -> Sent:
        mark = f"m{next(self.marks)}"
        method = data.draw(METHODS)
        has_body = method in (b"POST", b"PUT", b"PATCH")
        fields = [*data.draw(FIELDS), (b"X-Mark", mark.encode()), (b"X-Wish", data.draw(WISHES).encode())]
        body = data.draw(BODIES) if has_body else b""
        sizes = data.draw(SIZES) if has_body else None
        return self.mean(
            Sent(mark=mark, method=method, target=data.draw(TARGETS), fields=fields, body=body, sizes=sizes)
        )

    def token(self, data: st.DataObject, wish: str) -> Sent:
        mark = f"m{next(self.marks)}"
        fields = [
            (b"Content-Type", b"application/x-www-form-urlencoded"),
            (b"X-Mark", mark.encode()),
            (b"X-Wish", wish.encode()),
        ]
        body = GRANT + b"&mark=" + mark.encode()
        return self.mean(
            Sent(mark=mark, method=b"POST", target=TOKEN, fields=fields, body=body, sizes=data.draw(SIZES))
        )

    def mean(self, request: Sent) -> Sent:
        self.meant[request.mark] = request
        self.steps["requests"] += 1
        return request

    def throw(self, wire: bytes) -> None:
        """Send bytes, end, and read whatever comes."""
        with socket.create_connection(("127.0.0.1", self.stage.port), PATIENCE) as thrown:
            got = bytearray()
            try:
                thrown.sendall(wire)
                thrown.shutdown(socket.SHUT_WR)
                while piece := thrown.recv(65536):
                    got += piece
            except ConnectionError:
                pass
        assert b"FORGED" not in got

    def check(self, requests: list[Sent], answers: list[tuple[int, bytes] | None]) -> None:
        """Each client has the answer to its own request, and good ones were heard as they were sent."""
        heard = {message.one(b"x-mark"): message for message in self.stage.upstream.heard}
        for request, got in zip(requests, answers, strict=False):
            wish = dict(request.fields)[b"X-Wish"].decode()
            if got is None:
                assert wish in ("cut", "reset"), request
                continue
            status, body = got
            message = heard.get(request.mark.encode())
            if message is None:
                assert status == 502, (status, body)  # its server hung up when the request was on the way
                continue
            assert (message.target, message.body) == (request.target, request.body)
            sent = [(name.lower(), value) for name, value in request.fields]
            assert sent == [each for each in message.fields if each[0] not in NOT_COMPARED and each in sent]
            if request.target == TOKEN:
                if status == 200:
                    assert read_claims(json.loads(body)["access_token"])[HOOKED] == request.mark
                else:
                    assert wish not in ANSWERED, (status, body)
            elif status == 200 and request.method != b"HEAD":
                assert body == b"answer to " + request.mark.encode()

    @invariant()
    def the_hook_ran_wherever_the_handler_did(self) -> None:
        """No spelling, framing or form leads to the server's handler without the hook."""
        handled = set()
        for message in self.stage.upstream.heard:
            path = message.target.partition(b"?")[0]
            if resolved(path.decode("latin-1")) == TOKEN.decode() and message.start.startswith(b"POST "):
                assert path == TOKEN
                mark = (message.one(b"x-mark") or b"").decode()
                if (message.one(b"x-wish") or b"").decode() in ANSWERED and mark in self.meant:
                    handled.add(mark)
        # Where the client had left, the hook runs a moment after it.
        until = time.monotonic() + PATIENCE
        while missing := handled.difference(self.stage.hook_runs()):
            assert time.monotonic() < until, [self.meant[mark] for mark in missing]
            time.sleep(0.01)

    @invariant()
    def the_server_saw_what_was_sent(self) -> None:
        """Every request that the server heard was meant by a client, whole and once."""
        marks = Counter((message.one(b"x-mark") or b"").decode() for message in self.stage.upstream.heard)
        assert not [mark for mark, count in marks.items() if count > 1]
        for mark in marks:
            # What came late of an earlier conversation, whose client had left, was meant then.
            assert mark in self.meant or (mark and int(mark[1:]) < self.first), mark
        assert all("cut off" in each for each in self.stage.upstream.broken), self.stage.upstream.broken

    @precondition(lambda self: len(self.stage.upstream.heard) > 500)
    @rule()
    def forget(self) -> None:
        """Long conversations need not be remembered whole."""
        self.stage.upstream.heard.clear()
        self.stage.forget_hook_runs()
