"""Section [clients]: what hooks should know of the clients."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, Field

from hookpoint.proxy.config.secrets import read_file
from hookpoint.proxy.config.section import Section, refuse

if TYPE_CHECKING:
    from pydantic import ValidationInfo


class ClientSettings(Section):
    """What hooks see of one client besides its id; `clients = "file:clients.json"` reads the same from a JSON object."""

    name: str | None = Field(default=None, examples=["Reporting job"])
    """The name for people, as `event.client.name`."""

    metadata: Mapping[str, str] = Field(default_factory=dict, examples=[{"plan": "gold"}])
    """Text by name, as `event.client.metadata`."""


def _read_clients(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str):
        return value
    form, _, path = value.partition(":")
    if form != "file" or not path:
        raise refuse("expected tables [clients.ID], or the name of a file", 'Write clients = "file:clients.json".')
    try:
        clients = json.loads(read_file(path, info))
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise refuse(f"{path} is not JSON: {error.msg} at {where}", "Correct the file.") from None
    if not isinstance(clients, dict):
        raise refuse(f"{path} does not hold an object", 'Write {"client-id": {"name": "…", "metadata": {…}}}.')
    return clients


Clients = Annotated[Mapping[str, ClientSettings], BeforeValidator(_read_clients)]
