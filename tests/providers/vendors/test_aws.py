from __future__ import annotations

import re
from dataclasses import replace

import pytest

from hookpoint.providers.errors import ProviderError, Unsupported
from tests.providers.recorder import Recorder, Scripted
from tests.providers.vendor_cases import MESSAGE, VENDORS, json_answer

SIGNATURE = re.compile(
    r"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/\d{8}/eu-central-1/(sns|sms-voice)/aws4_request, "
    r"SignedHeaders=[a-z0-9;-]*host;x-amz-date[a-z0-9;-]*, Signature=[0-9a-f]{64}"
)


async def test_sns_publishes_a_signed_form(recorder: Recorder) -> None:
    vendor = VENDORS["aws_sns"]
    recorder.default = vendor.accepted
    provider = vendor.make(recorder.url, max_price="0.50", **{"from": "ACME"})
    receipt = await provider.send(MESSAGE)
    await provider.stop()
    assert receipt.id == "sns-1"
    assert (recorder.last.method, recorder.last.target) == ("POST", "/")
    assert SIGNATURE.fullmatch(recorder.last.headers["authorization"])
    form = recorder.last.form()
    assert form["Action"] == ["Publish"]
    assert form["Version"] == ["2010-03-31"]
    assert form["PhoneNumber"] == ["+15005550006"]
    assert form["Message"] == [MESSAGE.text]
    attributes = {
        form[f"MessageAttributes.entry.{number}.Name"][0]: form[f"MessageAttributes.entry.{number}.Value.StringValue"][
            0
        ]
        for number in (1, 2, 3)
    }
    assert attributes == {
        "AWS.SNS.SMS.SMSType": "Transactional",
        "AWS.SNS.SMS.SenderID": "ACME",
        "AWS.SNS.SMS.MaxPrice": "0.50",
    }


async def test_end_user_messaging_sends_signed_json(recorder: Recorder) -> None:
    vendor = VENDORS["aws"]
    recorder.default = vendor.accepted
    provider = vendor.make(recorder.url, origination_identity="pool-1", configuration_set="set", validity=300)
    receipt = await provider.send(MESSAGE)
    await provider.stop()
    assert receipt.id == "id-1"
    assert recorder.last.headers["x-amz-target"] == "PinpointSMSVoiceV2.SendTextMessage"
    assert recorder.last.headers["content-type"] == "application/x-amz-json-1.0"
    assert SIGNATURE.fullmatch(recorder.last.headers["authorization"])
    assert recorder.last.json() == {
        "DestinationPhoneNumber": "+15005550006",
        "OriginationIdentity": "pool-1",
        "ConfigurationSetName": "set",
        "TimeToLive": 300,
        "MessageBody": MESSAGE.text,
        "MessageType": "TRANSACTIONAL",
    }


async def test_calls_need_an_identity_and_spell_the_code(recorder: Recorder) -> None:
    vendor = VENDORS["aws"]
    recorder.default = vendor.accepted
    provider = vendor.make(recorder.url)
    call = replace(MESSAGE, kind="voice")
    with pytest.raises(Unsupported):
        await provider.send(call)
    await provider.send(replace(call, sender="+15005550001"))
    await provider.stop()
    assert recorder.last.headers["x-amz-target"] == "PinpointSMSVoiceV2.SendVoiceMessage"
    assert recorder.last.json()["MessageBody"].count("9, 1, 8, 2, 7, 3") == 2


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, {"__type": "ThrottlingException", "Message": "m"}, "throttled"),
        (400, {"__type": "AccessDeniedException", "Message": "m"}, "misconfigured"),
        (400, {"__type": "ResourceNotFoundException", "Message": "m"}, "misconfigured"),
        (400, {"__type": "ConflictException", "Reason": "DESTINATION_PHONE_NUMBER_OPTED_OUT"}, "rejected"),
        (
            400,
            {"__type": "ConflictException", "Reason": "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION"},
            "unsupported",
        ),
        (500, {"__type": "InternalServerException", "Message": "m"}, "outcome_unknown"),
        (403, "no json", "misconfigured"),
    ],
)
async def test_error_codes_say_what_to_do_next(status: int, body: object, expected: str, recorder: Recorder) -> None:
    recorder.default = json_answer(status, body)
    provider = VENDORS["aws"].make(recorder.url)
    with pytest.raises(ProviderError) as caught:
        await provider.send(MESSAGE)
    await provider.stop()
    assert caught.value.code == expected


async def test_a_foreign_answer_of_sns_has_an_unknown_outcome(recorder: Recorder) -> None:
    recorder.default = Scripted(status=200, body=b"<html>")
    provider = VENDORS["aws_sns"].make(recorder.url)
    with pytest.raises(ProviderError) as caught:
        await provider.send(MESSAGE)
    await provider.stop()
    assert caught.value.code == "outcome_unknown"
