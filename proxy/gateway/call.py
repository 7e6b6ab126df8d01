"""One request to the gateway, and reading what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from hookpoint.hooks.json import FrozenDict, JsonValue
from hookpoint.proxy.gateway.errors import Malformed

_MAX_NUMBER: Final = 64
_MAX_CODE: Final = 64
_MAX_TEXT: Final = 1600


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Call:
    """A request before anything of it is believed; `at` is when it came, in seconds since 1970."""

    headers: Sequence[tuple[bytes, bytes]]
    body: bytes
    at: float

    def header(self, name: str) -> str | None:
        """The value of a header field; None when it is absent, or there more than once and so means nothing."""
        wanted = name.lower().encode()
        values = [value for each, value in self.headers if each.lower() == wanted]
        return values[0].decode("latin-1").strip() if len(values) == 1 else None


class Members:
    """The members of an authenticated body, by the names of the objects that lead to them."""

    __slots__ = ("_members",)

    def __init__(self, members: Mapping[str, object]) -> None:
        self._members = members

    def text(self, *path: str) -> str:
        """A text; empty when it is absent or null. Raises Malformed when it is something else."""
        value = self._find(path)
        if value is None or isinstance(value, str):
            return (value or "").strip()
        raise Malformed(f"{'.'.join(path)} is not a text.")

    def required(self, *path: str) -> str:
        """A text that must be there; raises Malformed."""
        if text := self.text(*path):
            return text
        raise Malformed(f"{'.'.join(path)} is missing.")

    def first(self, *paths: tuple[str, ...]) -> str:
        """The first text of these that is there and not empty; empty when none is."""
        return next((text for path in paths if (text := self.text(*path))), "")

    def number(self, *path: str) -> str:
        """The phone number, as it was written. Raises Malformed."""
        return _short(self.required(*path), path, _MAX_NUMBER)

    def code(self, *path: str) -> str | None:
        """The one-time code, if there is one. A number without leading zeros was never a code: only text is taken."""
        return _short(self.text(*path), path, _MAX_CODE) or None

    def message(self, *path: str) -> str | None:
        """The whole text of the message, if there is one."""
        return _short(self.text(*path), path, _MAX_TEXT) or None

    def address(self, *path: str) -> str:
        """The user's IP address; empty when there is none, or what stands there is none."""
        text = self.text(*path)
        try:
            return str(ip_address(text))
        except ValueError:
            return ""

    def flag(self, *path: str) -> bool:
        """A member that is true, and not absent or anything else."""
        return self._find(path) is True

    def mapping(self, *path: str) -> Mapping[str, JsonValue]:
        """An object, such as metadata; empty when it is absent. Raises Malformed when it is something else."""
        value = self._find(path)
        if value is None:
            return FrozenDict()
        if isinstance(value, dict):
            return value
        raise Malformed(f"{'.'.join(path)} is not an object.")

    def value(self, *path: str) -> object:
        """Whatever stands there; None when nothing does."""
        return self._find(path)

    def _find(self, path: tuple[str, ...]) -> object:
        """What a path leads to; no path leads nowhere."""
        value: object = self._members if path else None
        for depth, name in enumerate(path):
            if value is None:
                return None
            if not isinstance(value, Mapping):
                raise Malformed(f"{'.'.join(path[:depth])} is not an object.")
            value = value.get(name)
        return value


def _short(text: str, path: tuple[str, ...], most: int) -> str:
    if len(text) > most:
        raise Malformed(f"{'.'.join(path)} has more than {most} characters.")
    return text
