"""What all formats have in common, for every caller."""

from __future__ import annotations

import pytest

from hookpoint.hooks import Deny, SendPhoneMessage, send_phone_message
from hookpoint.providers import OutcomeUnknown, Unavailable
from hookpoint.providers.vendors.memory import Memory
from hookpoint.proxy.gateway.bodies import MAX_BYTES
from hookpoint.proxy.sms.results import DeliveryResult, Denied, Failed, Refused
from tests.proxy.gateway.callers import CALLERS, REFUSALS, Caller, Refusal
from tests.proxy.gateway.stage import read_answer, told_stage, whole_stage
from tests.proxy.sms.stage import NUMBER

every_caller = pytest.mark.parametrize("caller", CALLERS, ids=lambda caller: caller.name)
timed_caller = pytest.mark.parametrize(
    "caller", [caller for caller in CALLERS if caller.timed], ids=lambda caller: caller.name
)
NOT_SENT = REFUSALS["down"].message
RESULTS: dict[str, DeliveryResult] = {
    "number": Refused(code="invalid_number", public=REFUSALS["number"].message),
    "premium": Refused(code="number_refused", public=REFUSALS["premium"].message),
    "limited": Refused(code="limit_exceeded", public=REFUSALS["limited"].message, retry_after=61.5),
    "denied": Denied(code="access_denied", public="Not from here."),
    "throttled": Failed(code="throttled", public=REFUSALS["throttled"].message, retry_after=7.2),
    "rejected": Failed(code="rejected", public=NOT_SENT),
    "down": Failed(code="unavailable", public=NOT_SENT),
    "unknown": Failed(code="unknown", public=REFUSALS["unknown"].message),
    "busy": Failed(code="busy", public=REFUSALS["busy"].message, retry_after=1.0),
    "misconfigured": Failed(code="misconfigured", public=NOT_SENT),
    "hook_failed": Failed(code="hook_failed", public=NOT_SENT),
}


@send_phone_message
def deny(event: SendPhoneMessage) -> None:
    raise Deny("access_denied", "For the log.", "Not from here.")


@every_caller
async def test_a_good_call_sends_what_was_asked_for(caller: Caller) -> None:
    async with whole_stage(caller) as it:
        answer = await it.call()
        assert read_answer(answer) == (200, caller.sent)
        assert answer.headers["cache-control"] == "no-store"
        (message,) = it.provider.messages
        assert it.outcomes == ["sent"]
    assert message.recipient == NUMBER
    assert {name: getattr(message, name) for name in caller.asked} == caller.asked


@every_caller
async def test_a_repeated_call_is_answered_the_same_and_sends_nothing(caller: Caller) -> None:
    async with whole_stage(caller) as it:
        first = await it.call()
        it.clock.now += 2
        assert read_answer(await it.call()) == read_answer(first) == (200, caller.sent)
        assert len(it.provider.messages) == 1


@every_caller
async def test_a_message_that_may_be_on_its_way_is_not_sent_again(caller: Caller) -> None:
    provider = Memory("main", failures=[OutcomeUnknown("no answer", provider="main")])
    async with whole_stage(caller, provider=provider) as it:
        for _ in range(3):
            assert read_answer(await it.call()) == caller.refused(REFUSALS["unknown"])
        assert len(it.provider.messages) == 1


@every_caller
async def test_a_message_that_nobody_took_is_tried_again(caller: Caller) -> None:
    provider = Memory("main", failures=[Unavailable("no connection", provider="main")])
    async with whole_stage(caller, provider=provider) as it:
        assert read_answer(await it.call()) == caller.refused(REFUSALS["down"])
        assert read_answer(await it.call()) == (200, caller.sent)


@every_caller
async def test_a_number_that_is_none_is_refused(caller: Caller) -> None:
    async with whole_stage(caller) as it:
        assert read_answer(await it.call("+49123")) == caller.refused(REFUSALS["number"])
        assert not it.provider.messages


@every_caller
async def test_a_hook_denies(caller: Caller) -> None:
    async with whole_stage(caller, hooks=[deny]) as it:
        assert read_answer(await it.call()) == caller.refused(REFUSALS["denied"])
        assert it.outcomes == ["denied"]
        assert not it.provider.messages


@every_caller
@pytest.mark.parametrize("kind", RESULTS)
async def test_what_went_wrong_is_told_in_the_callers_words(caller: Caller, kind: str) -> None:
    async with told_stage(caller, RESULTS[kind]) as it:
        answer = await it.call()
        assert read_answer(answer) == caller.refused(REFUSALS[kind])
        assert it.outcomes == ["denied" if kind == "denied" else REFUSALS[kind].code]
        if "retry-after" in answer.headers:
            assert answer.headers["retry-after"] == {"limited": "62", "throttled": "8", "busy": "1"}[kind]


@every_caller
async def test_the_old_secret_holds_beside_the_new_one(caller: Caller) -> None:
    async with told_stage(caller) as it:
        assert read_answer(await it.call(secret=caller.secrets[1])) == (200, caller.sent)


@every_caller
@pytest.mark.parametrize("secret", ["wrong", "empty", "none"])
async def test_a_call_without_proof_is_refused(caller: Caller, secret: str) -> None:
    async with told_stage(caller) as it:
        wrong = f"v1,whsec_{'AAAA' * 8}" if caller.timed else "hookpoint:another secret altogether"
        content = caller.encode(caller.body(NUMBER), wrong if secret == "wrong" else None)
        fields = {} if secret == "none" else it.prove(content, wrong)
        answer = await it.post(content, **(dict.fromkeys(fields, "") if secret == "empty" else fields))
        assert read_answer(answer) == caller.refused(REFUSALS["unauthenticated"])
        assert it.outcomes == ["unauthenticated"]
        assert not it.told.requests


@every_caller
async def test_a_proof_given_twice_is_none(caller: Caller) -> None:
    async with told_stage(caller) as it:
        content = caller.encode(caller.body(NUMBER), caller.secrets[0])
        fields = {"content-type": caller.content_type, **it.prove(content)}
        twice = [(name, value) for name, value in fields.items() for _ in range(1 + (name != "content-type"))]
        if len(twice) == 1:
            content = content.replace(b"{", b'{"apikey": "x", ', 1)
        await it.http.post(it.path, content=content, headers=twice)
        assert it.outcomes in (["unauthenticated"], ["body_refused"], ["malformed"])
        assert not it.told.requests


@timed_caller
@pytest.mark.parametrize("age", [400, -400])
async def test_a_proof_of_another_time_is_refused(caller: Caller, age: int) -> None:
    async with told_stage(caller) as it:
        answer = await it.call(age=age)
        # A token of the time to come holds already: it is its end that counts.
        holds = caller.format == "auth0-passwordless" and age < 0
        assert read_answer(answer) == ((200, caller.sent) if holds else caller.refused(REFUSALS["unauthenticated"]))
        assert len(it.told.requests) == int(holds)


@timed_caller
@pytest.mark.parametrize("age", [100, -100])
async def test_clocks_may_differ(caller: Caller, age: int) -> None:
    async with told_stage(caller) as it:
        assert read_answer(await it.call(age=age)) == (200, caller.sent)


@every_caller
async def test_a_large_body_is_refused(caller: Caller) -> None:
    refusal = Refusal(status=413, code="body_refused", message=f"The body is larger than {MAX_BYTES} bytes.")
    async with told_stage(caller) as it:
        content = caller.encode({**caller.body(NUMBER), "padding": "x" * MAX_BYTES}, caller.secrets[0])
        assert read_answer(await it.post(content, **it.prove(content))) == caller.refused(refusal)
        assert not it.told.requests


@every_caller
async def test_another_content_type_is_refused(caller: Caller) -> None:
    types = {
        "text/plain": 415,
        "": 415,
        "multipart/form-data; boundary=x": 415,
        "application/json; charset=latin1": 400,
    }
    async with told_stage(caller) as it:
        content = caller.encode(caller.body(NUMBER), caller.secrets[0])
        for content_type, status in types.items():
            answer = await it.post(content, **it.prove(content), **{"content-type": content_type})
            assert answer.status_code == caller.refused(Refusal(status=status, code="body_refused", message=""))[0]
        assert set(it.outcomes) == {"body_refused"}
        assert not it.told.requests


@every_caller
async def test_a_body_that_is_not_the_formats_is_refused(caller: Caller) -> None:
    async with told_stage(caller) as it:
        for content in (b"", b"[]", b"{", b'{"a":1,"a":2}', b"\xff", b"%zz", b"{}", b'{"recipient":{}}'):
            answer = await it.post(content, **it.prove(content))
            status, _ = caller.refused(Refusal(status=400, code="malformed", message=""))
            assert answer.status_code in (status, 401)
            assert it.outcomes[-1] == ("unauthenticated" if answer.status_code == 401 else "malformed")
        assert not it.told.requests


@every_caller
async def test_post_alone_is_served(caller: Caller) -> None:
    refusal = Refusal(status=405, code="method_not_allowed", message="Only POST is served here.")
    async with told_stage(caller) as it:
        for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
            answer = await it.http.request(method, it.path)
            status, body = caller.refused(refusal)
            assert answer.headers["allow"] == "POST"
            assert answer.status_code == status
            assert (read_answer(answer)[1] == body) if method != "HEAD" else not answer.content


@every_caller
async def test_other_spellings_of_the_path_are_refused(caller: Caller) -> None:
    async with told_stage(caller) as it:
        for path in (
            f"{it.path}/",
            it.path.replace("/sms", "/%73ms"),
            it.path.upper(),
            it.path.replace("/sms", "//sms"),
        ):
            assert (await it.http.post(path)).status_code == 400, path
        assert (await it.http.post(f"{it.path}-2")).status_code == 404
