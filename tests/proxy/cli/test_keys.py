"""`hookpoint keys`, as operators run it, on both stores."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hookpoint.proxy.tokens.private_keys import generate_key
from hookpoint.proxy.tokens.publishing import PRIVATE_MEMBERS
from hookpoint.proxy.tokens.signer import SigningKey
from tests.proxy.cli.test_commands import hookpoint

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

SECRET = "a secret with enough of everything"
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ"


@pytest.fixture
def folder(tmp_path: Path, store_url: str) -> Path:
    (tmp_path / "hookpoint.toml").write_text(f'[store]\nurl = "{store_url}"\n')
    return tmp_path


def key_file(folder: Path, algorithm: str) -> tuple[Path, str]:
    key = generate_key(algorithm)
    file = folder / f"{algorithm}.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return file, SigningKey.of(key, algorithm).kid


def run(folder: Path, *arguments: str, **environ: str) -> str:
    done = hookpoint(folder, "keys", *arguments, **environ)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(folder: Path, *arguments: str, **environ: str) -> str:
    done = hookpoint(folder, "keys", *arguments, **environ)
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_key_is_imported_rotated_listed_and_published(folder: Path) -> None:
    assert "no keys yet" in run(folder, "list")
    assert "no stored key to rotate" in refused(folder, "rotate")
    file, kid = key_file(folder, "ES256")
    assert re.search(rf"{kid} for ES256 signs from {TIME}", run(folder, "import", str(file)))
    assert "there already" in refused(folder, "import", str(file))
    assert re.search(r"for ES256 signs from", run(folder, "rotate"))
    assert "is pending for ES256 already" in refused(folder, "rotate", "ES256")
    head, first, second = run(folder, "list").splitlines()
    assert head.split()[:4] == ["kid", "algorithm", "state", "since"]
    assert re.fullmatch(rf"{kid} +ES256 +active +{TIME} +signs until {TIME}", first)
    assert re.fullmatch(rf"\S{{43}} +ES256 +pending +{TIME} +signs from {TIME}", second)
    published = json.loads(run(folder, "export-public"))["keys"]
    assert [key["kid"] for key in published] == [kid, second.split()[0]]
    assert not any(PRIVATE_MEMBERS & key.keys() for key in published)


def test_a_rotation_at_once_says_what_it_breaks(folder: Path) -> None:
    file, kid = key_file(folder, "ES256")
    run(folder, "import", str(file))
    done = hookpoint(folder, "keys", "rotate", "--now")
    assert done.returncode == 0
    assert "may refuse new tokens" in done.stderr
    _, first, second = run(folder, "list").splitlines()
    assert (first.split()[:3], second.split()[2]) == ([kid, "ES256", "retired"], "active")


def test_keys_are_sealed_with_the_secret_that_is_configured(folder: Path) -> None:
    file, kid = key_file(folder, "ES256")
    run(folder, "import", str(file), HOOKPOINT_STORE__SEAL=SECRET)
    assert "is sealed; name the secret in store.seal" in refused(folder, "list")
    assert "store.seal_old" in refused(folder, "list", HOOKPOINT_STORE__SEAL="another " + SECRET)
    newer = {"HOOKPOINT_STORE__SEAL": "another " + SECRET, "HOOKPOINT_STORE__SEAL_OLD": json.dumps([SECRET])}
    assert kid in run(folder, "list", **newer)
    assert "store.seal_old" in refused(folder, "list", HOOKPOINT_STORE__SEAL=SECRET)


def test_what_cannot_be_done_is_explained(folder: Path) -> None:
    (folder / "letter.txt").write_text("no key")
    assert "No such file" in refused(folder, "import", "missing.pem")
    assert "neither PEM" in refused(folder, "import", "letter.txt")
    file, kid = key_file(folder, "ES256")
    assert "cannot sign with RS256" in refused(folder, "import", str(file), "--algorithm", "RS256")
    assert "no stored key for RS256" in refused(folder, "rotate", "RS256")
    done = hookpoint(folder, "keys", "rotate", "HS256")
    assert done.returncode == 2
    assert "no algorithm" in done.stderr
    with_key = {"HOOKPOINT_TOKENS__KEYS": json.dumps([str(file)])}
    assert f"{kid}  ES256      configured" in run(folder, "list", **with_key)
    assert "is configured" in refused(folder, "rotate", "ES256", **with_key)


def test_a_store_that_cannot_be_reached_is_told(tmp_path: Path) -> None:
    (tmp_path / "hookpoint.toml").write_text('[store]\nurl = "postgresql://user:hunter2@127.0.0.1:1/x"\n')
    said = refused(tmp_path, "rotate")
    assert "cannot be reached" in said
    assert "hunter2" not in said
    (tmp_path / "hookpoint.toml").write_text('[store]\nurl = "sqlite://"\n')
    assert "in memory" in refused(tmp_path, "list")
