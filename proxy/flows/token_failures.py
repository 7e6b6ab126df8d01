"""What a client is told when it gets no token, and what operators are."""

from __future__ import annotations

from typing import Final

import structlog

from hookpoint.hooks import Deny, HookFailed, HookTimedOut, Request
from hookpoint.hooks.strict_json import JsonError
from hookpoint.proxy.answers import Answer, error_answer
from hookpoint.proxy.bodies import BodyRefused
from hookpoint.proxy.dialects import Dialect
from hookpoint.proxy.flows.id_token import IdTokenFixed
from hookpoint.proxy.flows.token_answer import TokenAnswerInvalid
from hookpoint.proxy.flows.token_request import TokenRequest
from hookpoint.proxy.store import StoreError
from hookpoint.proxy.tokens.errors import (
    ClaimFrozen,
    KeysUnavailable,
    ScopeInvalid,
    SigningKeyError,
    TokenRejected,
    TokenTooLarge,
)
from hookpoint.proxy.vault.locks import LockTimeout
from hookpoint.proxy.vault.sealing import SealBroken
from hookpoint.proxy.wrapped import CallFailed

log = structlog.get_logger(__name__)

_CHANGES = (TokenTooLarge, ClaimFrozen, ScopeInvalid, JsonError)
_OWN_STATE = (StoreError, SigningKeyError, LockTimeout, SealBroken)
_SERVER = (CallFailed, TokenAnswerInvalid, IdTokenFixed, TokenRejected, KeysUnavailable)
FAILURES: Final = (HookFailed, *_CHANGES, *_OWN_STATE, *_SERVER)


def ending_of(failure: BaseException, asked: TokenRequest, dialect: Dialect) -> tuple[Answer, str]:
    """The answer to a request that ended without a token, and what to call it in metrics.

    Hook failures are logged where hooks run; all others are logged here.
    """
    if isinstance(failure, Deny):
        status = dialect.status_of(failure.code)
        return _error(asked, status, failure.code, failure.user_message or failure.reason), "denied"
    if isinstance(failure, HookTimedOut):
        return _error(asked, 500, "server_error", "A hook took too long; no token was issued."), "hook_failed"
    if isinstance(failure, HookFailed):
        return _error(asked, 500, "server_error", "A hook failed; no token was issued."), "hook_failed"
    code = getattr(failure, "code", type(failure).__name__)
    if isinstance(failure, _CHANGES):
        log.error("changes_not_applicable", code=code, reason=str(failure))
        return _error(asked, 500, "server_error", "The token cannot be changed like this."), "hook_failed"
    if isinstance(failure, _OWN_STATE):
        log.error("token_not_signed", code=code, reason=str(failure))
        return _later(asked, "Tokens cannot be signed at the moment."), "not_signed"
    return _server_failed(failure, code, asked), "upstream_failed"


def _server_failed(failure: BaseException, code: str, asked: TokenRequest) -> Answer:
    if isinstance(failure, KeysUnavailable):
        log.error("upstream_keys_unavailable", reason=str(failure))
        return _later(asked, "The server's keys cannot be read at the moment.")
    if isinstance(failure, TokenRejected):
        log.error("upstream_token_rejected", code=code, reason=failure.reason)
        return _error(asked, 502, "server_error", "The server's token does not verify.")
    if not isinstance(failure, CallFailed):
        log.error(code, reason=str(failure))
        return _error(asked, 502, "server_error", "The server's answer cannot be used.")
    log.error("upstream_call_failed", reason=failure.reason)
    if failure.timed_out:
        return _error(asked, 504, "temporarily_unavailable", "The server did not answer in time.")
    return _error(asked, 502, "server_error", "The server's answer broke off.")


def refusal_answer(refusal: BodyRefused, request: Request) -> Answer:
    """The answer to a request that was not forwarded."""
    headers = [(b"allow", b"POST, OPTIONS")] if refusal.status == 405 else []
    if refusal.status in (408, 413):  # the rest of the body is still on the wire (RFC 9110 sections 15.5.9, 15.5.14)
        headers.append((b"connection", b"close"))
    return error_answer(refusal.status, refusal.error, refusal.description, request_id=request.id, headers=headers)


def _error(asked: TokenRequest, status: int, error: str, description: str) -> Answer:
    return error_answer(status, error, description, request_id=asked.request.id)


def _later(asked: TokenRequest, description: str) -> Answer:
    headers = [(b"retry-after", b"1")]
    return error_answer(503, "temporarily_unavailable", description, request_id=asked.request.id, headers=headers)
