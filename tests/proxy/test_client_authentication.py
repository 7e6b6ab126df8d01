from __future__ import annotations

import base64
import json

import pytest

from hookpoint.proxy.bodies import BodyRefused
from hookpoint.proxy.client_authentication import JWT_BEARER, ClientAuthentication, Method, client_authentication


def basic(user: str, *, scheme: str = "Basic") -> bytes:
    return f"{scheme} {base64.b64encode(user.encode()).decode()}".encode()


def assertion(claims: object, *, alg: str = "RS256") -> str:
    parts = (json.dumps(part).encode() for part in ({"alg": alg}, claims))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (*parts, b"signature"))


def asserted(claims: object, *, alg: str = "RS256", **members: object) -> dict[str, object]:
    return {"client_assertion": assertion(claims, alg=alg), "client_assertion_type": JWT_BEARER, **members}


@pytest.mark.parametrize(
    ("authorization", "members", "client_id", "method"),
    [
        (basic("m2m:secret"), {}, "m2m", "client_secret_basic"),
        (basic("m2m:secret", scheme="basic"), {"client_id": "m2m"}, "m2m", "client_secret_basic"),
        (basic("m2m:a:b"), {"client_secret": ""}, "m2m", "client_secret_basic"),
        (basic("https%3A%2F%2Fapp.example+x:s"), {}, "https://app.example x", "client_secret_basic"),
        (basic("100%:s"), {}, "100%", "client_secret_basic"),
        (None, {"client_id": "m2m", "client_secret": "s"}, "m2m", "client_secret_post"),
        (None, {"client_id": "m2m"}, "m2m", "none"),
        (None, {}, None, "none"),
        (None, asserted({"sub": "m2m", "iss": "m2m"}), "m2m", "private_key_jwt"),
        (None, asserted({"sub": "m2m", "iss": "m2m"}, client_id="m2m"), "m2m", "private_key_jwt"),
        (None, asserted({"sub": "m2m", "iss": "m2m"}, alg="HS256"), "m2m", "client_secret_jwt"),
        (None, {"client_assertion": "x", "client_assertion_type": "urn:saml2", "client_id": "a"}, "a", "other"),
        (b"Bearer abc.def", {"client_id": "m2m"}, "m2m", "other"),
    ],
)
def test_T15_the_client_is_named(
    authorization: bytes | None, members: dict[str, object], client_id: str | None, method: Method
) -> None:
    headers = [(b"host", b"x")] + ([(b"Authorization", authorization)] if authorization else [])
    assert client_authentication(headers, members) == ClientAuthentication(client_id=client_id, method=method)


@pytest.mark.parametrize(
    ("authorization", "members"),
    [
        pytest.param(basic("m2m:s"), {"client_secret": "s"}, id="basic-and-post"),
        pytest.param(basic("m2m:s"), asserted({"sub": "m2m"}), id="basic-and-assertion"),
        pytest.param(b"Bearer x", {"client_id": "m2m", "client_secret": "s"}, id="bearer-and-post"),
        pytest.param(None, asserted({"sub": "m2m"}, client_secret="s"), id="assertion-and-post"),
        pytest.param(basic("m2m:s"), {"client_id": "other"}, id="two-clients"),
        pytest.param(None, asserted({"sub": "m2m"}, client_id="other"), id="two-clients-by-assertion"),
        pytest.param(None, {"client_assertion": "x"}, id="assertion-without-type"),
        pytest.param(None, {"client_assertion_type": JWT_BEARER}, id="type-without-assertion"),
        pytest.param(None, {"client_id": ["m2m"]}, id="client-list"),
        pytest.param(b"Basic", {}, id="scheme-alone"),
        pytest.param(basic("m2m:s").replace(b" ", b"  "), {}, id="two-spaces"),
        pytest.param(basic("m2m:s").replace(b" ", b"\t"), {}, id="tab"),
        pytest.param(b" " + basic("m2m:s"), {}, id="leading-space"),
        pytest.param(basic("m2m:s") + b", Bearer x", {}, id="list"),
        pytest.param(b'Digest username="m2m"', {}, id="parameters"),
        pytest.param(b"", {}, id="empty"),
    ],
)
def test_F_ambiguous_client_authentication_is_refused(authorization: bytes | None, members: dict[str, object]) -> None:
    headers = [] if authorization is None else [(b"authorization", authorization)]
    with pytest.raises(BodyRefused) as caught:
        client_authentication(headers, members)
    assert (caught.value.status, caught.value.error) == (400, "invalid_request")


def test_F_two_authorization_fields_are_refused() -> None:
    with pytest.raises(BodyRefused):
        client_authentication([(b"authorization", basic("a:b")), (b"Authorization", basic("a:b"))], {})


@pytest.mark.parametrize(
    ("authorization", "members"),
    [
        pytest.param(b"Basic abc", {}, id="bad-base64"),
        pytest.param(b"Basic " + base64.b64encode(b"\xff:x"), {}, id="not-utf8"),
        pytest.param(basic("m2m"), {}, id="no-colon"),
        pytest.param(basic(":secret"), {}, id="no-client"),
        pytest.param(basic("m2m%00:secret"), {}, id="nul"),
        pytest.param(None, asserted({}), id="no-subject"),
        pytest.param(None, asserted({"sub": 5}), id="number"),
        pytest.param(None, asserted({"sub": "a", "iss": "b"}), id="iss-differs"),
        pytest.param(None, asserted([]), id="claims-are-a-list"),
        pytest.param(None, asserted({"sub": "a"}) | {"client_assertion": "a.b"}, id="two-parts"),
        pytest.param(None, asserted({"sub": "a"}) | {"client_assertion": "a.b.c.d.e"}, id="encrypted"),
        pytest.param(None, asserted({}) | {"client_assertion": "e30=.e30.x"}, id="padding"),
    ],
)
def test_credentials_that_cannot_be_read_are_an_invalid_client(
    authorization: bytes | None, members: dict[str, object]
) -> None:
    headers = [] if authorization is None else [(b"authorization", authorization)]
    with pytest.raises(BodyRefused) as caught:
        client_authentication(headers, members)
    assert caught.value.error == "invalid_client"
