"""Phone messages through `hookpoint serve`: every format of the gateway, vendors that do as they are told, nothing behind.

When the block ends, nothing that was logged, counted, answered or stored may show a code, a number or a secret.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from hookpoint.providers.vendors.file import Stored, read_inbox
from hookpoint.proxy.config.explain import toml_text
from tests.leaks import Watch
from tests.partners.loopback import open_http
from tests.proxy.e2e.product import Product, run_hookpoint
from tests.proxy.gateway.callers import CALLERS, Caller, by_standard_webhooks
from tests.proxy.sms.stage import CODE
from tests.proxy.sms.vendors import Vendors, run_vendors

PUBLIC = "https://login.example.com"
TEST_NUMBER = "+15005550009"
TOKEN = "a bearer token that the server has"
TWILIO_TOKEN = "0123456789abcdef0123456789abcdef"
OWN = "/codes/own"
DOWN, DRILL, AGAIN, TRACKED, ONCE = "+4915200", "+4915201", "+4915202", "+4915203", "+43664"
"""Beginnings of numbers that routes are chosen by; those of `ONCE` get one message an hour."""

HOOKS = """
from hookpoint.hooks import Delivered, Deny, MessageChanges, SendPhoneMessage, send_phone_message

@send_phone_message
async def choose(event: SendPhoneMessage) -> MessageChanges | Delivered | None:
    match event.purpose:
        case "deny":
            raise Deny("access_denied", "For the log.", "Not from here.")
        case "text":
            return MessageChanges(text=f"Acme: {event.code} for {event.user.id}, {event.language}")
        case "sender":
            return MessageChanges(sender="Acme")
        case "provider":
            return MessageChanges(provider="second")
        case "deliver":
            return Delivered(message_id="hook-7")
        case "fail":
            raise RuntimeError(f"no way for {event.recipient} and {event.code}")
    return None
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsProduct:
    """A running hookpoint; `number` gives one that nobody has had yet."""

    product: Product
    vendors: Vendors
    folder: Path
    watch: Watch
    answers: list[httpx2.Response] = field(default_factory=list)

    def number(self, prefix: str = "+4915112") -> str:
        """A number of that beginning."""
        made = f"{prefix}{len(self.watch.numbers):0{14 - len(prefix)}d}"
        self.watch.numbers.add(made)
        return made

    def inbox(self, number: str) -> list[Stored]:
        """What came for a number at the provider that keeps messages."""
        return [each for each in read_inbox(self.folder / "inbox.jsonl") if each.recipient == number]

    async def post(self, path: str, content: bytes, headers: Mapping[str, str]) -> httpx2.Response:
        """Post bytes, and keep the answer to be looked at."""
        async with open_http(headers, base_url=self.product.url) as http:
            answer = await http.post(path, content=content)
        self.answers.append(answer)
        return answer

    async def call(
        self, caller: Caller, number: str, *, secret: int | None = 0, at: int | None = None
    ) -> httpx2.Response:
        """Ask for a message as a server does, with its new secret, its old one (1), or none that is right."""
        proof = "hookpoint:another secret altogether" if not caller.timed else f"v1,whsec_{'AAAA' * 8}"
        proof = proof if secret is None else caller.secrets[secret]
        body = caller.body(number)
        if "eventId" in body:
            body["eventId"] = f"event of {number}"
        content = caller.encode(body, proof)
        at = int(time.time()) if at is None else at
        if caller.prove is by_standard_webhooks:
            proved = by_standard_webhooks(content, proof, at, f"message to {number}")
        else:
            proved = caller.prove(content, proof, at)
        return await self.post(path_of(caller), content, {"content-type": caller.content_type, **proved})

    async def send(self, number: str, **members: object) -> httpx2.Response:
        """Ask for a message on the route of our own."""
        headers = {"content-type": "application/json", "authorization": f"Bearer {TOKEN}"}
        body = json.dumps({"to": number, "code": CODE, "id": f"{time.time_ns()}", **members}).encode()
        return await self.post(OWN, body, headers)


def path_of(caller: Caller) -> str:
    """Where a caller's route is."""
    return f"/codes/{caller.name.replace(' ', '-')}"


def configuration(vendors: Vendors, store: str = "sqlite:///hookpoint.db") -> str:
    """A configuration with everything; the server behind is down."""
    http = {"type": "http", "json": {"to": "{digits}", "text": "{text}", "from": "{sender}"}, "timeout": 0.7}
    http |= {"id": '"sid": ?"([^"]+)"', "from": "hookpoint"}
    providers: list[dict[str, Any]] = [
        {"name": "main", "type": "file", "path": "inbox.jsonl"},
        {"name": "nowhere", "type": "file", "path": "no/such/folder/inbox.jsonl"},
        *({"name": name, "url": f"{vendors.url}/{name}/", **http} for name in ("first", "second")),
        {
            "name": "tracked",
            "type": "twilio",
            "account_sid": "AC0123456789abcdef0123456789abcdef",
            "auth_token": TWILIO_TOKEN,
            "from": "+15005550006",
            "base_url": f"{vendors.url}/tracked",
        },
    ]
    routes: list[dict[str, Any]] = [
        {"providers": ["nowhere"], "prefixes": [DOWN]},
        {"providers": ["first", "second"], "prefixes": [DRILL]},
        {
            "providers": ["first", "second"],
            "prefixes": [AGAIN],
            "next_after_rejection": True,
            "resend_after_unknown": True,
        },
        {"providers": ["tracked"], "prefixes": [TRACKED, ONCE]},
        {"providers": ["main"]},
    ]
    gateway = [
        {"format": each.format, "path": path_of(each), "secrets": list(each.secrets), **each.settings}
        for each in CALLERS
    ]
    gateway.append({"format": "generic", "path": OWN, "secrets": [TOKEN]})
    limits = [{"scope": "number", "messages": 1, "window": 3600, "countries": ["AT"]}]
    tables = {"limits": limits, "providers": providers, "routes": routes, "gateway": gateway}
    tables["test_numbers"] = [{"number": TEST_NUMBER, "until": "2099-01-01", "provider": "main"}]
    tables["receipts"] = [{"provider": "tracked", "secrets": [TWILIO_TOKEN]}]
    lines = [
        "[server]",
        f'public_url = "{PUBLIC}"',
        '[upstream]\nurl = "http://127.0.0.1:9"',
        f'[store]\nurl = "{store}"',
        "[sms]",
        'default_region = "DE"',
        "[sms.breaker]\nthreshold = 2\ncooldown = 1.0",
        f'[sms.verified]\nsecrets = ["{TOKEN}"]',
        '[[hooks]]\nrun = "hooks.py"',
    ]
    for name, entries in tables.items():
        for entry in entries:
            lines.append(f"[[sms.{name}]]")
            lines += [f"{key} = {toml_text(value)}" for key, value in entry.items()]
    return "\n".join(lines) + "\n"


@contextmanager
def run_sms_product(folder: Path) -> Iterator[SmsProduct]:
    """Run it, and look afterwards at all that anybody could have seen or kept."""
    watch = Watch(codes={CODE}, secrets={TOKEN, TWILIO_TOKEN, *(s for each in CALLERS for s in each.secrets)})
    with run_vendors() as vendors:
        with run_hookpoint(folder, configuration(vendors), hooks=HOOKS) as product:
            running = SmsProduct(product=product, vendors=vendors, folder=folder, watch=watch)
            yield running
            metrics = read_text(f"{product.admin}/metrics")
        assert "sms_attempt" in "".join(product.lines)
        assert "hookpoint_sms_messages_total" in metrics
    for place, content in (("the log", "".join(product.lines)), ("the metrics", metrics)):
        watch.look(place, content)
    watch.look("an answer", "\n".join(f"{answer.headers.raw} {answer.text}" for answer in running.answers))
    assert watch.look_into_files(folder, ["*.db*"])


def read_text(url: str) -> str:
    """The text behind a URL."""
    with httpx2.Client(trust_env=False, verify=False) as http:
        return http.get(url).text
