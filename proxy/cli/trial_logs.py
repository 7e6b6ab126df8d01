"""What hooks write while they are tried: logs of either library, and what they print."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from hookpoint.hooks import HookRun

# What the engine itself says of a run is in its result.
_TOLD_OTHERWISE: Final = frozenset({"hook_denied", "hook_failed"})
_OUTPUT: Final = "hook_output"  # a line that a script has written, as `text`


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line, and how it was written: a level, or `print`."""

    level: str
    text: str


@dataclass(slots=True)
class TrialLogs:
    """Gathers lines and gives them to the run that wrote them: hooks run one after the other, and are told of at their end."""

    runs: list[tuple[HookRun, tuple[LogLine, ...]]] = field(default_factory=list)
    _lines: list[LogLine] = field(default_factory=list)
    _begun: str = ""

    def observe(self, run: HookRun, /) -> None:
        """Close a run: what was written since the last one is its own."""
        self.print("\n" if self._begun else "")
        self.runs.append((run, tuple(self._lines)))
        self._lines.clear()

    def write(self, level: str, text: str) -> None:
        """Keep a text, line by line."""
        self._lines += (LogLine(level=level, text=line) for line in text.splitlines() if line.strip())

    def print(self, text: str) -> None:
        """Keep what is printed, as soon as its line is whole."""
        whole, end, self._begun = (self._begun + text).rpartition("\n")
        if end:
            self.write("print", whole)

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Take over logging and the standard output of this process."""
        structlog.configure(processors=[self._keep], cache_logger_on_first_use=False)
        handler = _Handler(self)
        root = logging.getLogger()
        level = root.level
        root.addHandler(handler)
        root.setLevel(logging.INFO)
        try:
            with redirect_stdout(_Printed(self)):
                yield
        finally:
            root.removeHandler(handler)
            root.setLevel(level)

    def _keep(self, _: object, method: str, event: MutableMapping[str, Any]) -> str:
        name = event.pop("event", "")
        if name == _OUTPUT:
            self.write(method, str(event.get("text", "")))
        elif name not in _TOLD_OTHERWISE and method != "debug":
            about = " ".join(f"{key}={value}" for key, value in event.items() if key not in ("hook", "exc_info"))
            self.write(method, f"{name} {about}".rstrip())
        raise structlog.DropEvent


class _Handler(logging.Handler):
    def __init__(self, logs: TrialLogs) -> None:
        super().__init__()
        self._logs = logs

    def emit(self, record: logging.LogRecord) -> None:
        self._logs.write(record.levelname.lower(), self.format(record))


class _Printed(io.TextIOBase):
    def __init__(self, logs: TrialLogs) -> None:
        self._logs = logs

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._logs.print(text)
        return len(text)
