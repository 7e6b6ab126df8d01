"""Addresses in the configuration: listeners, origins, issuers, networks."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator

from hookpoint.proxy.config.section import refuse


@dataclass(frozen=True, slots=True)
class Address:
    """Where a listener binds: a host name or IP address, and a TCP port (0 lets the system choose)."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return `host:port`, with brackets around IPv6 addresses."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _parse_address(value: object) -> object:
    if isinstance(value, Address):
        return value
    remedy = 'Write host:port, for example "127.0.0.1:8080" or "[::1]:8080"; "0.0.0.0:8080" listens everywhere.'
    if not isinstance(value, str):
        raise refuse("expected text in quotes", remedy)
    host, separator, port = value.rpartition(":")
    if not separator or not host:
        raise refuse("a listener needs a host and a port", remedy)
    if not (port.isascii() and port.isdigit() and int(port) <= 65535):
        raise refuse("the port is not a number from 0 to 65535", remedy)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise refuse("an IPv6 address needs brackets", remedy)
    if not host or any(character in "/?#@ []" for character in host):
        raise refuse("this is not the name or address of a host", remedy)
    return Address(host, int(port))


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address can only mean this machine (RFC 6761 §6.3 for names)."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def split_url(value: str, remedy: str) -> SplitResult:
    """Return the parts of an absolute http(s) URL without user name, query or fragment."""
    try:
        parts = urlsplit(value)
        _ = parts.port  # parsed on access only
    except ValueError as error:
        raise refuse("this is not a URL", remedy) from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise refuse("expected a URL that starts with https:// or http:// and names a host", remedy)
    if "@" in parts.netloc:
        raise refuse("a URL here must not hold a user name or password", remedy)
    if "?" in value or "#" in value:
        raise refuse("a URL here has no query and no fragment", remedy)
    if any(character <= " " or character in '\\"<>^`{|}\x7f' for character in value):
        raise refuse("the URL holds a character that URLs do not have", remedy)
    return parts


def _require_https(parts: SplitResult, remedy: str) -> None:
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise refuse("http is allowed for loopback addresses only", remedy)


def origin_of(parts: SplitResult) -> str:
    """Return scheme, host and port as clients write an origin (RFC 6454 §6.2): default ports left out."""
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    default = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in (None, default) else "")


def _check_issuer(value: str) -> str:
    _require_https(split_url(value, remedy := "Write it exactly as tokens carry it in iss (RFC 8414 §2)."), remedy)
    return value


def _check_document_url(value: str) -> str:
    remedy = "Write the full https URL of the document (http for loopback only)."
    _require_https(split_url(value, remedy), remedy)
    return value


def _check_public_origin(value: str) -> str:
    remedy = 'Write scheme, host and port only, for example "https://login.example.com".'
    parts = split_url(value, remedy)
    _require_https(parts, remedy)
    if parts.path not in ("", "/"):
        raise refuse("an origin has no path", remedy)
    return origin_of(parts)


def _check_upstream_origin(value: str) -> str:
    remedy = (
        'Write scheme, host and port only, for example "http://127.0.0.1:3000"; request paths are kept as they are.'
    )
    parts = split_url(value, remedy)
    if parts.path not in ("", "/"):
        raise refuse("an origin has no path", remedy)
    return origin_of(parts)


def _parse_network(value: object) -> object:
    if isinstance(value, ipaddress.IPv4Network | ipaddress.IPv6Network):
        return value
    try:
        # As text, because the parser takes integers for the bits of an address.
        return ipaddress.ip_network(str(value))
    except ValueError as error:
        reason = "host bits are set" if "host bits" in str(error) else "this is not an IP address or network"
        raise refuse(reason, 'Write networks such as "10.0.0.0/8", "192.0.2.7" or "fd00::/8".') from None


ListenAddress = Annotated[Address, BeforeValidator(_parse_address)]
Issuer = Annotated[str, AfterValidator(_check_issuer)]
DocumentUrl = Annotated[str, AfterValidator(_check_document_url)]
PublicOrigin = Annotated[str, AfterValidator(_check_public_origin)]
UpstreamOrigin = Annotated[str, AfterValidator(_check_upstream_origin)]
Network = Annotated[ipaddress.IPv4Network | ipaddress.IPv6Network, BeforeValidator(_parse_network)]
