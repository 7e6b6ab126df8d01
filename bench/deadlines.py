"""How late a script that misbehaves is given up: what is past its deadline when the call fails.

Run by itself, `python -m bench.deadlines` prints the latest call of each kind, and fails when a promise is not kept.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from hookpoint.hooks import Chain, HookFailed, Registry, credentials_exchange
from hookpoint.hooks.javascript import Executables, JavaScript, Script
from hookpoint.hooks.testing import sample_event

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hookpoint.hooks import Hook

PROMISED = 0.1  # seconds
TIMES = 3
BESIDE = 1_000
_LIMIT = 1.0
_PATIENCE = 60.0
_MEGABYTES = 32
_GOOD = "good"
_KINDS: Mapping[str, str] = {
    "endless loop": "for (;;) {}",
    "no callback": "return;",
    "memory bomb": "var a = []; for (;;) { a.push(new Array(100000).fill(a.length)); }",
    "memory bomb of buffers": "var a = []; for (;;) { a.push(Buffer.alloc(1 << 20, 1)); }",
    "process.exit": "process.exit(3);",
    "unhandled rejection": "Promise.reject(new Error('lost')); return;",
    "result of 10 MB": "return cb(null, { scope: scope, 'https://e.example/x': 'x'.repeat(10 << 20) });",
}
_CASES = "".join(f"    case '{kind}': {act}\n" for kind, act in _KINDS.items())
_SCRIPT = f"""module.exports = function (client, scope, audience, context, cb) {{
  switch (client.id) {{
{_CASES}  }}
  cb(null, {{ scope: scope }});
}};
"""


def latest() -> dict[str, float]:
    """The latest of some calls of each kind, in seconds past the deadline; raises HookDefinitionError without Node.js."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        with tempfile.TemporaryDirectory(prefix="hookpoint-bench-") as name:
            return asyncio.run(_latest(Path(name)))
    finally:
        structlog.reset_defaults()


async def _latest(folder: Path) -> dict[str, float]:
    javascript = JavaScript(executables=Executables())
    hooks = [hook for name in ("bad", "good") for hook in _load(javascript, folder / f"{name}.js")]
    registry = Registry(hooks)
    await registry.start()
    try:
        bad, good = hooks
        await asyncio.gather(_call(bad, _GOOD, _PATIENCE), _call(good, _GOOD, _PATIENCE))
        found = {}
        for kind in _KINDS:
            found[kind] = max([await _late(bad, kind) for _ in range(TIMES)])
        poisoned = [asyncio.ensure_future(_late(bad, "endless loop")) for _ in range(20)]
        await asyncio.gather(*(_call(good, _GOOD, _PATIENCE) for _ in range(BESIDE)))
        found[f"endless loop beside {BESIDE:,} calls"] = max(await asyncio.gather(*poisoned))
        return found
    finally:
        await registry.aclose()


def _load(javascript: JavaScript, path: Path) -> list[Hook]:
    path.write_text(_SCRIPT)
    return javascript.load(Script(path=path, trigger="credentials-exchange", memory=_MEGABYTES))


async def _late(hook: Hook, kind: str) -> float:
    await _call(hook, _GOOD, _PATIENCE)  # a process is there, as it is between calls
    started = time.perf_counter()
    try:
        await _call(hook, kind, _LIMIT)
    except HookFailed:
        return max(0.0, time.perf_counter() - started - _LIMIT)
    raise AssertionError(f"{kind} was answered")


async def _call(hook: Hook, client: str, limit: float) -> None:
    event = sample_event(credentials_exchange)
    assert event.client is not None
    chain = Chain(Registry([hook]), timeout=limit, total_timeout=limit)
    await chain.run(credentials_exchange, replace(event, client=replace(event.client, id=client)))


def main() -> int:
    """Print a line for each kind; returns the exit code."""
    found = latest()
    for kind, seconds in found.items():
        verdict = "kept" if seconds <= PROMISED else "not kept"
        print(f"{kind:36} given up at most {seconds * 1e3:6.1f} ms past its deadline  {verdict}")
    return 0 if max(found.values()) <= PROMISED else 1


if __name__ == "__main__":
    raise SystemExit(main())
