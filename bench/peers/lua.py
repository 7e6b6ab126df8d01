"""What the servers that are scripted in Lua have in common: the function that signs a token answer again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.peers.peer import Absent
from bench.stage import CLAIM, CLAIM_VALUE

if TYPE_CHECKING:
    from bench.stage import Stage

_RESIGN = """
local cjson = require "cjson"
local digest = require "openssl.digest"
local pkey = require "openssl.pkey"
local key = pkey.new([[{key}]])

-- Adds a claim to the access token of an answer; encode and decode are base64url without padding.
function resign(text, encode, decode)
  local answer = cjson.decode(text)
  local head, payload = answer.access_token:match("^([^.]+)%.([^.]+)%.")
  local claims = cjson.decode(decode(payload))
  claims["{claim}"] = "{value}"
  local header = cjson.encode({{ alg = "RS256", kid = "resigning", typ = cjson.decode(decode(head)).typ }})
  local input = encode(header) .. "." .. encode(cjson.encode(claims))
  local hash = digest.new("sha256")
  hash:update(input)
  answer.access_token = input .. "." .. encode(key:sign(hash))
  return cjson.encode(answer)
end
"""


def resign_source(stage: Stage) -> str:
    """Lua that defines `resign(answer, encode, decode)`, with the key of the stage."""
    key = (stage.folder / "resigning.pem").read_text()
    return _RESIGN.format(key=key, claim=CLAIM, value=CLAIM_VALUE)


def require_lua(version: str) -> None:
    """Raise Absent where luaossl or cjson are not installed for a version of Lua."""
    folders = [Path("/usr/share/lua") / version, *Path("/usr/lib").glob(f"*/lua/{version}")]
    for module in ("openssl/pkey.lua", "cjson.so"):
        if not any((folder / module).exists() for folder in folders):
            raise Absent(f"luaossl and cjson for Lua {version} are not installed: Debian's lua-luaossl and lua-cjson")
