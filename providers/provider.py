"""The contract of a provider."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from hookpoint.providers.errors import Unsupported
from hookpoint.providers.message import Kind, Message, Receipt, StatusUpdate
from hookpoint.providers.settings import read


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a provider can do, as data: checks, the feature matrix and the documentation read it."""

    kinds: frozenset[Kind] = frozenset({"sms"})
    senders: frozenset[str] = frozenset()
    """Out of ``number``, ``alphanumeric``, ``short_code``, ``pool``; empty when the provider takes no sender."""
    receipts: Literal["none", "signed", "unsigned", "session"] = "none"
    """How later statuses arrive: not at all, as signed or unsigned callbacks, or over the provider's own session."""
    own_code: bool = False
    """Can write the text itself and take the code alone."""
    idempotent: bool = False
    """A repeated ``reference`` is not sent twice."""
    validity: bool = False
    """Can drop a message that is not delivered in time."""
    max_characters: int | None = None
    extra: str | None = None
    """The extra of hookpoint that must be installed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSettings:
    """For providers that have none."""


class SmsProvider(ABC):
    """Sends messages; one instance serves many sends at once.

    Subclasses set ``capabilities``, and ``settings_type`` to a dataclass if they are configured; the instance gets it as
    ``settings``. Errors of ``send`` are those under :class:`~hookpoint.providers.errors.ProviderError`, and what they say
    decides what happens next.
    """

    capabilities: ClassVar[Capabilities] = Capabilities()
    settings_type: ClassVar[type[Any]] = NoSettings

    def __init__(self, name: str = "", settings: object | None = None) -> None:
        self.name = name or type(self).__name__.lower()
        self.on_status: Callable[[StatusUpdate], None] | None = None
        """Told about later statuses by providers whose receipts come over their own session."""

    @classmethod
    def from_settings(cls, name: str, values: Mapping[str, object]) -> Self:
        """Build from a table of the configuration.

        Raises:
            Misconfigured: all problems at once.
            NotInstalled: an optional package is missing.
        """
        return cls(name, read(cls.settings_type, values, provider=name))

    async def start(self) -> None:  # noqa: B027 - most providers have nothing to do
        """Open what lives longer than one send; called once, in the loop that will send."""

    async def stop(self) -> None:  # noqa: B027
        """Close it; safe to call twice, and without a start."""

    @abstractmethod
    async def send(self, message: Message) -> Receipt:
        """Hand one message to the vendor and return what it answered."""

    def check(self, message: Message) -> None:
        """Refuse what the capabilities do not hold.

        Raises:
            Unsupported: nothing was sent.
        """
        able = self.capabilities
        if message.kind not in able.kinds:
            raise Unsupported(f"cannot send {message.kind}", provider=self.name)
        if message.sender is not None and not able.senders:
            raise Unsupported("takes no sender", provider=self.name)
        if able.max_characters is not None and len(message.text) > able.max_characters:
            raise Unsupported(f"takes at most {able.max_characters} characters", provider=self.name)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"
