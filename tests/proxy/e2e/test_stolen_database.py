"""What somebody has who got hold of a copy of the database, and of nothing else: no token, and no key to sign one with."""

from __future__ import annotations

import asyncio
import binascii
import json
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import MetaData, select

from hookpoint.proxy.store import open_store
from hookpoint.proxy.tokens.errors import SigningKeyError
from hookpoint.proxy.tokens.key_seal import KeySeal
from hookpoint.proxy.tokens.key_table import KeyTable
from hookpoint.proxy.tokens.publishing import PRIVATE_MEMBERS
from hookpoint.proxy.vault import kinds
from hookpoint.proxy.vault.sealing import Seal, SealBroken
from tests.proxy.e2e.issuance_hooks import ISSUANCE
from tests.proxy.e2e.issuing_server import CLIENT_SECRET, IssuingServer
from tests.proxy.e2e.product import free_port, post_form, run_hookpoint
from tests.proxy.e2e.serving import serve_in_thread

SEAL = "kept-outside-of-the-database-4711"
EXTRA = {"scope": ["openid", "offline_access", "api:read", "api:extra"]}
KINDS = [kinds.ACCESS, kinds.ID, kinds.OPAQUE, kinds.LOST_ANSWER, kinds.ADDED_SCOPE]

Tables = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loot:
    """A copy of the database, its files where it has some, and what clients and server know that must not be in it.

    `held` are the secrets that lead to a record, by kind; `key` is the private JWK of the only signing key.
    """

    tables: Tables
    files: bytes
    secrets: Sequence[str]
    held: Mapping[str, str]
    key: Mapping[str, object]

    def values(self) -> Iterator[str | bytes | int]:
        """Every value of every column."""
        for rows in self.tables.values():
            for row in rows:
                yield from (value for value in row.values() if value is not None)

    def content(self) -> bytes:
        """All of it, as bytes."""
        found = [value if isinstance(value, bytes) else str(value).encode() for value in self.values()]
        return b"\n".join([*found, self.files])


async def read_tables(url: str) -> Tables:
    """All rows of all tables that there are."""
    store = await open_store(url, connections=1)
    try:
        async with store.read() as connection:
            metadata = MetaData()
            await connection.run_sync(metadata.reflect)
            return {
                table.name: [dict(row._mapping) for row in await connection.execute(select(table))]
                for table in metadata.sorted_tables
            }
    finally:
        await store.aclose()


@pytest.fixture(scope="module")
def loot(tmp_path_factory: pytest.TempPathFactory, module_store_url: str) -> Loot:
    """What somebody takes away while hookpoint runs, with every kind of record in the database."""
    folder = tmp_path_factory.mktemp("robbed")
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(lambda: asyncio.run(rob(folder, module_store_url))).result()


async def rob(folder: Path, store_url: str) -> Loot:
    port = free_port()
    server = IssuingServer(issuer=f"http://127.0.0.1:{port}")
    secrets: list[str] = [CLIENT_SECRET]
    held: dict[str, str] = {}
    with serve_in_thread(server.app) as upstream:
        text = f"""
        [upstream]
        url = "{upstream}"
        introspection = {{ client_id = "hookpoint", client_secret = "{CLIENT_SECRET}" }}
        [tokens]
        grantable_scopes = {{ "m2m" = ["api:extra"] }}
        [store]
        url = "{store_url}"
        seal = "{SEAL}"
        [[hooks]]
        run = "hooks.py"
        """
        with run_hookpoint(folder, text, hooks=ISSUANCE, port=port) as product:

            async def ask(grant_type: str, do: object = None, **parameters: str) -> dict[str, Any]:
                wish = {} if do is None else {"do": json.dumps(do)}
                form = {"grant_type": grant_type, **parameters, **wish}
                answer = await post_form(f"{product.url}/oauth/token", form, auth=("m2m", CLIENT_SECRET))
                members: dict[str, Any] = answer.json()
                secrets.extend(
                    members[name] for name in ("access_token", "refresh_token", "id_token") if name in members
                )
                return members

            code = {"code": "c", "redirect_uri": "https://app.example.test/"}
            first = await ask("authorization_code", {**EXTRA, "id_token_claims": {"x": 1}}, **code)
            held |= {kinds.ACCESS: first["access_token"], kinds.ID: first["id_token"]}
            held[kinds.ADDED_SCOPE] = first["refresh_token"]
            revoked = await ask("authorization_code", **code)
            form = {"token": revoked["access_token"]}
            assert (await post_form(f"{product.url}/oauth/revocation", form, auth=("m2m", CLIENT_SECRET))).is_success
            lost = await ask("authorization_code", **code)
            (folder / "failing").touch()
            assert "error" in await ask("refresh_token", refresh_token=lost["refresh_token"])
            (folder / "failing").unlink()
            server.opaque, server.id_token = True, "none"
            opaque = await ask("authorization_code", **code)
            held[kinds.OPAQUE] = opaque["access_token"]
            tables = await read_tables(store_url)
            file = store_url.removeprefix("sqlite:///")
            files = b"" if file == store_url else b"".join(each.read_bytes() for each in _with_side_files(Path(file)))
    return Loot(
        tables=tables,
        files=files,
        secrets=[*secrets, *server.issued, *server.good, *server.revoked],
        held=held,
        key=await _key_in(store_url),
    )


def _with_side_files(file: Path) -> list[Path]:
    found = sorted(file.parent.glob(f"{file.name}*"))
    assert file in found
    return found


async def _key_in(store_url: str) -> Mapping[str, object]:
    store = await open_store(store_url, connections=1)
    try:
        table = KeyTable(store, KeySeal(SEAL))
        [key] = [table.open(row) for row in await table.rows()]
    finally:
        await store.aclose()
    return key.private_jwk()


def spellings(secret: str | bytes) -> Iterator[bytes]:
    """A secret as it is, and inside of anything that is written in hexadecimal digits or either base64."""
    raw = secret if isinstance(secret, bytes) else secret.encode()
    yield raw
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    for before in range(3):
        # What stands before shifts the digits; those at the ends depend on the neighbours.
        for encode in (b64encode, urlsafe_b64encode):
            yield encode(b"\0" * before + raw).rstrip(b"=")[4 if before else 0 : -2]


def secret_parts(secret: str) -> Iterator[str | bytes]:
    """What of a secret must not be known: of a JWT the claims and the signature, as bytes too."""
    parts = secret.split(".")
    if len(parts) != 3:
        yield secret
        return
    for part in parts[1:]:
        yield part
        yield urlsafe_b64decode(part + "==")


def test_every_kind_of_record_is_there(loot: Loot) -> None:
    assert {row["kind"] for row in loot.tables["vault_records"]} == set(KINDS)
    assert len(loot.tables["signing_keys"]) == len(loot.tables["denied_tokens"]) == 1
    assert len(set(loot.secrets)) >= 15
    for kind, secret in loot.held.items():
        assert opened(loot, kind, secret), f"who has the secret opens the record of kind {kind}"


def test_no_token_is_in_it_however_it_is_spelled(loot: Loot) -> None:
    content = loot.content()
    assert b"eyJ" not in content
    found = [
        (secret[:20], spelling[:20])
        for secret in set(loot.secrets)
        for part in secret_parts(secret)
        for spelling in spellings(part)
        if spelling in content
    ]
    assert found == []


def test_only_the_public_half_of_the_signing_key_is_in_it(loot: Loot) -> None:
    content = loot.content()
    found = {
        name
        for name, value in loot.key.items()
        if name in {"n", *PRIVATE_MEMBERS}
        for number in (str(value), urlsafe_b64decode(f"{value}=="))
        for spelling in spellings(number)
        if spelling in content
    }
    assert {"d", "p", "q"} <= loot.key.keys()
    assert found == {"n"}


def test_what_is_in_it_opens_nothing_that_is_in_it(loot: Loot) -> None:
    texts, octets = candidates(loot)
    assert len(texts) >= 50
    broken_open = [(kind, text) for kind in KINDS for text in texts if opened(loot, kind, text)]
    assert broken_open == []
    for row in loot.tables["vault_records"]:
        place = row["kind"].encode() + b"\x00" + row["id"]
        for key in octets:
            if len(key) in (16, 24, 32):
                with pytest.raises(InvalidTag):
                    AESGCM(key).decrypt(row["box"][:12], row["box"][12:], place)


def test_what_is_in_it_opens_no_signing_key(loot: Loot) -> None:
    [row] = loot.tables["signing_keys"]
    for text in candidates(loot)[0]:
        guess = KeySeal(text)
        for seal in (row["seal"], guess.id):
            with pytest.raises(SigningKeyError):
                guess.open(row["private_jwk"], kid=row["kid"], seal=seal)
    assert KeySeal(SEAL).open(row["private_jwk"], kid=row["kid"], seal=row["seal"])


def candidates(loot: Loot) -> tuple[set[str], set[bytes]]:
    """All that somebody may try who has the copy: each value, whatever is in it, and what it says in other spellings."""
    texts: set[str] = set()
    octets: set[bytes] = set()
    for value in loot.values():
        leaves = [value] if isinstance(value, bytes) else [str(value), *_leaves(str(value))]
        for leaf in leaves:
            raw = leaf if isinstance(leaf, bytes) else leaf.encode()
            octets |= {raw, *_decoded(raw)}
            texts |= {raw.decode("latin-1"), raw.hex(), b64encode(raw).decode(), urlsafe_b64encode(raw).decode()}
            texts.add(urlsafe_b64encode(raw).rstrip(b"=").decode())
    return texts | {each.decode("latin-1") for each in octets}, octets


def _leaves(text: str) -> Iterator[str]:
    try:
        found = json.loads(text)
    except ValueError:
        return
    if isinstance(found, Mapping):
        yield from (str(value) for value in found.values())


def _decoded(raw: bytes) -> Iterator[bytes]:
    for decode in (binascii.unhexlify, urlsafe_b64decode):
        try:
            yield decode(raw + b"=" * (-len(raw) % 4) if decode is urlsafe_b64decode else raw)
        except ValueError:
            continue


def opened(loot: Loot, kind: str, secret: str) -> bool:
    """Whether a secret opens a record of a kind, its own or any other."""
    seal = Seal.of(kind, secret)
    for row in loot.tables["vault_records"]:
        if row["kind"] == kind and row["id"] == seal.id:
            return True
        try:
            seal.open(row["box"])
        except SealBroken:
            continue
        return True
    return False
