from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from hookpoint.providers.callbacks.plivo import canonical
from hookpoint.providers.callbacks.twilio import check
from hookpoint.providers.errors import CallbackRefused
from hookpoint.providers.loading import BUILT_IN, provider_type
from hookpoint.providers.message import Status, StatusUpdate
from hookpoint.providers.receipts import READERS, Callback, reader

NOW = 1_800_014_400
OLD, NEW, OTHER = (f"{name}-secret-of-at-least-32-characters" for name in ("old", "new", "other"))
URL = "https://sms.example.com:8443/receipts/main?tenant=a&b=c"
ED25519 = {name: Ed25519PrivateKey.from_private_bytes(name.encode()[:32].ljust(32, b"!")) for name in (OLD, NEW, OTHER)}


def b64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def mac(secret: str, content: bytes, digest: Any = hashlib.sha256) -> str:
    return b64(hmac.new(secret.encode(), content, digest).digest())


def form(fields: dict[str, str]) -> bytes:
    return urlencode(fields).encode()


def twilio(secret: str, status: str, at: int) -> Callback:
    fields = {"MessageSid": "id-1", "MessageStatus": status, "To": "+15005550006", "ErrorCode": "30003"}
    content = URL + "".join(name + fields[name] for name in sorted(fields))
    return Callback(
        headers={"x-twilio-signature": mac(secret, content.encode(), hashlib.sha1)}, url=URL, body=form(fields)
    )


def telnyx(secret: str, status: str, at: int) -> Callback:
    body = json.dumps({"data": {"payload": {"id": "id-1", "to": [{"status": status}], "errors": [{"code": "30003"}]}}})
    signature = ED25519[secret].sign(f"{at}|{body}".encode())
    headers = {"Telnyx-Signature-Ed25519": b64(signature), "Telnyx-Timestamp": str(at)}
    return Callback(headers=headers, url=URL, body=body.encode())


def vonage(secret: str, status: str, at: int) -> Callback:
    body = json.dumps({"message_uuid": "id-1", "status": status, "error": {"title": 30003}}).encode()
    claims = {"iat": at, "jti": "j", "iss": "Vonage", "payload_hash": hashlib.sha256(body).hexdigest(), "api_key": "k"}
    token = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(secret))
    return Callback(headers={"Authorization": f"Bearer {token}"}, url=URL, body=body)


def plivo(secret: str, status: str, at: int) -> Callback:
    fields = {"MessageUUID": "id-1", "Status": status, "ErrorCode": "30003"}
    signed = (
        f"https://sms.example.com:8443/receipts/main?b=c&tenant=a.ErrorCode30003MessageUUIDid-1Status{status}.nonce"
    )
    headers = {"X-Plivo-Signature-Ma-V3": f"zzz,{mac(secret, signed.encode())}", "X-Plivo-Signature-V3-Nonce": "nonce"}
    return Callback(headers=headers, url=URL, body=form(fields))


def sinch(secret: str, status: str, at: int) -> Callback:
    body = json.dumps(
        {"message_delivery_report": {"message_id": "id-1", "status": status, "reason": {"code": "30003"}}}
    ).encode()
    headers = {
        "x-sinch-webhook-signature": mac(secret, body + f".nonce.{at}".encode()),
        "x-sinch-webhook-signature-nonce": "nonce",
        "x-sinch-webhook-signature-timestamp": str(at),
        "x-sinch-webhook-signature-algorithm": "HmacSHA256",
    }
    return Callback(headers=headers, url=URL, body=body)


def messagebird(secret: str, status: str, at: int) -> Callback:
    url = f"https://sms.example.com/r?id=id-1&recipient=15005550006&status={status}&statusErrorCode=30003"
    claims = {
        "iss": "MessageBird",
        "nbf": at - 5,
        "exp": at + 55,
        "jti": "j",
        "url_hash": hashlib.sha256(url.encode()).hexdigest(),
    }
    token = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(secret))
    return Callback(headers={"MessageBird-Signature-JWT": token}, url=url, method="GET")


def bird(secret: str, status: str, at: int) -> Callback:
    body = json.dumps({"service": "channels", "payload": {"id": "id-1", "status": status, "reason": "30003"}}).encode()
    signed = f"{at}\n{URL}\n".encode() + hashlib.sha256(body).digest()
    headers = {"messagebird-signature": mac(secret, signed), "messagebird-request-timestamp": str(at)}
    return Callback(headers=headers, url=URL, body=body)


def infobip(secret: str, status: str, at: int) -> Callback:
    result = {"messageId": "id-1", "status": {"groupName": status}, "error": {"name": "30003"}}
    headers = {"Authorization": "Basic " + b64(secret.encode())}
    return Callback(headers=headers, url=URL, body=json.dumps({"results": [result]}).encode())


def kannel(secret: str, status: str, at: int) -> Callback:
    return Callback(headers={}, url=f"https://sms.example.com/r?id=id-1&status={status}&token={secret}", method="GET")


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    make: Callable[[str, str, int], Callback]
    statuses: dict[str, Status]
    timed: bool = True
    code: str = "30003"

    def secrets(self, *names: str) -> Sequence[str]:
        if self.make is telnyx:
            return [b64(ED25519[name].public_key().public_bytes_raw()) for name in names]
        return names


VENDORS = {
    "twilio": Vendor(
        make=twilio,
        statuses={
            "sent": Status.SENT,
            "delivered": Status.DELIVERED,
            "undelivered": Status.UNDELIVERED,
            "failed": Status.FAILED,
            "canceled": Status.FAILED,
        },
        timed=False,
    ),
    "telnyx": Vendor(
        make=telnyx,
        statuses={
            "delivered": Status.DELIVERED,
            "delivery_failed": Status.UNDELIVERED,
            "sending_failed": Status.FAILED,
        },
    ),
    "vonage": Vendor(
        make=vonage, statuses={"submitted": Status.SENT, "rejected": Status.FAILED, "undeliverable": Status.UNDELIVERED}
    ),
    "plivo": Vendor(make=plivo, statuses={"delivered": Status.DELIVERED, "rejected": Status.FAILED}, timed=False),
    "sinch": Vendor(make=sinch, statuses={"DELIVERED": Status.DELIVERED, "FAILED": Status.UNDELIVERED}),
    "messagebird": Vendor(
        make=messagebird,
        statuses={"delivered": Status.DELIVERED, "delivery_failed": Status.UNDELIVERED, "expired": Status.EXPIRED},
    ),
    "bird": Vendor(make=bird, statuses={"delivered": Status.DELIVERED, "sending_failed": Status.FAILED}),
    "infobip": Vendor(
        make=infobip,
        statuses={"DELIVERED": Status.DELIVERED, "EXPIRED": Status.EXPIRED, "REJECTED": Status.FAILED},
        timed=False,
    ),
    "kannel": Vendor(
        make=kannel,
        statuses={"1": Status.DELIVERED, "2": Status.UNDELIVERED, "8": Status.SENT, "16": Status.FAILED},
        timed=False,
        code="",
    ),
}
TIMED = [name for name, vendor in VENDORS.items() if vendor.timed]
every_vendor = pytest.mark.parametrize("kind", VENDORS)


def read(kind: str, callback: Callback, *names: str, now: float = NOW) -> tuple[StatusUpdate, ...]:
    found = reader(kind)
    assert found is not None
    return found(callback, VENDORS[kind].secrets(*names), provider="main", now=now)


def test_every_reader_is_tested_and_told_by_the_capabilities() -> None:
    assert set(VENDORS) == set(READERS)
    assert reader("memory") is None
    for name in BUILT_IN:
        if provider_type(name).capabilities.receipts == "signed":
            assert name in READERS


@pytest.mark.parametrize(
    ("kind", "word", "status"),
    [
        (kind, word, status)
        for kind, vendor in VENDORS.items()
        for word, status in {**vendor.statuses, "something-new": Status.UNKNOWN}.items()
    ],
)
def test_a_report_becomes_a_status(kind: str, word: str, status: Status) -> None:
    vendor = VENDORS[kind]
    update = StatusUpdate(provider="main", id="id-1", status=status, provider_code=vendor.code)
    assert read(kind, vendor.make(NEW, word, NOW), NEW) == (update,)


@every_vendor
def test_old_and_new_secrets_are_both_right_and_another_is_not(kind: str) -> None:
    vendor = VENDORS[kind]
    word = next(iter(vendor.statuses))
    for secret in (OLD, NEW):
        assert read(kind, vendor.make(secret, word, NOW), NEW, OLD)
    with pytest.raises(CallbackRefused):
        read(kind, vendor.make(OTHER, word, NOW), NEW, OLD)


@every_vendor
def test_no_secret_accepts_nothing(kind: str) -> None:
    vendor = VENDORS[kind]
    callback = vendor.make(NEW, next(iter(vendor.statuses)), NOW)
    found = reader(kind)
    assert found is not None
    empty: Sequence[str]
    for empty in ([], [""]):
        with pytest.raises(CallbackRefused):
            found(callback, empty, provider="main", now=NOW)


@every_vendor
def test_without_its_proof_a_report_is_refused(kind: str) -> None:
    vendor = VENDORS[kind]
    callback = vendor.make(NEW, next(iter(vendor.statuses)), NOW)
    bare = replace(callback, headers={}, url=callback.url.partition("&token=")[0])
    with pytest.raises(CallbackRefused):
        read(kind, bare, NEW)


@pytest.mark.parametrize("kind", [name for name in VENDORS if name not in ("infobip", "kannel")])
def test_a_changed_report_is_refused(kind: str) -> None:
    vendor = VENDORS[kind]
    callback = vendor.make(NEW, next(iter(vendor.statuses)), NOW)
    changed = (
        [replace(callback, url=callback.url.replace("sms.example", "sms.evil"))]
        if kind not in ("telnyx", "vonage", "sinch")
        else []
    )
    if callback.body:
        changed.append(replace(callback, body=callback.body.replace(b"id-1", b"id-2")))
    else:
        changed.append(replace(callback, url=callback.url.replace("id-1", "id-2")))
        changed.append(replace(callback, body=b"{}"))
    for attempt in changed:
        with pytest.raises(CallbackRefused):
            read(kind, attempt, NEW)


@pytest.mark.parametrize("kind", TIMED)
@pytest.mark.parametrize("late", [400, -400])
def test_a_repeated_report_is_refused(kind: str, late: int) -> None:
    vendor = VENDORS[kind]
    with pytest.raises(CallbackRefused, match="time"):
        read(kind, vendor.make(NEW, next(iter(vendor.statuses)), NOW), NEW, now=NOW + late)


def signed(kind: str, body: bytes, url: str = URL) -> Callback:
    """A genuine callback with any content."""
    if kind == "twilio":
        tail = "".join(name + value for name, value in Callback(headers={}, url=url, body=body).form())
        return Callback(
            headers={"X-Twilio-Signature": mac(NEW, (url + tail).encode(), hashlib.sha1)}, url=url, body=body
        )
    if kind == "plivo":
        text = canonical(url, Callback(headers={}, url=url, body=body).form()) + ".n"
        return Callback(
            headers={"X-Plivo-Signature-V3": mac(NEW, text.encode()), "X-Plivo-Signature-V3-Nonce": "n"},
            url=url,
            body=body,
        )
    if kind == "telnyx":
        signature = b64(ED25519[NEW].sign(f"{NOW}|".encode() + body))
        return Callback(
            headers={"telnyx-signature-ed25519": signature, "telnyx-timestamp": str(NOW)}, url=url, body=body
        )
    if kind == "bird":
        content = f"{NOW}\n{url}\n".encode() + hashlib.sha256(body).digest()
        return Callback(
            headers={"messagebird-signature": mac(NEW, content), "messagebird-request-timestamp": str(NOW)},
            url=url,
            body=body,
        )
    if kind == "sinch":
        headers = {
            "x-sinch-webhook-signature": mac(NEW, body + f".n.{NOW}".encode()),
            "x-sinch-webhook-signature-nonce": "n",
            "x-sinch-webhook-signature-timestamp": str(NOW),
        }
        return Callback(headers=headers, url=url, body=body)
    claims: dict[str, object] = {"iat": NOW, "iss": "MessageBird", "nbf": NOW, "exp": NOW + 60}
    claims |= {"payload_hash": hashlib.sha256(body).hexdigest(), "url_hash": hashlib.sha256(url.encode()).hexdigest()}
    token = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(NEW))
    name, prefix = ("MessageBird-Signature-JWT", "") if kind == "messagebird" else ("Authorization", "Bearer ")
    return Callback(headers={name: prefix + token}, url=url, body=body)


@pytest.mark.parametrize("kind", [name for name in VENDORS if name not in ("infobip", "kannel")])
@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"data": 1, "payload": []}', b"a=b", b"\xff"])
def test_a_genuine_report_without_a_status_is_refused(kind: str, body: bytes) -> None:
    if kind in ("twilio", "plivo") and b"=" not in body:
        body = b"From=%2B1"
    with pytest.raises(CallbackRefused, match=r"status|JSON|form"):
        read(kind, signed(kind, body), NEW)


def test_other_refusals() -> None:
    with pytest.raises(CallbackRefused, match="status"):
        read("kannel", Callback(headers={}, url=f"https://x.example/?token={NEW}"), NEW)
    basic = {"Authorization": "Basic " + b64(NEW.encode())}
    with pytest.raises(CallbackRefused, match="status"):
        read("infobip", Callback(headers=basic, url=URL, body=b'{"results": 1}'), NEW)
    with pytest.raises(CallbackRefused, match="basic"):
        read("infobip", Callback(headers={"Authorization": f"Bearer {NEW}"}, url=URL, body=b"{}"), NEW)
    sinchs = signed("sinch", b"{}")
    with pytest.raises(CallbackRefused, match="algorithm"):
        read("sinch", replace(sinchs, headers={**sinchs.headers, "x-sinch-webhook-signature-algorithm": "none"}), NEW)
    stranger = jwt.encode({"alg": "HS256"}, {"iss": "Somebody", "nbf": NOW, "exp": NOW}, OctKey.import_key(NEW))
    with pytest.raises(CallbackRefused, match="not MessageBird"):
        read("messagebird", Callback(headers={"MessageBird-Signature-JWT": stranger}, url=URL), NEW)


# Published: https://www.twilio.com/docs/usage/security and the vectors of Twilio's own libraries.
CALL = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": "+14158675309",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
}
BODY = b'{"property": "value", "boolean": true}'
BODY_URL = (
    "https://mycompany.com/myapp.php?foo=1&bar=2"
    "&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
)


@pytest.mark.parametrize(
    ("url", "body", "signature"),
    [
        ("https://mycompany.com/myapp.php?foo=1&bar=2", form(CALL), "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        ("https://mycompany.com:443/myapp.php?foo=1&bar=2", form(CALL), "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        (
            "https://mycompany.com/myapp.php?foo=1&bar=2",
            b"Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234",
            "IK+Dwps556ElfBT0I3Rgjkr1wJU=",
        ),
        (BODY_URL, BODY, "a9nBmqA0ju/hNViExpshrM61xv4="),
    ],
)
def test_twilios_published_signatures(url: str, body: bytes, signature: str) -> None:
    callback = Callback(headers={"X-Twilio-Signature": signature}, url=url, body=body)
    check(callback, ["12345"])
    with pytest.raises(CallbackRefused):
        check(replace(callback, body=body + b"x"), ["12345"])


def test_twilios_signature_with_the_port_that_the_address_leaves_out() -> None:
    signature = mac("12345", b"https://mycompany.com:443/r" + b"a1", hashlib.sha1)
    check(Callback(headers={"X-Twilio-Signature": signature}, url="https://mycompany.com/r", body=b"a=1"), ["12345"])


@given(
    fields=st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=5),
    port=st.sampled_from(["", ":443", ":8443"]),
    algorithm=st.sampled_from(["HMAC_SHA1", "HMAC_SHA256"]),
)
def test_twilios_own_library_signs_the_same(fields: dict[str, str], port: str, algorithm: str) -> None:
    url = f"https://x.example{port}/r?a=b"
    signature = RequestValidator("token").compute_signature(url, fields, algorithm)
    headers = {
        "X-Twilio-Signature": signature,
        "X-Twilio-Webhooks-Signature-Settings": f"key=k,algorithm={algorithm}",
    }
    check(Callback(headers=headers, url=url, body=form(fields)), ["token"])


def test_an_unknown_algorithm_is_refused() -> None:
    headers = {"X-Twilio-Signature": "x", "X-Twilio-Webhooks-Signature-Settings": "algorithm=HMAC_MD5"}
    with pytest.raises(CallbackRefused, match="algorithm"):
        check(Callback(headers=headers, url=URL), [NEW])


@pytest.mark.parametrize(
    ("url", "fields", "signed"),
    [
        ("https://x.example/r", {}, "https://x.example/r"),
        ("https://x.example/r", {"b": "2", "a": "1"}, "https://x.example/r?a1b2"),
        ("https://x.example/r?z=9&y=", {}, "https://x.example/r?y=&z=9"),
        ("https://x.example/r?z=9", {"a": "1"}, "https://x.example/r?z=9.a1"),
    ],
)
def test_what_plivo_signs(url: str, fields: dict[str, str], signed: str) -> None:
    assert canonical(url, fields.items()) == signed


def test_plivos_second_version_signs_the_address_alone() -> None:
    signature = mac(NEW, b"https://sms.example.com:8443/receipts/main05429567804466091622")
    headers = {"X-Plivo-Signature-Ma-V2": signature, "X-Plivo-Signature-V2-Nonce": "05429567804466091622"}
    callback = Callback(headers=headers, url=URL, body=form({"MessageUUID": "id-1", "Status": "delivered"}))
    assert read("plivo", callback, NEW)[0].status is Status.DELIVERED
    with pytest.raises(CallbackRefused):
        read(
            "plivo",
            replace(callback, headers={**headers, "X-Plivo-Signature-V3": "x", "X-Plivo-Signature-V3-Nonce": "n"}),
            NEW,
        )


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {"type": "recipient_delivery_report_sms", "batch_id": "b", "status": "Delivered", "code": 0},
            (Status.DELIVERED, ""),
        ),
        (
            {"type": "delivery_report_sms", "batch_id": "b", "statuses": [{"code": 401, "status": "Failed"}]},
            (Status.UNDELIVERED, "401"),
        ),
    ],
)
def test_sinchs_sms_reports(body: dict[str, object], expected: tuple[Status, str]) -> None:
    content = json.dumps(body).encode()
    headers = {
        "x-sinch-webhook-signature": mac(NEW, content + f".n.{NOW}".encode()),
        "x-sinch-webhook-signature-nonce": "n",
        "x-sinch-webhook-signature-timestamp": str(NOW),
    }
    (update,) = read("sinch", Callback(headers=headers, url=URL, body=content), NEW)
    assert (update.id, update.status, update.provider_code) == ("b", *expected)


@every_vendor
@given(body=st.binary(max_size=60), value=st.text(st.characters(codec="latin-1"), max_size=40))
def test_nothing_but_a_refusal_comes_of_rubbish(kind: str, body: bytes, value: str) -> None:
    names = [*VENDORS[kind].make(NEW, "x", NOW).headers]
    callback = Callback(headers=dict.fromkeys(names, value), url="https://x.example/?token=a", body=body)
    with pytest.raises(CallbackRefused):
        read(kind, callback, NEW)
