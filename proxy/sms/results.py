"""What became of a phone message."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal, TypeAlias

from hookpoint.hooks.strict_json import JsonError, JsonObject, write_json
from hookpoint.providers import Kind, Status

FailureCode = Literal["rejected", "throttled", "unavailable", "unknown", "misconfigured", "hook_failed", "busy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A provider took the message; `id` is the vendor's, `kind` may be what the route fell back to."""

    provider: str
    id: str
    status: Status = Status.QUEUED
    kind: Kind = "sms"


@dataclass(frozen=True, slots=True, kw_only=True)
class SentByHook:
    """A hook delivered the message itself; `id` is what it gave as the message's, if anything."""

    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestNumberUsed:
    """The recipient is a configured test number: nothing was sent; a provider for development may have kept the message."""

    __test__ = False  # no test class, whatever pytest thinks of the name


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The guard refused: `invalid_number`, `number_refused` or `limit_exceeded`. `public` may be shown to anybody.

    `retry_after` is in seconds, for limits alone.
    """

    code: str
    public: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """A hook said no; `code` and `public` are its own, and may be shown to the client."""

    code: str
    public: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """Nobody took the message, or that is not known.

    | code | was it sent? | what helps |
    |---|---|---|
    | `rejected` | no | nothing: the provider will not take this message |
    | `throttled` | no | trying again after `retry_after` seconds |
    | `unavailable` | no | trying again: providers or the store are down |
    | `unknown` | perhaps | nothing: a second one might reach the user |
    | `misconfigured` | no | an operator |
    | `hook_failed` | no, unless that hook sends by itself | an operator |
    | `busy` | by another call with this key, which is under way | asking again for its result |
    """

    code: FailureCode
    public: str
    retry_after: float | None = None


DeliveryResult: TypeAlias = Sent | SentByHook | TestNumberUsed | Refused | Denied | Failed

_KINDS: Final = {kind.__name__: kind for kind in (Sent, SentByHook, TestNumberUsed, Refused, Denied, Failed)}
_PASSING: Final = frozenset({"limit_exceeded", "throttled", "unavailable", "misconfigured", "hook_failed", "busy"})


def is_final(result: DeliveryResult) -> bool:
    """Whether the same call must get this result again; otherwise nothing was sent, and it may be tried once more."""
    return not isinstance(result, Refused | Failed) or result.code not in _PASSING


def result_to_bytes(result: DeliveryResult) -> bytes:
    """A result as it is kept."""
    members = {name: value for name, value in asdict(result).items() if value is not None}
    return write_json({"result": type(result).__name__, **members})


def result_from_bytes(kept: bytes) -> DeliveryResult:
    """The result that was kept; raises ValueError for what `result_to_bytes` has not made."""
    try:
        members: dict[str, Any] = dict(JsonObject.parse(kept).members)
    except JsonError as error:
        raise ValueError("no result of a delivery") from error
    kind = _KINDS.get(str(members.pop("result", "")))
    if kind is None or not members.keys() <= {each.name for each in fields(kind)}:
        raise ValueError("no result of a delivery")
    if kind is Sent:  # the others have texts and numbers alone
        members["status"] = Status(str(members["status"]))
    result: DeliveryResult = kind(**members)
    return result
