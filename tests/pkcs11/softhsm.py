"""Keys in a device, with SoftHSM in its place: `make test-pkcs11`.

Not part of `make test`, as SoftHSM does not come by pip (Debian: softhsm2).
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pkcs11
import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from pkcs11.util.ec import encode_named_curve_parameters

from hookpoint.proxy.config import Settings, validate
from hookpoint.proxy.keys import open_keys
from hookpoint.proxy.store import open_store
from hookpoint.proxy.tokens.errors import SigningKeyError
from hookpoint.proxy.tokens.pkcs11_device import DeviceKey, raw_signature
from hookpoint.proxy.tokens.pkcs11_signer import Pkcs11Signer, open_device
from hookpoint.proxy.tokens.public_keys import PublicKeySet
from hookpoint.proxy.tokens.publishing import PRIVATE_MEMBERS, published_jwks
from hookpoint.proxy.tokens.verification import TokenVerifier
from tests.proxy.tokens.issuer import CLAIMS, ISSUER, NOW

PIN = "1234"


@pytest.fixture(scope="session")
def module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """SoftHSM with a token that holds a key of each kind."""
    found = next((path for path in map(Path, MODULES) if path.is_file()), None)
    if found is None or shutil.which("softhsm2-util") is None:
        pytest.fail("SoftHSM is missing: apt-get install softhsm2")
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(configuration))
        arguments = ["--init-token", "--free", "--label", "hookpoint", "--pin", PIN, "--so-pin", "5678"]
        subprocess.run(["softhsm2-util", *arguments], check=True, capture_output=True)
        generate(found)
        yield found


MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)


def generate(module: Path) -> None:
    with pkcs11.lib(str(module)).get_token(token_label="hookpoint").open(rw=True, user_pin=PIN) as session:
        session.generate_keypair(pkcs11.KeyType.RSA, 2048, store=True, label="RS256")
        curve = session.create_domain_parameters(
            pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}, local=True
        )
        curve.generate_keypair(store=True, label="ES256")
        other = session.create_domain_parameters(
            pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters("secp384r1")}, local=True
        )
        other.generate_keypair(store=True, label="P-384")


def where(module: Path, algorithm: str) -> DeviceKey:
    return DeviceKey(module=module, token_label="hookpoint", pin=PIN, key_label=algorithm, algorithm=algorithm)


@pytest.fixture(params=["RS256", "ES256"])
async def signer(module: Path, request: pytest.FixtureRequest) -> AsyncIterator[Pkcs11Signer]:
    opened = await open_device(where(module, request.param))
    yield opened
    await opened.aclose()


async def verified(token: str, signer: Pkcs11Signer) -> bool:
    published = PublicKeySet.parse(published_jwks([signer.public_jwk()], [], "exclusive"))
    found = await TokenVerifier(published, issuer=ISSUER, clock=lambda: NOW).verify(token)
    return dict(found.payload.members) == CLAIMS


async def sign(signer: Pkcs11Signer) -> str:
    return await signer.sign({"typ": "at+jwt"}, json.dumps(dict(CLAIMS)).encode())


async def test_a_device_signs_what_its_published_key_verifies(signer: Pkcs11Signer) -> None:
    assert await verified(await sign(signer), signer)
    jwk = signer.public_jwk()
    assert (jwk["alg"], jwk["use"], jwk["kid"]) == (signer.algorithm, "sig", signer.kid)
    assert not PRIVATE_MEMBERS & jwk.keys()


async def test_a_device_signs_many_at_once(signer: Pkcs11Signer) -> None:
    for token in await asyncio.gather(*(sign(signer) for _ in range(40))):
        assert await verified(token, signer)


async def test_sessions_that_end_are_opened_again(signer: Pkcs11Signer, module: Path) -> None:
    await sign(signer)
    pkcs11.lib(str(module)).reinitialize()
    assert await verified(await sign(signer), signer)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"token_label": "other"}, "NoSuchToken"),
        ({"key_label": "other"}, "NoSuchKey"),
        ({"key_label": "RS256"}, "NoSuchKey"),
        ({"key_label": "P-384"}, "cannot sign ES256"),
        ({"module": Path("/bin/true")}, "cannot be used"),
    ],
)
async def test_a_key_that_cannot_be_used_is_explained(module: Path, change: dict[str, str], message: str) -> None:
    with pytest.raises(SigningKeyError, match=message):
        await open_device(replace(where(module, "ES256"), **change))  # type: ignore[arg-type]


async def test_a_wrong_pin_is_explained_and_not_shown(module: Path) -> None:
    pkcs11.lib(str(module)).reinitialize()
    wrong = replace(where(module, "ES256"), pin="9999")
    with pytest.raises(SigningKeyError, match="PinIncorrect") as caught:
        await open_device(wrong)
    assert "9999" not in f"{caught.value}{wrong!r}"


async def test_a_device_that_takes_too_long_is_given_up(module: Path) -> None:
    with pytest.raises(SigningKeyError, match="did not answer within"):
        await open_device(where(module, "RS256"), timeout=0.000001)


def test_signatures_in_der_become_those_of_jose() -> None:
    r, s = 1, 2**255
    raw = r.to_bytes(32) + s.to_bytes(32)
    assert raw_signature(encode_dss_signature(r, s)) == raw_signature(raw) == raw
    for broken in (b"", b"\x30", raw[:63]):
        with pytest.raises(SigningKeyError, match="no signature"):
            raw_signature(broken)


async def test_a_configured_device_signs_before_stored_keys(module: Path, tmp_path: Path) -> None:
    settings = configured(module, tmp_path)
    store = await open_store("sqlite://")
    keys = await open_keys(settings, store)
    await keys.prepare(["ES256", "RS256"])
    assert (await keys.signer_for("ES256")).kid == keys.given["ES256"]
    assert {str(jwk["alg"]) for jwk in await keys.jwks_to_publish()} == {"ES256", "RS256"}
    await keys.aclose()
    await store.aclose()


def configured(module: Path, folder: Path) -> Settings:
    device = {
        "module": str(module),
        "token_label": "hookpoint",
        "pin": "env:PIN",
        "key_label": "ES256",
        "algorithm": "ES256",
    }
    return validate({"tokens": {"pkcs11": device}}, directory=folder, environ={"PIN": PIN})
