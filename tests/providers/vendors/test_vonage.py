from __future__ import annotations

import base64

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from hookpoint.providers.errors import Misconfigured, ProviderError
from hookpoint.providers.vendors.vonage import Vonage, VonageSettings
from tests.providers.recorder import Recorder
from tests.providers.vendor_cases import MESSAGE, SECRET, VENDORS, json_answer, pem

VENDOR = VENDORS["vonage"]


async def test_a_text_is_json_with_basic_authentication(recorder: Recorder) -> None:
    recorder.default = VENDOR.accepted
    provider = VENDOR.make(recorder.url, validity=120, webhook_url="https://x.example/r")
    receipt = await provider.send(MESSAGE)
    await provider.stop()
    assert receipt.id == "uuid-1"
    assert (recorder.last.method, recorder.last.target) == ("POST", "/v1/messages")
    assert recorder.last.headers["authorization"] == "Basic " + base64.b64encode(f"key:{SECRET}".encode()).decode()
    assert recorder.last.json() == {
        "channel": "sms",
        "message_type": "text",
        "to": "15005550006",
        "from": "Acme",
        "text": MESSAGE.text,
        "ttl": 120,
        "webhook_url": "https://x.example/r",
        "client_ref": "ref-1",
    }


async def test_an_application_signs_a_short_token(recorder: Recorder) -> None:
    recorder.default = VENDOR.accepted
    key = pem()
    settings = VonageSettings(sender="Acme", application_id="app", private_key=key, base_url=recorder.url)
    provider = Vonage("v", settings, clock=lambda: 1_800_000_000.0, new_id=lambda: "jti-1")
    await provider.send(MESSAGE)
    await provider.stop()
    scheme, _, token = recorder.last.headers["authorization"].partition(" ")
    decoded = jwt.decode(token, RSAKey.import_key(key), algorithms=["RS256"])
    assert scheme == "Bearer"
    assert decoded.claims == {"application_id": "app", "iat": 1_800_000_000, "exp": 1_800_000_300, "jti": "jti-1"}


@pytest.mark.parametrize(
    ("status", "number", "expected"),
    [
        (401, "", "misconfigured"),
        (402, "", "misconfigured"),
        (422, "1150", "rejected"),
        (429, "1000", "throttled"),
        (403, "1030", "misconfigured"),
        (500, "", "outcome_unknown"),
        (503, "", "unavailable"),
    ],
)
async def test_problems_say_what_to_do_next(status: int, number: str, expected: str, recorder: Recorder) -> None:
    problem = {"type": f"https://developer.vonage.com/api-errors/messages#{number}", "title": "t", "detail": "d"}
    recorder.default = json_answer(status, problem)
    provider = VENDOR.make(recorder.url)
    with pytest.raises(ProviderError) as caught:
        await provider.send(MESSAGE)
    await provider.stop()
    assert (caught.value.code, caught.value.provider_code) == (expected, number)


@pytest.mark.parametrize("changes", [{"api_secret": None}, {"application_id": "a", "private_key": "no key"}])
def test_credentials_that_are_none(changes: dict[str, object]) -> None:
    with pytest.raises(Misconfigured):
        VENDOR.make("http://127.0.0.1", **changes)
