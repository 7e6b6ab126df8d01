from __future__ import annotations

import pytest

from hookpoint.proxy.parameters import (
    GRANT_PARAMETERS,
    METHOD_OVERRIDE,
    METHOD_OVERRIDE_HEADERS,
    QUERY_PARAMETER,
    SECRET_PARAMETERS,
    grant_parameters,
    is_method_override,
    judge_query,
)
from hookpoint.proxy.routes import Refused


@pytest.mark.parametrize("name", sorted(GRANT_PARAMETERS))
def test_F_grant_parameters_in_the_query_are_refused(name: str) -> None:
    assert judge_query(f"x=1&{name}=y".encode()) is QUERY_PARAMETER


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        (b"", None),
        (b"p=B2C_1_policy&locale=de&scopes", None),
        (b"path=/oauth/token&q=grant_type%3Dx", None),
        (b"GRANT_TYPE=x", QUERY_PARAMETER),
        (b"%67rant%5Ftype=x", QUERY_PARAMETER),
        (b"scope[]=x", QUERY_PARAMETER),
        (b"scope", QUERY_PARAMETER),
        (b"a;client_id=x", QUERY_PARAMETER),
        (b"_method=PUT", METHOD_OVERRIDE),
        (b"a&%5fmethod=PUT", METHOD_OVERRIDE),
        (b"\xff\xfe=%zz", None),
    ],
)
def test_F_queries_of_intercepted_requests(query: bytes, refusal: Refused | None) -> None:
    assert judge_query(query) is refusal


@pytest.mark.parametrize("header", sorted(METHOD_OVERRIDE_HEADERS))
def test_method_override_headers_are_known_in_every_spelling(header: bytes) -> None:
    assert all(map(is_method_override, (header, header.title(), header.replace(b"-", b"_"))))
    assert not is_method_override(header + b"s")


def test_hooks_see_parameters_without_secrets() -> None:
    members: dict[str, object] = dict.fromkeys(SECRET_PARAMETERS, "hidden") | {
        "Client_Secret": "hidden",
        "partnerSecret": "hidden",
        "mfa_otp": "hidden",
        "api_key": "hidden",
        "nested": {"password": "hidden", "list": [{"accessToken": "hidden", "kept": 1}]},
        "grant_type": "client_credentials",
        "scope": "a b",
        "resource": ("x", "y"),
        "subject_token_type": "t",
        "promo_code": "summer",
    }
    assert grant_parameters(members) == {
        "nested": {"list": [{"kept": 1}]},
        "grant_type": "client_credentials",
        "scope": "a b",
        "resource": ["x", "y"],
        "subject_token_type": "t",
        "promo_code": "summer",
    }
