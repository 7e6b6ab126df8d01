"""Who the client is: the peer, or whoever a trusted proxy in front says it is (RFC 7239)."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from starlette.types import Scope

_ELEMENT = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+')
_PAIR = re.compile(r"""\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=("(?:[^"\\]|\\.)*"|[^;,"\s]*)\s*(?:;|$)""")
_HOST = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_REMEMBERED = 4096


class TrustedProxies:
    """The peers whose X-Forwarded-* and Forwarded are believed.

    `networks` are addresses and networks ("10.0.0.0/8", "::1"), and "unix" for peers on a Unix socket. Raises ValueError.
    """

    def __init__(self, networks: Iterable[str] = ()) -> None:
        networks = list(networks)
        self._networks = [ipaddress.ip_network(network, strict=False) for network in networks if network != "unix"]
        self._unix = "unix" in networks
        self._known: dict[str, bool] = {}

    def trusts(self, address: str | None) -> bool:
        """Tell whether an address belongs to a trusted proxy; None is a peer without an address."""
        if address is None:
            return self._unix
        if not self._networks:
            return False
        known = self._known.get(address)
        if known is None:
            known = self._contains(address)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[address] = known
        return known

    def _contains(self, address: str) -> bool:
        text = node_address(address)
        if text is None:
            return False
        parsed = ipaddress.ip_address(text)
        return any(parsed in network for network in self._networks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Whom a request comes from and how it was addressed."""

    ip: str | None
    """None on a Unix socket whose peer said nothing."""
    scheme: str
    """"http" or "https"."""
    host: str | None
    """The authority the client asked for, with its port where it named one."""
    peer: str | None
    """The address at the other end of the connection."""
    trusted: bool
    """Whether that peer is a trusted proxy."""
    path: tuple[str, ...]
    """What came before the peer, oldest first, as trusted proxies told it; unverified beyond `ip`."""


def client_of(scope: Scope, trusted: TrustedProxies) -> Client:
    """Return the client of an http or websocket scope.

    Only a trusted peer is listened to. The address is the last one in the chain that is not itself a trusted proxy: what
    stands before it was written by the client. Scheme and host are the last ones named, for the same reason.
    """
    peer = scope["client"][0] if scope.get("client") else None
    scheme = _SCHEMES.get(scope.get("scheme", "http"), "http")
    told: dict[bytes, list[bytes]] = {}
    listens = trusted.trusts(peer)
    for name, value in scope["headers"]:
        if name == b"host" or (listens and name in _TOLD):
            told.setdefault(name, []).append(value)
    host = _text(told[b"host"][0]) if b"host" in told else None
    if not listens:
        return _stranger(peer, scheme, host)
    elements = forwarded_elements(told.get(b"forwarded", ()))
    path = _listed(told.get(b"x-forwarded-for", ())) or [element["for"] for element in elements if element.get("for")]
    schemes = _listed(told.get(b"x-forwarded-proto", ())) or [e["proto"] for e in elements if "proto" in e]
    hosts = _listed(told.get(b"x-forwarded-host", ())) or [e["host"] for e in elements if "host" in e]
    return Client(
        ip=_first_untrusted(path, peer, trusted),
        scheme=_SCHEMES.get(schemes[-1].lower(), scheme) if schemes else scheme,
        host=hosts[-1] if hosts and _HOST.fullmatch(hosts[-1]) else host,
        peer=peer,
        trusted=True,
        path=tuple(path),
    )


def forwarded_elements(values: Sequence[bytes]) -> list[dict[str, str]]:
    """Return the elements of Forwarded fields, parameter names in lower case (RFC 7239 section 4)."""
    elements = []
    for text in map(_text, values):
        for element in _ELEMENT.findall(text):
            pairs = {name.lower(): _unquoted(value) for name, value in _PAIR.findall(element)}
            if pairs:
                elements.append(pairs)
    return elements


def node_address(node: str) -> str | None:
    """Return the IP address of a node as proxies write it (with port, in brackets, mapped to IPv6), None for others."""
    if node.startswith("["):
        node = node[1:].partition("]")[0]
    elif node.count(":") == 1:
        node = node.partition(":")[0]
    try:
        address = ipaddress.ip_address(node)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(address)


_TOLD = frozenset([b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto"])


@lru_cache(maxsize=1024)
def _stranger(peer: str | None, scheme: str, host: str | None) -> Client:
    return Client(ip=peer, scheme=scheme, host=host, peer=peer, trusted=False, path=())


def _first_untrusted(path: Sequence[str], peer: str | None, trusted: TrustedProxies) -> str | None:
    nearest = peer
    for node in reversed(path):
        address = node_address(node)
        if address is None:
            return nearest
        nearest = address
        if not trusted.trusts(address):
            return nearest
    return nearest


def _listed(values: Sequence[bytes]) -> list[str]:
    return [part for value in values for part in map(str.strip, _text(value).split(",")) if part]


def _text(value: bytes) -> str:
    return value.decode("latin-1")


def _unquoted(value: str) -> str:
    if value.startswith('"'):
        return re.sub(r"\\(.)", r"\1", value[1:-1])
    return value
