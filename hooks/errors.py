"""What can go wrong with hooks.

HooksError
├── HookDefinitionError   a hook cannot be registered; found at start, never during a request
└── HookFailed            a hook failed while it ran; `on_error` says what follows
    ├── HookCrashed       it raised something other than Deny
    ├── HookTimedOut      it took longer than its time limit
    └── InvalidResult     it returned something it may not return
        ├── ClaimNotWritable   a claim that hooks may not write
        └── ScopeNotGrantable  a scope the client may not be given

`Deny` is not an error: it is how a hook says no.
"""

from __future__ import annotations

from typing import ClassVar


class HooksError(Exception):
    """Base of all errors of this package; `code` is stable and fit for logs and alerts."""

    code: ClassVar[str] = "hooks_error"


class HookDefinitionError(HooksError):
    """A hook cannot be registered.

    `source` is the place (`file:line` or `module:name`), `reason` what is wrong there, `remedy` what to do.
    """

    code = "hook_definition"

    def __init__(self, source: str, reason: str, remedy: str) -> None:
        super().__init__(f"{source}: {reason} {remedy}")
        self.source = source
        self.reason = reason
        self.remedy = remedy


class HookFailed(HooksError):  # noqa: N818 - named after the log event
    """A hook failed while it ran; the message is for operators and never for clients."""

    code = "hook_failed"

    def __init__(self, hook: str, reason: str) -> None:
        super().__init__(f"hook {hook!r} {reason}")
        self.hook = hook
        self.reason = reason


class HookCrashed(HookFailed):
    """A hook raised an exception, which is the `__cause__`."""

    code = "hook_crashed"


class HookTimedOut(HookFailed):
    """A hook took longer than its own time limit or than what was left for all hooks."""

    code = "hook_timed_out"


class InvalidResult(HookFailed):
    """A hook returned something that its point does not take."""

    code = "invalid_result"


class ClaimNotWritable(InvalidResult):
    """A hook wrote or removed a claim that hooks may not change."""

    code = "claim_not_writable"


class ScopeNotGrantable(InvalidResult):
    """A hook added a scope that the configuration does not allow for this client."""

    code = "scope_not_grantable"
