"""AWS: SNS Publish, and End User Messaging's SendTextMessage and SendVoiceMessage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import httpx2

from hookpoint.providers.errors import (
    Misconfigured,
    OutcomeUnknown,
    Rejected,
    Throttled,
    Unsupported,
)
from hookpoint.providers.exchange import Answer
from hookpoint.providers.http_provider import ErrorType, HttpProvider, text_at
from hookpoint.providers.message import Message, Receipt
from hookpoint.providers.provider import Capabilities
from hookpoint.providers.settings import setting
from hookpoint.providers.spoken import spoken
from hookpoint.providers.vendors.aws_call import AwsSettings, Service


@dataclass(frozen=True, slots=True, kw_only=True)
class SnsSettings(AwsSettings):
    """SNS."""

    sender: str | None = setting("sender id or origination number", key="from", default=None)
    max_price: str | None = setting("highest price of one message in US dollars", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndUserMessagingSettings(AwsSettings):
    """End User Messaging (Pinpoint SMS and Voice v2)."""

    origination_identity: str | None = setting("number, sender id or pool; default: AWS picks one", default=None)
    configuration_set: str | None = setting("configuration set, which says where events go", default=None)
    max_price: str | None = setting("highest price of one message in US dollars", default=None)
    validity: int | None = setting("seconds after which an undelivered message is dropped", default=None)


_COMMON: Mapping[str, ErrorType] = {
    "Throttling": Throttled,
    "ThrottlingException": Throttled,
    "ThrottledException": Throttled,
    "AuthorizationError": Misconfigured,
    "AccessDeniedException": Misconfigured,
    "UnrecognizedClientException": Misconfigured,
    "InvalidClientTokenId": Misconfigured,
    "SignatureDoesNotMatch": Misconfigured,
    "IncompleteSignature": Misconfigured,
    "ExpiredToken": Misconfigured,
    "ExpiredTokenException": Misconfigured,
    "OptInRequired": Misconfigured,
    "InternalError": OutcomeUnknown,
    "InternalServerException": OutcomeUnknown,
}


class _Aws(HttpProvider):
    """What both services share: how an answer is read."""

    def __init__(
        self,
        name: str,
        settings: AwsSettings,
        *,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(name, settings, transport=transport)

    def receipt(self, answer: Answer, parsed: Mapping[str, Any], message: Message) -> Receipt:
        if not 200 <= answer.status < 300:
            code = text_at(parsed, "Error", "Code")
            kind = self.by_code.get(text_at(parsed, "Reason")) or self.by_code.get(code)
            if kind is not None:
                detail = text_at(parsed, "Error", "Message")
                raise self.error(kind, f"answered {answer.status}", code, detail, message, answer.headers)
            raise self.failure(answer, message)
        id_ = text_at(parsed, "MessageId")
        if not id_:
            raise OutcomeUnknown("the answer was positive but had no message id", provider=self.name)
        return Receipt(provider=self.name, id=id_)


class Sns(_Aws):
    """Texts by SNS; needs no set-up, reports nothing back."""

    settings_type: ClassVar[type[Any]] = SnsSettings
    capabilities = Capabilities(senders=frozenset({"number", "alphanumeric"}), max_characters=1600, extra="aws")
    by_code: ClassVar[Mapping[str, ErrorType]] = {
        **_COMMON,
        "InvalidParameter": Rejected,
        "InvalidParameterValue": Rejected,
        "ParameterValueInvalid": Rejected,
        "ValidationException": Rejected,
        "OptedOut": Rejected,
    }

    def __init__(self, name: str, settings: SnsSettings, *, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        super().__init__(name, settings, transport=transport)
        self._settings = settings
        self._service = Service(settings, "sns", "Publish", provider=name)

    async def send(self, message: Message) -> Receipt:
        """Publish to a phone number, as transactional."""
        self.check(message)
        attributes = {"AWS.SNS.SMS.SMSType": "Transactional"}
        if sender := message.sender or self._settings.sender:
            kind = "AWS.MM.SMS.OriginationNumber" if sender.startswith("+") else "AWS.SNS.SMS.SenderID"
            attributes[kind] = sender
        values: dict[str, object] = {
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
        }
        if self._settings.max_price:
            values["AWS.SNS.SMS.MaxPrice"] = {"DataType": "Number", "StringValue": self._settings.max_price}
        answer, parsed = await self._service.call(
            self, {"PhoneNumber": message.recipient, "Message": message.text, "MessageAttributes": values}
        )
        return self.receipt(answer, parsed, message)


class EndUserMessaging(_Aws):
    """Texts and calls by End User Messaging, with pools, sender ids, protection and events."""

    settings_type: ClassVar[type[Any]] = EndUserMessagingSettings
    capabilities = Capabilities(
        kinds=frozenset({"sms", "voice"}),
        senders=frozenset({"number", "alphanumeric", "short_code", "pool"}),
        receipts="unsigned",
        validity=True,
        max_characters=1600,
        extra="aws",
    )
    by_code: ClassVar[Mapping[str, ErrorType]] = {
        **_COMMON,
        "ValidationException": Rejected,
        "ConflictException": Rejected,
        "ResourceNotFoundException": Misconfigured,
        "ServiceQuotaExceededException": Misconfigured,
        # reasons
        "DESTINATION_PHONE_NUMBER_NOT_VERIFIED": Misconfigured,
        "DESTINATION_PHONE_NUMBER_OPTED_OUT": Rejected,
        "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION": Unsupported,
        "NO_ORIGINATION_IDENTITIES_FOUND": Unsupported,
        "NUMBER_CAPABILITIES_MISMATCH": Unsupported,
        "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT": Misconfigured,
        "MONTHLY_SPEND_LIMIT_REACHED_FOR_VOICE": Misconfigured,
    }

    def __init__(
        self,
        name: str,
        settings: EndUserMessagingSettings,
        *,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(name, settings, transport=transport)
        self._settings = settings
        self._text = Service(settings, "pinpoint-sms-voice-v2", "SendTextMessage", provider=name)
        self._voice = Service(settings, "pinpoint-sms-voice-v2", "SendVoiceMessage", provider=name)

    async def send(self, message: Message) -> Receipt:
        """Send a transactional text, or a call that reads it."""
        self.check(message)
        parameters: dict[str, object] = {"DestinationPhoneNumber": message.recipient}
        if identity := message.sender or self._settings.origination_identity:
            parameters["OriginationIdentity"] = identity
        if self._settings.configuration_set:
            parameters["ConfigurationSetName"] = self._settings.configuration_set
        if self._settings.validity:
            parameters["TimeToLive"] = self._settings.validity
        if message.kind == "voice":
            answer, parsed = await self._voice.call(self, parameters | self._spoken(message))
        else:
            parameters |= {"MessageBody": message.text, "MessageType": "TRANSACTIONAL"}
            if self._settings.max_price:
                parameters["MaxPrice"] = self._settings.max_price
            answer, parsed = await self._text.call(self, parameters)
        return self.receipt(answer, parsed, message)

    def _spoken(self, message: Message) -> dict[str, object]:
        if not (message.sender or self._settings.origination_identity):
            raise Unsupported("needs an origination identity for calls", provider=self.name)
        return {"MessageBody": spoken(message), "MessageBodyTextType": "TEXT"}
