"""SMPP 3.4: one long-lived bind, through aiosmpplib."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

from hookpoint.providers.errors import (
    Misconfigured,
    OutcomeUnknown,
    ProviderError,
    Rejected,
    Throttled,
    Unavailable,
)
from hookpoint.providers.extras import require
from hookpoint.providers.message import Message, Receipt, Status, StatusUpdate
from hookpoint.providers.provider import Capabilities, SmsProvider
from hookpoint.providers.settings import setting
from hookpoint.providers.vendors.smpp_session import Broker, Correlator, Observer, Pending, Unthrottled

# SMPP 3.4, 5.1.3; anything else is taken as a refusal of the message.
BY_STATUS: Final[Mapping[int, type[ProviderError]]] = {
    0x02: Unavailable,
    0x03: Unavailable,
    0x04: Unavailable,  # not bound for this command
    0x08: Unavailable,  # system error
    0x0A: Misconfigured,  # source address
    0x14: Throttled,  # queue full
    0x15: Misconfigured,
    0x48: Misconfigured,
    0x49: Misconfigured,
    0x53: Misconfigured,
    0x58: Throttled,
    0x64: Unavailable,  # temporary application error
}
_BIND_REFUSED: Final = frozenset({0x0D, 0x0E, 0x0F, 0x53})

# SMPP 3.4, appendix B
STATUSES: Final[Mapping[str, Status]] = {
    "ENROUTE": Status.SENT,
    "ACCEPTD": Status.SENT,
    "DELIVRD": Status.DELIVERED,
    "EXPIRED": Status.EXPIRED,
    "DELETED": Status.FAILED,
    "UNDELIV": Status.UNDELIVERED,
    "REJECTD": Status.FAILED,
    "UNKNOWN": Status.UNKNOWN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SmppSettings:
    """The SMSC. SMPP has no encryption of its own: beyond one's own network it needs a tunnel."""

    host: str = setting("host of the SMSC")
    port: int = setting("port of the SMSC", default=2775)
    system_id: str = setting("system id, at most 15 characters")
    password: str = setting("password, at most 8 characters", secret=True)
    system_type: str = setting("system type", default="")
    sender: str = setting("number, short code or alphanumeric sender", key="from")
    bind: Literal["transceiver", "transmitter"] = setting(
        "transmitter if no receipts are wanted", default="transceiver"
    )
    receipts: bool = setting("ask for delivery receipts", default=True)
    encoding: Literal["gsm0338", "latin_1", "ascii"] = setting("the SMSC's default alphabet", default="gsm0338")
    enquire_link: float = setting("seconds of silence after which the link is checked", default=30.0)
    timeout: float = setting("limit of one submission in seconds", default=10.0)
    connect_timeout: float = setting("how long a message waits for the bind in seconds", default=3.0)

    def __post_init__(self) -> None:
        if len(self.system_id) > 15 or len(self.password) > 8:
            raise ValueError("'system_id' has at most 15 characters, 'password' at most 8")
        if min(self.timeout, self.connect_timeout, self.enquire_link) <= 0:
            raise ValueError("'timeout', 'connect_timeout' and 'enquire_link' must be positive")


class Smpp(SmsProvider):
    """Texts over a bind that is opened at the start, kept alive, and opened again when it breaks."""

    settings_type: ClassVar[type[Any]] = SmppSettings
    capabilities = Capabilities(
        senders=frozenset({"number", "alphanumeric", "short_code"}), receipts="session", extra="smpp"
    )

    def __init__(self, name: str, settings: SmppSettings) -> None:
        super().__init__(name, settings)
        self._settings = settings
        self._library = require("aiosmpplib", extra="smpp", provider=name)
        self._broker = Broker()
        self._observer = Observer(self._broker, self._receipt, self._keep_writer)
        self._session: Any = None
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to bind, without waiting for it: an SMSC that is down does not keep the program from starting."""
        if self._task is None:
            self._session = self._open()
            self._task = asyncio.create_task(self._session.start(), name=f"smpp {self.name}")

    async def stop(self) -> None:
        """Unbind and close."""
        if self._task is None:
            return
        task, self._task = self._task, None
        try:
            async with asyncio.timeout(2.0):
                await self._session.stop()
        except TimeoutError:
            pass
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self._close_writer()

    async def send(self, message: Message) -> Receipt:
        """Submit and wait for submit_sm_resp."""
        self.check(message)
        await self.start()
        await self._bound()
        pending = Pending(request=self._submit(message), answer=asyncio.get_running_loop().create_future())
        await self._broker.enqueue(pending)
        try:
            async with asyncio.timeout(self._settings.timeout):
                status, id_ = await pending.answer
        except TimeoutError:
            pending.abandoned = True
            if pending.written:
                raise OutcomeUnknown("no answer to submit_sm", provider=self.name) from None
            raise Unavailable("not submitted: no bind", provider=self.name) from None
        finally:
            pending.abandoned = True
        if status != 0:
            kind = BY_STATUS.get(status, Rejected)
            raise kind("refused submit_sm", provider=self.name, provider_code=f"0x{status:08X}")
        if not id_:
            raise OutcomeUnknown("submit_sm_resp had no message id", provider=self.name)
        return Receipt(provider=self.name, id=id_)

    async def _bound(self) -> None:
        """Wait for the bind, as long as a message may."""
        session, observer = self._session, self._observer
        try:
            async with asyncio.timeout(self._settings.connect_timeout):
                while session.session_state != session.bind_mode.session_state:
                    if observer.bind_status in _BIND_REFUSED:
                        code = f"0x{observer.bind_status:08X}"
                        raise Misconfigured("refused to bind", provider=self.name, provider_code=code)
                    observer.bound.clear()
                    await observer.bound.wait()
        except TimeoutError:
            raise Unavailable("no bind", provider=self.name) from None

    def _submit(self, message: Message) -> Any:
        library, settings = self._library, self._settings
        number = library.PhoneNumber
        sender = message.sender or settings.sender
        if sender.removeprefix("+").isdecimal():
            short = len(sender.removeprefix("+")) < 7
            ton = library.TON.UNKNOWN if short else library.TON.INTERNATIONAL
            source = number(sender.removeprefix("+"), ton, library.NPI.ISDN)
        else:
            source = number(sender, library.TON.ALPHANUMERIC, library.NPI.UNKNOWN)
        target = number(message.recipient.removeprefix("+"), library.TON.INTERNATIONAL, library.NPI.ISDN)
        return library.SubmitSm(
            short_message=message.text,
            source=source,
            destination=target,
            registered_delivery=int(settings.receipts and settings.bind == "transceiver"),
        )

    def _open(self) -> Any:
        library, settings = self._library, self._settings
        throttle = require("aiosmpplib.throttle", extra="smpp", provider=self.name)
        correlator = require("aiosmpplib.correlator", extra="smpp", provider=self.name)
        # Its interfaces are abstract base classes: ours are announced to them instead of inheriting.
        library.AbstractBroker.register(Broker)
        library.AbstractHook.register(Observer)
        correlator.AbstractCorrelator.register(Correlator)
        throttle.AbstractThrottleHandler.register(Unthrottled)
        return library.ESME(
            smsc_host=settings.host,
            smsc_port=settings.port,
            system_id=settings.system_id,
            password=settings.password,
            system_type=settings.system_type,
            bind_mode=library.BindMode[settings.bind.upper()],
            enquire_link_interval=settings.enquire_link,
            socket_timeout=settings.timeout,
            default_encoding=settings.encoding,
            broker=self._broker,
            hook=self._observer,
            correlator=Correlator(),
            throttle_handler=Unthrottled(),
            # It logs whole messages.
            log_level=logging.CRITICAL,
            log_handler=logging.NullHandler(),
        )

    def _keep_writer(self) -> None:
        """The library forgets its connections without closing them; this one is closed when the next is there."""
        self._close_writer()
        self._writer = self._session._writer  # noqa: SLF001 - there is no other way to it

    def _close_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _receipt(self, receipt: dict[str, Any]) -> None:
        id_ = str(receipt.get("id", ""))
        if self.on_status is None or not id_:
            return
        status = STATUSES.get(str(receipt.get("stat", "")), Status.UNKNOWN)
        code = str(receipt.get("err", ""))
        self.on_status(StatusUpdate(provider=self.name, id=id_, status=status, provider_code=code))
