"""`hookpoint serve`: run the reverse proxy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hookpoint.hooks import HookDefinitionError
from hookpoint.proxy.cli.configuration import ConfigOption, configuration_file, settings_of
from hookpoint.proxy.config import Address, ConfigurationError, LimitSettings, load
from hookpoint.proxy.dialects import DialectError
from hookpoint.proxy.observability import configure_logging, exposition
from hookpoint.proxy.server import (
    Endpoint,
    Product,
    RequestLimits,
    ServerError,
    Serving,
    ServingStatus,
    StartError,
    create_admin,
)
from hookpoint.proxy.upstream import ClientGone, UpstreamError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from hookpoint.proxy.middleware import HookpointMiddleware


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """Makes the reverse proxy in a serving process; the configuration is read anew in each."""

    path: Path | None

    def __call__(self) -> HookpointMiddleware:
        """Return the application; StartError says what it cannot be made of."""
        from hookpoint.proxy.app import create_app

        try:
            return create_app(load(self.path, proxy=True))
        except (ConfigurationError, DialectError, HookDefinitionError) as error:
            raise StartError(str(error)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Admin:
    """Makes the admin application that goes with a reverse proxy; `host` is where it was told to listen."""

    host: str

    def __call__(self, app: ASGIApp, status: ServingStatus) -> ASGIApp:
        """Return the application."""
        from hookpoint.proxy.middleware import HookpointMiddleware

        assert isinstance(app, HookpointMiddleware)

        def not_ready() -> list[str]:
            reason = app.runtime.not_ready
            return [*status.not_ready(), *([reason] if reason else [])]

        return create_admin(
            not_ready=not_ready, exposition=partial(exposition, app.metrics.registry), allowed_hosts=[self.host]
        )


def serve(
    context: typer.Context,
    config: ConfigOption = None,
    listen: Annotated[
        str | None, typer.Option("--listen", metavar="HOST:PORT", help="Listen here instead of server.listen.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, max=256, help="Processes, instead of server.workers.")
    ] = None,
) -> None:
    """Run the reverse proxy until it is told to stop (SIGTERM, or Ctrl+C)."""
    settings = settings_of(context, config, proxy=True)
    path = configuration_file(context, config)
    server, limits = settings.server, settings.limits
    prepare = partial(configure_logging, settings.log.level, settings.log.format)
    product = Product(
        app_factory=Proxy(path=None if path is None else path.absolute()),
        admin_factory=Admin(host=server.admin_listen.host),
        prepare=prepare,
        limits=request_limits(limits),
        drain_timeout=limits.drain_timeout,
        expected_failures=(UpstreamError, ClientGone),
    )
    serving = Serving(
        product=product,
        listen=endpoint_of(server.listen) if listen is None else parse_endpoint(listen),
        admin_listen=endpoint_of(server.admin_listen),
        workers=workers or server.workers,
    )
    try:
        serving.run()
    except ServerError as error:
        typer.echo(f"hookpoint: {error}", err=True)
        raise typer.Exit(1) from None


def request_limits(limits: LimitSettings) -> RequestLimits:
    """Return the part of the configured limits that the server itself keeps."""
    return RequestLimits(
        target_bytes=limits.target_bytes,
        header_count=limits.header_count,
        header_bytes=limits.header_bytes,
        header_timeout=limits.client_header_timeout,
        send_timeout=limits.idle_timeout,
    )


def parse_endpoint(text: str) -> Endpoint:
    """Return the address of `host:port`, IPv6 in brackets; typer.BadParameter when it is none."""
    host, separator, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not separator or not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise typer.BadParameter("expected HOST:PORT, for example 127.0.0.1:8080 or [::1]:8080")
    if ":" in host and not bracketed:
        raise typer.BadParameter("an IPv6 address needs brackets, as in [::1]:8080")
    return Endpoint(host[1:-1] if bracketed else host, int(port))


def endpoint_of(address: Address) -> Endpoint:
    """Return a configured address as one to listen on."""
    return Endpoint(address.host, address.port)
