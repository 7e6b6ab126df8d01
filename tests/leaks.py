"""Looks for what may be seen nowhere: codes, phone numbers and secrets, in whatever spelling they got out.

A place is anything that can be read back: a log, an answer, a page of metrics, a database file with all its pages, a dump of
tables. `Watch.look` raises with the name of the place, never with what was found there.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote

_BETWEEN_DIGITS: Final = re.compile(rb"(?<=[0-9])[\s./()-]{1,2}(?=[0-9])")
# There are few enough codes and numbers to try them all.
_DIGESTS: Final = ("md5", "sha1", "sha256")
_SPELLED: Final = 8
_NATIONAL: Final = 9
"""How many of a number's last digits are as good as the number."""


@dataclass(slots=True, kw_only=True)
class Watch:
    """What is looked for. `numbers` are E.164; `secrets` are texts long enough to stand for themselves."""

    codes: set[str] = field(default_factory=set)
    numbers: set[str] = field(default_factory=set)
    secrets: set[str] = field(default_factory=set)

    def look(self, place: str, content: str | bytes) -> None:
        """Raise AssertionError when something is found in a place."""
        found = self.find(content)
        assert not found, f"{place} shows {', '.join(sorted(found))}"

    def find(self, content: str | bytes) -> set[str]:
        """What is found in the content of a place."""
        raw = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
        lower = raw.lower()
        together = _BETWEEN_DIGITS.sub(b"", raw)
        found = {what for what, text in self._texts if text in raw}
        found |= {what for what, text in self._folded if text in lower}
        found |= {"a number" for number in self.numbers if number[-_NATIONAL:].encode() in together}
        if self.codes and digits_alone(self.codes).search(raw):
            found.add("a code")
        return found

    def look_into_files(self, folder: Path, names: Iterable[str]) -> int:
        """Look into all files that match, databases with the pages they have given up; returns how many there were."""
        paths = [path for name in names for path in sorted(folder.glob(name)) if path.is_file()]
        for path in paths:
            self.look(path.name, path.read_bytes())
        return len(paths)

    @property
    def _texts(self) -> Iterator[tuple[str, bytes]]:
        """What is found as it is, letter for letter."""
        for kind, text in self._all:
            raw = text.encode()
            yield f"{kind} in UTF-16", text.encode("utf-16-be")
            if kind == "a secret":
                yield kind, raw
            if len(raw) > 8:
                for shift in range(3):
                    # What comes before shifts base64; the outermost characters depend on it.
                    coded = base64.b64encode(b"\0" * shift + raw)
                    yield f"{kind} in base64", coded[4 * bool(shift) : len(coded) // 4 * 4 - 4]
            for name in _DIGESTS:
                digest = hashlib.new(name, raw).digest()
                yield f"{kind} as {name}", digest
                yield f"{kind} as {name}", base64.b64encode(digest)

    @property
    def _folded(self) -> Iterator[tuple[str, bytes]]:
        """What is found in small letters."""
        for kind, text in self._all:
            raw = text.encode()
            yield f"{kind} in hexadecimal", raw.hex().encode()
            if (escaped := quote(text, safe="").lower()) != text.lower():
                yield f"{kind} percent-encoded", escaped.encode()
            for name in _DIGESTS:
                yield f"{kind} as {name}", hashlib.new(name, raw).hexdigest().encode()

    @property
    def _all(self) -> Iterator[tuple[str, str]]:
        yield from (("a code", code) for code in self.codes)
        # All numbers are looked for in clear; whatever spells one of them in another way does so with all.
        some = sorted(self.numbers)[:_SPELLED]
        yield from (("a number", text) for number in some for text in (number, number.lstrip("+")))
        yield from (("a secret", secret) for secret in self.secrets)


def digits_alone(codes: Iterable[str]) -> re.Pattern[bytes]:
    """Finds codes as they are sent: six digits stand in many a hash, and in the middle of many a number."""
    any_code = b"|".join(re.escape(code.encode()) for code in sorted(codes))
    return re.compile(rb"(?<![0-9A-Za-z_.-])(?:" + any_code + rb")(?![0-9A-Za-z_-])")
