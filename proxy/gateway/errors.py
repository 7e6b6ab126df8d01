"""Why a call is not even tried.

GatewayError
├── Unauthenticated   the secret or signature is missing or wrong, or the signature too old
└── Malformed         not what the format sends

Texts may be shown to anybody: they name members and never repeat values.
"""

from __future__ import annotations

from typing import ClassVar


class GatewayError(Exception):
    """Base of the gateway's errors; `code` is stable, `status` that of HTTP."""

    code: ClassVar[str] = "gateway_error"
    status: ClassVar[int] = 500


class Unauthenticated(GatewayError):  # noqa: N818 - a verdict on the request
    """The call does not prove that it comes from a server that has one of the secrets; `detail` is for the log alone."""

    code = "unauthenticated"
    status = 401

    def __init__(self, detail: str) -> None:
        super().__init__("The request is not authenticated.")
        self.detail = detail


class Malformed(GatewayError):  # noqa: N818 - a verdict on the request
    """The call is not one that this format has."""

    code = "malformed"
    status = 400
