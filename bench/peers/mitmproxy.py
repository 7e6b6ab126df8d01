"""mitmproxy as a reverse proxy with an addon that re-signs by joserfc: what a Python shop would try first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joserfc.jwk import KeySet

from bench.environments import environment
from bench.peers.peer import Peer
from bench.processes import Launch
from bench.stage import CLAIM, CLAIM_VALUE

if TYPE_CHECKING:
    from pathlib import Path

    from bench.stage import Stage

_REQUIREMENTS = ("mitmproxy==11.0.2", "joserfc==1.5.0")
_ADDON = """
import base64
import json

from joserfc import jwt
from joserfc.jwk import RSAKey

with open({key!r}, "rb") as file:
    KEY = RSAKey.import_key(file.read())


def part(token, number):
    text = token.split(".")[number]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def response(flow):
    if flow.request.path != "/oauth/token" or flow.response.status_code != 200:
        return
    body = json.loads(flow.response.content)
    token = body["access_token"]
    header = {{"alg": "RS256", "kid": "resigning", "typ": part(token, 0)["typ"]}}
    body["access_token"] = jwt.encode(header, {{**part(token, 1), {claim!r}: {value!r}}}, KEY)
    flow.response.content = json.dumps(body).encode()
"""


def _launch(stage: Stage, folder: Path, port: int) -> Launch:
    folder.mkdir(parents=True, exist_ok=True)
    addon = folder / "addon.py"
    addon.write_text(_ADDON.format(key=str(stage.folder / "resigning.pem"), claim=CLAIM, value=CLAIM_VALUE))
    mitmdump = environment("mitmproxy", *_REQUIREMENTS) / "mitmdump"
    where = ["--mode", f"reverse:http://127.0.0.1:{stage.upstream}", "--listen-host", "127.0.0.1", "-p", str(port)]
    settings = ["--set", f"confdir={folder}", "--set", "keep_host_header=true", "--set", "connection_strategy=lazy"]
    return Launch(command=[str(mitmdump), "-q", *where, *settings, "-s", str(addon)], folder=folder)


def _version() -> str:
    environment("mitmproxy", *_REQUIREMENTS)
    return "11.0.2 with joserfc 1.5.0"


PEERS = (
    Peer(
        name="mitmproxy",
        works=frozenset({"small", "large", "token"}),
        launch=_launch,
        version=_version,
        resigns=True,
        keys=lambda stage: KeySet([stage.resigning_key]),
    ),
)
