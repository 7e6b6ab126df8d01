"""Errors of starting and running the server."""

from __future__ import annotations

from typing import ClassVar


class ServerError(Exception):
    """The server cannot be run; the message is for the operator."""

    code: ClassVar[str] = "server_error"


class ListenError(ServerError):
    """An address cannot be listened on."""

    code: ClassVar[str] = "listen_failed"


class StartError(ServerError):
    """The application did not start; its own log says why."""

    code: ClassVar[str] = "start_failed"
