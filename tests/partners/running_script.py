"""Scripts of `node/` that answer one request after the other: Node.js takes longer to start than most requests take."""

from __future__ import annotations

import asyncio
import json
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.partners.node import NODE_FOLDER, require_node

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSWER_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningScript:
    """A script that reads requests from stdin, a line of JSON each, and writes a line of JSON for each."""

    process: subprocess.Popen[str] = field(repr=False)
    turn: threading.Lock = field(default_factory=threading.Lock, repr=False)

    async def ask(self, request: object) -> dict[str, Any]:
        """Return the answer to one request; raises TimeoutError, and AssertionError when the script has ended."""
        return await asyncio.wait_for(asyncio.to_thread(self._ask, json.dumps(request)), ANSWER_SECONDS)

    def _ask(self, request: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with self.turn:
            self.process.stdin.write(request + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"the script ended with {self.process.wait()}; what it said is on stderr")
        answer = json.loads(line)
        assert isinstance(answer, dict)
        return answer


@contextmanager
def run_answering(script: str) -> Iterator[RunningScript]:
    """Run `node/<script>` until the block ends; what it writes to stderr goes to that of the tests."""
    node = require_node()
    process = subprocess.Popen(
        [node.executable, NODE_FOLDER / script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=node.environment(),
    )
    try:
        yield RunningScript(process=process)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
