"""The clients that a configuration names."""

from __future__ import annotations

from hookpoint.proxy.config import Settings
from hookpoint.proxy.flows.intercepted import Directory, KnownClient


def configured_directory(settings: Settings) -> Directory:
    """What `[clients]` says, for hooks to know."""
    return Directory(
        {
            client_id: KnownClient(name=client.name or "", metadata=client.metadata)
            for client_id, client in settings.clients.items()
        }
    )
