"""Whatever spelling of the token path a real framework answers, the route table must not let pass."""

from __future__ import annotations

import socket
from urllib.parse import unquote

import pytest

from hookpoint.proxy.routes import PASS, Route, RouteTable
from tests.partners.processes import LOOPBACK
from tests.proxy.frameworks.servers import FRAMEWORKS, HANDLED_FIELD, TOKEN_PATH, run_framework
from tests.proxy.frameworks.spellings import ATTEMPTS, Spelling, spell, write_request

pytestmark = pytest.mark.slow

TABLE = RouteTable([Route(kind="token", path=TOKEN_PATH)])

# Spellings that each framework is known to answer: without them the oracle would prove nothing.
KNOWN_ALIASES = {
    "starlette-h11": {"escaped_letter", "escaped_slash", "line_feed_at_the_end"},
    "starlette-httptools": {"escaped_letter", "escaped_slash", "line_feed_at_the_end"},
    "flask": {"escaped_letter", "escaped_slash", "double_slash_front"},
    "django": {"escaped_slash"},
    "express": {"upper", "slash_at_the_end"},
    "koa": {"upper", "slash_at_the_end"},
    "fastify": {"escaped_letter"},
    "hapi": {"escaped_letter", "dot_inner", "dots_inner", "escaped_dots"},
    "node-url": {"dot_inner", "escaped_dots", "network_path", "dots_over_escaped_slash"},
}


def exchange(port: int, request: bytes) -> bytes:
    """Send raw bytes and return all that comes back; a server may also hang up or say nothing."""
    answer = b""
    with socket.create_connection((LOOPBACK, port), timeout=5) as connection:
        try:
            connection.sendall(request)
            while received := connection.recv(65_536):
                answer += received
        except (ConnectionError, TimeoutError):
            pass
    return answer


def is_judged(spelling: Spelling) -> bool:
    return TABLE.decide(spelling.raw_path, unquote(spelling.raw_path.decode("latin-1"))) is not PASS


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_P_what_a_framework_answers_is_never_passed(name: str) -> None:
    answered: list[tuple[str, str]] = []
    missed: list[tuple[str, str]] = []
    with run_framework(name) as server:
        host = f"{LOOPBACK}:{server.port}".encode()
        exact = Spelling(name="exact", target=TOKEN_PATH.encode())
        for spelling in (exact, *spell(TOKEN_PATH, host=host)):
            for attempt in ATTEMPTS:
                answer = exchange(server.port, write_request(spelling, attempt, host=host))
                if HANDLED_FIELD in answer.lower():
                    answered.append((spelling.name, attempt.name))
                    if not is_judged(spelling):
                        missed.append((spelling.name, attempt.name))
        assert server.runs() == len(answered)
    assert missed == []
    assert {"exact", *KNOWN_ALIASES[name]} <= {spelling for spelling, _ in answered}
