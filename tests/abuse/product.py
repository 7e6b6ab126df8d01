"""The drill against two `hookpoint serve` on one store, by their gateway: what everybody sees, and what operators do."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hookpoint.providers.vendors.file import read_inbox
from hookpoint.proxy.config.explain import toml_text
from tests.abuse.drill import BUDGETS, LIMITS, SENT, VERIFIED, Figures, drill
from tests.partners.loopback import open_http
from tests.proxy.e2e.movable_clock import MovableClock
from tests.proxy.e2e.product import Product, run_hookpoint

CODE: Final = "918273"
TOKEN: Final = "a bearer token that the server has"
_REFUSED: Final = "refused"
_USED_UP: Final = re.compile(r"(.*) is used up for \d+ s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flooded:
    """What came of it, with the reasons from the log, and what did not fit together."""

    figures: Figures
    problems: list[str]


@contextmanager
def run_two(folder: Path, store: str, environment: dict[str, str]) -> Iterator[tuple[Product, Product]]:
    """Run two on one store and one inbox until the block ends."""
    text = configuration(store, folder / "inbox.jsonl")
    with ExitStack() as stack:
        # One after the other: the first brings the tables up to date.
        one, other = (
            stack.enter_context(run_hookpoint(folder / name, text, environment=environment, fresh=True))
            for name in ("one", "other")
        )
        yield one, other


def configuration(store: str, inbox: Path) -> str:
    """The limits and budgets of the drill."""
    entries: list[str] = []
    for limit in LIMITS:
        values: dict[str, Any] = {"scope": limit.scope, "messages": limit.count, "window": limit.window}
        values |= {"calendar": limit.calendar, "prefix_digits": limit.prefix_digits}
        entries.append("[[sms.limits]]\n" + "\n".join(f"{key} = {toml_text(value)}" for key, value in values.items()))
    return f"""
[upstream]
url = "http://127.0.0.1:9"
[store]
url = "{store}"
[sms.verified]
secrets = ["{TOKEN}"]
[sms.budgets]
mode = "{BUDGETS.mode}"
[[sms.providers]]
name = "main"
type = "file"
path = "{inbox}"
[[sms.gateway]]
format = "generic"
secrets = ["{TOKEN}"]
deadline = 60.0
""" + "\n".join(entries)


async def flood(
    folder: Path, store: str, *, requests: int, numbers: int = 500, addresses: int = 20, verified: float = VERIFIED
) -> Flooded:
    """Run both and the drill against them, each request to the other one in turn."""
    clock = MovableClock.create(folder / "clock")
    with run_two(folder, store, clock.environment) as products:
        async with AsyncExitStack() as stack:
            headers = {"authorization": f"Bearer {TOKEN}"}
            clients = [
                await stack.enter_async_context(open_http(headers, base_url=product.url)) for product in products
            ]
            turns, ids = itertools.cycle(clients), itertools.count()

            async def ask(number: str, ip: str) -> str:
                body = {"to": number, "code": CODE, "ip": ip, "id": f"{next(ids)}"}
                answer = await next(turns).post("/hookpoint/sms/generic", json=body)
                return {200: SENT, 429: _REFUSED}.get(answer.status_code, f"answered {answer.status_code}")

            async def verify(number: str, ip: str) -> None:
                answer = await next(turns).post("/hookpoint/sms/verified", json={"to": number, "ip": ip})
                answer.raise_for_status()

            figures = await drill(
                ask,
                verify,
                clock.set,
                requests=requests,
                numbers=numbers,
                addresses=addresses,
                verified=verified,
                clock_goes_on=True,
            )
            problems = await _problems(figures, folder, products)
    return Flooded(figures=figures, problems=problems)


async def _problems(figures: Figures, folder: Path, products: tuple[Product, Product]) -> list[str]:
    """Put the reasons into the figures, and tell what clients, inbox, metrics and log disagree about, and limits that broke."""
    refused = figures.refused.pop(_REFUSED, 0)
    problems = [f"{count} requests were {outcome}" for outcome, count in figures.refused.items()]
    counted = [
        sum([await product.metric("hookpoint_sms_messages_total", outcome=outcome) for product in products])
        for outcome in (SENT, "limit_exceeded")
    ]
    if counted != [len(figures.out), refused]:
        problems.append(f"metrics count {counted} sent and refused, clients {[len(figures.out), refused]}")
    inbox = Counter(each.recipient for each in read_inbox(folder / "inbox.jsonl"))
    if inbox != Counter(each.number for each in figures.out):
        problems.append(f"{inbox.total()} messages arrived, or at other numbers than were told of {len(figures.out)}")
    reasons = await asyncio.to_thread(_reasons, products, refused)
    if reasons.total() != refused:
        problems.append(f"the log has reasons for {reasons.total()} of {refused} refusals")
    figures.refused += reasons
    return problems + figures.broken()


def _reasons(products: tuple[Product, Product], refused: int) -> Counter[str]:
    """Which limits were used up, by the log; its last entries may be on their way."""
    for product in products:
        with product.written:
            product.written.wait_for(lambda: _refusals(products).total() >= refused, 5.0)
    return _refusals(products)


def _refusals(products: tuple[Product, Product]) -> Counter[str]:
    entries = [each for product in products for each in product.entries("sms_refused")]
    return Counter(found[1] for each in entries if (found := _USED_UP.fullmatch(each["reason"])))
