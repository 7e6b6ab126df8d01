from __future__ import annotations

import httpx2
import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey

from hookpoint.proxy.demo.authorization_server import create_authorization_server


@pytest.mark.parametrize("issuer", ["http://login.example.com", "login.example.com", ""])
def test_an_issuer_has_to_be_a_safe_address(issuer: str, signing_key: RSAKey) -> None:
    with pytest.raises(ValueError, match="issuer"):
        create_authorization_server(issuer, clients=[], signing_key=signing_key)


@pytest.mark.parametrize("key", [ECKey.generate_key("P-384"), OKPKey.generate_key("Ed25519")])
def test_a_key_has_to_fit_an_algorithm(key: ECKey | OKPKey) -> None:
    with pytest.raises(ValueError, match="RSA or a P-256"):
        create_authorization_server("https://login.example.com", clients=[], signing_key=key)


async def test_a_p256_key_signs_es256() -> None:
    app = create_authorization_server("https://login.example.com", clients=[], signing_key=ECKey.generate_key("P-256"))
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="https://login.example.com") as client:
        (key,) = (await client.get("/.well-known/jwks.json")).json()["keys"]
    assert (key["kty"], key["alg"]) == ("EC", "ES256")
