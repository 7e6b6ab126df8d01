"""One short run from the outside."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from bench.load import Answer
from bench.peers.direct import PEERS as DIRECT
from bench.peers.hookpoint import PEERS as HOOKPOINT
from bench.peers.peer import Peer
from bench.stage import set_stage
from bench.works import SMALL, TOKEN, WrongAnswer, verifier
from joserfc.jwk import KeySet

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SECONDS = 300


def test_a_quick_run_measures_verifies_and_writes(tmp_path: Path) -> None:
    data, page = tmp_path / "run.json", tmp_path / "benchmarks.md"
    peers = ["direct", "hookpoint", "resign ES256"]
    command = [sys.executable, "-m", "bench", "--quick", "--json", str(data), "--write", str(page), "--only", *peers]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    run = json.loads(data.read_text())
    assert list(run["versions"]) == peers
    found = {(each["figure"], each["peer"]) for each in run["samples"]}
    figures = {f"{work}.{kind}" for work in ("small", "token") for kind in ("rate", "cpu", "p50", "p99")}
    figures |= {"large.rate", "large.cpu", "start", "idle", "loaded"}
    assert {(figure, "hookpoint") for figure in figures} <= found
    assert all(each["value"] >= 0 for each in run["samples"])
    rows = [line for line in page.read_text().splitlines() if line.startswith("|") and "times direct" in line]
    assert len(rows) == 8
    assert {line.count("|") for line in rows} == {len(peers) + 2}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(Answer(status=200, body=b"{}"), "does not verify", id="no-token"),
        pytest.param(Answer(status=500, body=b"oops"), "does not verify", id="no-json"),
    ],
)
def test_an_answer_without_a_good_token_ends_the_run(tmp_path: Path, answer: Answer, reason: str) -> None:
    stage = set_stage(tmp_path, 1)
    check = verifier(_resigning_peer(tmp_path), TOKEN, stage, ("127.0.0.1", 1))
    with pytest.raises(WrongAnswer, match=reason):
        check(answer)


def test_a_token_without_the_added_claim_ends_the_run(tmp_path: Path) -> None:
    stage = set_stage(tmp_path, 1)
    check = verifier(_resigning_peer(tmp_path), TOKEN, stage, ("127.0.0.1", 1))
    with pytest.raises(WrongAnswer, match="the token says"):
        check(Answer(status=200, body=(tmp_path / "token.json").read_bytes()))


def test_an_echo_must_be_what_was_sent(tmp_path: Path) -> None:
    check = verifier(DIRECT[0], SMALL, set_stage(tmp_path, 1), ("127.0.0.1", 1))
    check(Answer(status=200, body=SMALL.body))
    with pytest.raises(WrongAnswer):
        check(Answer(status=200, body=SMALL.body[:-1]))


def _resigning_peer(folder: Path) -> Peer:
    keys = KeySet.import_key_set(json.loads((folder / "jwks.json").read_text()))
    return replace(HOOKPOINT[0], keys=lambda stage: keys)
