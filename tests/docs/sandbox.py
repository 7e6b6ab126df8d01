"""Runs the blocks of one page, in their order, in one empty folder.

- `python` blocks run one after the other in one namespace; with `title="NAME.py"` they are written to that file instead.
- `toml` blocks must load as a configuration; with a title they are written as well, and one that is not called hookpoint.toml
  must load as a dialect.
- `console` blocks are commands behind `$ `, run by bash; lines behind a command are what it prints, `…` standing for anything.
  `exit=1` says with which code the block's commands end. In a `background` block the last command keeps running, and what it
  prints is waited for, among other lines; the same command later in the page ends the first one, as Ctrl+C would, and starts
  another.
- `127.0.0.1:PORT` and `--port PORT` are read as another port that is free, in everything a page says and does.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from hookpoint.proxy.config import load
from hookpoint.proxy.dialects import load_dialect
from tests.docs.pages import PROJECT, Block
from tests.leak_scan import messages_in, scan, scan_stores
from tests.partners.requirement import require

COMMAND_SECONDS = 180.0
STOP_SECONDS = 15.0
WIDTH = "125"
# What a page says that a test runs in a cheaper way: `make demo` would install everything once more, into another folder.
SAME_AS = {"make demo ARGS=--once": "hookpoint demo --once"}

_OWN_WORDS = ("export ", "until ")  # of the shell
_PORT = re.compile(r"(127\.0\.0\.1:|--port )(\d{2,5})\b")
_VARIABLE = re.compile(r'"env:(\w+)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A line behind `$ `, with its continuations, and what it prints."""

    line: str
    output: str


def read_commands(text: str) -> list[Command]:
    """Return the commands of a console block."""
    commands: list[Command] = []
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        end = next(number for number, line in enumerate(lines, 1) if not line.endswith("\\"))
        commands.append(Command(line="\n".join(lines[:end]), output="\n".join(lines[end:]).strip("\n")))
    return commands


def printed_as_told(told: str, printed: str) -> bool:
    """Tell whether an output is what a page says; `…` on a line of its own is any lines, within a line any text."""
    lines = [
        r"(?:.*\n)*?" if line.strip() == "…" else ".*".join(map(re.escape, line.split("…"))) + r" *\n"
        for line in told.rstrip().splitlines()
    ]
    return re.fullmatch("".join(lines) + r"\s*", printed.strip("\n") + "\n") is not None


class FreePorts:
    """Stands a free port in for each port that a page names, the same one throughout the page."""

    def __init__(self) -> None:
        self._ports: dict[str, str] = {}

    def replace(self, text: str) -> str:
        """Return the text with free ports; those given before stay."""
        return _PORT.sub(lambda found: found[1] + self._port(found[2]), text)

    def _port(self, named: str) -> str:
        if named in self._ports.values():
            return named
        if named not in self._ports:
            self._ports[named] = str(_free_port())
        return self._ports[named]


def _free_port() -> int:
    """A port that nobody listens on, below those that the system gives away by itself."""
    while True:
        port = random.randrange(20000, 30000)
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


class Background:
    """A command that keeps running; `stop` ends it and returns its exit code."""

    def __init__(self, line: str, folder: Path, environ: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            ["bash", "-c", f"exec {line}"],
            cwd=folder,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: deque[str] = deque(maxlen=1000)
        self._silent = False
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._keep, daemon=True)
        self._reader.start()

    @property
    def printed(self) -> str:
        """All that it has written so far."""
        return "".join(self._lines)

    def await_output(self, told: str) -> None:
        """Wait until it has printed what the page says."""
        with self._changed:
            self._changed.wait_for(lambda: self._told(told) or self._silent, COMMAND_SECONDS)
        assert self._told(told), self.printed

    def stop(self) -> int:
        """End it as Ctrl+C would."""
        self._process.terminate()
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            self._reader.join()
            assert self._process.stdout is not None
            self._process.stdout.close()

    def _told(self, told: str) -> bool:
        return printed_as_told("\n".join(f"…\n{line}" for line in told.splitlines()) + "\n…", self.printed)

    def _keep(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self._lines.append(line)
                self._changed.notify_all()
        with self._changed:
            self._silent = True
            self._changed.notify_all()


class Sandbox:
    """One page's folder, variables, namespace and running commands. `names` is what its Python may use without making it."""

    def __init__(self, folder: Path, names: Mapping[str, object]) -> None:
        require(shutil.which("bash"), "bash, which the documentation's commands are for")
        self.folder = folder
        self._module = ModuleType("documentation_page")
        vars(self._module).update(names)
        sys.modules[self._module.__name__] = self._module  # where annotations of its classes are looked up
        self._ports = FreePorts()
        self._running: dict[str, Background] = {}
        self._environ = {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "HOME": str(folder),
            "COLUMNS": WIDTH,
            "NO_COLOR": "1",
            "LC_ALL": "C.UTF-8",
            "PYTHONPATH": str(PROJECT / "src"),  # what is tested is this tree, whatever is installed
            "PYTHONUNBUFFERED": "1",
            # Python takes a file of the same second and length for the one it has compiled.
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def run(self, block: Block) -> None:
        """Run or check one block; AssertionError says what is not as the page tells."""
        text = self._ports.replace(block.text)
        if block.language == "console":
            self._run_console(block, text)
        elif block.language == "toml":
            self._load(block, text)
        elif block.title is not None:
            self._write(block.title, text)
        elif block.language == "python":
            exec(compile("\n" * block.line + text, str(block), "exec"), vars(self._module))

    def close(self) -> None:
        """End what still runs; none of it may have crashed, or show in logs and databases what nothing may show."""
        del sys.modules[self._module.__name__]
        ended = [(line, each.stop(), each.printed) for line, each in self._running.items()]
        for line, code, log in ended:
            assert "Traceback" not in log, f"{line}\n{log}"
            assert code in (0, -signal.SIGTERM), f"{line} ended with {code}\n{log}"
            # What else it prints is for people, whom the demo and the console show their codes.
            scan([entry for entry in log.splitlines() if entry.startswith("{")], line)
        scan_stores(self.folder, messages_in(self.folder))

    def _run_console(self, block: Block, text: str) -> None:
        commands = read_commands(text)
        last = len(commands) - 1 if "background" in block.attributes else None
        for number, command in enumerate(commands):
            line = SAME_AS.get(command.line, command.line)
            require(shutil.which(line.split()[0], path=self._environ["PATH"]) or line.startswith(_OWN_WORDS), line)
            if number == last:
                self._keep_running(line, command.output)
            elif line.startswith("export "):
                self._export(line)
            else:
                self._run_to_end(line, command.output, int(block.attributes.get("exit", "0")))
            self._use_free_ports()

    def _run_to_end(self, line: str, told: str, code: int) -> None:
        done = self._bash(line)
        assert done.returncode == code, f"$ {line}\n{done.stdout}\nexit code {done.returncode}"
        assert not told or printed_as_told(told, done.stdout), f"$ {line}\n{done.stdout}\nwhere the page says\n{told}"

    def _export(self, line: str) -> None:
        entries = self._bash(f"{line}; env -0").stdout.split("\0")
        self._environ = dict(entry.partition("=")[::2] for entry in entries if entry)

    def _bash(self, line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", line],
            cwd=self.folder,
            env=self._environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    def _keep_running(self, line: str, told: str) -> None:
        if line in self._running:
            self._running.pop(line).stop()
        self._running[line] = Background(line, self.folder, self._environ)
        self._running[line].await_output(told)

    def _load(self, block: Block, text: str) -> None:
        path = self._write(block.title or f"block-{block.line}.toml", text)
        if block.title not in (None, "hookpoint.toml"):
            load_dialect(str(path))
            return
        made_up = dict.fromkeys(_VARIABLE.findall(text), "0123456789abcdef0123456789abcdef")
        self._environ = {**made_up, **self._environ}
        load(path, environ=self._environ)

    def _write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def _use_free_ports(self) -> None:
        """What a command wrote (`hookpoint init` does) names ports as well."""
        path = self.folder / "hookpoint.toml"
        if path.exists():
            path.write_text(self._ports.replace(path.read_text(encoding="utf-8")), encoding="utf-8")
