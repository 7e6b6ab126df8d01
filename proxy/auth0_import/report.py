"""IMPORT.md: what an import made, and what is left for a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from hookpoint.proxy.auth0_import.configuration import CONFIGURATION, SECRETS
from hookpoint.proxy.auth0_import.keywords import keywords_in

if TYPE_CHECKING:
    from hookpoint.proxy.auth0_import.findings import Finding
    from hookpoint.proxy.auth0_import.planning import Plan


def report(plan: Plan, files: Mapping[str, str]) -> str:
    """The report on a plan and the files made of it, as Markdown."""
    return "\n".join(_report(plan, files)) + "\n"


def placeholders(files: Mapping[str, str]) -> Mapping[str, Sequence[str]]:
    """The Deploy CLI's placeholders that are in the files, with their places as `file:line`."""
    found: dict[str, list[str]] = {}
    for name, text in files.items():
        for keyword, line in keywords_in(text):
            found.setdefault(keyword, []).append(f"{name}:{line}")
    return dict(sorted(found.items()))


def _report(plan: Plan, files: Mapping[str, str]) -> Iterator[str]:
    active = [hook for hook in plan.hooks if not hook.inactive]
    inactive = [hook for hook in plan.hooks if hook.inactive]
    yield "# Import from Auth0"
    yield ""
    yield f"Hooks and Actions of `{plan.place}`, as `{CONFIGURATION}` runs them. Scripts are unchanged."
    yield from _table("Runs", ("point", "hook", "was", "script"), [(h.trigger, h.name, h.kind, h.path) for h in active])
    rows: list[tuple[str, ...]] = [(h.trigger, h.name, h.kind, h.inactive) for h in inactive]
    yield from _table("Commented out", ("point", "hook", "was", "because"), rows)
    yield from _list("To decide", [finding for finding in plan.findings if finding.verdict == "decide"])
    yield from _list("Does not work", [finding for finding in plan.findings if finding.verdict == "cannot"])
    rows = [(h.name, f"`{name}`", f"`{variable}`") for h in plan.hooks for name, variable in h.secrets.items()]
    yield from _table(f"Secrets, to be filled in ({SECRETS})", ("hook", "secret", "variable"), rows)
    rows = [(keyword, ", ".join(places)) for keyword, places in placeholders(files).items()]
    yield from _table("Placeholders of the Deploy CLI, to be replaced", ("placeholder", "where"), rows)
    rows = [(folder, name, version) for folder, needed in plan.packages.items() for name, version in needed.items()]
    yield from _table("Packages, to be installed with npm in each folder", ("folder", "package", "version"), rows)


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if not rows:
        return
    yield from ("", f"## {title}", "", _row(head), _row(["---"] * len(head)))
    yield from map(_row, rows)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _list(title: str, findings: Sequence[Finding]) -> Iterator[str]:
    if findings:
        yield from ("", f"## {title}", "")
        yield from (f"- {finding}" for finding in findings)
