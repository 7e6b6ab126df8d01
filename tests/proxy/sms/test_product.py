"""Phone messages as people run them: `hookpoint serve`, called over sockets, while the server behind it is down."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import time
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from tests.partners.warm_start import run_command
from tests.proxy.e2e.product import eventually
from tests.proxy.gateway.callers import CALLERS, REFUSALS, Caller
from tests.proxy.gateway.stage import read_answer
from tests.proxy.sms.product_stage import (
    AGAIN,
    DOWN,
    DRILL,
    ONCE,
    OWN,
    PUBLIC,
    TEST_NUMBER,
    TOKEN,
    TRACKED,
    TWILIO_TOKEN,
    SmsProduct,
    path_of,
    run_sms_product,
)
from tests.proxy.sms.stage import CODE


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmsProduct]:
    with run_sms_product(tmp_path_factory.mktemp("sms")) as running:
        yield running


@pytest.mark.parametrize("caller", CALLERS, ids=lambda caller: caller.name)
async def test_every_format_is_served_and_answered_in_its_own_shape(it: SmsProduct, caller: Caller) -> None:
    number = it.number()
    good, repeated = await it.call(caller, number), await it.call(caller, number)
    (message,) = it.inbox(number)
    expected = json.loads(json.dumps(caller.sent).replace("main-1", message.id))
    assert read_answer(good) == read_answer(repeated) == (200, expected)
    assert CODE in message.text
    refused = await it.call(caller, it.number(), secret=None)
    assert read_answer(refused) == caller.refused(REFUSALS["unauthenticated"])
    assert (await it.call(caller, other := it.number(), secret=1)).status_code == 200
    assert len(it.inbox(other)) == 1
    if caller.timed:
        late = await it.call(caller, it.number(), at=int(time.time()) - 400)
        assert read_answer(late) == caller.refused(REFUSALS["unauthenticated"])
    assert read_answer(await it.call(caller, "+49123")) == caller.refused(REFUSALS["number"])
    assert read_answer(await it.call(caller, it.number(DOWN))) == caller.refused(REFUSALS["down"])
    spelled = await it.post(f"{path_of(caller)}/", b"{}", {"content-type": "application/json"})
    assert spelled.status_code == 400


async def test_hooks_come_first(it: SmsProduct) -> None:
    denied = await it.send(number := it.number(), purpose="deny")
    assert (denied.status_code, denied.json()["error_description"]) == (403, "Not from here.")
    assert (await it.send(number, purpose="fail")).status_code == 500
    delivered = await it.send(number, purpose="deliver")
    assert (delivered.status_code, delivered.json()) == (200, {"id": "hook-7"})
    assert not it.inbox(number)
    assert (await it.send(number, purpose="text", user="u-1", language="de")).status_code == 200
    assert (await it.send(number, purpose="sender")).status_code == 200
    text, sender = it.inbox(number)
    assert text.text == f"Acme: {CODE} for u-1, de"
    assert (sender.sender, sender.text) == ("Acme", f"{CODE} is your verification code.")
    assert (await it.send(number, purpose="provider")).status_code == 200
    assert it.vendors.sent["second"][-1]["to"] == number[1:]
    assert len(it.inbox(number)) == 2


@pytest.mark.parametrize(
    ("says", "prefix", "status", "first", "second"),
    [
        ("ok", DRILL, 200, 1, 0),
        ("throttled", DRILL, 200, 0, 1),
        ("down", DRILL, 200, 0, 1),
        ("rejecting", DRILL, 422, 0, 0),
        ("rejecting", AGAIN, 200, 0, 1),
        ("broken", DRILL, 504, 1, 0),
        ("silent", DRILL, 504, 1, 0),
        ("silent", AGAIN, 200, 1, 1),
    ],
)
async def test_the_right_one_sends(
    it: SmsProduct, says: str, prefix: str, status: int, first: int, second: int
) -> None:
    await circuit_closes(it)
    before = {name: len(it.vendors.sent[name]) for name in ("first", "second")}
    it.vendors.say["first"] = says
    try:
        assert (await it.send(it.number(prefix))).status_code == status
    finally:
        it.vendors.say["first"] = "ok"
    sent = {name: len(it.vendors.sent[name]) - count for name, count in before.items()}
    assert sent == {"first": first, "second": second}


async def circuit_closes(it: SmsProduct) -> None:
    """Send until the first vendor is asked again."""

    async def asked() -> bool:
        before = len(it.vendors.sent["first"])
        assert (await it.send(it.number(DRILL))).status_code == 200
        return len(it.vendors.sent["first"]) > before

    await eventually(asked, bool)


async def test_the_circuit_opens_and_closes(it: SmsProduct) -> None:
    await circuit_closes(it)
    it.vendors.say["first"] = "down"
    try:
        for _ in range(2):
            assert (await it.send(it.number(DRILL))).status_code == 200
        assert await it.product.metric("hookpoint_sms_circuit_open", provider="first") == 1
        asked, texts = it.vendors.asked["first"], it.vendors.texts()
        assert (await it.send(it.number(DRILL))).status_code == 200
        assert it.vendors.texts() == texts + 1
        # Left alone, unless this machine was so slow that its time was over.
        assert it.vendors.asked["first"] <= asked + 1
    finally:
        it.vendors.say["first"] = "ok"
    await circuit_closes(it)
    assert await it.product.metric("hookpoint_sms_circuit_open", provider="first") == 0


def signed(fields: dict[str, str], secret: str = TWILIO_TOKEN) -> dict[str, str]:
    content = f"{PUBLIC}/hookpoint/receipts/tracked?a=b" + "".join(name + fields[name] for name in sorted(fields))
    mac = base64.b64encode(hmac.new(secret.encode(), content.encode(), hashlib.sha1).digest()).decode()
    return {"content-type": "application/x-www-form-urlencoded", "x-twilio-signature": mac}


async def test_a_vendor_reports_what_became_of_a_message(it: SmsProduct) -> None:
    number = it.number(TRACKED)
    sent = await it.send(number)
    assert sent.status_code == 200, sent.text
    path = "/hookpoint/receipts/tracked?a=b"
    fields = {"MessageSid": sent.json()["id"], "MessageStatus": "undelivered", "ErrorCode": "30003", "To": number}
    body = urlencode(fields).encode()
    assert (await it.post(path, body, signed(fields, "another"))).status_code == 403
    assert (await it.post(path, body, {})).status_code == 403
    assert (await it.post("/hookpoint/Receipts/tracked", body, signed(fields))).status_code == 400
    assert await it.product.metric("hookpoint_sms_reports_total") == 0
    for _ in range(2):
        assert (await it.post(path, body, signed(fields))).status_code == 204
    late = {**fields, "MessageStatus": "sent"}
    assert (await it.post(path, urlencode(late).encode(), signed(late))).status_code == 204
    assert await it.product.metric("hookpoint_sms_reports_total", provider="tracked", status="undelivered") == 1
    assert await it.product.metric("hookpoint_sms_reports_total") == 1
    command = ["sms", "status", fields["MessageSid"]]
    done = await asyncio.to_thread(run_command, command, cwd=it.folder, env=os.environ)
    assert done.stdout.startswith("undelivered (30003): sms by tracked to DE, sent 20")


async def test_whoever_waits_for_a_text_that_never_came_may_ask_again(it: SmsProduct) -> None:
    number = it.number(ONCE)
    for status in ("undelivered", "delivered"):
        sent = await it.send(number)
        assert sent.status_code == 200, sent.text
        assert (await it.send(number)).status_code == 429
        fields = {"MessageSid": sent.json()["id"], "MessageStatus": status}
        answer = await it.post("/hookpoint/receipts/tracked?a=b", urlencode(fields).encode(), signed(fields))
        assert answer.status_code == 204
    assert (await it.send(number)).status_code == 429


async def test_codes_to_a_test_number_are_read_in_the_inbox(it: SmsProduct) -> None:
    it.watch.numbers.add(TEST_NUMBER)
    for _ in range(3):
        assert (await it.send(TEST_NUMBER, purpose="deny")).status_code == 200
    assert [each.code for each in it.inbox(TEST_NUMBER)] == [CODE] * 3
    assert await it.product.metric("hookpoint_sms_messages_total", by="main", outcome="test_number") == 3


async def test_a_server_says_that_a_code_was_typed_in(it: SmsProduct) -> None:
    headers = {"content-type": "application/json", "authorization": f"Bearer {TOKEN}"}
    path = "/hookpoint/sms/verified"
    good = json.dumps({"to": it.number(), "ip": "192.0.2.7"}).encode()
    assert (await it.post(path, good, headers)).status_code == 204
    assert (await it.post(path, good, {**headers, "authorization": "Bearer wrong"})).status_code == 401
    assert (await it.post(path, b'{"to":"+49123"}', headers)).status_code == 422
    assert (await it.post(path, b"{}", headers)).status_code == 400
    assert (await it.post(path, b"", {"authorization": f"Bearer {TOKEN}"})).status_code == 415


async def test_other_paths_are_the_servers_and_it_is_down(it: SmsProduct) -> None:
    for path in (f"{OWN}-2", "/hookpoint/sms/generic", "/"):
        assert (await it.post(path, b"{}", {})).status_code == 503
