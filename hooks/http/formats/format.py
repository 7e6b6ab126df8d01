"""What a format is: how a system calls hooks at each point it has, and how it reads their answers; both sides of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol, TypeAlias

from hookpoint.hooks.http.members import Members
from hookpoint.hooks.points import AnyPoint
from hookpoint.hooks.results import Deny

Authentication = Literal["standard-webhooks", "bearer", "basic", "header", "zitadel", "none"]
Json: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a body says of the call itself: its id, the same in all attempts, and when it is made, in seconds since 1970."""

    id: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Answer:
    """A hook's answer. `members` is empty where there is no body, or one that means nothing."""

    status: int
    members: Json = field(default_factory=dict)

    @property
    def read(self) -> Members:
        """The members, to be read by name."""
        return Members(self.members)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statuses:
    """Which HTTP statuses are answers: `reading` with a JSON body or none, `plain` whatever the body is. Any other is a failed call."""

    reading: frozenset[int] = frozenset()
    plain: frozenset[int] = frozenset()


OK: Final = Statuses(reading=frozenset({200, 204}))
SUCCESS: Final = Statuses(reading=frozenset({200, 201, 202, 204}))
ANY_SUCCESS: Final = Statuses(plain=frozenset(range(200, 300)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What hooks made of an event: changes as one result (None: none), or a Deny, or a failure."""

    changes: Any = None
    denial: Deny | None = None
    failed: bool = False


class Unsayable(Exception):  # noqa: N818 - a limit, not a mistake
    """A format has no words for an event or for what a hook answered; the text says for what."""


class SaysFailed(Exception):  # noqa: N818 - what it says
    """A well-formed answer that says that the hook could not do its work; the text is the service's reason."""


class Codec(Protocol):
    """One format at one point: a caller uses `write_event` and `read_answer`, a server `read_event` and `write_answer`."""

    @property
    def statuses(self) -> Statuses:
        """Which statuses are answers."""
        ...

    def write_event(self, event: Any, facts: Facts) -> Json:
        """The body of the request. Raises Unsayable."""
        ...

    def read_answer(self, event: Any, answer: Answer, facts: Facts) -> Any:
        """What the answer comes to: a result or None. Raises Deny, SaysFailed, and Unreadable for what is no answer of this format."""
        ...

    def read_event(self, body: Members, facts: Facts) -> Any:
        """The event of a request. Raises Unreadable."""
        ...

    def write_answer(self, event: Any, verdict: Verdict, facts: Facts) -> Answer:
        """The answer. Raises Unsayable."""
        ...


def complain_plainly(status: int, code: str, message: str) -> Answer:
    """The answer to a call that is not served: its status, and why."""
    return Answer(status=status, members={"error": code, "error_description": message})


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A system's format.

    `authentications` are the ways in which it proves itself, the usual one first; `source` describes it; `complain` answers calls that
    are not served, by status, code and text.
    """

    name: str
    title: str
    source: str
    codecs: Mapping[AnyPoint, Codec]
    authentications: Sequence[Authentication]
    complain: Callable[[int, str, str], Answer] = complain_plainly
