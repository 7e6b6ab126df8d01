"""The fields a proxy adds about itself and the client (RFC 7239, RFC 9110 section 7.6.3)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from hookpoint.proxy.upstream.clients import node_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hookpoint.proxy.upstream.clients import Client

    Header = tuple[bytes, bytes]


def forwarding_fields(client: Client, forwarded: Sequence[bytes] = ()) -> list[Header]:
    """Return X-Forwarded-*, X-Real-IP and Forwarded for the upstream.

    `forwarded` are the Forwarded fields of a trusted peer: the peer itself is appended to them.
    """
    fields = list(_fields(client.ip, client.scheme, client.host))
    if not client.trusted:
        return [*fields, *_first_hop(client.peer, client.scheme, client.host)]
    chain = [*client.path, client.peer] if client.peer is not None else list(client.path)
    if chain:
        fields.append((b"x-forwarded-for", ", ".join(chain).encode("latin-1")))
    return [*fields, (b"forwarded", _forwarded(client, [value for value in forwarded if value.strip()]))]


def via_field(via: bytes, http_version: str) -> Header:
    """Return the Via line of a request received in this version."""
    return b"via", http_version.encode() + b" " + via


def passed_before(via: bytes, values: Iterable[bytes]) -> bool:
    """Tell whether Via fields name this proxy; names are compared without case, like hosts."""
    name = via.lower()
    for value in values:
        for element in value.lower().split(b","):
            parts = element.split(None, 2)
            if len(parts) > 1 and parts[1] == name:
                return True
    return False


@lru_cache(maxsize=1024)
def _fields(ip: str | None, scheme: str, host: str | None) -> tuple[Header, ...]:
    fields = [(b"x-forwarded-proto", scheme.encode()), (b"x-forwarded-port", _port(scheme, host).encode("latin-1"))]
    if host is not None:
        fields.append((b"x-forwarded-host", host.encode("latin-1")))
    if ip is not None:
        fields.append((b"x-real-ip", ip.encode("latin-1")))
    return tuple(fields)


@lru_cache(maxsize=1024)
def _first_hop(peer: str | None, scheme: str, host: str | None) -> tuple[Header, ...]:
    forwarded = (b"forwarded", _element(peer, scheme, host).encode("latin-1"))
    if peer is None:
        return (forwarded,)
    return (b"x-forwarded-for", peer.encode("latin-1")), forwarded


def _forwarded(client: Client, existing: Sequence[bytes]) -> bytes:
    if existing:
        return b", ".join([*existing, _element(client.peer).encode("latin-1")])
    nodes = [*client.path, client.peer]
    first = _element(nodes[0], client.scheme, client.host)
    return ", ".join([first, *map(_element, nodes[1:])]).encode("latin-1")


def _element(node: str | None, scheme: str | None = None, host: str | None = None) -> str:
    element = f"for={_node(node)}"
    if host is not None:
        quoted = host.replace("\\", "\\\\").replace('"', '\\"')
        element += f';host="{quoted}"'
    return f"{element};proto={scheme}" if scheme is not None else element


def _node(node: str | None) -> str:
    address = node_address(node) if node is not None else None
    if address is None:
        return "unknown"
    return f'"[{address}]"' if ":" in address else address


def _port(scheme: str, host: str | None) -> str:
    _, _, port = (host or "").rpartition("]")[2].partition(":")
    return port if port.isdigit() else {"https": "443"}.get(scheme, "80")
