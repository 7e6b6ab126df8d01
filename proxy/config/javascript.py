"""Section [javascript]: what runs scripts, and how they are judged."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hookpoint.proxy.config.section import Section


class JavaScriptSettings(Section):
    """What hooks in JavaScript have in common."""

    node: str | None = Field(default=None, min_length=1, examples=["/usr/bin/node"])
    """Node.js 20 or newer. Default: the one on the path, else the one that `hookpoint[javascript]` brings."""

    deno: str | None = Field(default=None, min_length=1, examples=["/usr/local/bin/deno"])
    """Deno. Default: the one on the path, else the one of the pip package `deno`."""

    claims: Literal["any", "namespaced"] = "any"
    """Claims that scripts may set: `any` but the names that Auth0 reserves, or, as before 28 July 2022, only names that are URLs."""
