"""A key that stands in a device and does not leave it, as a signer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TypeVar

from hookpoint.hooks.strict_json import write_json
from hookpoint.proxy.tokens.algorithms import AsymmetricKey
from hookpoint.proxy.tokens.compact import encode_segment
from hookpoint.proxy.tokens.errors import SigningKeyError
from hookpoint.proxy.tokens.pkcs11_device import Device, DeviceKey

T = TypeVar("T")


async def open_device(where: DeviceKey, *, timeout: float = 5.0) -> Pkcs11Signer:
    """Return a signer for a key that was found and has signed once; raises SigningKeyError.

    `timeout` in seconds is how long a signature may take.
    """
    device, pool = Device(where), ThreadPoolExecutor(max_workers=1, thread_name_prefix="hookpoint-pkcs11")
    try:
        public = await _within(timeout, pool, device.public_key)
        signer = Pkcs11Signer(device, public, pool, timeout=timeout)
        await signer.sign({}, b"{}")
    except SigningKeyError:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    return signer


class Pkcs11Signer:
    """Signs RS256 or ES256 in a device, one token after the other; with several workers, each has its own session."""

    def __init__(self, device: Device, public: AsymmetricKey, pool: Executor, *, timeout: float) -> None:
        self._device = device
        self._public = public
        self._pool = pool
        self._timeout = timeout
        self._kid = public.thumbprint()

    @property
    def kid(self) -> str:
        return self._kid

    @property
    def algorithm(self) -> str:
        return self._device.where.algorithm

    def public_jwk(self) -> Mapping[str, object]:
        return {**self._public.as_dict(private=False), "use": "sig", "alg": self.algorithm, "kid": self.kid}

    async def sign(self, header: Mapping[str, object], payload: bytes) -> str:
        """Return a compact JWS; raises SigningKeyError when the device fails or takes too long."""
        protected = {**header, "alg": self.algorithm, "kid": self.kid}
        signing_input = encode_segment(write_json(protected)) + b"." + encode_segment(payload)
        signature = await _within(self._timeout, self._pool, lambda: self._device.sign(signing_input))
        return (signing_input + b"." + encode_segment(signature)).decode("ascii")

    async def aclose(self) -> None:
        """Log out; a thread that the device keeps waiting is left behind."""
        with contextlib.suppress(SigningKeyError):
            await _within(self._timeout, self._pool, self._device.close)
        self._pool.shutdown(wait=False, cancel_futures=True)


async def _within(timeout: float, pool: Executor, work: Callable[[], T]) -> T:
    try:
        async with asyncio.timeout(timeout):
            return await asyncio.get_running_loop().run_in_executor(pool, work)
    except TimeoutError:
        raise SigningKeyError(f"the device did not answer within {timeout:g} seconds") from None
