"""Sections [server] and [log]."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hookpoint.proxy.config.addresses import Address, ListenAddress, Network, PublicOrigin
from hookpoint.proxy.config.section import Number, Section


class ServerSettings(Section):
    """How hookpoint itself listens and what clients see of it."""

    listen: ListenAddress = Field(default=Address("127.0.0.1", 8080), examples=["127.0.0.1:8080"])
    """Where clients, or the load balancer, reach hookpoint."""

    admin_listen: ListenAddress = Field(default=Address("127.0.0.1", 8081), examples=["127.0.0.1:8081"])
    """Health, metrics and administration; another socket than `listen`, never reachable through the proxy."""

    public_url: PublicOrigin | None = Field(default=None, examples=["https://login.example.com"])
    """The origin that clients see. Default: the origin of the issuer."""

    workers: Annotated[int, Number, Field(ge=1, le=256)] = Field(default=1, examples=[2])
    """Processes that serve `listen`."""

    trusted_proxies: tuple[Network, ...] = Field(default=(), examples=[["10.0.0.0/8"]])
    """Networks whose `Forwarded` and `X-Forwarded-*` headers are believed."""


class LogSettings(Section):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe events that are written."""

    format: Literal["json", "console"] = "json"
    """`json` is one object a line for machines; `console` is coloured text for people."""
