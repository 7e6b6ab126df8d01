"""What ends up on standard error."""

from __future__ import annotations

import io
import json
import logging
import warnings
from typing import TYPE_CHECKING

import pytest
import structlog
from structlog.contextvars import bound_contextvars

from hookpoint.proxy.observability import configure_logging

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.logs_secrets

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    names = (
        "uvicorn",
        "uvicorn.error",
        "uvicorn.asgi",
        "websockets",
        "sqlalchemy",
        "aiosqlite",
        "httpx2",
        "httpcore2",
        "asyncio",
    )
    levels = {name: logging.getLogger(name).level for name in names}
    yield io.StringIO()
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_structlog_events_are_json_lines(stream: io.StringIO) -> None:
    configure_logging(stream=stream)
    with bound_contextvars(request_id="abc"):
        structlog.get_logger("hookpoint.x").info("token_signed", algorithm="ES256", text="two\r\nlines")
    (line,) = lines(stream)
    assert line.pop("timestamp")
    assert line == {
        "event": "token_signed",
        "level": "info",
        "logger": "hookpoint.x",
        "request_id": "abc",
        "algorithm": "ES256",
        "text": "two\r\nlines",
    }


def test_standard_logging_takes_the_same_way(stream: io.StringIO) -> None:
    configure_logging(stream=stream)
    with bound_contextvars(request_id="abc"):
        logging.getLogger("sqlalchemy.engine").warning("slow statement %s", JWT)
    (line,) = lines(stream)
    assert (line["event"], line["logger"], line["level"]) == (
        "slow statement [redacted]",
        "sqlalchemy.engine",
        "warning",
    )
    assert line["request_id"] == "abc"


def test_quiet_libraries_log_warnings_only(stream: io.StringIO) -> None:
    configure_logging("debug", stream=stream)
    logging.getLogger("uvicorn.error").info("GET /ws?access_token=abc")
    logging.getLogger("mine").debug("seen")
    assert [line["event"] for line in lines(stream)] == ["seen"]


def test_level(stream: io.StringIO) -> None:
    configure_logging("warning", stream=stream)
    structlog.get_logger("x").info("dropped")
    structlog.get_logger("x").warning("kept")
    logging.getLogger("y").info("dropped")
    assert [line["event"] for line in lines(stream)] == ["kept"]


@pytest.mark.parametrize("by", ["structlog", "logging"])
def test_O_exceptions_are_rendered_without_secrets(stream: io.StringIO, by: str) -> None:
    configure_logging(stream=stream)
    try:
        raise ValueError(f"bad token {JWT} for client_secret=hunter2-hunter2")
    except ValueError:
        if by == "structlog":
            structlog.get_logger("x").exception("failed")
        else:
            logging.getLogger("x").exception("failed")
    (line,) = lines(stream)
    assert "ValueError: bad token [redacted]" in str(line["exception"])
    assert JWT not in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


def test_values_that_are_no_json_are_shown(stream: io.StringIO) -> None:
    configure_logging(stream=stream)
    structlog.get_logger("x").info("seen", path=ValueError("a"), raw=b"\xff", names={"b"})
    (line,) = lines(stream)
    assert (line["path"], line["raw"], line["names"]) == ("ValueError('a')", "\\xff", ["b"])


def test_console_format_is_redacted_too(stream: io.StringIO) -> None:
    configure_logging("info", "console", stream=stream)
    structlog.get_logger("x").info("seen", password="hunter2", note=JWT)
    assert "seen" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()
    assert JWT not in stream.getvalue()


def test_configuring_twice_writes_once(stream: io.StringIO) -> None:
    configure_logging(stream=stream)
    configure_logging(stream=stream)
    logging.getLogger("x").warning("once")
    assert len(lines(stream)) == 1


def test_warnings_are_logged(stream: io.StringIO) -> None:
    configure_logging(stream=stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old", UserWarning, stacklevel=1)
    assert "old" in str(lines(stream)[0]["event"])
