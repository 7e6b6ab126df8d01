"""Signatures, against what their specifications publish and against what bends them."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from hookpoint.hooks.http.webhook_keys import webhook_keys
from hookpoint.proxy.gateway.authentication import Authentication, Basic, Bearer, BodyHmac, HeaderSecret
from hookpoint.proxy.gateway.call import Call
from hookpoint.proxy.gateway.errors import Unauthenticated
from hookpoint.proxy.gateway.signatures import StandardWebhooks, TimedHex
from hookpoint.proxy.gateway.tokens import SharedSecretJwt

# The example that Standard Webhooks' own libraries are tested with.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
SENT_AT = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
OTHER = "v1,bm9ldHUjKzFob2VudXRob2VodWUzMjRvdWVvdW9ldQo="
ASYMMETRIC = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
KEY = "a key of sixteen"


def call_with(headers: dict[str, str], body: bytes = BODY, at: float = SENT_AT) -> Call:
    return Call(headers=[(name.encode(), value.encode()) for name, value in headers.items()], body=body, at=at)


def webhook(signature: str = SIGNATURE, *, sent_at: str = str(SENT_AT), message_id: str = MESSAGE_ID) -> dict[str, str]:
    return {"Webhook-Id": message_id, "webhook-timestamp": sent_at, "webhook-signature": signature}


def holds(authentication: Authentication, call: Call) -> bool:
    try:
        authentication.check(call)
    except Unauthenticated:
        return False
    return True


@pytest.mark.parametrize(
    "signatures",
    [SIGNATURE, f"{OTHER} {SIGNATURE}", f"{SIGNATURE} {OTHER}", f"{ASYMMETRIC} {SIGNATURE}", f"{OTHER}, {SIGNATURE}"],
    ids=["one", "second", "first", "beside-asymmetric", "as-supabase-joins"],
)
@pytest.mark.parametrize(
    "secret",
    [SECRET, SECRET.removeprefix("whsec_"), f"v1,{SECRET}", f"v1,whsec_{'AAAA' * 8}|v1,{SECRET}"],
    ids=["prefixed", "bare", "as-supabase-writes", "several-of-supabase"],
)
def test_standard_webhooks_published_example_holds(signatures: str, secret: str) -> None:
    assert holds(StandardWebhooks([secret]), call_with(webhook(signatures)))


@pytest.mark.parametrize(
    "headers",
    [
        webhook(OTHER),
        webhook("v2" + SIGNATURE[2:]),
        webhook(SIGNATURE.removeprefix("v1,")),
        webhook(SIGNATURE[:-4]),
        webhook(""),
        webhook("v1,"),
        webhook("v1,%%%"),
        webhook(" ".join([OTHER] * 16 + [SIGNATURE])),
        webhook(message_id="msg_other"),
        webhook(message_id=""),
        webhook(sent_at=f"{SENT_AT}.0"),
        webhook(sent_at="+1614265330"),
        webhook(sent_at="soon"),
        webhook(sent_at=str(SENT_AT - 301)),
        webhook(sent_at=str(SENT_AT + 301)),
    ],
)
def test_a_bent_webhook_does_not_hold(headers: dict[str, str]) -> None:
    assert not holds(StandardWebhooks([SECRET]), call_with(headers))


def test_a_changed_body_does_not_hold() -> None:
    assert not holds(StandardWebhooks([SECRET]), call_with(webhook(), body=BODY + b" "))


@pytest.mark.parametrize("age", [-300, 0, 300])
def test_five_minutes_of_difference_hold(age: int) -> None:
    assert holds(StandardWebhooks([SECRET]), call_with(webhook(), at=SENT_AT + age))


@pytest.mark.parametrize("secret", ["whsec_%%%%", "not base64!", "whsec_", "", "v1,whsec_AAAA|", "AAAAA"])
def test_a_secret_that_is_no_base64_is_found_at_once(secret: str) -> None:
    with pytest.raises(ValueError, match="Standard Webhooks"):
        webhook_keys(secret)


def timed(sent_at: int = SENT_AT, key: str = KEY) -> str:
    return hmac.new(key.encode(), f"{sent_at}.".encode() + BODY, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"t={SENT_AT},v1={timed()}", True),
        (f"t={SENT_AT}, v1={'0' * 64}, v1={timed()}", True),
        (f"v1={timed()},t={SENT_AT}", True),
        (f"t={SENT_AT},v1={timed().upper()}", True),
        (f"t={SENT_AT},v1={timed(key='the old key, 16+')}", True),
        (f"t={SENT_AT},v1={timed(key='not one of them')}", False),
        (f"t={SENT_AT},t={SENT_AT},v1={timed()}", False),
        (f"v1={timed()}", False),
        (f"t={SENT_AT}", False),
        (f"t={SENT_AT - 400},v1={timed(SENT_AT - 400)}", False),
        (f"t={SENT_AT},v1=xyz", False),
        (f"t={SENT_AT},v0={timed()}", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("header", ["ZITADEL-Signature", "X-ZITADEL-Signature"])
def test_timed_signatures(value: str, expected: bool, header: str) -> None:
    authentication = TimedHex(secrets=[KEY, "the old key, 16+"], headers=["zitadel-signature", "x-zitadel-signature"])
    assert holds(authentication, call_with({header: value})) is expected


MAC = hmac.new(KEY.encode(), BODY, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    ("authentication", "headers", "expected"),
    [
        (BodyHmac(secrets=[KEY], header="x-sig"), {"X-Sig": MAC}, True),
        (BodyHmac(secrets=[KEY], header="x-sig"), {"X-Sig": f"sha256={MAC}"}, True),
        (BodyHmac(secrets=[KEY], header="x-sig"), {"X-Sig": MAC[:-2]}, False),
        (BodyHmac(secrets=[KEY], header="x-sig"), {"X-Sig": "é"}, False),
        (BodyHmac(secrets=[KEY], header="x-sig"), {}, False),
        (Bearer(secrets=[KEY]), {"authorization": f"bEaReR  {KEY}"}, True),
        (Bearer(secrets=[KEY]), {"authorization": KEY}, False),
        (Bearer(secrets=[KEY]), {"authorization": f"Basic {KEY}"}, False),
        (Bearer(secrets=[KEY]), {"authorization": f"Bearer {KEY}x"}, False),
        (Bearer(secrets=[KEY]), {"authorization": "Bearer é"}, False),
        (Basic(secrets=["u:p"]), {"authorization": "Basic dTpw"}, True),
        (Basic(secrets=["u:p"]), {"authorization": "Basic dTpx"}, False),
        (Basic(secrets=["u:p"]), {"authorization": "Basic u:p"}, False),
        (Basic(secrets=["u:p"]), {"authorization": "Basic //79"}, False),
        (HeaderSecret(secrets=[KEY]), {"Authorization": KEY}, True),
        (HeaderSecret(secrets=[KEY]), {"Authorization": f"Bearer {KEY}"}, False),
        (HeaderSecret(secrets=[KEY], header="X-Key"), {"x-key": KEY}, True),
    ],
)
def test_secrets_in_headers(authentication: Authentication, headers: dict[str, str], expected: bool) -> None:
    assert holds(authentication, call_with(headers)) is expected


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"aud": "urn:MySmsGateway"}, True),
        ({"aud": ["urn:other", "urn:MySmsGateway"]}, True),
        ({"aud": "urn:other"}, False),
        ({}, False),
        ({"aud": "urn:MySmsGateway", "exp": SENT_AT - 30}, True),
        ({"aud": "urn:MySmsGateway", "exp": SENT_AT - 90}, False),
        ({"aud": "urn:MySmsGateway", "nbf": SENT_AT + 90}, False),
        ({"aud": "urn:MySmsGateway", "exp": "tomorrow"}, False),
    ],
)
def test_tokens_of_a_shared_secret(claims: dict[str, object], expected: bool) -> None:
    token = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key("the new secret, long enough"))
    authentication = SharedSecretJwt(
        secrets=["an old secret, long enough", "the new secret, long enough"], audience="urn:MySmsGateway"
    )
    assert holds(authentication, call_with({"authorization": f"Bearer {token}"})) is expected


def test_the_secret_of_a_token_may_be_base64() -> None:
    token = jwt.encode({"alg": "HS256"}, {"aud": "x"}, OctKey.import_key(b"\x01\xff" * 16))
    authentication = SharedSecretJwt(secrets=["base64:Af8B_wH_Af8B_wH_Af8B_wH_Af8B_wH_Af8B_wH_Af8"])
    assert holds(authentication, call_with({"authorization": f"Bearer {token}"}))


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "e30.e30.", f"{'a' * 9000}.b.c", "eyJhbGciOiJub25lIn0.e30."])
def test_what_is_no_token_does_not_hold(token: str) -> None:
    authentication = SharedSecretJwt(secrets=["an old secret, long enough"])
    assert not holds(authentication, call_with({"authorization": f"Bearer {token}"}))
