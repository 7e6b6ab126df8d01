"""Processes that share a store, sign and rotate, and of which one is killed."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import dataclass

import pytest

pytestmark = pytest.mark.slow

# Time runs faster for the processes under test: keys rotate every ten of their minutes.
SPEED = 300
POLICY = "KeyPolicy(publish_delay=300, rotation=600)"
LIFE = 3600

SIGN_AND_PUBLISH = f"""
import asyncio, json, sys, time
from hookpoint.proxy.store import open_store
from hookpoint.proxy.tokens.key_schedule import KeyPolicy
from hookpoint.proxy.tokens.signing_keys import SigningKeys

START = float(sys.argv[2])

def clock():
    return START + (time.time() - START) * {SPEED}

def say(**what):
    print(json.dumps(what), flush=True)

async def main():
    store = await open_store(sys.argv[1])
    keys = SigningKeys(store, policy={POLICY}, clock=clock)
    await keys.prepare(["ES256"])
    say(ready=True)
    sys.stdin.readline()
    end = time.time() + float(sys.argv[3])
    while time.time() < end:
        signer = await keys.signer_for("ES256")
        issued = clock()
        await signer.sign({{}}, json.dumps({{"exp": issued + {LIFE}}}).encode())
        # Issued when signing is done: the earliest moment at which someone may want to verify it.
        say(kid=signer.kid, issued=clock(), exp=issued + {LIFE})
        asked = clock()
        published = await keys.jwks_to_publish()
        say(asked=asked, kids=[key["kid"] for key in published])
        await asyncio.sleep(0.01)
    await keys.aclose()
    await store.aclose()

asyncio.run(main())
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a process said: tokens by kid with times of issue and expiry, key sets with the times they were asked for."""

    tokens: list[tuple[str, float, float]]
    key_sets: list[tuple[float, frozenset[str]]]


def start(url: str, at: float, seconds: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SIGN_AND_PUBLISH, url, str(at), str(seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def understood(output: str) -> Said:
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{") and line.endswith("}")]
    return Said(
        tokens=[(line["kid"], line["issued"], line["exp"]) for line in lines if "issued" in line],
        key_sets=[(line["asked"], frozenset(line["kids"])) for line in lines if "asked" in line],
    )


def run_two_and_kill_one(url: str) -> list[Said]:
    at = time.time()
    staying, dying = start(url, at, 8), start(url, at, 60)
    for process in (staying, dying):
        assert process.stdout is not None
        assert any(line == '{"ready": true}\n' for line in process.stdout)
    for process in (staying, dying):
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    try:
        early, _ = dying.communicate(timeout=5)
    except subprocess.TimeoutExpired:
        dying.kill()
        early, _ = dying.communicate()
    late, _ = staying.communicate()
    assert staying.returncode == 0
    return [understood(early), understood(late)]


async def test_T25_tokens_verify_with_either_process_while_keys_rotate_and_one_is_killed(store_url: str) -> None:
    both = await asyncio.to_thread(run_two_and_kill_one, store_url)
    assert len({kid for said in both for kid, _, _ in said.tokens}) >= 3, "no key was rotated"
    missing = [
        (kid, issued, asked)
        for signing in both
        for kid, issued, exp in signing.tokens
        for serving in both
        for asked, kids in serving.key_sets
        if issued <= asked < exp and kid not in kids
    ]
    assert missing == []
    known_for = [first_signed(both, kid) - first_published(both, kid) for kid in rotated(both)]
    # Between two looks at the key set passes a moment, which is long at this speed.
    assert min(known_for) >= 300 - 100


def first_signed(both: list[Said], kid: str) -> float:
    return min(issued for said in both for signed_with, issued, _ in said.tokens if signed_with == kid)


def first_published(both: list[Said], kid: str) -> float:
    return min(asked for said in both for asked, kids in said.key_sets if kid in kids)


def rotated(both: list[Said]) -> list[str]:
    kids = {kid for said in both for kid, _, _ in said.tokens}
    return sorted(kids, key=lambda kid: first_signed(both, kid))[1:]
