"""The story as text for a terminal, at most 100 columns wide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hookpoint.proxy.demo.configuration import HOOKS_FILE
from hookpoint.proxy.demo.hooks import PLAN
from hookpoint.proxy.demo.parts import WIDTH, answer, heading, scene, status, table_of
from hookpoint.proxy.demo.replies import Check, Reply
from hookpoint.proxy.demo.stage import Stage
from hookpoint.proxy.demo.story import OWN_CLAIMS, Story, Visit
from hookpoint.proxy.demo.users_page import user_commands, user_scenes

__all__ = ["WIDTH", "closing", "commands", "opening", "scenes", "verdict"]


def opening(stage: Stage) -> RenderableType:
    """Who is who, and where."""
    table = table_of("", "", "")
    table.add_row("hookpoint", Text(stage.public_url, "cyan"), "what clients see; the issuer of all tokens")
    table.add_row("OAuth server", Text(stage.upstream_url, "cyan"), "behind hookpoint; made with Authlib, has no hooks")
    table.add_row("API", Text(stage.api_url, "cyan"), "verifies tokens by the issuer's published keys")
    table.add_row("inbox", Text(stage.inbox_url, "cyan"), "text messages, mails, and what hooks have noted")
    return Group(heading("hookpoint: hooks in front of any OAuth server"), Padding(table, (0, 2)))


def scenes(story: Story) -> Iterator[RenderableType]:
    """What happened, scene by scene."""
    yield scene("1  Around hookpoint, there is no token", answer(story.around))
    yield scene("2  The same request, without and with hooks", _claims(story.plain, story.hooked))
    yield scene("3  What the API makes of both tokens", _visits(story.plain, story.hooked))
    yield scene("4  A suspended client is refused", answer(story.refused))
    yield from user_scenes(story.users)


def commands(stage: Stage) -> str:
    """Shell commands that make the requests of the story."""
    ask = "curl -sw '\\n' $ISSUER/oauth/token -d grant_type=client_credentials -u"
    return "\n".join(
        [
            f"ISSUER={stage.public_url} API={stage.api_url}",
            f"{ask} reporting:demo",
            f"{ask} dormant:demo",
            f"TOKEN=$({ask} reporting:demo |",
            """  sed 's/.*"access_token": *"//; s/".*//')""",
            '''curl -sw '\\n' $API/whoami -H "Authorization: Bearer $TOKEN"''',
            *user_commands(stage),
        ]
    )


def closing(stage: Stage) -> Text:
    """What to try next; to be printed with `soft_wrap`, so that lines can be pasted from a narrow terminal too."""
    lines = [Text(f"  {line}\n", "cyan") for line in commands(stage).splitlines()]
    files = Text.assemble(
        ("\n  The hooks: ", "dim"),
        str(HOOKS_FILE),
        ("\n  The configuration: ", "dim"),
        str(stage.configuration),
    )
    return Text.assemble(("\nTry it yourself\n", "bold"), *lines, files)


def verdict(checks: Sequence[Check]) -> RenderableType:
    """Each check on a line, and what was seen where one does not hold."""
    lines = []
    for each in checks:
        mark = ("✓ ", "green") if each.holds else ("✗ ", "bold red")
        lines.append(Text.assemble("  ", mark, each.claim, "" if each.holds else (f": seen {each.seen}", "red")))
    return Group(heading("As told?"), *lines)


def _claims(plain: Visit, hooked: Visit) -> RenderableType:
    table = table_of("", "claim", "without hooks", "with hooks")
    names = sorted((plain.claims.keys() | hooked.claims.keys()) - OWN_CLAIMS, key=lambda name: (name == PLAN, name))
    for name in names:
        before, after = plain.claims.get(name), hooked.claims.get(name)
        mark, style = _difference(before, after)
        table.add_row(Text(mark, style), Text(name, style), _value(before), Text.assemble((_value(after), style)))
    own = ", ".join(sorted(OWN_CLAIMS))
    return Group(table, Text(f"Each token has its own {own}.", "dim"))


def _difference(before: object, after: object) -> tuple[str, str]:
    if before == after:
        return " ", ""
    return ("+", "green") if before is None else ("-", "red") if after is None else ("~", "yellow")


def _value(value: object) -> str:
    return "" if value is None else str(value)


def _visits(plain: Visit, hooked: Visit) -> Table:
    table = table_of("request", "without hooks", "with hooks")
    rows: Mapping[str, tuple[Reply, Reply]] = {
        "GET /whoami   any good token": (plain.whoami, hooked.whoami),
        "GET /reports  needs reports:read": (plain.reports, hooked.reports),
        "GET /debug    needs debug": (plain.debug, hooked.debug),
    }
    for name, (before, after) in rows.items():
        table.add_row(name, status(before), status(after))
    return table
