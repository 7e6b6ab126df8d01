"""What a format is, to the flow that serves it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from hookpoint.proxy.answers import Answer
from hookpoint.proxy.gateway.answering import Accepted, Failure, accept_plainly, refuse_plainly
from hookpoint.proxy.gateway.authentication import Authentication
from hookpoint.proxy.gateway.bodies import BodyKind
from hookpoint.proxy.gateway.call import Call
from hookpoint.proxy.sms.request import DeliveryRequest

JSON: Final[frozenset[BodyKind]] = frozenset({"json"})
JSON_OR_FORM: Final[frozenset[BodyKind]] = frozenset({"json", "form"})


def body_key(call: Call) -> str:
    """The key of callers that repeat a message byte for byte, under another id or none: what the body is."""
    return hashlib.sha256(call.body).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """How one system asks for a message and wants to be answered.

    `deadline` is how many seconds that system waits. `read` raises Malformed; it sees authenticated calls alone. `key` is the same
    for all attempts at one message and no other; the flow keeps routes apart.
    """

    name: str
    deadline: float
    authentication: Authentication
    read: Callable[[Call], DeliveryRequest]
    bodies: frozenset[BodyKind] = JSON
    key: Callable[[Call], str] = body_key
    accept: Callable[[Accepted], Answer] = accept_plainly
    refuse: Callable[[Failure], Answer] = refuse_plainly


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Options:
    """What the configuration says of a route, checked already; empty where it says nothing.

    `authentication` is one of those the format knows. `fields` are the caller's names of members, by ours.
    """

    secrets: tuple[str, ...]
    authentication: str = ""
    header: str = ""
    audience: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


OpenFormat: TypeAlias = Callable[[Options], Format]
