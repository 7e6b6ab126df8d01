"""Which addresses hooks may have."""

from __future__ import annotations

import ipaddress

import pytest

from hookpoint.hooks.http.addresses import AddressPolicy

PUBLIC = ["93.184.216.34", "2606:4700::1111", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"]
PRIVATE = [
    "10.0.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "127.0.0.1",
    "::1",
    "fd00::1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "2002:a00:1::1",
]
NEVER = [
    "169.254.169.254",
    "fe80::1",
    "fe80::1%eth0",
    "0.0.0.0",
    "::",
    "224.0.0.1",
    "ff02::1",
    "255.255.255.255",
    "::ffff:169.254.169.254",
    "192.0.2.1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    assert AddressPolicy().allows(address, host="hooks.example")


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_allowed_only_if_that_is_said(address: str) -> None:
    assert not AddressPolicy().allows(address, host="hooks.example")
    assert AddressPolicy(private=True).allows(address, host="hooks.example")


@pytest.mark.parametrize("address", NEVER)
def test_other_addresses_are_never_just_private(address: str) -> None:
    assert not AddressPolicy(private=True).allows(address, host="hooks.example")


def test_networks_are_allowed_by_name() -> None:
    policy = AddressPolicy(networks=[ipaddress.ip_network("169.254.0.0/16"), ipaddress.ip_network("10.1.0.0/16")])
    assert policy.allows("169.254.1.1", host="hooks.example")
    assert policy.allows("10.1.2.3", host="hooks.example")
    assert not policy.allows("10.2.2.3", host="hooks.example")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "hooks.localhost", "::1"])
def test_loopback_may_be_named_outright(host: str) -> None:
    assert AddressPolicy().allows("127.0.0.1", host=host)
    assert not AddressPolicy().allows("10.0.0.1", host=host)
