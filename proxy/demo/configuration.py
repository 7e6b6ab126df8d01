"""The demo's configuration, as the file that a user would write."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from hookpoint.proxy.demo.journal import Journal

SECRET_HEADER = "X-Upstream-Secret"  # noqa: S105 - the name of the header
GATEWAY_PATH = "/hookpoint/sms/auth0"
HOOKS_FILE = Path(__file__).resolve().with_name("hooks.py")

_TOML = """\
[server]
public_url = {issuer}

[upstream]
url = {upstream_url}
issuer = {issuer}
dialect = "auth0"
secret_header = {{ name = {secret_header}, value = {upstream_secret} }}

[store]
url = {store}
seal = {seal}

[clients.reporting]
name = "Reporting job"
metadata = {{ plan = "gold" }}

[clients.dormant]
name = "Dormant job"
metadata = {{ suspended = "yes" }}

[[hooks]]
run = {hooks}
secrets = {{ JOURNAL = {journal} }}

[[sms.providers]]
name = "inbox"
type = "file"
path = {texts}

[[sms.limits]]  # more than is sensible, for whoever tries it again and again
scope = "number"
messages = 100
window = 600

[[sms.gateway]]
format = "auth0"
path = {gateway}
secrets = [{gateway_secret}]
"""


def write_configuration(
    folder: Path,
    *,
    issuer: str,
    upstream_url: str,
    upstream_secret: str,
    gateway_secret: str,
    texts: Path,
    journal: Journal,
) -> Path:
    """Write `hookpoint.toml` into a folder that nobody else may read; returns its path."""
    values = {
        "issuer": issuer,
        "upstream_url": upstream_url,
        "secret_header": SECRET_HEADER,
        "upstream_secret": upstream_secret,
        "store": f"sqlite:///{folder / 'hookpoint.db'}",
        "seal": secrets.token_hex(32),
        "hooks": str(HOOKS_FILE),
        "journal": str(journal.path),
        "texts": str(texts),
        "gateway": GATEWAY_PATH,
        "gateway_secret": gateway_secret,
    }
    path = folder / "hookpoint.toml"
    # What JSON writes as a text is one for TOML too.
    path.write_text(_TOML.format(**{name: json.dumps(value) for name, value in values.items()}), encoding="utf-8")
    return path
