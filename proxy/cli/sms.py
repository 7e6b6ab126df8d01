"""`hookpoint sms`: send a message, see what became of one, and read what the providers for development keep."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, NoReturn, TypeVar, cast

import typer
from rich.console import Console
from rich.text import Text

from hookpoint.hooks import Chain, Client, HookDefinitionError, Registry
from hookpoint.providers.message import KINDS, Kind
from hookpoint.providers.vendors.file import File, Stored, read_inbox
from hookpoint.proxy.cli.configuration import ConfigOption, print_problems, settings_of
from hookpoint.proxy.config import ConfigurationError, Settings
from hookpoint.proxy.configured_hooks import configured_hooks
from hookpoint.proxy.observability import Metrics, configure_logging, new_registry
from hookpoint.proxy.sms.composition import PhoneMessages
from hookpoint.proxy.sms.configured import configured_providers
from hookpoint.proxy.sms.request import DeliveryRequest
from hookpoint.proxy.sms.results import DeliveryResult, Denied, Failed, Refused, Sent, SentByHook, TestNumberUsed
from hookpoint.proxy.store import StoreError, open_store

T = TypeVar("T")

sms = typer.Typer(name="sms", help="Send phone messages, and see those that were sent.", no_args_is_help=True)


def _known_kind(kind: str) -> str:
    if kind not in KINDS:
        raise typer.BadParameter(f"{kind!r} is no kind of message; there are {', '.join(KINDS)}")
    return kind


@sms.command("send")
def send(
    context: typer.Context,
    number: Annotated[
        str, typer.Argument(help="The phone number; with its country, unless sms.default_region is set.")
    ],
    text: Annotated[str | None, typer.Option("--text", help="The whole text.")] = None,
    code: Annotated[str | None, typer.Option("--code", help="A code, for the configured text.")] = None,
    kind: Annotated[str, typer.Option("--kind", callback=_known_kind, help="sms, voice or whatsapp.")] = "sms",
    purpose: Annotated[str, typer.Option("--purpose", help="What the message is for.")] = "",
    language: Annotated[str, typer.Option("--language", help="The language of the text, as in pt-BR.")] = "",
    client: Annotated[str | None, typer.Option("--client", help="The id of a client.")] = None,
    provider: Annotated[str | None, typer.Option("--provider", help="One provider, instead of the routes.")] = None,
    config: ConfigOption = None,
) -> None:
    """Send one message as a server's would be sent: limits, hooks, routes, providers; exit 1 when it is not sent."""
    settings = settings_of(context, config)
    if not text and not code:
        raise typer.BadParameter("write --text or --code", param_hint="--text")
    if provider is not None:
        _provider_exists(settings, provider)
    request = DeliveryRequest(
        recipient=number,
        text=text,
        code=code,
        kind=cast("Kind", kind),
        purpose=purpose,
        language=language,
        client=None if client is None else Client(id=client),
        provider=provider,
    )
    result = _run(settings, lambda messages: messages.deliver(request, deadline=settings.sms.deadline * 2))
    said, sent = _said(result)
    if not sent:
        _fail(said, "The log above says more." if isinstance(result, Failed) else "Nothing was sent.")
    typer.echo(said)


@sms.command("status")
def status(
    context: typer.Context,
    id: Annotated[str, typer.Argument(metavar="ID", help="The id that the provider gave the message.")],  # noqa: A002
    provider: Annotated[
        str | None, typer.Option("--provider", help="Whose id it is; any provider's if left out.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Show what is known of a message that was sent; exit 1 when nothing is."""
    settings = settings_of(context, config)
    if provider is not None:
        _provider_exists(settings, provider)
    names = [each.name for each in settings.sms.providers if provider in (None, each.name)]

    async def look(messages: PhoneMessages) -> str | None:
        for name in names:
            if record := await messages.find(name, id):
                reason = f" ({record.provider_code})" if record.provider_code else ""
                times = f"sent {_when(record.sent_at)}, last heard of {_when(record.updated_at)}"
                return f"{record.status.value}{reason}: {record.kind} by {name} to {record.country}, {times}"
        return None

    found = _run(settings, look)
    if found is None:
        _fail("no message with this id is known", f"Messages are remembered for {settings.sms.keep_days} days.")
    typer.echo(found)


@sms.command("inbox")
def inbox(
    context: typer.Context,
    last: Annotated[int, typer.Option("--last", min=1, help="How many messages, the newest at the end.")] = 20,
    code: Annotated[
        bool, typer.Option("--code", help="Print the code of the newest message and nothing else.")
    ] = False,
    provider: Annotated[str | None, typer.Option("--provider", help="Only those of this provider.")] = None,
    config: ConfigOption = None,
) -> None:
    """Show messages that providers of type file keep instead of sending them: for development."""
    settings = settings_of(context, config)
    if provider is not None:
        _provider_exists(settings, provider)
    stored = _stored(settings, provider)
    if code:
        newest = next((each.code for each in reversed(stored) if each.code), None)
        if newest is None:
            _fail("no message with a code has come yet", "Ask your server for one.")
        typer.echo(newest)
        return
    if not stored:
        typer.echo("No message has come yet.")
    for each in stored[-last:]:
        typer.echo(f"{each.at[:19].replace('T', ' ')}  {each.kind} to {each.recipient}")
        typer.echo("".join(f"    {line}\n" for line in each.text.splitlines()), nl=False)


def _stored(settings: Settings, provider: str | None) -> list[Stored]:
    files = [each for each in _providers(settings).values() if isinstance(each, File)]
    if not files:
        _fail(
            "no provider keeps its messages",
            'Add [[sms.providers]] with type = "file" and path = "inbox.jsonl". Those of console are printed by hookpoint serve.',
        )
    stored = [message for each in files if provider in (None, each.name) for message in read_inbox(each.path)]
    return sorted(stored, key=lambda message: message.at)


def _providers(settings: Settings) -> dict[str, object]:
    try:
        return dict(configured_providers(settings))
    except ConfigurationError as error:
        _broken(error)


def _provider_exists(settings: Settings, name: str) -> None:
    known = [each.name for each in settings.sms.providers]
    if name not in known:
        raise typer.BadParameter(f"there is no provider {name!r}; there are {', '.join(known) or 'none'}")


def _said(result: DeliveryResult) -> tuple[str, bool]:
    match result:
        case Sent(provider=provider, id=id_, status=status_, kind=kind):
            return f"{kind} sent by {provider}: {status_.value}, id {id_}", True
        case SentByHook(id=id_):
            return "sent by a hook" + (f", id {id_}" if id_ else ""), True
        case TestNumberUsed():
            return "a test number: nothing is sent to it", True
        case Denied(code=code, public=public):
            return f"a hook denied it: {code}: {public}", False
        case Refused(code=code, public=public, retry_after=wait) | Failed(code=code, public=public, retry_after=wait):
            return f"{code}: {public}" + (f" In {wait:.0f} s." if wait else ""), False


def _run(settings: Settings, work: Callable[[PhoneMessages], Awaitable[T]]) -> T:
    async def run() -> T:
        async with _opened(settings) as messages:
            return await work(messages)

    configure_logging("warning", "console")
    try:
        return asyncio.run(run())
    except ConfigurationError as error:
        _broken(error)
    except HookDefinitionError as error:
        _fail(f"{error.source}: {error.reason}", error.remedy)
    except StoreError as error:
        _fail(str(error), "Check store.url and the database behind it.")


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[PhoneMessages]:
    registry = Registry(configured_hooks(settings.hooks, settings))
    chain = Chain(registry, timeout=settings.limits.hook_timeout, total_timeout=settings.limits.hooks_timeout)
    messages = PhoneMessages(settings, chain=chain, metrics=Metrics(new_registry()))
    store = await open_store(
        settings.store.url.get_secret_value(),
        connections=settings.store.connections,
        timeout=settings.store.timeout,
    )
    try:
        await registry.start()
        await messages.start(store)
        yield messages
    finally:
        await messages.aclose()
        await registry.aclose()
        await store.aclose()


def _when(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _broken(error: ConfigurationError) -> NoReturn:
    print_problems(Console(stderr=True), error.problems)
    raise typer.Exit(1) from None


def _fail(reason: str, remedy: str) -> NoReturn:
    console = Console(stderr=True)
    console.print(Text(f"✗ {reason}", style="bold red"), soft_wrap=True)
    console.print(Text(f"  → {remedy}", style="green"), soft_wrap=True)
    raise typer.Exit(1)
