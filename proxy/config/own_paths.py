"""Paths of routes that hookpoint answers itself."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from hookpoint.proxy.config.section import refuse
from hookpoint.proxy.routes import Route, RouteError, RouteTable


def _check_path(path: str) -> str:
    try:
        RouteTable([Route(kind="own", path=path)])
    except RouteError as error:
        raise refuse(str(error), "Write /hookpoint/NAME, for example.") from None
    return path


OwnPath = Annotated[str, AfterValidator(_check_path)]
"""A path as it stands on the wire; an empty default is not looked at."""
