"""`hookpoint keys`: the keys that tokens are signed with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.text import Text

from hookpoint.proxy.cli.configuration import ConfigOption, settings_of
from hookpoint.proxy.config import Settings
from hookpoint.proxy.keys import open_keys
from hookpoint.proxy.store import StoreError, StoreUnavailable, open_store
from hookpoint.proxy.tokens.algorithms import ALGORITHMS
from hookpoint.proxy.tokens.errors import SigningKeyError
from hookpoint.proxy.tokens.key_schedule import KeyTimes, Phase
from hookpoint.proxy.tokens.private_keys import read_keys
from hookpoint.proxy.tokens.publishing import published_jwks
from hookpoint.proxy.tokens.signing_keys import SigningKeys

T = TypeVar("T")
_WIDTHS = (43, 9, 10, 20, 0)
_NEXT = {"pending": "signs from", "active": "signs until", "retired": "published until", "removed": ""}

keys = typer.Typer(
    name="keys", help="See, rotate and import the keys that tokens are signed with.", no_args_is_help=True
)


def _known_algorithm(name: str | None) -> str | None:
    if name is not None and name not in ALGORITHMS:
        raise typer.BadParameter(f"{name!r} is no algorithm; there are {', '.join(ALGORITHMS)}")
    return name


@keys.command("list")
def list_keys(context: typer.Context, config: ConfigOption = None) -> None:
    """Show all keys with their states."""

    async def read(opened: SigningKeys) -> None:
        given = [(kid, algorithm, "configured", "", "") for algorithm, kid in opened.given.items()]
        stored = [
            (times.kid, times.algorithm, phase.state, _when(phase.since), _next(phase))
            for times, phase in opened.overview()
        ]
        if not given and not stored:
            typer.echo("There are no keys yet. Each is made when it is first needed.")
            return
        # Lines rather than a table that is cut to the width of the terminal: kids are copied from here.
        for cells in [("kid", "algorithm", "state", "since", "next change"), *given, *stored]:
            typer.echo("  ".join(f"{cell:{width}}" for cell, width in zip(cells, _WIDTHS, strict=True)).rstrip())

    _run(settings_of(context, config), read)


@keys.command("rotate")
def rotate(
    context: typer.Context,
    algorithm: Annotated[
        str | None,
        typer.Argument(callback=_known_algorithm, help="Which key to replace; all stored ones if left out."),
    ] = None,
    now: Annotated[
        bool,
        typer.Option("--now", help="Sign with the new key at once; verifiers that keep key sets refuse its tokens."),
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Make the next key; it signs when all verifiers had time to learn of it."""
    settings = settings_of(context, config)

    async def make(opened: SigningKeys) -> Sequence[KeyTimes]:
        stored = dict.fromkeys(times.algorithm for times, _ in opened.overview())
        chosen = [algorithm] if algorithm else [each for each in stored if each not in opened.given]
        if not chosen:
            raise SigningKeyError("there is no stored key to rotate; one is made when it is first needed")
        return [await opened.rotate(each, at_once=now) for each in chosen]

    for made in _run(settings, make):
        typer.echo(f"{made.kid} for {made.algorithm} signs from {_when(made.active_at)}.")
    if now:
        _print(
            f"! Verifiers that fetched the keys in the last {settings.tokens.key_publish_delay:g} seconds may refuse new "
            "tokens until they fetch them again. Running servers take up to a minute to change.",
            "yellow",
        )


@keys.command("import")
def import_key(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A private key as PEM, JWK or JWK set; '-' reads the standard input.")],
    algorithm: Annotated[
        str | None,
        typer.Option("--algorithm", callback=_known_algorithm, help="What the key signs, where it does not say."),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Store a private key; it signs when all verifiers had time to learn of it."""
    settings = settings_of(context, config)
    try:
        data = typer.get_binary_stream("stdin").read() if str(file) == "-" else file.read_bytes()
        found = read_keys(data, algorithm)
    except OSError as error:
        _fail(f"{file}: {error.strerror}", "Name a file with a private key.")
    except SigningKeyError as error:
        _fail(f"{file}: {error}", "Give a private key as PEM, JWK or JWK set.")

    async def store(opened: SigningKeys) -> Sequence[KeyTimes]:
        return [await opened.add(key) for key in found]

    for times in _run(settings, store):
        typer.echo(f"{times.kid} for {times.algorithm} signs from {_when(times.active_at)}.")


@keys.command("export-public")
def export_public(context: typer.Context, config: ConfigOption = None) -> None:
    """Print the public halves of hookpoint's own keys as a JWK set."""

    async def read(opened: SigningKeys) -> bytes:
        return published_jwks(await opened.jwks_to_publish(), (), "exclusive")

    typer.echo(_run(settings_of(context, config), read))


def _run(settings: Settings, work: Callable[[SigningKeys], Coroutine[None, None, T]]) -> T:
    async def run() -> T:
        async with _opened(settings) as opened:
            return await work(opened)

    try:
        return asyncio.run(run())
    except StoreUnavailable as error:
        _fail(str(error), "Nothing was changed. Check store.url and the database behind it.")
    except (StoreError, SigningKeyError) as error:
        _fail(str(error), "Nothing was changed.")


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[SigningKeys]:
    if settings.store.in_memory:
        raise SigningKeyError("the store is in memory: its keys are in the running server only")
    store = await open_store(settings.store.url.get_secret_value(), connections=1, timeout=settings.store.timeout)
    try:
        opened = await open_keys(settings, store)
        try:
            await opened.prepare()
            yield opened
        finally:
            await opened.aclose()
    finally:
        await store.aclose()


def _next(phase: Phase) -> str:
    return "" if phase.until is None else f"{_NEXT[phase.state]} {_when(phase.until)}"


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _print(text: str, style: str) -> None:
    Console(stderr=True).print(Text(text, style=style), soft_wrap=True)


def _fail(reason: str, remedy: str) -> NoReturn:
    _print(f"✗ {reason}", "bold red")
    _print(f"  → {remedy}", "green")
    raise typer.Exit(1)
