"""The files of an import: hookpoint.toml, scripts, package.json, and names of secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hookpoint.proxy.auth0_import.assets import Client, PhoneProviderConfiguration
    from hookpoint.proxy.auth0_import.planning import Plan, PlannedHook

CONFIGURATION = "hookpoint.toml"
SECRETS = ".env.example"
REPORT = "IMPORT.md"

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_HEAD = """\
# hookpoint, with the Hooks and Actions of {tenant}.
# Made by `hookpoint import-auth0`; {report} says what there is to decide. Change this file as you like.

[server]
listen = "127.0.0.1:8080"
admin_listen = "127.0.0.1:8081"            # health, metrics; never reachable through the proxy

[upstream]
url = {upstream}
dialect = {dialect}

[store]
url = "sqlite:///hookpoint.db"             # keys; the path starts at this file

[limits]
hook_timeout = 20.0                        # seconds, one hook: what Auth0 gave it
hooks_timeout = 20.0                       # seconds, all hooks of one request
"""


def files_of(plan: Plan, *, upstream: str, dialect: str) -> dict[str, str]:
    """The texts of all files but the report, by their paths in the output folder."""
    return {
        CONFIGURATION: "\n".join(_configuration(plan, upstream, dialect)) + "\n",
        SECRETS: "\n".join(_secrets(plan)) + "\n",
        **{hook.path: hook.code for hook in plan.hooks},
        **dict(plan.modules.items()),
        **{f"{folder}/package.json": _package_json(needed) for folder, needed in plan.packages.items()},
    }


def _configuration(plan: Plan, upstream: str, dialect: str) -> Iterator[str]:
    tenant = f"the Auth0 tenant {_one_line(plan.tenant_name)}" if plan.tenant_name else "an Auth0 tenant"
    yield _HEAD.format(tenant=tenant, report=REPORT, upstream=quoted(upstream), dialect=quoted(dialect))
    yield from _scopes(plan)
    yield from _clients(plan)
    yield "# Hooks of one point run in the order in which they stand here."
    for hook in plan.hooks:
        yield ""
        yield from _hook(hook)
    for provider in plan.phone_providers:
        yield ""
        yield from _provider(provider)


def _scopes(plan: Plan) -> Iterator[str]:
    clients = plan.clients
    if not clients.grantable and not clients.grantable_by_name:
        return
    yield "# Scopes that hooks may add, by client id: what the client grants allow. Taking scopes away is always allowed."
    yield f"{'' if clients.grantable else '# '}[tokens.grantable_scopes]"
    for client, scopes in clients.grantable.items():
        yield f"{_key(client)} = {_array(scopes)}"
    for name, scopes in clients.grantable_by_name.items():
        yield f"# ID = {_array(scopes)}  # the client_id of {_one_line(name)}"
    yield ""


def _clients(plan: Plan) -> Iterator[str]:
    if not plan.clients.known and not plan.clients.nameless_ids:
        return
    yield "# What hooks see of clients."
    for client_id, client in plan.clients.known.items():
        yield from _client(_key(client_id), client)
    for client in plan.clients.nameless_ids:
        yield from ("# " + line if line else "" for line in _client("ID", client))


def _client(key: str, client: Client) -> Iterator[str]:
    yield f"[clients.{key}]"
    yield f"name = {quoted(client.name)}"
    if client.metadata:
        yield f"metadata = {_table(client.metadata)}"
    yield ""


def _hook(hook: PlannedHook) -> Iterator[str]:
    if hook.inactive:
        yield f"# Commented out: {_one_line(hook.inactive)}."
    lines = [
        "[[hooks]]",
        f"name = {quoted(hook.name)}",
        f"trigger = {quoted(hook.trigger)}",
        f"run = {quoted(hook.path)}",
    ]
    if hook.secrets:
        lines.append(f"secrets = {_table({name: f'env:{variable}' for name, variable in hook.secrets.items()})}")
    yield from ("# " + line if hook.inactive else line for line in lines)


def _provider(configuration: PhoneProviderConfiguration) -> Iterator[str]:
    yield "# The tenant's provider of text messages, for the SMS gateway."
    yield "# [[sms.providers]]"
    yield '# name = "main"'
    yield '# type = "twilio"'
    yield f"# account_sid = {quoted(configuration.sid)}"
    yield '# auth_token = "env:TWILIO_AUTH_TOKEN"'
    yield f"# from = {quoted(configuration.default_from)}"


def _secrets(plan: Plan) -> Iterator[str]:
    yield "# The secrets of the hooks. An export never holds their values: fill them in, keep the file to yourself,"
    yield "# and load it before hookpoint starts:  set -a; . ./.env; set +a"
    for hook in plan.hooks:
        if hook.secrets:
            yield ""
            yield f"# {_one_line(hook.name)} ({hook.trigger}){', commented out in the configuration' if hook.inactive else ''}"
            yield from (f"{variable}=" for variable in hook.secrets.values())


def _package_json(dependencies: Mapping[str, str]) -> str:
    # Both generations of scripts are CommonJS, whatever a package.json above says.
    return json.dumps({"private": True, "type": "commonjs", "dependencies": dict(dependencies)}, indent=2) + "\n"


def quoted(text: str) -> str:
    """A text as TOML."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(text: str) -> str:
    return text if _BARE_KEY.fullmatch(text) else quoted(text)


def _array(texts: Sequence[str]) -> str:
    return f"[{', '.join(map(quoted, texts))}]"


def _table(values: Mapping[str, str]) -> str:
    return f"{{ {', '.join(f'{_key(key)} = {quoted(value)}' for key, value in values.items())} }}"


def _one_line(text: str) -> str:
    """A text that may stand in a comment."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", text).split())
