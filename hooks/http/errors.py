"""Why a hook over HTTP gave no answer.

HookFailed (hookpoint.hooks.errors)
├── HookUnreachable      it was not called: no connection, an address it may not have, or left alone after failures
├── HookCallFailed       it was called, and did not answer, or said that it cannot
└── HookAnswerUnusable   its answer is not one of its format
"""

from __future__ import annotations

from hookpoint.hooks.errors import HookFailed


class HookUnreachable(HookFailed):
    """A hook over HTTP was not called: there was no connection, its address is not allowed, or it is left alone after failures."""

    code = "hook_unreachable"


class HookCallFailed(HookFailed):
    """A hook over HTTP was called and gave no answer, or an HTTP status that says it cannot."""

    code = "hook_call_failed"


class HookAnswerUnusable(HookFailed):
    """A hook over HTTP answered with something that its format does not have."""

    code = "hook_answer_unusable"
