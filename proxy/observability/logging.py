"""What the processes write to standard error: one JSON object a line, without secrets."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Literal, TextIO

import structlog
from structlog.contextvars import merge_contextvars
from structlog.processors import ExceptionRenderer, JSONRenderer, StackInfoRenderer, TimeStamper, add_log_level
from structlog.stdlib import ProcessorFormatter, add_logger_name

from hookpoint.proxy.observability.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from structlog.typing import Processor

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["json", "console"]

# Their informational messages are ours to write, or carry query strings and statements.
_QUIET = (
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


class LineLogger:
    """The end of the line: writes finished lines to a stream, one write each so that processes do not mix."""

    def __init__(self, name: str | None, stream: TextIO | None) -> None:
        """Write to `stream`, or to what standard error is at that moment."""
        self.name = name
        self._stream = stream

    def msg(self, line: str) -> None:
        """Write one line."""
        stream = self._stream or sys.stderr
        stream.write(line + "\n")
        stream.flush()

    debug = info = warning = error = critical = exception = msg


def configure_logging(level: LogLevel = "info", format: LogFormat = "json", *, stream: TextIO | None = None) -> None:  # noqa: A002
    """Route structlog and the standard library's logging to standard error (or `stream`), redacted.

    `json` is one object a line; `console` is for people. Values bound with `structlog.contextvars` (`request_id`)
    are part of every event.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    end: list[Processor] = [ExceptionRenderer(), redact, *_renderers(format)]
    structlog.configure(
        processors=[*_beginning(), *end],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *names: LineLogger(names[0] if names else None, stream),
        cache_logger_on_first_use=True,
    )
    handler = _LineHandler(LineLogger(None, stream))
    handler.setFormatter(
        ProcessorFormatter(foreign_pre_chain=_beginning(), processors=[ProcessorFormatter.remove_processors_meta, *end])
    )
    root = logging.getLogger()
    for other in list(root.handlers):
        if isinstance(other, _LineHandler):
            root.removeHandler(other)
    root.addHandler(handler)
    root.setLevel(number)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
    logging.captureWarnings(capture=True)


class _LineHandler(logging.Handler):
    def __init__(self, line_logger: LineLogger) -> None:
        super().__init__()
        self._line_logger = line_logger

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._line_logger.msg(self.format(record))
        except Exception:  # noqa: BLE001 - logging must not break what it reports on
            self.handleError(record)


def _beginning() -> list[Processor]:
    return [merge_contextvars, add_log_level, add_logger_name, TimeStamper(fmt="iso", utc=True), StackInfoRenderer()]


def _renderers(format: LogFormat) -> Sequence[Processor]:  # noqa: A002
    if format == "json":
        return [JSONRenderer(default=repr)]
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
