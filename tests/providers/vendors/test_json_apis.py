"""The vendors whose API is one JSON call: what is sent, field by field, and what their errors mean."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from hookpoint.providers.errors import Misconfigured, ProviderError
from hookpoint.providers.message import Status
from tests.providers.recorder import Recorder
from tests.providers.vendor_cases import MESSAGE, SECRET, VENDORS, json_answer

SENT: list[tuple[str, dict[str, object], str, dict[str, str], dict[str, object], str, Status]] = [
    (
        "telnyx",
        {"messaging_profile_id": "profile", "webhook_url": "https://x.example/r"},
        "/v2/messages",
        {"authorization": f"Bearer {SECRET}", "idempotency-key": "ref-1"},
        {
            "to": "+15005550006",
            "from": "+15005550001",
            "text": MESSAGE.text,
            "type": "SMS",
            "messaging_profile_id": "profile",
            "webhook_url": "https://x.example/r",
        },
        "id-1",
        Status.QUEUED,
    ),
    (
        "plivo",
        {"status_url": "https://x.example/r", "validity": 60},
        "/v1/Account/MAXXXXXXXX/Message/",
        {"authorization": "Basic " + base64.b64encode(f"MAXXXXXXXX:{SECRET}".encode()).decode()},
        {
            "src": "+15005550001",
            "dst": "+15005550006",
            "text": MESSAGE.text,
            "type": "sms",
            "log": "false",
            "url": "https://x.example/r",
            "method": "POST",
            "message_expiry": 60,
        },
        "uuid-1",
        Status.QUEUED,
    ),
    (
        "plivo",
        {"from": None, "powerpack_uuid": "pack", "keep_content": True},
        "/v1/Account/MAXXXXXXXX/Message/",
        {},
        {"powerpack_uuid": "pack", "dst": "+15005550006", "text": MESSAGE.text, "type": "sms", "log": "true"},
        "uuid-1",
        Status.QUEUED,
    ),
    (
        "sinch",
        {"callback_url": "https://x.example/r"},
        "/xms/v1/plan/batches",
        {"authorization": f"Bearer {SECRET}"},
        {
            "to": ["+15005550006"],
            "from": "Acme",
            "body": MESSAGE.text,
            "callback_url": "https://x.example/r",
            "delivery_report": "per_recipient",
            "client_reference": "ref-1",
        },
        "batch-1",
        Status.QUEUED,
    ),
    (
        "messagebird",
        {"report_url": "https://x.example/r", "validity": 60},
        "/messages",
        {"authorization": f"AccessKey {SECRET}"},
        {
            "originator": "Acme",
            "recipients": ["15005550006"],
            "body": MESSAGE.text,
            "datacoding": "auto",
            "reportUrl": "https://x.example/r",
            "reference": "ref-1",
            "validity": 60,
        },
        "id-1",
        Status.SENT,
    ),
    (
        "bird",
        {},
        "/workspaces/ws/channels/ch/messages",
        {"authorization": f"AccessKey {SECRET}"},
        {
            "receiver": {"contacts": [{"identifierKey": "phonenumber", "identifierValue": "+15005550006"}]},
            "body": {"type": "text", "text": {"text": MESSAGE.text}},
            "reference": "ref-1",
        },
        "id-1",
        Status.QUEUED,
    ),
    (
        "infobip",
        {"status_url": "https://x.example/r"},
        "/sms/3/messages",
        {"authorization": f"App {SECRET}"},
        {
            "messages": [
                {
                    "sender": "Acme",
                    "destinations": [{"to": "15005550006"}],
                    "content": {"text": MESSAGE.text},
                    "webhooks": {"delivery": {"url": "https://x.example/r"}, "contentType": "application/json"},
                }
            ]
        },
        "id-1",
        Status.QUEUED,
    ),
]


@pytest.mark.parametrize(("kind", "changes", "path", "headers", "body", "id_", "status"), SENT)
async def test_the_request_is_the_documented_one(
    kind: str,
    changes: dict[str, object],
    path: str,
    headers: Mapping[str, str],
    body: dict[str, object],
    id_: str,
    status: Status,
    recorder: Recorder,
) -> None:
    recorder.default = VENDORS[kind].accepted
    provider = VENDORS[kind].make(recorder.url, **changes)
    receipt = await provider.send(MESSAGE)
    await provider.stop()
    assert (receipt.id, receipt.status) == (id_, status)
    assert (recorder.last.method, recorder.last.target) == ("POST", path)
    assert recorder.last.headers["content-type"] == "application/json"
    assert {name: recorder.last.headers[name] for name in headers} == headers
    assert recorder.last.json() == body


FAILED: list[tuple[str, int, Any, str]] = [
    ("telnyx", 401, {"errors": [{"code": "10009", "title": "t", "detail": "d"}]}, "misconfigured"),
    ("telnyx", 422, {"errors": [{"code": "10016", "title": "t"}]}, "rejected"),
    ("telnyx", 400, {"errors": [{"code": "40013", "title": "t"}]}, "misconfigured"),
    ("telnyx", 503, {}, "unavailable"),
    ("plivo", 401, {"error": "e"}, "misconfigured"),
    ("plivo", 400, {"error": "dst is invalid"}, "rejected"),
    ("plivo", 429, {"error": "e"}, "throttled"),
    ("sinch", 401, {}, "misconfigured"),
    ("sinch", 403, {"code": "unknown_campaign", "text": "t"}, "misconfigured"),
    ("sinch", 400, {"code": "syntax_constraint_violation", "text": "t"}, "rejected"),
    ("messagebird", 401, {"errors": [{"code": 2, "description": "d"}]}, "misconfigured"),
    ("messagebird", 402, {"errors": [{"code": 25, "description": "d"}]}, "misconfigured"),
    ("messagebird", 422, {"errors": [{"code": 9, "description": "d"}]}, "rejected"),
    ("messagebird", 500, {"errors": [{"code": 99, "description": "d"}]}, "outcome_unknown"),
    ("bird", 401, {"code": "Unauthorized", "message": "m"}, "misconfigured"),
    ("bird", 409, {"code": "Conflict", "message": "m"}, "rejected"),
    ("infobip", 401, {"errorCode": "E401", "description": "d"}, "misconfigured"),
    (
        "infobip",
        200,
        {"messages": [{"messageId": "i", "status": {"groupName": "REJECTED", "name": "REJECTED_NOT_ENOUGH_CREDITS"}}]},
        "misconfigured",
    ),
    (
        "infobip",
        200,
        {"messages": [{"messageId": "i", "status": {"groupName": "REJECTED", "name": "REJECTED_FLOODING_FILTER"}}]},
        "throttled",
    ),
]


@pytest.mark.parametrize(("kind", "status", "body", "expected"), FAILED)
async def test_errors_say_what_to_do_next(
    kind: str, status: int, body: object, expected: str, recorder: Recorder
) -> None:
    recorder.default = json_answer(status, body)
    provider = VENDORS[kind].make(recorder.url)
    with pytest.raises(ProviderError) as caught:
        await provider.send(MESSAGE)
    await provider.stop()
    assert caught.value.code == expected


@pytest.mark.parametrize("kind", sorted({entry[0] for entry in SENT}))
async def test_a_yes_without_an_id_has_an_unknown_outcome(kind: str, recorder: Recorder) -> None:
    recorder.default = json_answer(200, {})
    provider = VENDORS[kind].make(recorder.url)
    with pytest.raises(ProviderError) as caught:
        await provider.send(MESSAGE)
    await provider.stop()
    assert caught.value.code == "outcome_unknown"


async def test_infobip_calls(recorder: Recorder) -> None:
    vendor = VENDORS["infobip"]
    recorder.default = vendor.accepted
    provider = vendor.make(recorder.url, voice_from="+15005550001")
    await provider.send(replace(MESSAGE, kind="voice"))
    await provider.stop()
    assert recorder.last.target == "/tts/3/single"
    body = recorder.last.json()
    assert (body["to"], body["from"], body["language"]) == ("15005550006", "15005550001", "en")
    assert body["text"].count("9, 1, 8, 2, 7, 3") == 2


async def test_infobip_calls_need_a_number(recorder: Recorder) -> None:
    provider = VENDORS["infobip"].make(recorder.url)
    with pytest.raises(Misconfigured):
        await provider.send(replace(MESSAGE, kind="voice"))
    assert recorder.requests == []
