"""One message for one idempotency key, however often and wherever the call arrives."""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from hookpoint.proxy.sms.results import DeliveryResult, Failed, is_final, result_from_bytes, result_to_bytes
from hookpoint.proxy.store import StoreError
from hookpoint.proxy.vault.kinds import DELIVERY
from hookpoint.proxy.vault.locks import Locks, LockTimeout
from hookpoint.proxy.vault.vault import Vault

_BUSY_SECONDS: Final = 1.0
# Kept while a message is on its way: whoever finds it later, without the lock being held, cannot know what became of it.
_UNKNOWN: Final = Failed(code="unknown", public="The message may be on its way.")

log = structlog.get_logger(__name__)


class Deduplication:
    """Answers a repeated key with the result of its first call, for `window` seconds.

    What certainly was not sent, and may be tried again, is tried again. `pepper` keeps keys that somebody could guess, such as
    hashes of what was to be sent, from being found in the store. `clock` is in seconds since 1970.
    """

    def __init__(
        self, vault: Vault, locks: Locks, *, pepper: bytes, window: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._vault = vault
        self._locks = locks
        self._pepper = pepper
        self._window = window
        self._clock = clock

    def name(self, key: str) -> str:
        """What a key is called from here on: 64 hexadecimal digits, from which nobody finds the key."""
        return hmac.digest(self._pepper, b"sms idempotency key\0" + key.encode(), "sha256").hex()

    async def run(self, key: str, send: Callable[[], Awaitable[DeliveryResult]], *, timeout: float) -> DeliveryResult:
        """Send once; a call while another one with this key is under way waits `timeout` seconds for it, then is `busy`.

        Raises StoreError, and then nothing was sent.
        """
        name = self.name(key)
        result: DeliveryResult | None = None
        try:
            async with self._locks.hold(f"sms {name}", timeout=timeout):
                kept = await self._vault.get(DELIVERY, name)
                if kept is not None:
                    log.info("sms_repeated")
                    return result_from_bytes(kept)
                await self._keep(name, _UNKNOWN)
                result = await send()
                if is_final(result):
                    await self._keep(name, result)
                else:
                    await self._vault.remove(DELIVERY, name)
        except LockTimeout:
            return Failed(code="busy", public="This message is being sent.", retry_after=_BUSY_SECONDS)
        except StoreError as error:
            if result is None:
                raise
            log.warning("sms_result_not_kept", code=error.code, reason=str(error))
        return result

    async def _keep(self, name: str, result: DeliveryResult) -> None:
        await self._vault.put(DELIVERY, name, result_to_bytes(result), expires_at=self._clock() + self._window)
