"""Where hooks may be: which addresses a name may lead to, looked up once and then connected to as they are.

A name that leads to a private network could make hookpoint call what only it can reach. The connection goes to the address that
was judged, so that a name which changes its mind in between (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]

LIFETIME: Final = 30.0
"""How long what a name led to is used again, in seconds."""
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052
_PRIVATE: Final = tuple(
    map(
        ipaddress.ip_network,
        # RFC 1918, RFC 6598, RFC 1122 (loopback), RFC 4193
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "::1/128", "fc00::/7"),
    )
)


class AddressRefused(Exception):  # noqa: N818 - a verdict
    """A host has no address that hooks may have; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPolicy:
    """Which addresses hooks may have.

    Public ones always. `private` allows private networks and loopback; link-local addresses, where clouds keep their credentials, only
    as one of `networks`, which are allowed whatever they are.
    """

    private: bool = False
    networks: Sequence[IpNetwork] = ()

    def allows(self, address: str, *, host: str) -> bool:
        """Whether a hook may be called at an address that `host` led to; loopback may be named outright."""
        ip = _carried(ipaddress.ip_address(address.partition("%")[0]))
        if any(ip in network for network in self.networks if network.version == ip.version):
            return True
        if ip.is_loopback and is_loopback(host):
            return True
        if any(ip in network for network in _PRIVATE if network.version == ip.version):
            return self.private
        return ip.is_global and not ip.is_multicast


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only mean this machine (RFC 6761 section 6.3 for names)."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _carried(ip: IpAddress) -> IpAddress:
    """The IPv4 address that an IPv6 address stands for, if it stands for one."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    teredo = ip.teredo
    return ip.ipv4_mapped or ip.sixtofour or (teredo[1] if teredo else None) or ip


async def resolve_by_system(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, as the system has them; raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


@dataclass(slots=True, kw_only=True)
class Addresses:
    """The addresses of one host that may be called, remembered for a while."""

    host: str
    port: int
    policy: AddressPolicy
    resolve: Resolve = resolve_by_system
    clock: Callable[[], float] = time.monotonic
    _known: Sequence[str] = field(default=(), init=False)
    _until: float = field(default=0.0, init=False)

    async def find(self) -> Sequence[str]:
        """The addresses, best first. Raises AddressRefused, and OSError when the name leads nowhere."""
        if self._known and self.clock() < self._until:
            return self._known
        found = await self._look_up()
        allowed = [address for address in found if self.policy.allows(address, host=self.host)]
        if not allowed:
            raise AddressRefused(
                f"{self.host} leads to {', '.join(found) or 'no address'}, which hooks may not have; "
                "allow it with http.allow_private or http.networks"
            )
        self._known, self._until = allowed, self.clock() + LIFETIME
        return allowed

    def forget(self) -> None:
        """Look the name up again before the next call."""
        self._known = ()

    async def _look_up(self) -> Sequence[str]:
        try:
            return (str(ipaddress.ip_address(self.host)),)
        except ValueError:
            return await self.resolve(self.host, self.port)
