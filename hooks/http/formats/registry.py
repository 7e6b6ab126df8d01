"""All formats by name, and which of them has which point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hookpoint.hooks.http.formats.auth0 import AUTH0
from hookpoint.hooks.http.formats.format import Format
from hookpoint.hooks.http.formats.hookpoint import HOOKPOINT
from hookpoint.hooks.http.formats.hydra import HYDRA
from hookpoint.hooks.http.formats.okta import OKTA
from hookpoint.hooks.http.formats.supabase import SUPABASE
from hookpoint.hooks.http.formats.zitadel import ZITADEL

FORMATS: Final[Mapping[str, Format]] = {each.name: each for each in (HOOKPOINT, AUTH0, HYDRA, OKTA, SUPABASE, ZITADEL)}


def points_of(name: str) -> tuple[str, ...]:
    """The points that a format has, in their usual order."""
    return tuple(point.name for point in FORMATS[name].codecs)


def formats_of(point: str) -> tuple[str, ...]:
    """The formats that have a point."""
    return tuple(name for name in FORMATS if point in points_of(name))
