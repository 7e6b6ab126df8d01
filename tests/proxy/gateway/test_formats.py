"""What one format has and the others have not."""

from __future__ import annotations

from typing import Any

import pytest

from hookpoint.proxy.sms.request import DeliveryRequest
from hookpoint.proxy.sms.results import SentByHook, TestNumberUsed
from tests.proxy.gateway.callers import CALLERS, TEXT, Caller, Members, by_standard_webhooks, okta_command
from tests.proxy.gateway.stage import GatewayStage, read_answer, told_stage, whole_stage
from tests.proxy.sms.stage import CODE, NUMBER

BY_NAME = {caller.name: caller for caller in CALLERS}


def changed(caller: Caller, path: str, value: object) -> Members:
    """The caller's body with one member replaced, or left out for `...`."""
    body = caller.body(NUMBER)
    *parents, last = path.split(".")
    inner: Any = body
    for name in parents:
        inner = inner[name]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return body


async def ask(it: GatewayStage, body: Members) -> DeliveryRequest:
    """What a body asks the delivery for."""
    assert (await it.call(body=body)).status_code == 200
    return it.told.requests[-1]


@pytest.mark.parametrize(
    ("name", "path", "value", "reason"),
    [
        ("auth0", "recipient", ..., "recipient is missing."),
        ("auth0", "recipient", 49151, "recipient is not a text."),
        ("auth0", "recipient", "1" * 65, "recipient has more than 64 characters."),
        ("auth0", "text", "", "text is missing."),
        ("auth0", "text", "x" * 1601, "text has more than 1600 characters."),
        ("auth0", "context", [], "context is not an object."),
        ("auth0", "context.code", None, "context.code is missing."),
        ("auth0", "context.message_type", "fax", "context.message_type is neither sms nor voice."),
        ("auth0", "context.user.user_metadata", "x", "context.user.user_metadata is not an object."),
        ("auth0-passwordless", "body", ..., "body is missing."),
        ("supabase", "sms.otp", ..., "sms.otp is missing."),
        ("supabase", "sms", None, "sms.otp is missing."),
        ("kratos", "template_data.login_code", 123456, "template_data.login_code is not a text."),
        ("okta", "data.messageProfile.otpCode", ..., "data.messageProfile.otpCode is missing."),
        (
            "okta",
            "data.messageProfile.deliveryChannel",
            "FAX",
            "data.messageProfile.deliveryChannel is neither SMS nor CALL.",
        ),
        ("zitadel", "contextInfo.recipientPhoneNumber", "", "contextInfo.recipientPhoneNumber is missing."),
        ("logto", "payload", {}, "payload.code is missing."),
        ("fusionauth", "phoneNumber", ..., "phoneNumber is missing."),
        ("authentik", "Body", ..., "Body is missing."),
        ("authgear", "body", ..., "body is missing."),
        ("keycloak member", "message", ..., "message is missing."),
        ("generic", "code", ..., "code is missing."),
        ("generic", "kind", "fax", "kind is none of sms, voice and whatsapp."),
        ("generic names", "message.otp", ..., "message.otp is missing."),
    ],
)
async def test_what_is_missing_or_wrong_is_named_and_not_repeated(
    name: str, path: str, value: object, reason: str
) -> None:
    caller = BY_NAME[name]
    async with told_stage(caller) as it:
        answer = await it.call(body=changed(caller, path, value))
        assert it.outcomes == ["malformed"]
        assert reason in answer.text
        assert not it.told.requests


@pytest.mark.parametrize(
    ("name", "path", "value", "expected"),
    [
        ("auth0", "context.message_type", "voice", {"kind": "voice"}),
        ("auth0", "context.language", "N/A", {"language": ""}),
        ("auth0", "context.action", "authentication", {"purpose": "second-factor-authentication"}),
        ("auth0", "context.action", "enrollment", {"purpose": "enrollment"}),
        ("auth0", "context.client", ..., {"client": None}),
        ("supabase", "sms.sms_type", ..., {"purpose": "sign-in"}),
        ("supabase", "sms.phone", ..., {"recipient": NUMBER}),
        ("supabase", "sms.phone", NUMBER, {"recipient": NUMBER}),
        ("kratos", "template_type", "recovery_code_valid", {"purpose": "password-reset"}),
        ("kratos", "template_type", "stub", {"purpose": "stub"}),
        ("kratos", "template_data.login_code", ..., {"code": None, "text": TEXT}),
        ("kratos", "recipient", "", {"recipient": NUMBER}),
        ("okta", "requestType", "com.okta.user.telephony.pre-enrollment", {"purpose": "enrollment"}),
        ("okta", "requestType", "com.okta.user.telephony.new", {"purpose": "new"}),
        ("okta", "data.messageProfile.deliveryChannel", "CALL", {"kind": "voice"}),
        ("okta", "data.messageProfile.msgTemplate", ..., {"text": None, "code": CODE}),
        ("zitadel", "contextInfo.eventType", "user.human.phone.code.added", {"purpose": "verification"}),
        ("zitadel", "contextInfo.eventType", "user.human.password.code.added", {"purpose": "password-reset"}),
        ("zitadel", "args.code", ..., {"code": None, "text": TEXT}),
        ("logto", "payload", {"link": "https://x.example/i"}, {"code": None, "text": "https://x.example/i"}),
        ("logto", "payload", {"code": CODE, "uiLocales": "fr-CA en"}, {"language": "fr-CA"}),
        ("logto", "to", "0151 12345678", {"recipient": "0151 12345678"}),
        ("keycloak member", "", "fax", {"kind": "sms", "language": "", "code": None}),
        ("authgear", "template_name", "forgot_password_sms.txt", {"purpose": "password-reset"}),
        ("authgear", "template_variables", {"link": "x"}, {"code": None}),
        ("generic", "kind", "call", {"kind": "voice"}),
        ("generic", "code", f" {CODE} ", {"code": CODE}),
    ],
)
async def test_what_members_mean(name: str, path: str, value: object, expected: dict[str, object]) -> None:
    caller = BY_NAME[name]
    async with told_stage(caller) as it:
        asked = await ask(it, changed(caller, path, value))
    assert {each: getattr(asked, each) for each in expected} == expected


@pytest.mark.parametrize("ip", ["", "203.0.113.7, 198.51.100.1", "unknown", None])
async def test_what_is_no_address_is_nobodys(ip: str | None) -> None:
    caller = BY_NAME["logto"]
    async with told_stage(caller) as it:
        assert (await ask(it, changed(caller, "ip", ip))).request.ip == ""


async def test_hooks_are_told_of_user_client_and_address() -> None:
    async with told_stage(BY_NAME["auth0"]) as it:
        asked = await ask(it, BY_NAME["auth0"].body(NUMBER))
    assert asked.client is not None
    assert (asked.client.id, asked.client.name, asked.client.metadata) == ("web", "Web", {"plan": "gold"})
    assert (asked.user.id, asked.user.email, asked.user.user_metadata) == ("auth0|1", "jo@example.com", {"a": 1})
    assert (asked.request.id, asked.request.ip, asked.request.user_agent) == ("call-1", "192.0.2.7", "Browser")


async def test_a_client_that_is_only_named_gets_what_the_configuration_knows() -> None:
    async with told_stage(BY_NAME["generic"]) as it:
        asked = await ask(it, BY_NAME["generic"].body(NUMBER))
    assert asked.client is not None
    assert asked.client.name == "The shop"


async def test_supabase_repeats_under_a_new_id_and_at_another_time() -> None:
    caller = BY_NAME["supabase"]
    async with whole_stage(caller) as it:
        content = caller.encode(caller.body(NUMBER))
        for attempt in range(3):
            proof = by_standard_webhooks(content, caller.secrets[0], int(it.clock.now), f"msg_{attempt}")
            assert read_answer(await it.post(content, **proof)) == (200, {})
            it.clock.now += 2
        assert len(it.provider.messages) == 1


async def test_a_standard_webhook_repeats_under_one_id() -> None:
    caller = BY_NAME["generic signed"]
    async with whole_stage(caller) as it:
        for message_id, sent in (("msg_1", 1), ("msg_1", 1), ("msg_2", 2)):
            content = caller.encode(caller.body(NUMBER))
            proof = by_standard_webhooks(content, caller.secrets[0], int(it.clock.now), message_id)
            assert (await it.post(content, **proof)).status_code == 200
            assert len(it.provider.messages) == sent


async def test_okta_repeats_under_one_event_id() -> None:
    caller = BY_NAME["okta"]
    async with whole_stage(caller) as it:
        await it.call()
        await it.call(body=changed(caller, "data.messageProfile.otpExpires", "2027-01-01T00:00:00.000Z"))
        assert len(it.provider.messages) == 1
        await it.call(body=changed(caller, "eventId", "another"))
        assert len(it.provider.messages) == 2
        await it.call(body=changed(caller, "eventId", ...))
        assert len(it.provider.messages) == 3


@pytest.mark.parametrize(("name", "sent"), [("generic", 2), ("generic names", 1)])
async def test_an_idempotency_key_counts_unless_it_is_outside_of_the_signature(name: str, sent: int) -> None:
    async with whole_stage(BY_NAME[name]) as it:
        for key in ("one", "one", "two"):
            assert (await it.call(headers={"Idempotency-Key": key})).status_code == 200
        assert len(it.provider.messages) == sent


async def test_an_id_inside_of_the_body_counts() -> None:
    caller = BY_NAME["generic"]
    async with whole_stage(caller) as it:
        for id_, purpose in (("m-1", "sign-in"), ("m-1", "sign-up"), ("m-2", "sign-up")):
            await it.call(body={**caller.body(NUMBER), "id": id_, "purpose": purpose})
        assert len(it.provider.messages) == 2
        answer = await it.call(body={**caller.body(NUMBER), "id": "x" * 256})
        assert read_answer(answer)[1]["error_description"] == "The id of the message has more than 255 characters."


async def test_a_form_may_say_everything_that_json_may() -> None:
    caller = BY_NAME["keycloak form"]
    async with told_stage(caller) as it:
        asked = await ask(it, {"to": NUMBER, "text": "Grüße & mehr", "from": "Acme"})
        assert (asked.recipient, asked.text) == (NUMBER, "Grüße & mehr")
        content = f"to=%2B49&to={NUMBER}&text=x".encode()
        assert (await it.post(content, **it.prove(content))).status_code == 400


@pytest.mark.parametrize(
    ("name", "hook", "test"),
    [
        ("okta", okta_command("SUCCESSFUL", "hook", transactionId="sm-7"), okta_command("SUCCESSFUL", "test")),
        (
            "authgear",
            {"code": "ok", "info": {"provider_name": "hook"}},
            {"code": "ok", "info": {"provider_name": "test"}},
        ),
        ("kratos", {"id": "sm-7"}, {}),
    ],
)
async def test_what_hooks_delivered_and_test_numbers_count_as_sent(name: str, hook: Members, test: Members) -> None:
    for result, expected in ((SentByHook(id="sm-7"), hook), (TestNumberUsed(), test)):
        async with told_stage(BY_NAME[name], result) as it:
            assert read_answer(await it.call()) == (200, expected)
            assert it.outcomes == ["sent"]


@pytest.mark.parametrize(("name", "least", "most"), [("okta", 2.0, 3.0), ("supabase", 4.0, 5.0), ("kratos", 9.0, 10.0)])
async def test_the_delivery_is_told_how_long_the_caller_waits(name: str, least: float, most: float) -> None:
    async with told_stage(BY_NAME[name]) as it:
        await it.call()
    assert least < it.told.deadlines[0] <= most


async def test_keys_of_one_route_are_not_anothers_and_hold_nothing_of_the_message() -> None:
    for caller in CALLERS:
        async with told_stage(caller) as it:
            key = (await ask(it, caller.body(NUMBER))).idempotency_key
        assert key is not None
        assert key.startswith(f"{it.path} ")
        assert CODE not in key
        assert NUMBER[1:] not in key
