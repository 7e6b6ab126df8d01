"""Own keys as the configuration has them."""

from __future__ import annotations

from collections.abc import Sequence

from hookpoint.proxy.config import Settings
from hookpoint.proxy.config.tokens import Pkcs11Settings
from hookpoint.proxy.store import Store
from hookpoint.proxy.tokens.errors import SigningKeyError
from hookpoint.proxy.tokens.key_schedule import KeyPolicy
from hookpoint.proxy.tokens.key_seal import KeySeal
from hookpoint.proxy.tokens.private_keys import read_keys
from hookpoint.proxy.tokens.signer import PublishedSigner, SigningKey
from hookpoint.proxy.tokens.signing_keys import SigningKeys


async def open_keys(settings: Settings, store: Store) -> SigningKeys:
    """Return the keys of a configuration, which still have to be prepared; raises SigningKeyError."""
    return SigningKeys(
        store,
        configured=_configured(settings),
        external=[] if settings.tokens.pkcs11 is None else [await _device(settings.tokens.pkcs11)],
        seal=_seal(settings),
        policy=KeyPolicy(
            publish_delay=settings.tokens.key_publish_delay,
            rotation=settings.tokens.key_rotation,
        ),
    )


def _configured(settings: Settings) -> Sequence[SigningKey]:
    algorithm = None if settings.tokens.algorithm == "upstream" else settings.tokens.algorithm
    texts = [text.get_secret_value().encode() for text in settings.tokens.keys]
    return [key for text in texts for key in read_keys(text, algorithm)]


def _seal(settings: Settings) -> KeySeal | None:
    secret = settings.store.seal
    old = [each.get_secret_value() for each in settings.store.seal_old]
    return None if secret is None else KeySeal(secret.get_secret_value(), old)


async def _device(settings: Pkcs11Settings) -> PublishedSigner:
    try:
        from hookpoint.proxy.tokens.pkcs11_device import DeviceKey
        from hookpoint.proxy.tokens.pkcs11_signer import open_device
    except ImportError:
        raise SigningKeyError("keys on a device need python-pkcs11: pip install 'hookpoint[pkcs11]'") from None
    key = DeviceKey(
        module=settings.module,
        token_label=settings.token_label,
        pin=None if settings.pin is None else settings.pin.get_secret_value(),
        key_label=settings.key_label,
        algorithm=settings.algorithm,
    )
    return await open_device(key, timeout=settings.timeout)
