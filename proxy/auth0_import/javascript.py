"""What a script asks of its surroundings, found without running it: modules, and habits that matter for a move.

This reads text, not syntax: it may see too much, never changes anything, and what it finds is for a person to judge.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["decide", "cannot"]

_COMMENT_OR_TEXT = re.compile(
    r"""(?P<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|//[^\n]*|/\*.*?\*/""", re.DOTALL
)
_REQUIRE = re.compile(r"""(?:\brequire\(|\bimport\(|\bfrom)\s*(['"`])([^'"`\n]+)\1""")
_PINNED = re.compile(r"(?P<name>(?:@[\w.~-]+/)?[\w.~-]+)@(?P<version>[\w.^~*-]+)(?P<rest>/.*)?")
_AUTH0_DECLARED = re.compile(r"\b(?:const|let|var|function|class)\s+auth0\b|[{,]\s*auth0\s*[,}]|\bimport\s+auth0\b")

# Modules that Node.js brings along; `node:` may stand before each.
BUILT_IN = frozenset(
    [
        "assert",
        "async_hooks",
        "buffer",
        "child_process",
        "cluster",
        "console",
        "constants",
        "crypto",
        "dgram",
        "diagnostics_channel",
        "dns",
        "domain",
        "events",
        "fs",
        "http",
        "http2",
        "https",
        "inspector",
        "module",
        "net",
        "os",
        "path",
        "perf_hooks",
        "process",
        "punycode",
        "querystring",
        "readline",
        "repl",
        "stream",
        "string_decoder",
        "sys",
        "timers",
        "tls",
        "trace_events",
        "tty",
        "url",
        "util",
        "v8",
        "vm",
        "wasi",
        "worker_threads",
        "zlib",
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Required:
    """A module that a script loads: a package with the version that the script pins, if it does; or what it names otherwise."""

    name: str
    kind: Literal["package", "relative", "actions-module"]
    version: str | None
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """Something in a script that a person should know of."""

    line: int
    verdict: Verdict
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Habit:
    pattern: re.Pattern[str]
    verdict: Verdict
    text: str
    only: Literal["Hook", "Action"] | None = None


_HABITS = (
    _Habit(
        pattern=re.compile(r"\bcreate_token(?:_url)?\s*\("),
        verdict="cannot",
        text="calls webtask.create_token, which Auth0's platform had and nothing else has",
        only="Hook",
    ),
    _Habit(
        pattern=re.compile(r"\bevent\.user\.password\b"),
        verdict="cannot",
        text="reads a password; Actions are never given one (Hooks are)",
        only="Action",
    ),
    _Habit(
        pattern=re.compile(r"\bnew\s+(?:auth0\.)?ManagementClient\b|/api/v2/"),
        verdict="decide",
        text="calls Auth0's Management API: it needs credentials of its own there, and changes the Auth0 tenant, not your server",
    ),
    _Habit(
        pattern=re.compile(r"\bprocess\.env\b"),
        verdict="decide",
        text="uses process.env; name what it needs in `env` of its [[hooks]] entry",
    ),
    _Habit(
        pattern=re.compile(r"\bwebtask\.storage\b"),
        verdict="decide",
        text="uses webtask.storage, which begins empty: what it holds at Auth0 is not in the export",
        only="Hook",
    ),
    _Habit(
        pattern=re.compile(r"\bapi\.transaction\.\w+TargetScopes?\b"),
        verdict="decide",
        text="changes target scopes, an early-access method; scopes that it adds must be in tokens.grantable_scopes",
        only="Action",
    ),
    _Habit(
        pattern=re.compile(r"\bscope\.(?:push|unshift|concat)\s*\(|\.addScope\s*\("),
        verdict="decide",
        text="adds scopes; each must be in tokens.grantable_scopes, where the client grants of the export stand now",
    ),
    _Habit(
        pattern=re.compile(r"\bevent\.(?:organization|custom_domain|security_context|session|stats|authorization)\b"),
        verdict="decide",
        text="reads what only Auth0 knows (organization, custom domain, session …); it is not there",
        only="Action",
    ),
    _Habit(
        pattern=re.compile(r"\bcontext\.clientID\b"),
        verdict="decide",
        text="reads context.clientID, which Rules had and Hooks never did",
        only="Hook",
    ),
)
_GLOBAL_AUTH0 = re.compile(r"(?<![\w.$'\"/-])auth0\.(?=[A-Za-z])")


def required_by(code: str) -> Iterator[Required]:
    """Yield the modules that a script loads, but for those of Node.js itself."""
    bare = without_comments(code)
    for found in _REQUIRE.finditer(bare):
        line = bare.count("\n", 0, found.start()) + 1
        name = found[2]
        if name.removeprefix("node:").partition("/")[0] in BUILT_IN:
            continue
        if name.startswith((".", "/")):
            yield Required(name=name, kind="relative", version=None, line=line)
        elif name.startswith("actions:"):
            yield Required(name=name.removeprefix("actions:"), kind="actions-module", version=None, line=line)
        else:
            pinned = _PINNED.fullmatch(name)
            package = pinned["name"] if pinned else _package_of(name)
            yield Required(name=package, kind="package", version=pinned["version"] if pinned else None, line=line)


def remarks_on(code: str, kind: Literal["Hook", "Action"]) -> Iterator[Remark]:
    """Yield the habits of a script that matter, each once, at its first line."""
    bare = without_comments(code)
    for habit in _HABITS:
        found = habit.pattern.search(bare) if habit.only in (None, kind) else None
        if found:
            yield Remark(line=bare.count("\n", 0, found.start()) + 1, verdict=habit.verdict, text=habit.text)
    found = _GLOBAL_AUTH0.search(bare)
    if found and not _AUTH0_DECLARED.search(bare):
        yield Remark(
            line=bare.count("\n", 0, found.start()) + 1,
            verdict="cannot",
            text="uses the global `auth0` with the Management API token that Auth0 put there; load the package auth0 instead, with "
            "credentials from secrets",
        )


def without_comments(code: str) -> str:
    """The script with its comments made blank, lines where they were."""
    return _COMMENT_OR_TEXT.sub(lambda found: found[0] if found["text"] else re.sub(r"[^\n]", " ", found[0]), code)


def _package_of(name: str) -> str:
    parts = name.split("/")
    return "/".join(parts[:2]) if name.startswith("@") else parts[0]
