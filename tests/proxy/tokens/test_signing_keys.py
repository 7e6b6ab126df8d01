from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import text
from structlog.testing import capture_logs

from hookpoint.proxy.store import Store, StoreUnavailable, open_store
from hookpoint.proxy.tokens.algorithms import ALL
from hookpoint.proxy.tokens.errors import KeyCollision, SigningKeyError
from hookpoint.proxy.tokens.private_keys import generate_key
from hookpoint.proxy.tokens.public_keys import PublicKeySet, material
from hookpoint.proxy.tokens.publishing import PRIVATE_MEMBERS, published_jwks
from hookpoint.proxy.tokens.signer import Signer, SigningKey
from hookpoint.proxy.tokens.signing_keys import SigningKeys
from hookpoint.proxy.tokens.verification import TokenVerifier
from tests.proxy.tokens.issuer import CLAIMS, ISSUER, NOW, key_for, public_jwk


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    opened = await open_store(store_url)
    yield opened
    await opened.aclose()


@pytest.fixture
async def keys(store: Store) -> AsyncIterator[SigningKeys]:
    made = SigningKeys(store)
    await made.prepare()
    yield made
    await made.aclose()


async def verifies(token: str, keys: SigningKeys) -> bool:
    published = PublicKeySet.parse(published_jwks(await keys.public_jwks(), [], "exclusive"))
    verified = await TokenVerifier(published, issuer=ISSUER, clock=lambda: NOW).verify(token)
    return dict(verified.payload.members) == CLAIMS


async def sign(signer: Signer) -> str:
    return await signer.sign({"typ": "at+jwt"}, json.dumps(dict(CLAIMS)).encode())


@pytest.mark.parametrize("algorithm", sorted(ALL))
async def test_T1_every_algorithm_signs_and_verifies(keys: SigningKeys, algorithm: str) -> None:
    signer = await keys.signer_for(algorithm)
    assert await verifies(await sign(signer), keys)
    (jwk,) = await keys.public_jwks()
    assert (jwk["use"], jwk["alg"], jwk["kid"]) == ("sig", algorithm, signer.kid)
    assert material(jwk) == signer.kid
    assert not PRIVATE_MEMBERS & jwk.keys()


async def test_a_signature_is_over_the_exact_bytes_and_the_signers_own_header(keys: SigningKeys) -> None:
    signer = await keys.signer_for("ES256")
    payload = b'{ "id":1.0e+2, "name":"\xc3\xa9" }'
    header, body, _ = (await signer.sign({"typ": "JWT", "alg": "none", "kid": "x"}, payload)).split(".")
    assert urlsafe_b64decode(body + "==") == payload
    assert json.loads(urlsafe_b64decode(header + "==")) == {"typ": "JWT", "alg": "ES256", "kid": signer.kid}


async def test_keys_are_made_once_and_found_again(store: Store, keys: SigningKeys) -> None:
    with capture_logs() as logs:
        kids = {algorithm: (await keys.signer_for(algorithm)).kid for algorithm in ("RS256", "ES256", "Ed25519")}
    assert [(log["event"], log["kid"]) for log in logs] == [("signing_key_made", kid) for kid in kids.values()]
    again = SigningKeys(store)
    await again.prepare(kids)
    assert {algorithm: (await again.signer_for(algorithm)).kid for algorithm in kids} == kids
    await again.aclose()


async def test_keys_asked_for_at_once_are_made_once(store: Store) -> None:
    made = []

    def generate(algorithm: str) -> ec.EllipticCurvePrivateKey:
        made.append(algorithm)
        return ec.generate_private_key(ec.SECP256R1())

    keys = SigningKeys(store, generate=generate)
    await keys.prepare()
    signers = await asyncio.gather(*(keys.signer_for("ES256") for _ in range(10)))
    await keys.aclose()
    assert len({signer.kid for signer in signers}) == 1
    assert made == ["ES256"]


async def test_T25_two_replicas_sign_with_one_key_and_publish_it_at_once(store: Store, keys: SigningKeys) -> None:
    other = SigningKeys(store)
    await other.prepare()
    signer = await keys.signer_for("ES256")
    assert await verifies(await sign(signer), other)
    assert (await other.signer_for("ES256")).kid == signer.kid
    await other.aclose()


async def test_T25_a_replica_that_loses_the_race_uses_the_winners_key(store: Store, keys: SigningKeys) -> None:
    """The other replica stores its key while ours is being made."""
    winner: list[Signer] = []
    loop = asyncio.get_running_loop()

    def generate(algorithm: str) -> ec.EllipticCurvePrivateKey:
        winner.append(asyncio.run_coroutine_threadsafe(keys.signer_for(algorithm), loop).result())
        return ec.generate_private_key(ec.SECP256R1())

    late = SigningKeys(store, generate=generate)
    await late.prepare(["ES256"])
    assert (await late.signer_for("ES256")).kid == winner[0].kid
    assert len(await late.public_jwks()) == 1
    await late.aclose()


PREPARE = """
import asyncio, sys
from hookpoint.proxy.store import open_store
from hookpoint.proxy.tokens.signing_keys import SigningKeys

async def main():
    print("ready", flush=True)
    sys.stdin.readline()
    store = await open_store(sys.argv[1])
    keys = SigningKeys(store)
    await keys.prepare(["RS256", "ES256"])
    print((await keys.signer_for("RS256")).kid, (await keys.signer_for("ES256")).kid)
    await keys.aclose()
    await store.aclose()

asyncio.run(main())
"""


def prepare_in_processes(url: str, count: int) -> list[str]:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PREPARE, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(count)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    answers = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0] * count, answers
    return [answer.decode().splitlines()[-1] for answer, _ in answers]


async def test_T25_processes_that_start_at_once_on_one_store_make_one_key_each(store_url: str) -> None:
    answers = await asyncio.to_thread(prepare_in_processes, store_url, 4)
    assert len(set(answers)) == 1
    store = await open_store(store_url)
    async with store.read() as connection:
        rows = await connection.execute(text("SELECT algorithm, kid FROM signing_keys ORDER BY algorithm DESC"))
        assert [row.kid for row in rows] == answers[0].split()
    await store.aclose()


async def test_configured_keys_come_before_stored_ones(store: Store, keys: SigningKeys) -> None:
    stored = await keys.signer_for("ES256")
    old_token = await sign(stored)
    configured = SigningKey.of(generate_key("ES256"), "ES256")
    other = SigningKeys(store, configured=[configured])
    await other.prepare(["ES256"])
    assert (await other.signer_for("ES256")).kid == configured.kid != stored.kid
    assert await verifies(await sign(await other.signer_for("ES256")), other)
    assert await verifies(old_token, other)
    await other.aclose()


async def test_one_key_serves_one_algorithm(store: Store) -> None:
    key = generate_key("RS256")
    with pytest.raises(SigningKeyError, match="one key is configured for RS256 and for PS256"):
        SigningKeys(store, configured=[SigningKey.of(key, "RS256"), SigningKey.of(key, "PS256")])
    with pytest.raises(SigningKeyError, match="two keys are configured for ES256"):
        SigningKeys(store, configured=[SigningKey.of(generate_key("ES256"), "ES256") for _ in range(2)])


@pytest.mark.parametrize(
    ("made_for", "algorithm", "message"),
    [
        ("ES256", "RS256", "an EC key on secp256r1 cannot sign with RS256"),
        ("ES256", "ES384", "an EC key on secp256r1 cannot sign with ES384"),
        ("RS256", "ES256", "an RSA key of 2048 bits cannot sign with ES256"),
        ("Ed25519", "ES256", "an Ed25519 key cannot sign with ES256"),
        ("ES256", "HS256", "'HS256' is not one of RS256"),
    ],
)
async def test_a_key_must_fit_its_algorithm(keys: SigningKeys, made_for: str, algorithm: str, message: str) -> None:
    with pytest.raises(SigningKeyError, match=message):
        SigningKey.of(generate_key(made_for), algorithm)


@pytest.mark.parametrize("algorithm", ["none", "HS256", "ES256K", ""])
async def test_other_algorithms_have_no_signer(keys: SigningKeys, algorithm: str) -> None:
    with pytest.raises(SigningKeyError, match="is not one of"):
        await keys.signer_for(algorithm)


async def test_T25_an_upstream_key_with_our_kid_is_refused(keys: SigningKeys) -> None:
    ours = (await keys.signer_for("ES256")).kid
    (own,) = await keys.public_jwks()
    keys.check_collision([own, public_jwk(key_for("ES256"), kid="k"), {"kty": "oct", "k": "AAAA"}])
    for other in (public_jwk(key_for("ES256"), kid=ours), {"kty": "AKP", "pub": "AAAA", "kid": ours}):
        with pytest.raises(KeyCollision, match=ours):
            keys.check_collision([own, other])


async def test_a_damaged_stored_key_is_named(store: Store, keys: SigningKeys) -> None:
    kid = (await keys.signer_for("ES256")).kid
    async with store.begin() as connection:
        await connection.execute(text("UPDATE signing_keys SET private_jwk = '{}'"))
    with pytest.raises(SigningKeyError, match=f"the stored key {kid} cannot be used"):
        await SigningKeys(store).prepare()


async def test_a_store_that_is_gone_stops_new_keys_but_not_known_ones(store: Store, keys: SigningKeys) -> None:
    known = await keys.signer_for("ES256")
    async with store.begin() as connection:
        await connection.execute(text("DROP TABLE signing_keys"))
    assert await keys.signer_for("ES256") is known
    with pytest.raises(StoreUnavailable):
        await keys.signer_for("ES384")
    with pytest.raises(StoreUnavailable):
        await keys.public_jwks()


async def test_private_keys_are_not_shown(keys: SigningKeys) -> None:
    key = SigningKey.of(generate_key("ES256"), "ES256")
    secret = str(key.private_jwk()["d"])
    assert secret not in repr(key)
    assert repr(key).startswith(f"SigningKey(kid='{key.kid}'")
