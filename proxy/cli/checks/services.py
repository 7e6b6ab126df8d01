"""Checks that hooks behind URLs can be reached."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hookpoint.hooks import HookDefinitionError
from hookpoint.hooks.http.exchange import BadAnswer, NoAnswer, NotReached
from hookpoint.proxy.cli.checks.finding import error, fine, warning
from hookpoint.proxy.config.hooks import HookKind
from hookpoint.proxy.http_hooks import caller_of, default_name

if TYPE_CHECKING:
    from hookpoint.proxy.cli.checks.context import CheckContext
    from hookpoint.proxy.cli.checks.finding import Finding
    from hookpoint.proxy.config import HookSettings

_SECONDS = 5.0
_NO_PATH = frozenset({404, 410})


async def services_answer(context: CheckContext) -> list[Finding]:
    """Send HEAD, with nothing in it and no credentials, to each hook behind a URL; whatever it answers, it is there."""
    if context.offline:
        return []
    findings: list[Finding] = []
    for index, entry in enumerate(context.settings.hooks):
        if entry.kind is HookKind.URL:
            with contextlib.suppress(HookDefinitionError):  # which hooks_load reports
                findings.append(await _look(f"hooks[{index}].run", entry))
    return findings


async def _look(key: str, entry: HookSettings) -> Finding:
    caller = caller_of(entry)
    name = entry.name or default_name(entry.run)
    try:
        async with asyncio.timeout(_SECONDS):
            answer = await caller.send("HEAD", b"", [])
    except (NotReached, NoAnswer, BadAnswer, TimeoutError) as failure:
        remedy = "Start the service, or correct the URL, its certificates or its networks."
        return error(
            "hooks",
            f"{name} cannot be called: {str(failure) or 'no answer in time'}",
            key=key,
            value=entry.run,
            remedy=remedy,
        )
    finally:
        await caller.aclose()
    if answer.status in _NO_PATH:
        reason = f"{name} answers {answer.status}: there may be nothing at {urlsplit(entry.run).path or '/'}"
        return warning("hooks", reason, key=key, value=entry.run, remedy="Correct the path, if it is wrong.")
    return fine("hooks", f"{name} can be reached")
