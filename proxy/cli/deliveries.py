"""`hookpoint hooks deliveries`: what hooks that run after the answer have had, and what they have not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.text import Text

from hookpoint.hooks import POINTS, HookDefinitionError, Registry
from hookpoint.hooks.deliveries import MIGRATIONS, PART, NoIntent, PayloadUnreadable
from hookpoint.hooks.deliveries.payload import Codec
from hookpoint.hooks.deliveries.register import STATES, DeliveryRegister, Entry
from hookpoint.hooks.wire import event_to_json
from hookpoint.proxy.cli.configuration import ConfigOption, settings_of
from hookpoint.proxy.config import Settings
from hookpoint.proxy.configured_hooks import configured_hooks
from hookpoint.proxy.deliveries import event_sealer
from hookpoint.proxy.store import StoreError, StoreUrlInvalid, open_store

T = TypeVar("T")
_POINTS = tuple(name for name, point in POINTS.items() if not point.blocking)


def _known_states(names: list[str] | None) -> list[str]:
    for name in names or ():
        if name not in STATES:
            raise typer.BadParameter(f"{name!r} is no state; there are {', '.join(STATES)}")
    return names or []


def _known_point(name: str | None) -> str | None:
    if name is not None and name not in _POINTS:
        raise typer.BadParameter(f"{name!r} has no deliveries; there are {', '.join(_POINTS)}")
    return name


StateOption = Annotated[
    list[str] | None, typer.Option("--state", callback=_known_states, help="Only those in this state, or these.")
]
HookOption = Annotated[str | None, typer.Option("--hook", metavar="NAME", help="Only those of this hook.")]
PointOption = Annotated[
    str | None, typer.Option("--point", callback=_known_point, help="Only those of this extensibility point.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
EventArgument = Annotated[str, typer.Argument(metavar="EVENT", help="The id of an event, as the list shows it.")]

deliveries = typer.Typer(
    name="deliveries",
    help="See and repeat what is delivered to hooks that run after the answer.",
    no_args_is_help=True,
)


@deliveries.command("list")
def list_deliveries(
    context: typer.Context,
    state: StateOption = None,
    hook: HookOption = None,
    point: PointOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many at most.")] = 1000,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show deliveries, oldest first, and calls to the server whose outcome is open, unknown or was found to be a refusal."""

    async def read(register: DeliveryRegister) -> None:
        entries = await register.entries(states=state or (), hook=hook, point=point, limit=limit)
        if as_json:
            typer.echo(json.dumps([_members(entry) for entry in entries], indent=2))
            return
        if not entries:
            typer.echo("There are none.")
            return
        rows = [("event", "point", "hook", "state", "attempts", "began", "next", "last error"), *map(_cells, entries)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for row in rows:
            typer.echo("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())

    _run(settings_of(context, config), read)


@deliveries.command("show")
def show(
    context: typer.Context, event: EventArgument, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Show an event as its hooks are given it, and what became of each delivery; it names a user."""

    async def read(register: DeliveryRegister) -> None:
        entries = await register.entries(event_id=event)
        found = await register.event(event)
        if found is None:
            _fail(f"there is no event {event}", "The list shows the ids of all that are kept.")
        members = {"event": event_to_json(found), "deliveries": [_members(entry) for entry in entries]}
        if as_json:
            typer.echo(json.dumps(members, indent=2, ensure_ascii=False))
            return
        typer.echo(json.dumps(members["event"], indent=2, ensure_ascii=False))
        for entry in entries:
            head = (
                f"{entry.hook or entry.point}: {entry.state}, attempts {entry.attempts}, since {_when(entry.changed)}"
            )
            typer.echo(head + (f", next {_when(entry.due)}" if entry.due else ""))
            if entry.error:
                typer.echo(f"  {entry.error}")

    _run(settings_of(context, config), read)


@deliveries.command("replay")
def replay(
    context: typer.Context,
    event: Annotated[str | None, typer.Argument(metavar="EVENT", help="The id of an event.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All dead deliveries.")] = False,
    hook: HookOption = None,
    done: Annotated[bool, typer.Option("--done", help="Also deliveries of the event that are done.")] = False,
    config: ConfigOption = None,
) -> None:
    """Make dead deliveries due again, with all their attempts; a running server takes them up."""
    if (event is None) is not every:
        raise typer.BadParameter("name an event, or say --all")
    if done and event is None:
        raise typer.BadParameter("--done is for one event")

    async def write(register: DeliveryRegister) -> int:
        return await register.replay(event_id=event, hook=hook, done=done)

    count = _run(settings_of(context, config), write)
    if not count and event is not None:
        _fail(f"there is nothing to repeat of the event {event}", "The list shows what is dead: list --state dead.")
    typer.echo(f"{count} {'delivery is' if count == 1 else 'deliveries are'} due again.")


@deliveries.command("resolve")
def resolve(
    context: typer.Context,
    event: EventArgument,
    happened: Annotated[
        bool, typer.Option("--happened/--refused", help="Whether the server did what it was asked.", show_default=False)
    ],
    user_id: Annotated[
        str | None, typer.Option("--user-id", metavar="ID", help="The user's id, which the call did not tell.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Say what became of a call whose outcome is unknown: it happened, and its hooks run; or the server refused it."""

    async def write(register: DeliveryRegister) -> bool:
        return await register.resolve(event, happened=happened, user_id=user_id)

    if not _run(settings_of(context, config), write):
        _fail(f"the outcome of the event {event} is not unknown", "The list shows those: list --state unknown.")
    typer.echo("Its hooks are due." if happened else "No hook will run for it.")


def _run(settings: Settings, work: Callable[[DeliveryRegister], Awaitable[T]]) -> T:
    async def run() -> T:
        async with _opened(settings) as register:
            return await work(register)

    try:
        return asyncio.run(run())
    except HookDefinitionError as error:
        _fail(f"{error.source}: {error.reason}", error.remedy)
    except NoIntent as error:
        _fail(str(error), "The list shows the ids of all that are kept.")
    except PayloadUnreadable as error:
        _fail(str(error), "Nothing was changed.")
    except StoreError as error:
        _fail(str(error), "Nothing was changed. Check store.url and the database behind it.")


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[DeliveryRegister]:
    if settings.store.in_memory:
        raise StoreUrlInvalid("the store is in memory: its deliveries are in the running server only")
    registry = Registry(configured_hooks(settings.hooks, settings))
    store = await open_store(settings.store.url.get_secret_value(), connections=1, timeout=settings.store.timeout)
    try:
        await store.migrate(PART, MIGRATIONS)
        yield DeliveryRegister(store, registry, codec=Codec(event_sealer(settings)))
    finally:
        await store.aclose()


def _cells(entry: Entry) -> tuple[str, ...]:
    due = "" if entry.due is None else _when(entry.due)
    began = _when(entry.began)
    return (entry.event_id, entry.point, entry.hook, entry.state, str(entry.attempts), began, due, entry.error)


def _members(entry: Entry) -> dict[str, Any]:
    return {
        "event": entry.event_id,
        "point": entry.point,
        "hook": entry.hook,
        "state": entry.state,
        "attempts": entry.attempts,
        "began": entry.began.isoformat(),
        "changed": entry.changed.isoformat(),
        "next": None if entry.due is None else entry.due.isoformat(),
        "error": entry.error,
    }


def _when(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _fail(reason: str, remedy: str) -> NoReturn:
    console = Console(stderr=True)
    console.print(Text(f"✗ {reason}", style="bold red"), soft_wrap=True)
    console.print(Text(f"  → {remedy}", style="green"), soft_wrap=True)
    raise typer.Exit(1)
