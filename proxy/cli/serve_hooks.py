"""`hookpoint hooks serve`: serve hooks to somebody else's server."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hookpoint.hooks import HookDefinitionError
from hookpoint.proxy.cli.configuration import ConfigOption, configuration_file, settings_of
from hookpoint.proxy.cli.serve import endpoint_of, parse_endpoint, request_limits
from hookpoint.proxy.config import ConfigurationError, load
from hookpoint.proxy.hook_server.app import HookServer, NothingToServe
from hookpoint.proxy.observability import configure_logging, exposition
from hookpoint.proxy.server import Product, ServerError, Serving, ServingStatus, StartError, create_admin

if TYPE_CHECKING:
    from starlette.types import ASGIApp


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Makes the application in a serving process; the configuration is read anew in each."""

    path: Path | None

    def __call__(self) -> HookServer:
        """Return the application; StartError says what it cannot be made of."""
        try:
            return HookServer(load(self.path))
        except (ConfigurationError, HookDefinitionError, NothingToServe) as error:
            raise StartError(str(error)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class HooksAdmin:
    """Makes the admin application that goes with it; `host` is where it was told to listen."""

    host: str

    def __call__(self, app: ASGIApp, status: ServingStatus) -> ASGIApp:
        """Return the application."""
        assert isinstance(app, HookServer)
        return create_admin(
            not_ready=status.not_ready,
            exposition=partial(exposition, app.metrics.registry),
            allowed_hosts=[self.host],
        )


def serve_hooks(
    context: typer.Context,
    config: ConfigOption = None,
    listen: Annotated[
        str | None, typer.Option("--listen", metavar="HOST:PORT", help="Listen here instead of hook_server.listen.")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, max=256, help="Processes.")] = 1,
) -> None:
    """Serve the hooks to another server, in its own format, until told to stop (SIGTERM, or Ctrl+C)."""
    settings = settings_of(context, config)
    path = configuration_file(context, config)
    section = settings.hook_server
    serving = Serving(
        product=Product(
            app_factory=Hooks(path=None if path is None else path.absolute()),
            admin_factory=HooksAdmin(host=section.admin_listen.host),
            prepare=partial(configure_logging, settings.log.level, settings.log.format),
            limits=request_limits(settings.limits),
            drain_timeout=settings.limits.drain_timeout,
        ),
        listen=endpoint_of(section.listen) if listen is None else parse_endpoint(listen),
        admin_listen=endpoint_of(section.admin_listen),
        workers=workers,
    )
    try:
        serving.run()
    except ServerError as error:
        typer.echo(f"hookpoint: {error}", err=True)
        raise typer.Exit(1) from None
