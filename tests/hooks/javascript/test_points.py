"""Callback Hooks at the other points, and what each error of theirs means there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hookpoint.hooks import Delivered, Deny, HookCrashed, HookFailed, InvalidResult, UserChanges
from tests.hooks.javascript.scripts import load, trial

USERS = "module.exports = function (user, context, cb) {\n"
PHONE = "module.exports = function (recipient, text, context, cb) {\n"
PRE, POST, CHANGED, SEND = (
    "pre-user-registration",
    "post-user-registration",
    "post-change-password",
    "send-phone-message",
)


@pytest.mark.parametrize(
    ("trigger", "source", "expected"),
    [
        (
            PRE,
            USERS + "  var response = {};\n  response.user = user;\n  cb(null, response);\n};",
            {"user": {"newsletter": True}, "app": {}},
        ),
        (PRE, USERS + "  cb();\n};", None),
        (
            PRE,
            USERS
            + "  cb(null, { user: { user_metadata: { ip: context.request.ip, lang: context.renderLanguage },\n"
            + "    app_metadata: { c: context.connection.name, p: user.password.length }, email: 'other@example.com' } });\n};",
            {
                "user": {"ip": "203.0.113.7", "lang": "en"},
                "app": {"c": "Username-Password-Authentication", "p": len("Sample-password-1")},
            },
        ),
        (SEND, PHONE + "  cb(null, {});\n};", Delivered()),
        (SEND, PHONE + "  cb();\n};", Delivered()),
        (
            SEND,
            PHONE
            + "  cb(null, { MessageID: [recipient, text.length, context.message_type, context.action, context.code.length,\n"
            + "    context.ip, context.request.ip, context.client.client_id, context.user.email].join(' ') });\n};",
            Delivered(
                message_id="+15005550006 19 sms second-factor-authentication 6 203.0.113.7 203.0.113.7 reporting jo@example.com"
            ),
        ),
    ],
)
async def test_what_a_hook_calls_back_with(tmp_path: Path, trigger: str, source: str, expected: Any) -> None:
    came = await trial(load(tmp_path, source, trigger))
    assert (came.failure, came.denial) == (None, None)
    if isinstance(expected, dict):
        assert came.changes == UserChanges(user_metadata=expected["user"], app_metadata=expected["app"])
    else:
        assert came.changes == expected


@pytest.mark.parametrize(
    ("trigger", "source", "expected"),
    [
        (
            PRE,
            "cb(new PreUserRegistrationError('for the log', 'for the user'))",
            ("access_denied", "for the log", "for the user"),
        ),
        (PRE, "cb(new PreUserRegistrationError('for both'))", ("access_denied", "for both", "for both")),
        (PRE, "cb(new Error('plain'))", ("access_denied", "plain", None)),
        (PRE, "cb('text')", ("access_denied", "text", None)),
        (SEND, "cb(new SendPhoneMessageError('log', 'user'))", ("access_denied", "log", "user")),
    ],
)
async def test_a_refusal(tmp_path: Path, trigger: str, source: str, expected: tuple[str, str, str | None]) -> None:
    came = await trial(load(tmp_path, (PHONE if trigger == SEND else USERS) + f"  {source};\n}};", trigger))
    assert isinstance(came.denial, Deny), came
    assert (came.denial.code, came.denial.reason, came.denial.user_message) == expected


@pytest.mark.parametrize(
    ("trigger", "source", "failure", "reason"),
    [
        (SEND, "cb(new Error('vendor is down'))", HookCrashed, "called back with an error: vendor is down"),
        (POST, "cb(new Error('crm is down'))", HookCrashed, "called back with an error: crm is down"),
        (POST, "throw new PreUserRegistrationError('in scope as well')", HookCrashed, "in scope as well"),
        (CHANGED, "cb('crm is down')", HookCrashed, "crm is down"),
        (PRE, "cb(null, { user: { app_metadata: { 'a.b': 1 } } })", InvalidResult, "may hold no dot"),
        (PRE, "cb(null, { user: { user_metadata: { $a: 1 } } })", InvalidResult, "dollar"),
    ],
)
async def test_a_failure(tmp_path: Path, trigger: str, source: str, failure: type[HookFailed], reason: str) -> None:
    came = await trial(load(tmp_path, (PHONE if trigger == SEND else USERS) + f"  {source};\n}};", trigger))
    assert isinstance(came.failure, failure), came
    assert reason in came.failure.reason


@pytest.mark.parametrize("trigger", [POST, CHANGED])
async def test_hooks_after_the_fact_are_told_what_auth0_told(tmp_path: Path, trigger: str) -> None:
    source = USERS + (
        "  var seen = [user.id, user.username, user.email, user.password, context.connection.id].join(' ');\n"
        "  if (user.last_password_reset) seen += ' ' + new Date(user.last_password_reset).getUTCFullYear();\n"
        "  cb(new Error(seen));\n};"
    )
    came = await trial(load(tmp_path, source, trigger))
    assert came.failure is not None
    year = " 2026" if trigger == CHANGED else ""
    assert came.failure.reason.endswith(f"507f1f77bcf86cd799439020 jo jo@example.com  con_example{year}")


@pytest.mark.parametrize("trigger", [POST, CHANGED])
async def test_what_they_call_back_with_is_ignored(tmp_path: Path, trigger: str) -> None:
    came = await trial(load(tmp_path, USERS + "  cb(null, { user: { app_metadata: { a: 1 } } });\n};", trigger))
    assert (came.changes, came.failure) == (None, None)


async def test_a_password_reaches_neither_log_nor_answer(tmp_path: Path) -> None:
    source = USERS + "  cb(new PreUserRegistrationError('weak: ' + user.password, user.password + ' is weak'));\n};"
    came = await trial(load(tmp_path, source, PRE))
    assert came.denial is not None
    assert came.denial.args == ("access_denied", "weak: [redacted]", "[redacted] is weak")
