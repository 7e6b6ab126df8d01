"""What goes wrong in scripts, as exceptions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hookpoint.hooks.errors import HooksError


class ScriptError(HooksError):
    """An error of JavaScript; reads as its stack, which names the script's own lines."""

    code = "script_error"


class CallLost(HooksError):  # noqa: N818 - named after what happened
    """The process of a script ended while a call was in it, or could not be started; the text continues "hook ..."."""

    code = "call_lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """An error as a worker describes it.

    `name` is the one that Auth0 goes by, `kind` that of its class. `missing` is the module that was not found.
    """

    message: str = ""
    stack: str = ""
    name: str = ""
    kind: str = ""
    friendly_message: str | None = None
    missing: str = ""

    @classmethod
    def of(cls, members: object) -> Described:
        """From the members of a message; what is no text is left out."""
        given = members if isinstance(members, Mapping) else {}

        def text(name: str) -> str:
            value: Any = given.get(name)
            return value if isinstance(value, str) else ""

        friendly = given.get("friendlyMessage")
        return cls(
            message=text("message"),
            stack=text("stack"),
            name=text("name"),
            kind=text("kind"),
            friendly_message=friendly if isinstance(friendly, str) else None,
            missing=text("missing"),
        )

    def line_in(self, path: Path) -> int | None:
        """The line of a file that the stack names first."""
        found = re.search(rf"(?:^|[\s(/]){re.escape(str(path).lstrip('/'))}:(\d+)", self.stack, re.MULTILINE)
        return int(found[1]) if found else None
