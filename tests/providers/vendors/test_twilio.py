from __future__ import annotations

import base64
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from hookpoint.providers.errors import Misconfigured, OutcomeUnknown, ProviderError, Throttled, Unsupported
from hookpoint.providers.loading import build
from hookpoint.providers.message import Status
from tests.providers.recorder import Recorder, Scripted
from tests.providers.vendor_cases import MESSAGE, SECRET, TWILIO, VENDORS, json_answer

BASIC = "Basic " + base64.b64encode(f"{TWILIO['account_sid']}:{SECRET}".encode()).decode()
MESSAGES = f"/2010-04-01/Accounts/{TWILIO['account_sid']}/Messages.json"
CALLS = f"/2010-04-01/Accounts/{TWILIO['account_sid']}/Calls.json"


@pytest.fixture
def twilio(recorder: Recorder) -> Recorder:
    recorder.default = VENDORS["twilio"].accepted
    return recorder


async def test_a_text_is_a_form_with_basic_authentication(twilio: Recorder) -> None:
    provider = VENDORS["twilio"].make(twilio.url, status_callback="https://x.example/r", validity=300)
    receipt = await provider.send(MESSAGE)
    await provider.stop()
    assert (receipt.provider, receipt.id, receipt.status) == ("under-test", "SM1", Status.QUEUED)
    assert (twilio.last.method, twilio.last.target) == ("POST", MESSAGES)
    assert twilio.last.headers["authorization"] == BASIC
    assert twilio.last.headers["content-type"] == "application/x-www-form-urlencoded"
    assert twilio.last.form() == {
        "To": ["+15005550006"],
        "From": ["+15005550001"],
        "Body": [MESSAGE.text],
        "MessageIntent": ["otp"],
        "RiskCheck": ["enable"],
        "ContentRetention": ["discard"],
        "AddressRetention": ["obfuscate"],
        "StatusCallback": ["https://x.example/r"],
        "ValidityPeriod": ["300"],
    }


@pytest.mark.parametrize(
    ("changes", "sender", "expected"),
    [
        ({"from": "+15005550001"}, None, {"From": ["+15005550001"]}),
        ({"from": "ACME"}, None, {"From": ["ACME"]}),
        ({"from": "ACME"}, "+15005550002", {"From": ["+15005550002"]}),
        ({"from": None, "messaging_service_sid": "MG1"}, None, {"MessagingServiceSid": ["MG1"]}),
    ],
)
async def test_senders(
    changes: dict[str, object], sender: str | None, expected: dict[str, list[str]], twilio: Recorder
) -> None:
    provider = VENDORS["twilio"].make(twilio.url, **changes)
    await provider.send(replace(MESSAGE, sender=sender))
    await provider.stop()
    form = twilio.last.form()
    assert {name: form[name] for name in ("From", "MessagingServiceSid") if name in form} == expected


async def test_a_call_spells_the_code(twilio: Recorder) -> None:
    twilio.default = json_answer(201, {"sid": "CA1", "status": "queued"})
    provider = VENDORS["twilio"].make(twilio.url)
    receipt = await provider.send(replace(MESSAGE, kind="voice"))
    await provider.stop()
    assert receipt.id == "CA1"
    assert twilio.last.target == CALLS
    say = ET.fromstring(twilio.last.form()["Twiml"][0]).find("Say")
    assert say is not None
    assert say.attrib == {"language": "en-US"}
    assert str(say.text).count("9, 1, 8, 2, 7, 3") == 2
    assert "918273" not in str(say.text)


async def test_an_alphanumeric_sender_cannot_call(twilio: Recorder) -> None:
    provider = VENDORS["twilio"].make(twilio.url, **{"from": "ACME"})
    with pytest.raises(Unsupported):
        await provider.send(replace(MESSAGE, kind="voice"))
    assert twilio.requests == []


async def test_whatsapp_is_a_template_with_variables(twilio: Recorder) -> None:
    provider = VENDORS["twilio"].make(twilio.url, whatsapp_from="+15005550003", whatsapp_content_sid="HX1")
    await provider.send(replace(MESSAGE, kind="whatsapp"))
    await provider.stop()
    form = twilio.last.form()
    assert form["To"] == ["whatsapp:+15005550006"]
    assert form["From"] == ["whatsapp:+15005550003"]
    assert form["ContentSid"] == ["HX1"]
    assert form["ContentVariables"] == ['{"1": "918273"}']
    assert "Body" not in form


async def test_an_api_key_stands_in_for_the_token(twilio: Recorder) -> None:
    provider = VENDORS["twilio"].make(twilio.url, auth_token=None, api_key="SK1", api_key_secret="ks")
    await provider.send(MESSAGE)
    await provider.stop()
    assert twilio.last.headers["authorization"] == "Basic " + base64.b64encode(b"SK1:ks").decode()
    assert twilio.last.target == MESSAGES


async def test_verify_takes_our_code(recorder: Recorder) -> None:
    recorder.default = VENDORS["twilio_verify"].accepted
    provider = VENDORS["twilio_verify"].make(recorder.url, template_sid="HJ1")
    receipt = await provider.send(replace(MESSAGE, kind="voice"))
    await provider.stop()
    assert (receipt.id, receipt.status) == ("VE1", Status.QUEUED)
    assert recorder.last.target == "/v2/Services/VA0123456789abcdef0123456789abcdef/Verifications"
    assert recorder.last.headers["authorization"] == BASIC
    assert recorder.last.form() == {
        "To": ["+15005550006"],
        "Channel": ["call"],
        "CustomCode": ["918273"],
        "RiskCheck": ["enable"],
        "Locale": ["en-US"],
        "TemplateSid": ["HJ1"],
        "DeviceIp": ["203.0.113.9"],
    }


@pytest.mark.parametrize("code", [None, "123", "12345678901"])
async def test_verify_refuses_codes_that_twilio_would(code: str | None, recorder: Recorder) -> None:
    provider = VENDORS["twilio_verify"].make(recorder.url)
    with pytest.raises(Unsupported):
        await provider.send(replace(MESSAGE, code=code))
    assert recorder.requests == []


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, 21211, "rejected"),
        (400, 21610, "rejected"),
        (400, 21408, "unsupported"),
        (400, 21612, "unsupported"),
        (400, 21606, "misconfigured"),
        (401, 20003, "misconfigured"),
        (400, 30450, "rejected"),
        (429, 20429, "throttled"),
        (429, 63038, "throttled"),
        (400, 99999, "rejected"),
        (500, 20500, "outcome_unknown"),
        (502, None, "outcome_unknown"),
        (503, None, "unavailable"),
        (302, None, "misconfigured"),
    ],
)
async def test_error_codes_say_what_to_do_next(status: int, code: int | None, expected: str, twilio: Recorder) -> None:
    twilio.default = json_answer(status, {"code": code, "message": "m", "status": status})
    provider = VENDORS["twilio"].make(twilio.url)
    with pytest.raises(ProviderError) as caught:
        await provider.send(MESSAGE)
    await provider.stop()
    assert caught.value.code == expected
    assert len(twilio.requests) == 1
    if status != 302:
        assert caught.value.provider_code == ("" if code is None else str(code))


async def test_retry_after_is_told(twilio: Recorder) -> None:
    twilio.default = Scripted(status=429, headers={"Retry-After": "12"})
    provider = VENDORS["twilio"].make(twilio.url)
    with pytest.raises(Throttled) as caught:
        await provider.send(MESSAGE)
    await provider.stop()
    assert caught.value.retry_after == 12


@pytest.mark.parametrize("body", [b"not json", b"[]", b"{}"])
async def test_an_unreadable_yes_has_an_unknown_outcome(body: bytes, twilio: Recorder) -> None:
    twilio.default = Scripted(status=201, body=body)
    provider = VENDORS["twilio"].make(twilio.url)
    with pytest.raises(OutcomeUnknown):
        await provider.send(MESSAGE)
    await provider.stop()


@pytest.mark.parametrize(
    "changes",
    [
        {"auth_token": None},
        {"api_key": "SK1", "api_key_secret": "s"},
        {"from": None},
        {"timeout": 0},
        {"risk_check": "yes"},
    ],
)
def test_settings_that_do_not_go_together(changes: dict[str, object]) -> None:
    with pytest.raises(Misconfigured):
        build({**VENDORS["twilio"].table("http://127.0.0.1"), **changes})
