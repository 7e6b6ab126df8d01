"""What became of a call, said once for all formats."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Final, Literal

from hookpoint.hooks.strict_json import write_json
from hookpoint.proxy.answers import Answer, Headers, json_answer
from hookpoint.proxy.sms.results import DeliveryResult, Denied, Failed, Refused, Sent, SentByHook, TestNumberUsed

FailureKind = Literal[
    "malformed",  # not what the format sends, or not from who may send it
    "unauthenticated",
    "number",  # the number is not valid, or not served
    "limited",  # too many messages, here or at the provider
    "denied",  # a hook said no
    "rejected",  # the provider will not take this message
    "down",  # nobody could take it now, and nothing was sent
    "unknown",  # perhaps it was sent
    "busy",  # the same message is being sent at this moment
    "broken",  # an operator must act
]

_NUMBER: Final = frozenset({"invalid_number", "number_refused"})
_KINDS: Final[dict[str, FailureKind]] = {
    "limit_exceeded": "limited",
    "throttled": "limited",
    "rejected": "rejected",
    "unavailable": "down",
    "unknown": "unknown",
    "busy": "busy",
    "misconfigured": "broken",
    "hook_failed": "broken",
}
_STATUS: Final[dict[FailureKind, int]] = {
    "malformed": 400,
    "unauthenticated": 401,
    "number": 422,
    "limited": 429,
    "denied": 403,
    "rejected": 422,
    "down": 503,
    "unknown": 504,
    "busy": 409,
    "broken": 500,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The message is on its way; `provider` and `id` are empty where nobody has one."""

    provider: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The message is not on its way; `message` may be shown to anybody, `retry_after` is in whole seconds.

    `code` is stable and finer than `kind`. `status` is what HTTP has for it; formats may want another one.
    """

    kind: FailureKind
    code: str
    message: str
    status: int
    retry_after: int | None = None

    @property
    def headers(self) -> Headers:
        """The header fields that say when to try again (RFC 9110 section 10.2.3)."""
        return () if self.retry_after is None else ((b"retry-after", str(self.retry_after).encode()),)


def judge(result: DeliveryResult) -> Accepted | Failure:
    """What a caller is to be told of a delivery."""
    match result:
        case Sent(provider=provider, id=id_):
            return Accepted(provider=provider, id=id_)
        case SentByHook(id=id_):
            return Accepted(provider="hook", id=id_)
        case TestNumberUsed():
            return Accepted(provider="test")
        case Denied(code=code, public=public):
            return Failure(kind="denied", code=code, message=public, status=_STATUS["denied"])
        case Refused(code=code, public=public, retry_after=retry_after):
            kind: FailureKind = "number" if code in _NUMBER else "limited"
            return _failure(kind, code, public, retry_after)
        case Failed(code=code, public=public, retry_after=retry_after):
            return _failure(_KINDS[code], code, public, retry_after)


def _failure(kind: FailureKind, code: str, message: str, retry_after: float | None) -> Failure:
    seconds = None if retry_after is None else max(1, ceil(retry_after))
    return Failure(kind=kind, code=code, message=message, status=_STATUS[kind], retry_after=seconds)


def accept_plainly(accepted: Accepted) -> Answer:
    """The answer of formats to which any 2xx means sent."""
    return json_answer(200, write_json({"id": accepted.id} if accepted.id else {}), _NO_STORE)


def refuse_plainly(failure: Failure) -> Answer:
    """The answer of formats that look at the status alone: JSON with `error` and `error_description`."""
    body = write_json({"error": failure.code, "error_description": failure.message})
    return json_answer(failure.status, body, (*_NO_STORE, *failure.headers))


def refuse_in_words(failure: Failure) -> Answer:
    """The answer of formats that show the body of a failure to people."""
    body = failure.message.encode()
    headers = ((b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode()))
    return Answer(status=failure.status, headers=(*headers, *_NO_STORE, *failure.headers), body=body)


_NO_STORE: Final[Headers] = ((b"cache-control", b"no-store"),)


def answer_json(status: int, members: dict[str, object], headers: Headers = ()) -> Answer:
    """An answer with a JSON body that nobody may keep."""
    return json_answer(status, write_json(members), (*_NO_STORE, *headers))
