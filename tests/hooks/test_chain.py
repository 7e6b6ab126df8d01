"""Chains: order, conditions, changes, denials, failures, time limits, and what each hook is told."""

from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from hookpoint.hooks import (
    Chain,
    ClaimNotWritable,
    Client,
    CredentialsExchange,
    Delivered,
    Deny,
    FrozenDict,
    HookCrashed,
    HookDefinitionError,
    HookFailed,
    HookRun,
    HookTimedOut,
    InvalidResult,
    MessageChanges,
    PostUserRegistration,
    PreUserRegistration,
    Registry,
    SendPhoneMessage,
    TokenChanges,
    UserChanges,
    credentials_exchange,
    default_rules,
    hooks_of_functions,
    post_user_registration,
    pre_user_registration,
    send_phone_message,
)
from hookpoint.hooks.runner import MAX_THREADS
from hookpoint.hooks.testing import sample_event

EVENT: CredentialsExchange = sample_event(credentials_exchange, claims={"scope": "a b"}, scope=frozenset("ab"))


def chain_of(*functions: Callable[..., Any], **options: Any) -> Chain:
    return Chain(Registry(hooks_of_functions(functions)), **options)


def outcomes(runs: tuple[HookRun, ...] | list[HookRun]) -> list[tuple[str, str]]:
    return [(run.hook.name, run.outcome) for run in runs]


async def run_one(function: Callable[..., Any], **options: Any) -> Any:
    """Run one undecorated function at credentials-exchange."""

    def hook(event: CredentialsExchange) -> Any:
        return function(event)

    async def async_hook(event: CredentialsExchange) -> Any:
        return await function(event)

    wrapped: Any = async_hook if asyncio.iscoroutinefunction(function) else hook
    return await chain_of(credentials_exchange(**options)(wrapped), timeout=0.2, total_timeout=30).run(
        credentials_exchange, EVENT
    )


async def test_each_hook_sees_what_those_before_it_changed() -> None:
    @credentials_exchange(order=2)
    def second(event: CredentialsExchange) -> TokenChanges:
        assert event.claims == {"scope": "a", "plan": "gold", "level": 1}
        assert event.scope == {"a"}
        return TokenChanges(claims={"level": 2}, remove_claims={"plan"}, expires_in=60)

    @credentials_exchange(order=1)
    async def first(event: CredentialsExchange) -> TokenChanges:
        assert event.claims == EVENT.claims
        return TokenChanges(claims={"plan": "gold", "level": 1}, scope=event.scope - {"b"}, expires_in=90)

    @credentials_exchange(order=3)
    def third(event: CredentialsExchange) -> None:
        assert event.claims == {"scope": "a", "level": 2}

    observed: list[HookRun] = []
    chain = chain_of(second, third, first, observer=observed.append)
    outcome = await chain.run(credentials_exchange, EVENT)
    assert outcome.event.claims == {"scope": "a", "level": 2}
    assert outcome.changes == TokenChanges(
        claims={"level": 2}, remove_claims=frozenset({"plan"}), scope=frozenset("a"), expires_in=60
    )
    assert outcomes(outcome.runs) == [("first", "changed"), ("second", "changed"), ("third", "unchanged")]
    assert tuple(observed) == outcome.runs
    assert all(run.seconds >= 0 and run.error is None for run in observed)


async def test_nothing_happens_without_a_hook() -> None:
    outcome = await chain_of().run(credentials_exchange, EVENT)
    assert (outcome.event, outcome.changes, outcome.runs) == (EVENT, None, ())


async def test_only_hooks_whose_conditions_are_met_run() -> None:
    @credentials_exchange(when={"client_id": ["other-*"]})
    def other(event: CredentialsExchange) -> None:
        raise AssertionError

    @credentials_exchange(when={"scope": ["b"]})
    def narrow(event: CredentialsExchange) -> TokenChanges:
        return TokenChanges(scope={"a"})

    @credentials_exchange(when={"scope": ["b"]})
    def after(event: CredentialsExchange) -> None:
        raise AssertionError

    outcome = await chain_of(other, narrow, after).run(credentials_exchange, EVENT)
    assert outcomes(outcome.runs) == [("narrow", "changed")]


async def test_early_hooks_run_on_their_own_and_change_nothing() -> None:
    @credentials_exchange(early=True)
    def early(event: CredentialsExchange) -> None: ...

    @credentials_exchange(early=True, order=1)
    def eager(event: CredentialsExchange) -> TokenChanges:
        return TokenChanges()

    @credentials_exchange
    def late(event: CredentialsExchange) -> None: ...

    assert outcomes((await chain_of(early, eager, late).run(credentials_exchange, EVENT)).runs) == [
        ("late", "unchanged")
    ]
    with pytest.raises(InvalidResult, match="returned TokenChanges; an early hook refuses, or returns None"):
        await chain_of(early, eager, late).run(credentials_exchange, EVENT, early=True)


def test_a_chain_knows_where_it_has_hooks() -> None:
    @credentials_exchange
    def hook(event: CredentialsExchange) -> None: ...

    assert chain_of(hook).has_hooks(credentials_exchange)
    assert not chain_of(hook).has_hooks(send_phone_message)


# Denials


class Bare(Deny):
    def __init__(self) -> None:
        """Forgets to call its base."""


class Odd(Deny):
    def __init__(self, **members: object) -> None:
        super().__init__("access_denied", "no")
        vars(self).update(members)


@pytest.mark.parametrize("on_error", ["deny", "skip"])
@pytest.mark.parametrize("sync", [True, False])
async def test_a_denial_ends_the_chain_whatever_on_error_says(on_error: Any, sync: bool) -> None:
    def refuse(event: CredentialsExchange) -> None:
        raise Deny("invalid_scope", "not today", "Come back tomorrow.")

    async def refuse_later(event: CredentialsExchange) -> None:
        await asyncio.sleep(0)
        refuse(event)

    @credentials_exchange(order=1)
    def never(event: CredentialsExchange) -> None:
        raise AssertionError

    observed: list[HookRun] = []
    decorated = credentials_exchange(on_error=on_error, name="refuse")(refuse if sync else refuse_later)
    with capture_logs() as logs, pytest.raises(Deny) as denied:
        await chain_of(decorated, never, observer=observed.append).run(credentials_exchange, EVENT)
    denial = denied.value
    assert (denial.code, denial.reason, denial.user_message) == ("invalid_scope", "not today", "Come back tomorrow.")
    assert outcomes(observed) == [("refuse", "denied")]
    assert logs[0]["event"] == "hook_denied"
    assert logs[0]["error"] == "invalid_scope"


async def test_a_denial_in_a_task_group_counts() -> None:
    async def refuse() -> None:
        raise Deny("access_denied", "no")

    async def hook(_: CredentialsExchange) -> None:
        async with asyncio.TaskGroup() as outer:
            outer.create_task(asyncio.sleep(5))
            async with asyncio.TaskGroup() as inner:
                inner.create_task(refuse())

    with pytest.raises(Deny, match="access_denied: no"):
        await run_one(hook, on_error="skip")


async def test_a_denial_that_is_returned_counts() -> None:
    with pytest.raises(Deny, match="access_denied: no"):
        await run_one(lambda _: Deny("access_denied", "no"), on_error="skip")


@pytest.mark.parametrize(
    "make", [Bare, lambda: Odd(code=403), lambda: Odd(code=""), lambda: Odd(reason=None), lambda: Odd(user_message=b"")]
)
async def test_a_denial_that_cannot_be_told_is_a_failure(make: Callable[[], Deny]) -> None:
    def hook(_: CredentialsExchange) -> None:
        raise make()

    with pytest.raises(HookCrashed, match="without a usable code or reason"):
        await run_one(hook)


@pytest.mark.parametrize("code", ["", 'a"b', "a\\b", "ä", "a\n"])
def test_an_error_code_is_printable_ascii(code: str) -> None:
    with pytest.raises(ValueError, match="is no OAuth error code"):
        Deny(code, "reason")


@pytest.mark.parametrize("members", [(ValueError("x"), None), ("reason", 5), (None, None)])
def test_the_texts_of_a_denial_are_texts(members: tuple[Any, Any]) -> None:
    with pytest.raises(TypeError, match="are texts"):
        Deny("access_denied", *members)


# Failures


def fail(_: object) -> None:
    raise ValueError("boom")


def stop(_: object) -> None:
    raise StopIteration(7)


async def fail_later(_: object) -> None:
    await asyncio.sleep(0)
    raise TimeoutError("of its own")


async def fail_together(_: object) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(fail_later(None))


def leave(_: object) -> None:
    sys.exit(3)


async def leave_later(_: object) -> None:
    await asyncio.sleep(0)
    sys.exit(3)


async def cancel_itself(_: object) -> None:
    raise asyncio.CancelledError


async def cancel_its_task(_: object) -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(5)


def cancel_in_thread(_: object) -> None:
    raise asyncio.CancelledError


FAILURES = [
    (fail, "raised ValueError"),
    (stop, "raised RuntimeError"),
    (fail_later, "raised TimeoutError"),
    (fail_together, "raised ExceptionGroup"),
    (leave, "raised SystemExit"),
    (leave_later, "raised SystemExit"),
    (cancel_itself, "cancelled itself"),
    (cancel_its_task, "cancelled itself"),
    (cancel_in_thread, "cancelled itself"),
]


@pytest.mark.parametrize(("function", "reason"), FAILURES)
async def test_a_hook_that_crashes_denies(function: Callable[..., Any], reason: str) -> None:
    with capture_logs() as logs, pytest.raises(HookCrashed) as failed:
        await run_one(function)
    assert failed.value.reason == reason
    assert failed.value.code == "hook_crashed"
    (entry,) = [each for each in logs if each["event"] == "hook_failed"]
    assert (entry["skipped"], entry["reason"], entry["code"]) == (False, reason, "hook_crashed")
    assert "test_chain.py:" in entry["source"]


@pytest.mark.parametrize(("function", "reason"), FAILURES)
async def test_a_hook_that_crashes_is_left_out_where_it_may(function: Callable[..., Any], reason: str) -> None:
    outcome = await run_one(function, on_error="skip")
    (run,) = outcome.runs
    assert run.outcome == "skipped"
    assert run.error.reason == reason
    assert (outcome.event, outcome.changes) == (EVENT, None)


async def test_a_hook_may_fail_in_its_own_words() -> None:
    def hook(_: object) -> None:
        raise HookFailed("mine", "gave up")

    with pytest.raises(HookFailed, match="hook 'mine' gave up"):
        await run_one(hook)


async def test_the_hooks_after_a_skipped_one_run_on_what_was_there() -> None:
    @credentials_exchange(on_error="skip")
    def broken(event: CredentialsExchange) -> TokenChanges:
        return TokenChanges(claims={"iss": "https://evil.example", "plan": "gold"})

    @credentials_exchange
    def fine(event: CredentialsExchange) -> TokenChanges:
        assert event.claims == EVENT.claims
        return TokenChanges(claims={"fine": True})

    outcome = await chain_of(broken, fine).run(credentials_exchange, EVENT)
    assert outcomes(outcome.runs) == [("broken", "skipped"), ("fine", "changed")]
    assert isinstance(outcome.runs[0].error, ClaimNotWritable)
    assert outcome.changes is not None
    assert outcome.changes.claims == {"fine": True}


async def test_what_is_no_exception_of_a_hook_is_not_swallowed() -> None:
    class Stop(BaseException):
        pass

    def hook(_: object) -> None:
        raise Stop

    with pytest.raises(Stop):
        await run_one(hook, on_error="skip")


# Results


@pytest.mark.parametrize(
    "answer",
    [UserChanges(), {"claims": {}}, True, 0, "", object(), TokenChanges, Delivered(), (TokenChanges(),)],
    ids=lambda answer: type(answer).__name__,
)
async def test_an_answer_of_another_kind_is_refused(answer: object) -> None:
    with pytest.raises(InvalidResult, match=f"returned {type(answer).__name__}; credentials-exchange takes TokenCha"):
        await run_one(lambda _: answer)


async def test_a_point_without_results_takes_none() -> None:
    @post_user_registration
    def hook(event: PostUserRegistration) -> Any:
        return TokenChanges()

    with pytest.raises(InvalidResult, match="post-user-registration takes nothing, or None"):
        await chain_of(hook).run(post_user_registration, sample_event(post_user_registration))


async def test_a_point_without_rules_takes_none() -> None:
    @credentials_exchange
    def hook(event: CredentialsExchange) -> TokenChanges:
        return TokenChanges()

    with pytest.raises(InvalidResult, match="returned TokenChanges"):
        await chain_of(hook, rules={}).run(credentials_exchange, EVENT)


class Trap(Mapping[str, Any]):
    """A mapping that breaks when it is read."""

    def __getitem__(self, name: str) -> Any:
        raise KeyError(name)

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Any:
        raise OSError("no such mapping")


class Shifty(dict[str, Any]):
    """Innocent when looked at for the first time."""

    looked = False

    def items(self) -> Any:
        if self.looked:
            return {"iss": "https://evil.example"}.items()
        self.looked = True
        return {"plan": "gold"}.items()


async def test_an_answer_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(InvalidResult, match="returned a TokenChanges that cannot be read"):
        await run_one(lambda _: TokenChanges(claims=Trap()))
    with pytest.raises(InvalidResult, match="returned a TokenChanges that cannot be read"):
        await run_one(lambda _: object.__new__(TokenChanges))


async def test_an_answer_is_judged_and_used_in_one_reading() -> None:
    outcome = await run_one(lambda _: TokenChanges(claims=Shifty(iss="https://evil.example")))
    assert outcome.changes.claims == {"plan": "gold"}
    assert outcome.event.claims == {"scope": "a b", "plan": "gold"}


async def test_a_hook_cannot_change_its_answer_afterwards() -> None:
    claims: dict[str, Any] = {"plan": {"name": "gold"}}
    scope = {"a"}
    outcome = await run_one(lambda _: TokenChanges(claims=claims, scope=scope, remove_claims=scope))
    claims["iss"] = claims["plan"]["name"] = "https://evil.example"
    scope.add("admin")
    assert outcome.changes == TokenChanges(
        claims={"plan": {"name": "gold"}}, scope=frozenset("a"), remove_claims=frozenset("a")
    )


# Messages


async def test_nothing_runs_after_a_hook_that_delivered_the_message() -> None:
    @send_phone_message(order=1)
    def shorten(event: SendPhoneMessage) -> MessageChanges:
        return MessageChanges(text=event.code)

    @send_phone_message(order=2)
    async def deliver(event: SendPhoneMessage) -> Delivered:
        assert event.text == event.code
        return Delivered(message_id="m1")

    @send_phone_message(order=3)
    def again(event: SendPhoneMessage) -> Delivered:
        raise AssertionError

    outcome = await chain_of(again, deliver, shorten).run(send_phone_message, sample_event(send_phone_message))
    assert outcome.changes == Delivered(message_id="m1")
    assert outcomes(outcome.runs) == [("shorten", "changed"), ("deliver", "changed")]


# Time limits


async def stubborn(_: object) -> None:
    """Waits, whatever it is told."""
    end = asyncio.get_running_loop().time() + 1
    while (left := end - asyncio.get_running_loop().time()) > 0:
        try:
            await asyncio.sleep(left)
        except asyncio.CancelledError:
            continue


async def forgiving(_: object) -> TokenChanges:
    try:
        await asyncio.sleep(5)
    except asyncio.CancelledError:
        return TokenChanges(claims={"late": True})
    raise AssertionError


async def raising(_: object) -> None:
    try:
        await asyncio.sleep(5)
    except asyncio.CancelledError:
        raise ValueError("was cancelled") from None


async def slow(_: object) -> None:
    await asyncio.sleep(5)


def slow_thread(_: object) -> None:
    released.wait(5)


released = threading.Event()


@pytest.mark.parametrize("function", [slow, slow_thread, stubborn, forgiving, raising])
async def test_a_hook_has_its_time_and_no_more(function: Callable[..., Any]) -> None:
    started = time.monotonic()
    with pytest.raises(HookTimedOut, match=r"took longer than 0\.05 s") as failed:
        await run_one(function, timeout=0.05)
    assert time.monotonic() - started < 4  # the thread of one of them sleeps for five
    assert failed.value.code == "hook_timed_out"
    assert failed.value.__cause__ is None
    released.set()
    released.clear()
    await asyncio.sleep(0)


async def test_the_default_limit_holds_for_hooks_that_set_none() -> None:
    outcome = await run_one(slow, on_error="skip")
    assert outcome.runs[0].error.reason == "took longer than 0.2 s"


async def test_all_hooks_together_have_their_time() -> None:
    @credentials_exchange(on_error="skip")
    async def first(event: CredentialsExchange) -> None:
        await asyncio.sleep(5)

    @credentials_exchange
    def second(event: CredentialsExchange) -> None:
        raise AssertionError

    observed: list[HookRun] = []
    with pytest.raises(HookTimedOut, match="did not run: the hooks before it used up the time of all hooks"):
        await chain_of(first, second, timeout=9, total_timeout=0.05, observer=observed.append).run(
            credentials_exchange, EVENT
        )
    assert outcomes(observed) == [("first", "skipped"), ("second", "failed")]


def test_a_limit_longer_than_that_of_all_hooks_is_refused() -> None:
    @credentials_exchange(timeout=9)
    def hook(event: CredentialsExchange) -> None: ...

    with pytest.raises(HookDefinitionError, match=r"test_chain\.py:\d+: timeout=9 is longer than all hooks") as failed:
        chain_of(hook, total_timeout=5)
    assert "limits.hooks_timeout" in failed.value.remedy
    with pytest.raises(HookDefinitionError, match="timeout=inf is longer"):
        chain_of(credentials_exchange(timeout=float("inf"))(lambda event: None))


async def test_who_cancels_the_request_cancels_its_hook() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def hook(_: object) -> None:
        begun.set()
        try:
            await asyncio.sleep(5)
        finally:
            ended.set()

    task = asyncio.create_task(run_one(hook, on_error="skip", timeout=5))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(ended.wait(), 1)


async def test_a_def_hook_that_waits_for_a_thread_does_not_run_once_its_time_is_over() -> None:
    hold = threading.Event()
    ran: list[str] = []

    def hang(_: object) -> None:
        hold.wait(10)

    try:
        hanging = [asyncio.create_task(run_one(hang, timeout=10)) for _ in range(MAX_THREADS)]
        await asyncio.sleep(0.1)
        with pytest.raises(HookTimedOut):
            await run_one(lambda _: ran.append("too late"), timeout=0.05)
        for _ in range(3):  # the cancellation is on its way to the thread's queue
            await asyncio.sleep(0)
    finally:
        hold.set()
    await asyncio.gather(*hanging)
    assert (await run_one(lambda _: ran.append("later"))).changes is None
    assert ran == ["later"]


def test_a_hook_that_hangs_does_not_keep_the_process_alive() -> None:
    program = """
        import time
        from hookpoint.hooks import CredentialsExchange, credentials_exchange
        from hookpoint.hooks.testing import try_hook

        @credentials_exchange(timeout=0.1)
        def hang(event: CredentialsExchange) -> None:
            time.sleep(60)

        print(try_hook(hang).failure)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=20, check=True
    )
    assert done.stdout.endswith("hook 'hang' took longer than 0.1 s\n")


# What hooks are told


async def test_secrets_and_passwords_go_to_those_they_are_meant_for() -> None:
    seen: dict[str, tuple[Mapping[str, str], str | None]] = {}

    def see(name: str, **options: Any) -> Callable[..., Any]:
        @pre_user_registration(name=name, **options)
        def hook(event: PreUserRegistration) -> None:
            seen[name] = (event.secrets, event.password)

        return hook

    one, two, three = hooks_of_functions([see("one"), see("two", needs_password=True), see("three")])
    registry = Registry([one.overridden(secrets={"KEY": "1"}), two, three.overridden(secrets={"KEY": "3"})])
    event = sample_event(pre_user_registration, password="pw", secrets={"LEFT": "over"})
    outcome = await Chain(registry).run(pre_user_registration, event)
    assert seen == {"one": ({"KEY": "1"}, None), "two": ({}, "pw"), "three": ({"KEY": "3"}, None)}
    assert all(type(secrets) is FrozenDict for secrets, _ in seen.values())
    assert outcome.event is event


request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="none")


async def test_context_reaches_hooks_and_does_not_leak_out_of_them() -> None:
    seen: list[str] = []

    @credentials_exchange(order=1)
    def in_thread(event: CredentialsExchange) -> None:
        seen.append(request_id.get())
        request_id.set("thread")

    @credentials_exchange(order=2)
    async def in_place(event: CredentialsExchange) -> None:
        seen.append(request_id.get())
        request_id.set("task")

    request_id.set("r1")
    await chain_of(in_thread, in_place).run(credentials_exchange, EVENT)
    assert seen == ["r1", "r1"]
    assert request_id.get() == "r1"


async def test_a_thousand_chains_at_once_do_not_get_in_each_others_way() -> None:
    @credentials_exchange
    def in_thread(event: CredentialsExchange) -> TokenChanges:
        assert request_id.get() == event.client.id
        return TokenChanges(claims={"thread": event.client.id})

    @credentials_exchange(order=1)
    async def in_place(event: CredentialsExchange) -> TokenChanges:
        await asyncio.sleep(0)
        return TokenChanges(claims={"task": f"{event.claims['thread']} {request_id.get()}"})

    chain = chain_of(in_thread, in_place, timeout=30, total_timeout=60)

    def start(number: int) -> Coroutine[Any, Any, Any]:
        request_id.set(str(number))
        return chain.run(credentials_exchange, sample_event(credentials_exchange, client=Client(id=str(number))))

    tasks = []
    for number in range(1000):
        context = contextvars.copy_context()
        tasks.append(asyncio.get_running_loop().create_task(context.run(start, number), context=context))
    for number, outcome in enumerate(await asyncio.gather(*tasks)):
        assert outcome.changes.claims == {"thread": str(number), "task": f"{number} {number}"}


async def test_scopes_that_hooks_may_add_are_those_of_the_client() -> None:
    @credentials_exchange
    def grow(event: CredentialsExchange) -> TokenChanges:
        return TokenChanges(scope=event.scope | {"c"})

    rules = default_rules(grantable_scopes={"m2m-*": ["c"]})
    event = sample_event(credentials_exchange, client=Client(id="m2m-a"), scope=frozenset("ab"))
    outcome = await chain_of(grow, rules=rules).run(credentials_exchange, event)
    assert outcome.event.scope == {"a", "b", "c"}
