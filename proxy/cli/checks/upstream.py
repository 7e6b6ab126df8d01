"""Checks that the upstream answers, is another server, and refuses who comes around hookpoint."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hookpoint.proxy.cli.checks.context import Unreachable
from hookpoint.proxy.cli.checks.finding import error, fine, warning
from hookpoint.proxy.config.addresses import is_loopback

if TYPE_CHECKING:
    from hookpoint.proxy.cli.checks.context import CheckContext, Fetched
    from hookpoint.proxy.cli.checks.finding import Finding
    from hookpoint.proxy.config import Address

_SHORT_SECRET = 16


async def upstream_reachable(context: CheckContext) -> list[Finding]:
    """Ask the upstream for anything; any answer will do."""
    url = context.settings.upstream.url
    if url is None:
        reason = "is not set: a mounted middleware needs none, hookpoint serve does"
        return [warning("upstream", reason, key="upstream.url", remedy='Set url = "http://127.0.0.1:3000" to serve.')]
    if context.offline:
        return []
    try:
        await context.get(next(iter(context.discovery_paths()), "/"))
    except Unreachable as failure:
        remedy = "Start the OAuth server, or correct the address."
        return [error("upstream", f"does not answer: {failure}", key="upstream.url", value=url, remedy=remedy)]
    return [fine("upstream", f"{url} answers")]


async def upstream_is_trusted(context: CheckContext) -> list[Finding]:
    """Look at what protects the way to the upstream."""
    upstream = context.settings.upstream
    findings: list[Finding] = []
    if upstream.ca_file is not None:
        try:
            ssl.create_default_context(cafile=upstream.ca_file)
        except ssl.SSLError:
            reason = "holds no certificate in PEM form"
            remedy = "Name the PEM file of the certificate authority."
            findings.append(
                error("upstream", reason, key="upstream.ca_file", value=str(upstream.ca_file), remedy=remedy)
            )
    parts = urlsplit(upstream.url or "")
    away = upstream.url is not None and not is_loopback(parts.hostname or "")
    if away and parts.scheme == "http":
        reason = "tokens and secrets travel unencrypted unless the network protects them"
        remedy = "Use https, or keep both on one private network."
        findings.append(warning("upstream", reason, key="upstream.url", value=upstream.url or "", remedy=remedy))
    if away and upstream.secret_header is None:
        reason = "nothing tells the upstream which requests came through hookpoint"
        remedy = "Set it and let the upstream demand it, or let nobody else reach the upstream."
        findings.append(warning("upstream", reason, key="upstream.secret_header", remedy=remedy))
    if upstream.secret_header and len(upstream.secret_header.value.get_secret_value()) < _SHORT_SECRET:
        reason = f"is shorter than {_SHORT_SECRET} characters and can be guessed"
        remedy = "Make a new one, for example with: openssl rand -hex 32"
        findings.append(warning("upstream", reason, key="upstream.secret_header.value", remedy=remedy))
    return findings


async def upstream_is_another_server(context: CheckContext) -> list[Finding]:
    """Compare the upstream's resolved addresses with hookpoint's own listeners."""
    url = context.settings.upstream.url
    if url is None or context.offline:
        return []
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    server = context.settings.server
    for name, listener in (("listen", server.listen), ("admin_listen", server.admin_listen)):
        if listener.port == port and await _reaches(parts.hostname or "", listener):
            reason = f"leads back to hookpoint's own server.{name}"
            remedy = "Write the address of the OAuth server."
            return [error("upstream", reason, key="upstream.url", value=url, remedy=remedy)]
    return []


async def _reaches(host: str, listener: Address) -> bool:
    targets = await _resolve(host)
    if listener.host in ("0.0.0.0", "::"):  # noqa: S104 - compared with, never bound here
        return any(map(_is_local, targets))
    return bool(targets & await _resolve(listener.host))


async def _resolve(host: str) -> frozenset[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return frozenset()
    return frozenset(str(address[0]) for *_, address in found)


def _is_local(address: str) -> bool:
    """Tell whether an address is this machine's: only those can be bound."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


async def direct_calls_are_refused(context: CheckContext) -> list[Finding]:
    """Send the same hopeless token request with and without the secret header: the answers must differ.

    It names no client, so that no account can be locked by it.
    """
    secret_header = context.settings.upstream.secret_header
    if secret_header is None or not context.online:
        return []
    try:
        discovery = await context.discovery()
        path = urlsplit((discovery.text("token_endpoint") if discovery else None) or "").path
        url = f"{context.settings.upstream.url}{path or (*context.settings.upstream.routes.token, *context.dialect.token.paths)[0]}"
        form = {"grant_type": "client_credentials"}
        through = await context.send("POST", url, form=form)
        around = await context.send("POST", url, form=form, secret=False)
    except Unreachable:
        return []  # reported where reachability is looked at
    if _told(through) == _told(around):
        reason = f"the upstream answers {around.status} with and without it: a direct call goes around every hook"
        remedy = f"Let the upstream refuse requests whose {secret_header.name} is missing or wrong."
        return [error("upstream", reason, key="upstream.secret_header", remedy=remedy)]
    return [fine("upstream", f"refuses direct calls ({around.status} without {secret_header.name})")]


def _told(answer: Fetched) -> tuple[int, object]:
    """Return what makes an answer of a token endpoint its own: the status and the OAuth error (RFC 6749 §5.2)."""
    members = answer.members()
    return answer.status, members.get("error") if members else answer.body
