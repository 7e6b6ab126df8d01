"""Every provider over HTTP: settings that work, and how its vendor says yes, no and slower."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hookpoint.providers.loading import build, provider_type
from hookpoint.providers.message import Message
from hookpoint.providers.provider import SmsProvider
from hookpoint.providers.testing import Case
from tests.providers.recorder import Recorder, Scripted

SECRET = "s3cr3t-of-the-account"
TEXT = "Your code is 918273. It is valid for ten minutes."

MESSAGE = Message(
    recipient="+15005550006",
    text=TEXT,
    code="918273",
    purpose="mfa",
    language="en-US",
    ip="203.0.113.9",
    reference="ref-1",
)


def pem() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


SLOW_DOWN = Scripted(status=429, headers={"Retry-After": "7"})
BROKEN = Scripted(status=500, body=b"Internal Server Error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """``address`` is the setting that says where the vendor is."""

    type: str
    settings: Mapping[str, object]
    accepted: Scripted
    refused: Scripted
    throttled: Scripted = SLOW_DOWN
    server_error: Scripted = BROKEN
    address: str = "base_url"

    def table(self, url: str, **changes: object) -> dict[str, object]:
        return {"type": self.type, **self.settings, self.address: url, **changes}

    def make(self, url: str, **changes: object) -> SmsProvider:
        return build({"name": "under-test", **self.table(url, **changes)})

    def case(self, recorder: Recorder) -> Case:
        table = self.table(recorder.url, timeout=0.75)
        del table["type"]
        recorder.default = self.accepted
        return Case(
            type=provider_type(self.type),
            settings=table,
            secrets=(SECRET,),
            faults={
                "down": recorder.down,
                "refused": lambda: recorder.answering(self.refused),
                "throttled": lambda: recorder.answering(self.throttled),
                "server_error": lambda: recorder.answering(self.server_error),
                "silent": lambda: recorder.answering(Scripted(silent=True)),
            },
        )


def json_answer(status: int, body: Any) -> Scripted:
    return Scripted(status=status, body=body, headers={"content-type": "application/json"})


# Vendors echo what they refuse: each refusal here repeats the number and the text.
ECHO = f"Message '{TEXT}' to +15005550006 (15005550006) is not acceptable"

TWILIO = {"account_sid": "AC0123456789abcdef0123456789abcdef", "auth_token": SECRET}
SNS_XML = (
    '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>sns-{n}</MessageId>'
    "</PublishResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></PublishResponse>"
)
SNS_ERROR = (
    '<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>InvalidParameter</Code>'
    f"<Message>{ECHO}</Message></Error><RequestId>r</RequestId></ErrorResponse>"
)
AWS = {"region": "eu-central-1", "access_key_id": "AKIDEXAMPLE", "secret_access_key": SECRET}

VENDORS: Mapping[str, Vendor] = MappingProxyType(
    {
        vendor.type: vendor
        for vendor in (
            Vendor(
                type="twilio",
                settings={**TWILIO, "from": "+15005550001"},
                accepted=json_answer(201, {"sid": "SM{n}", "status": "queued"}),
                refused=json_answer(400, {"code": 21211, "message": ECHO, "status": 400}),
                throttled=json_answer(429, {"code": 20429, "message": "Too Many Requests", "status": 429}),
            ),
            Vendor(
                type="twilio_verify",
                settings={**TWILIO, "service_sid": "VA0123456789abcdef0123456789abcdef"},
                accepted=json_answer(201, {"sid": "VE{n}", "status": "pending"}),
                refused=json_answer(400, {"code": 60200, "message": ECHO, "status": 400}),
            ),
            Vendor(
                type="vonage",
                settings={"api_key": "key", "api_secret": SECRET, "from": "Acme"},
                accepted=json_answer(202, {"message_uuid": "uuid-{n}"}),
                refused=json_answer(
                    422,
                    {
                        "type": "https://developer.vonage.com/api-errors/messages#1150",
                        "title": "Invalid params",
                        "detail": ECHO,
                        "instance": "i",
                    },
                ),
            ),
            Vendor(
                type="telnyx",
                settings={"api_key": SECRET, "from": "+15005550001"},
                accepted=json_answer(200, {"data": {"id": "id-{n}", "to": [{"status": "queued"}]}}),
                refused=json_answer(
                    422, {"errors": [{"code": "10002", "title": "Invalid phone number", "detail": ECHO}]}
                ),
                throttled=json_answer(429, {"errors": [{"code": "10011", "title": "Too many requests"}]}),
            ),
            Vendor(
                type="plivo",
                settings={"auth_id": "MAXXXXXXXX", "auth_token": SECRET, "from": "+15005550001"},
                accepted=json_answer(
                    202, {"message": "message(s) queued", "message_uuid": ["uuid-{n}"], "api_id": "a"}
                ),
                refused=json_answer(400, {"api_id": "a", "error": ECHO}),
            ),
            Vendor(
                type="sinch",
                settings={"service_plan_id": "plan", "api_token": SECRET, "from": "Acme"},
                accepted=json_answer(201, {"id": "batch-{n}", "to": ["15005550006"]}),
                refused=json_answer(400, {"code": "syntax_invalid_parameter_format", "text": ECHO}),
            ),
            Vendor(
                type="messagebird",
                settings={"access_key": SECRET, "from": "Acme"},
                accepted=json_answer(201, {"id": "id-{n}", "recipients": {"items": [{"status": "sent"}]}}),
                refused=json_answer(422, {"errors": [{"code": 10, "description": ECHO, "parameter": "recipient"}]}),
            ),
            Vendor(
                type="bird",
                settings={"access_key": SECRET, "workspace_id": "ws", "channel_id": "ch"},
                accepted=json_answer(202, {"id": "id-{n}", "status": "accepted"}),
                refused=json_answer(422, {"code": "InvalidPayload", "message": ECHO}),
            ),
            Vendor(
                type="infobip",
                settings={"api_key": SECRET, "from": "Acme"},
                accepted=json_answer(
                    200,
                    {
                        "messages": [
                            {"messageId": "id-{n}", "status": {"groupName": "PENDING", "name": "PENDING_ACCEPTED"}}
                        ]
                    },
                ),
                refused=json_answer(
                    200,
                    {
                        "messages": [
                            {
                                "messageId": "id",
                                "status": {
                                    "groupName": "REJECTED",
                                    "name": "REJECTED_DESTINATION",
                                    "description": ECHO,
                                },
                            }
                        ]
                    },
                ),
            ),
            Vendor(
                type="aws_sns",
                settings=AWS,
                accepted=Scripted(status=200, body=SNS_XML.encode(), headers={"content-type": "text/xml"}),
                refused=Scripted(status=400, body=SNS_ERROR.encode(), headers={"content-type": "text/xml"}),
                address="endpoint_url",
            ),
            Vendor(
                type="aws",
                settings=AWS,
                accepted=json_answer(200, {"MessageId": "id-{n}"}),
                refused=json_answer(
                    400, {"__type": "ValidationException", "Message": ECHO, "Reason": "INVALID_PARAMETER"}
                ),
                throttled=json_answer(400, {"__type": "ThrottlingException", "Message": "slow down"}),
                address="endpoint_url",
            ),
            Vendor(
                type="http",
                settings={
                    "json": {"to": "{recipient}", "body": "{text}"},
                    "headers": {"Authorization": "Key {password}"},
                    "password": SECRET,
                    "id": '"id": "([^"]+)"',
                },
                accepted=json_answer(200, {"id": "id-{n}"}),
                refused=Scripted(status=400, body=ECHO.encode()),
                address="url",
            ),
        )
    }
)
