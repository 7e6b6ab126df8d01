"""Settings that every provider over HTTP has."""

from __future__ import annotations

from dataclasses import dataclass

from hookpoint.providers.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """Time limits in seconds, and a proxy."""

    timeout: float = setting("limit of the whole call in seconds", default=10.0)
    connect_timeout: float = setting("limit for reaching the vendor in seconds", default=3.0)
    proxy: str | None = setting("address of an HTTP proxy; the environment is never read", default=None)

    def __post_init__(self) -> None:
        if self.timeout <= 0 or self.connect_timeout <= 0:
            raise ValueError("'timeout' and 'connect_timeout' must be positive")
