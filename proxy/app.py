"""The reverse proxy: the middleware around an upstream."""

from __future__ import annotations

import ssl

from hookpoint.proxy.config import ConfigurationError, Problem, Settings
from hookpoint.proxy.middleware import HookpointMiddleware
from hookpoint.proxy.observability import Metrics, new_registry
from hookpoint.proxy.upstream import ExchangeRecord, Limits, Timeouts, Upstream


def create_app(settings: Settings, *, metrics: Metrics | None = None) -> HookpointMiddleware:
    """Compose the reverse proxy of a configuration, an ASGI application with a lifespan.

    Raises ConfigurationError when there is no upstream or its certificates cannot be read, HookDefinitionError for a hook that
    cannot be used.
    """
    metrics = metrics or Metrics(new_registry())
    upstream = create_upstream(settings, metrics)
    return HookpointMiddleware(upstream, config=settings, metrics=metrics)


def create_upstream(settings: Settings, metrics: Metrics) -> Upstream:
    """The upstream of a configuration."""
    configured, limits = settings.upstream, settings.limits
    if configured.url is None:
        raise ConfigurationError(
            [
                Problem(
                    key="upstream.url",
                    value="",
                    reason="a reverse proxy needs to know where the server is",
                    remedy='Write url = "http://127.0.0.1:3000", for example.',
                )
            ]
        )
    secret = configured.secret_header

    def observe(record: ExchangeRecord) -> None:
        metrics.upstream(record.seconds if record.seconds_to_head is None else record.seconds_to_head, record.outcome)
        state = upstream.pool
        metrics.upstream_connections("active", state.active)
        metrics.upstream_connections("idle", state.idle)

    upstream = Upstream(
        configured.url,
        secret_header=None if secret is None else (secret.name, secret.value.get_secret_value()),
        reuse=configured.reuse,
        trusted_proxies=[str(network) for network in settings.server.trusted_proxies],
        timeouts=Timeouts(
            connect=limits.connect_timeout,
            header=limits.upstream_header_timeout,
            idle=limits.idle_timeout,
            keepalive=configured.keepalive_expiry,
        ),
        limits=Limits(
            connections=limits.upstream_connections,
            queue=limits.upstream_queue,
            header_count=limits.header_count,
            header_bytes=limits.header_bytes,
        ),
        ssl_context=_ssl_context(settings),
        on_exchange=observe,
    )
    return upstream


def _ssl_context(settings: Settings) -> ssl.SSLContext | None:
    if settings.upstream.ca_file is None:
        return None
    try:
        return ssl.create_default_context(cafile=settings.upstream.ca_file)
    except (ssl.SSLError, OSError) as error:
        raise ConfigurationError(
            [
                Problem(
                    key="upstream.ca_file",
                    value=str(settings.upstream.ca_file),
                    reason=f"the certificates cannot be read: {error}",
                    remedy="Name a PEM file with the certificates to trust.",
                )
            ]
        ) from None
