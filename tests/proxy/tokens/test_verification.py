from __future__ import annotations

import json
import time
from collections.abc import Mapping

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from hookpoint.proxy.tokens.algorithms import ALL
from hookpoint.proxy.tokens.claim_checks import TypeCheck
from hookpoint.proxy.tokens.errors import TokenRejected
from hookpoint.proxy.tokens.public_keys import PublicKeySet
from hookpoint.proxy.tokens.verification import TokenVerifier, VerifiedToken
from tests.proxy.tokens.issuer import CLAIMS, ISSUER, NOW, forge, issue, key_for, key_set, public_jwk

ES256 = key_for("ES256")


def verifier(
    *jwks: Mapping[str, object],
    typ: TypeCheck = "lenient",
    now: float = NOW,
    issuer: str = ISSUER,
    algorithms: frozenset[str] = ALL,
) -> TokenVerifier:
    keys = PublicKeySet.parse(key_set(*(jwks or (public_jwk(ES256, kid="k"),))))
    return TokenVerifier(keys, issuer=issuer, typ=typ, clock=lambda: now, algorithms=algorithms)


async def verdict(token: str, checking: TokenVerifier | None = None, client_id: str | None = None) -> str:
    """Return "accepted", or the code of the rejection."""
    try:
        await (checking or verifier()).verify(token, client_id)
    except TokenRejected as rejected:
        return "leaked" if token in str(rejected) else rejected.code
    return "accepted"


async def accepted(token: str, checking: TokenVerifier | None = None, client_id: str | None = None) -> VerifiedToken:
    return await (checking or verifier()).verify(token, client_id)


@pytest.mark.parametrize("algorithm", sorted(ALL))
async def test_T1_every_algorithm_verifies(algorithm: str) -> None:
    token = issue(algorithm=algorithm, header={"typ": "at+jwt"})
    checking = verifier(public_jwk(key_for(algorithm), kid="k", alg=algorithm))
    verified = await accepted(token, checking)
    assert dict(verified.payload.members) == CLAIMS
    assert (verified.algorithm, verified.kid, verified.typ) == (algorithm, "k", "at+jwt")
    head, payload, signature = token.split(".")
    assert await verdict(f"{head}.{payload[:-4]}AAAA.{signature}", checking) == "bad_signature"


@pytest.mark.parametrize("declared", ["EdDSA", "Ed25519"])
@pytest.mark.parametrize("used", ["EdDSA", "Ed25519"])
async def test_both_names_of_ed25519_are_one_algorithm(declared: str, used: str) -> None:
    key = key_for("Ed25519")
    token = forge({"alg": used, "kid": "k"}, CLAIMS, key, used)
    assert (await accepted(token, verifier(public_jwk(key, kid="k", alg=declared)))).algorithm == used


@pytest.mark.parametrize("name", ["none", "None", "nOnE", "NONE"])
async def test_T2_no_signature_is_refused(name: str) -> None:
    unsigned = forge({"alg": name, "kid": "k"}, CLAIMS, None, "none")
    assert await verdict(unsigned) == "token_malformed"
    assert await verdict(unsigned + "AAAA") == "algorithm_not_allowed"


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
@pytest.mark.parametrize("form", ["PEM", "DER", "JWK", "JWK sorted", "modulus"])
async def test_T2_a_public_key_is_no_hmac_secret(algorithm: str, form: str) -> None:
    key = key_for("RS256")
    assert isinstance(key, RSAKey)
    jwk = public_jwk(key)
    secret = {
        "PEM": key.as_pem(private=False),
        "DER": key.as_der(private=False),
        "JWK": json.dumps(jwk).encode(),
        "JWK sorted": json.dumps(jwk, sort_keys=True, separators=(",", ":")).encode(),
        "modulus": str(jwk["n"]).encode(),
    }[form]
    # OctKey refuses PEM, which is one of the things an attacker has no need of.
    token = forge({"alg": algorithm, "kid": "k"}, CLAIMS, OctKey(secret, secret), algorithm)
    assert await verdict(token, verifier(public_jwk(key, kid="k"))) == "algorithm_not_allowed"


async def test_T2_an_oct_key_of_the_upstream_verifies_nothing() -> None:
    oct_key = OctKey.generate_key(256)
    token = forge({"alg": "HS256", "kid": "k"}, CLAIMS, oct_key, "HS256")
    assert await verdict(token, verifier({**oct_key.as_dict(), "kid": "k"})) == "algorithm_not_allowed"


@pytest.mark.parametrize(
    ("claimed", "owned"),
    [
        ("RS256", "ES256"),
        ("PS256", "ES256"),
        ("ES256", "RS256"),
        ("ES256", "ES384"),
        ("ES384", "ES256"),
        ("ES512", "ES384"),
        ("EdDSA", "ES256"),
        ("ES256", "Ed25519"),
    ],
)
async def test_T2_a_key_of_another_type_or_curve_is_not_tried(claimed: str, owned: str) -> None:
    token = forge({"alg": claimed, "kid": "k"}, CLAIMS, key_for(owned), owned)
    for jwk in (public_jwk(key_for(owned), kid="k"), public_jwk(key_for(owned), kid="k", alg=owned)):
        assert await verdict(token, verifier(jwk)) == "unknown_key"
    without_kid = forge({"alg": claimed}, CLAIMS, key_for(owned), owned)
    assert await verdict(without_kid, verifier(public_jwk(key_for(owned), kid="k"))) == "unknown_key"


async def test_T2_a_key_serves_only_the_algorithm_it_declares() -> None:
    key = key_for("RS256")
    token = forge({"alg": "PS256", "kid": "k"}, CLAIMS, key, "PS256")
    assert await verdict(token, verifier(public_jwk(key, kid="k", alg="RS256"))) == "unknown_key"
    assert await verdict(token, verifier(public_jwk(key, kid="k"))) == "accepted"


async def test_T2_ed448_is_not_ed25519() -> None:
    key = OKPKey.generate_key("Ed448")
    token = forge({"alg": "EdDSA", "kid": "k"}, CLAIMS, key, "EdDSA")
    assert await verdict(token, verifier(public_jwk(key, kid="k"))) == "unknown_key"


async def test_T2_algorithms_can_be_pinned() -> None:
    assert await verdict(issue(), verifier(algorithms=frozenset({"RS256"}))) == "algorithm_not_allowed"


@pytest.mark.parametrize("algorithm", ["none", "HS256", "ES256K", "RS1"])
def test_T2_no_configuration_lets_other_algorithms_in(algorithm: str) -> None:
    with pytest.raises(ValueError, match=algorithm):
        verifier(algorithms=frozenset({"RS256", algorithm}))


@pytest.mark.parametrize("kid", ["k", "attacker", None])
async def test_T3_keys_in_the_header_are_not_used(kid: str | None) -> None:
    attacker = ECKey.generate_key("P-256")
    header = {
        "alg": "ES256",
        "jwk": public_jwk(attacker),
        "jku": "https://attacker.example/jwks",
        "x5u": "https://attacker.example/cert",
        "x5c": ["MIIB"],
        **({} if kid is None else {"kid": kid}),
    }
    expected = "unknown_key" if kid == "attacker" else "bad_signature"
    assert await verdict(forge(header, CLAIMS, attacker, "ES256")) == expected
    assert await verdict(forge({**header, "kid": "k"}, CLAIMS, ES256, "ES256")) == "accepted"


@pytest.mark.parametrize(
    "header", [{"crit": ["exp"]}, {"crit": []}, {"crit": ["b64"], "b64": False}, {"b64": True}, {"b64": False}]
)
async def test_T4_critical_headers_are_refused(header: dict[str, object]) -> None:
    assert await verdict(issue(header=header)) == "critical_header"


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt"])
@pytest.mark.parametrize("check", ["strict", "lenient"])
async def test_T5_an_access_token_says_so(typ: str, check: TypeCheck) -> None:
    assert (await accepted(issue(header={"typ": typ}), verifier(typ=check))).typ == typ


@pytest.mark.parametrize("header", [{}, {"typ": "JWT"}, {"typ": "jwt"}, {"typ": "application/jwt"}])
async def test_T5_a_generic_type_needs_lenience(header: dict[str, str]) -> None:
    assert await verdict(issue(header=header), verifier(typ="lenient")) == "accepted"
    assert await verdict(issue(header=header), verifier(typ="strict")) == "wrong_type"


@pytest.mark.parametrize("typ", ["logout+jwt", "secevent+jwt", "dpop+jwt", "at+jwt ", "token-introspection+jwt", "", 1])
@pytest.mark.parametrize("check", ["strict", "lenient"])
async def test_T5_another_type_is_refused(typ: object, check: TypeCheck) -> None:
    assert await verdict(issue(header={"typ": typ}), verifier(typ=check)) == (
        "token_malformed" if typ == 1 else "wrong_type"
    )


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "n"},
        {"at_hash": "h"},
        {"c_hash": "h"},
        {"s_hash": "h"},
        {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}},
        {"typ": "ID"},
        {"typ": "Refresh"},
        {"typ": "Logout"},
        {"token_use": "id"},
    ],
)
async def test_T5_what_looks_like_another_token_is_refused(claims: dict[str, object]) -> None:
    assert await verdict(issue({**CLAIMS, **claims}, header={"typ": "JWT"})) == "wrong_type"


BARE = {name: value for name, value in CLAIMS.items() if name not in ("client_id", "scope")}


@pytest.mark.parametrize("aud", ["client-a", ["client-a"]])
@pytest.mark.parametrize("azp", [{}, {"azp": "client-a"}])
async def test_T5_a_token_for_the_client_alone_is_an_id_token(aud: object, azp: dict[str, str]) -> None:
    claims = {**BARE, "aud": aud, "sub": "user-1", **azp}
    assert await verdict(issue(claims), client_id="client-a") == "wrong_type"
    if azp:
        assert await verdict(issue(claims)) == "wrong_type"
    for more in ({"scope": "openid"}, {"scp": ["a"]}, {"client_id": "client-a"}, {"sub": "client-a"}):
        assert await verdict(issue({**claims, **more}), client_id="client-a") == "accepted"
    assert (
        await verdict(issue({**claims, "aud": ["client-a", "https://api.example.com"]}), client_id="client-a")
        == "accepted"
    )


@pytest.mark.parametrize(
    "issuer",
    [ISSUER + "/", ISSUER.upper(), "http://login.example.com", ISSUER + ":443", ISSUER + " ", "", None, [ISSUER], 1],
)
async def test_T6_another_issuer_is_refused(issuer: object) -> None:
    assert await verdict(issue({**CLAIMS, "iss": issuer})) == "wrong_issuer"
    assert await verdict(issue({name: value for name, value in CLAIMS.items() if name != "iss"})) == "wrong_issuer"


async def test_T6_an_unknown_issuer_is_nobodys() -> None:
    for claims in (CLAIMS, {**CLAIMS, "iss": ""}, {**CLAIMS, "iss": None}):
        assert await verdict(issue(claims), verifier(issuer="")) == "wrong_issuer"


async def test_T6_a_trailing_slash_is_part_of_the_issuer() -> None:
    with_slash = issue({**CLAIMS, "iss": ISSUER + "/"})
    assert await verdict(with_slash, verifier(issuer=ISSUER + "/")) == "accepted"
    assert await verdict(issue(), verifier(issuer=ISSUER + "/")) == "wrong_issuer"


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"exp": NOW - 29}, None),
        ({"exp": NOW - 29.5}, None),
        ({"exp": NOW - 30}, "token_expired"),
        ({"exp": 0}, "token_expired"),
        ({"nbf": NOW + 30}, None),
        ({"nbf": NOW + 31}, "not_yet_valid"),
        ({"nbf": 0}, None),
        ({"iat": NOW + 30}, None),
        ({"iat": NOW + 31}, "not_yet_valid"),
        ({"iat": NOW, "exp": NOW - 1}, "invalid_claim"),
        ({"exp": str(NOW + 3600)}, "invalid_claim"),
        ({"exp": None}, "invalid_claim"),
        ({"exp": True}, "invalid_claim"),
        ({"exp": [NOW]}, "invalid_claim"),
        ({"exp": -1}, "invalid_claim"),
        ({"exp": NOW * 1000}, "invalid_claim"),
        ({"exp": 10**300}, "invalid_claim"),
        ({"nbf": "0"}, "invalid_claim"),
        ({"iat": False}, "invalid_claim"),
    ],
)
async def test_T7_times_are_checked_with_leeway(claims: dict[str, object], expected: str | None) -> None:
    base = {"iat": NOW - 1000} if "exp" in claims and "iat" not in claims and claims["exp"] != 0 else {}
    start = {name: value for name, value in CLAIMS.items() if name != "iat"}
    token = issue({**start, **base, **claims})
    assert await verdict(token) == (expected or "accepted")


async def test_T7_a_token_without_end_is_refused() -> None:
    assert await verdict(issue({name: value for name, value in CLAIMS.items() if name != "exp"})) == "invalid_claim"


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"1e999"])
async def test_T7_an_end_that_is_no_number_is_refused(number: bytes) -> None:
    payload = json.dumps({**CLAIMS, "exp": 0}).encode().replace(b'"exp": 0', b'"exp": ' + number)
    assert number in payload
    assert await verdict(forge({"alg": "ES256", "kid": "k"}, payload, ES256, "ES256")) == "token_malformed"


def respelled(token: str, part: int, spelling: str) -> str:
    parts = token.split(".")
    parts[part] = spelling.format(parts[part])
    return ".".join(parts)


@pytest.mark.parametrize("part", [0, 1, 2])
@pytest.mark.parametrize("spelling", ["{}=", "{}==", "{}\n", " {}", "{}\u00e9", "{}+", "A", "{}%3D", "{}."])
async def test_a_token_has_one_spelling(part: int, spelling: str) -> None:
    assert await verdict(respelled(issue(), part, spelling)) == "token_malformed"


async def test_left_over_bits_of_base64url_are_refused() -> None:
    token = issue({**CLAIMS, "pad": ""}, algorithm="RS256")
    checking = verifier(public_jwk(key_for("RS256"), kid="k"))
    assert await verdict(token, checking) == "accepted"
    # 256 bytes leave two bits in the last character, which a lenient decoder drops.
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".index(token[-1])
    other = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[last ^ 1]
    assert await verdict(token[:-1] + other, checking) == "token_malformed"


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        (b'{"alg":"none","alg":"ES256","kid":"k"}', b"{}"),
        (b'{"alg":"ES256","kid":"k","kid":"k"}', b"{}"),
        (b'\xef\xbb\xbf{"alg":"ES256","kid":"k"}', b"{}"),
        (b'{"alg":"ES256","kid":1}', b"{}"),
        (b'{"alg":"ES256","kid":null}', b"{}"),
        (b"[]", b"{}"),
        (b"{", b"{}"),
        (b'{"alg":"ES256","kid":"k"}', b"[]"),
        (b'{"alg":"ES256","kid":"k"}', b'{"iss":"a","iss":"b"}'),
        (b'{"alg":"ES256","kid":"k"}', b'{"iss":"\xff"}'),
        (b'{"alg":"ES256","kid":"k"}', b'{"a":"\\ud800"}'),
        (b'{"alg":"ES256","kid":"k"}', b""),
    ],
)
async def test_T21_ambiguous_json_is_refused(header: bytes, claims: bytes) -> None:
    assert await verdict(forge(header, claims, ES256, "ES256")) == "token_malformed"


@pytest.mark.parametrize("algorithm", [None, 1, ["ES256"], {}])
async def test_an_algorithm_is_a_string(algorithm: object) -> None:
    assert await verdict(forge({"alg": algorithm, "kid": "k"}, CLAIMS, ES256, "ES256")) == "algorithm_not_allowed"


@pytest.mark.parametrize("part", [0, 1, 2])
async def test_huge_segments_are_refused_at_once(part: int) -> None:
    token = respelled(issue(), part, "A" * 10_000_000)
    started = time.process_time()
    assert await verdict(token) == "token_too_large"
    assert time.process_time() - started < 0.05


async def test_an_empty_signature_is_refused() -> None:
    assert await verdict(issue().rsplit(".", 1)[0] + ".") == "token_malformed"


async def test_a_token_without_kid_is_tried_with_few_keys() -> None:
    jwks = [public_jwk(key_for("ES256", number), kid=str(number)) for number in range(1, 6)]
    for number, expected in ((1, "accepted"), (4, "accepted"), (5, "bad_signature")):
        token = forge({"alg": "ES256"}, CLAIMS, key_for("ES256", number), "ES256")
        assert await verdict(token, verifier(*jwks)) == expected


async def test_rfc7515_example_verifies() -> None:
    """RFC 7515 appendix A.3, a token of 2011: everything but its age holds."""
    jwk = {
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }
    token = (
        "eyJhbGciOiJFUzI1NiJ9"
        ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
        ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    )
    verified = await accepted(token, verifier(jwk, issuer="joe", now=1300819379))
    assert verified.payload.members["http://example.com/is_root"] is True
    assert await verdict(token, verifier(jwk, issuer="joe")) == "token_expired"


async def test_rfc8037_example_has_a_good_signature() -> None:
    """RFC 8037 appendix A.4, whose payload is a text: the signature holds, the claims do not."""
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    token = (
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
        ".hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    )
    assert await verdict(token, verifier(jwk)) == "token_malformed"
    assert await verdict(token[:-3] + "AAg", verifier(jwk)) == "bad_signature"
