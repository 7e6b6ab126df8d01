"""Writes what the pages of docs/providers have from the code: the matrix of features, and each provider's settings.

With `--check` nothing is written; the exit code says whether a page is not what it should be.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from hookpoint.providers.loading import BUILT_IN, provider_type
from hookpoint.providers.message import KINDS
from hookpoint.providers.provider import Capabilities
from hookpoint.providers.settings import fields

PAGES = Path(__file__).parent
HEADINGS = ("What it can do", "Set-up", "Settings", "Errors", "Delivery reports")
"""Every provider's page has these, in this order."""

_PART = re.compile(r"<!-- generated: (\w+) -->\n.*?<!-- end -->", re.DOTALL)
_RECEIPTS = {"none": "none", "signed": "signed", "unsigned": "not signed", "session": "over its connection"}


def matrix() -> str:
    """One row for each provider."""
    columns = [
        "provider",
        "`type`",
        *KINDS,
        "senders",
        "reports",
        "writes the text",
        "repeat is safe",
        "drops late ones",
        "extra",
    ]
    rows = [_row(name, provider_type(name).capabilities) for name in BUILT_IN]
    return _table(columns, rows)


def settings(name: str) -> str:
    """The settings of one provider."""
    kind = provider_type(name).settings_type
    hints = get_type_hints(kind)
    rows = [
        [f"`{key}`", _type(hints[field.name]), _default(field), _description(field)]
        for key, field in fields(kind).items()
    ]
    return _table(["setting", "value", "default", "meaning"], rows) if rows else "None besides `type` and `name`."


def able(name: str) -> str:
    """The capabilities of one provider, in words."""
    found = provider_type(name).capabilities
    lines = [
        f"- kinds: {', '.join(kind for kind in KINDS if kind in found.kinds)}",
        f"- senders: {', '.join(sorted(found.senders)) or 'fixed by the vendor or the settings'}",
        f"- delivery reports: {_RECEIPTS[found.receipts]}",
    ]
    if found.max_characters:
        lines.append(f"- at most {found.max_characters} characters")
    if found.own_code:
        lines.append("- writes the text itself, from the code")
    if found.idempotent:
        lines.append("- a repeated `reference` is not sent twice")
    if found.extra:
        lines.append(f"- needs `pip install 'hookpoint[{found.extra}]'`")
    return "\n".join(lines)


def pages() -> Iterator[tuple[Path, str]]:
    """Each page with its generated parts as they should be."""
    parts = {"matrix": lambda _: matrix(), "settings": settings, "able": able}
    for path in sorted(PAGES.glob("*.md")):
        text = path.read_text(encoding="utf-8")

        def part(found: re.Match[str], name: str = path.stem) -> str:
            return f"<!-- generated: {found[1]} -->\n{parts[found[1]](name)}\n<!-- end -->"

        yield path, _PART.sub(part, text)


def _row(name: str, found: Capabilities) -> list[str]:
    return [
        f"[{name}]({name}.md)",
        f"`{name}`",
        *("yes" if kind in found.kinds else "" for kind in KINDS),
        ", ".join(sorted(found.senders)),
        _RECEIPTS[found.receipts] + (", not read" if name == "aws" else ""),
        "yes" if found.own_code else "",
        "yes" if found.idempotent else "",
        "yes" if found.validity else "",
        f"`{found.extra}`" if found.extra else "",
    ]


def _table(columns: list[str], rows: list[list[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _type(hint: Any) -> str:
    inner = [one for one in get_args(hint) if one is not type(None)]
    if get_origin(hint) is Literal:
        return ", ".join(f"`{one}`" for one in get_args(hint))
    if type(None) in get_args(hint):
        return _type(inner[0])
    names = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    return names.get(hint, "table" if get_origin(hint) is not tuple else "list")


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is dataclasses.MISSING:
        return "required"
    if field.default is None or field.default == "":
        return ""
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


def _description(field: dataclasses.Field[Any]) -> str:
    return str(field.metadata["description"]) + (" (secret)" if field.metadata["secret"] else "")


def main() -> int:
    """Write the pages, or check them."""
    stale = [(path, text) for path, text in pages() if path.read_text(encoding="utf-8") != text]
    if "--check" not in sys.argv[1:]:
        for path, text in stale:
            path.write_text(text, encoding="utf-8")
        return 0
    for path, _ in stale:
        sys.stderr.write(f"{path.name} is not current: python docs/providers/generate.py\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
