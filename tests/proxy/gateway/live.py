"""The gateway of `hookpoint serve`, for servers in other processes; what goes out is kept in a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hookpoint.providers.vendors.file import Stored, read_inbox
from hookpoint.proxy.config.explain import toml_text
from tests.leaks import Watch
from tests.proxy.e2e.product import run_hookpoint

_CONFIGURATION = """
[upstream]
url = "http://127.0.0.1:9"
[sms]
limits = []
[[sms.providers]]
name = "main"
type = "file"
path = "inbox.jsonl"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveGateway:
    """Where it listens, and what went out so far."""

    url: str
    file: Path

    @property
    def messages(self) -> list[Stored]:
        """All messages, oldest first."""
        return list(read_inbox(self.file))

    def last(self) -> Stored:
        """The message that went out last."""
        return self.messages[-1]


@contextmanager
def live_gateway(folder: Path, routes: Sequence[Mapping[str, Any]]) -> Iterator[LiveGateway]:
    """Serve routes as `[[sms.gateway]]` has them; afterwards neither log nor database may show a code or a number."""
    tables = [
        "[[sms.gateway]]\n" + "".join(f"{key} = {toml_text(value)}\n" for key, value in route.items())
        for route in routes
    ]
    file = folder / "inbox.jsonl"
    with run_hookpoint(folder, _CONFIGURATION + "".join(tables)) as product:
        yield LiveGateway(url=product.url, file=file)
    sent = list(read_inbox(file))
    watch = Watch(codes={each.code for each in sent if each.code}, numbers={each.recipient for each in sent})
    watch.look("the log", "".join(product.lines))
    assert watch.look_into_files(folder, ["*.db*"])
