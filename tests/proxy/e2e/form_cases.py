"""Token requests that parsers read differently, by name."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from urllib.parse import quote

FORM = "application/x-www-form-urlencoded"
GRANT = b"grant_type=client_credentials"
BASIC = ("authorization", "Basic bTJtOm0ybS1iYXNpYy1zZWNyZXQtMDEyMzQ1Njc4OWFiY2RlZg==")  # m2m of oidc-provider
JSON_GRANT = {"grant_type": "client_credentials", "client_id": "m2m", "client_secret": "s", "scope": "api:read"}
OVERRIDES = ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X_HTTP_Method_Override"]
SINGLE = [
    "grant_type", "scope", "client_id", "client_secret", "client_assertion", "client_assertion_type", "redirect_uri", "code",
    "code_verifier", "refresh_token", "username", "password", "assertion", "subject_token", "requested_token_type", "anything",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One request and the status that hookpoint answers when it speaks for itself; 200 when the server answers."""

    status: int
    body: bytes = GRANT
    types: tuple[str, ...] = (FORM,)
    headers: tuple[tuple[str, str], ...] = (BASIC,)
    query: str = ""
    method: str = "POST"

    @property
    def fields(self) -> list[tuple[str, str]]:
        """All header fields."""
        return [*(("content-type", each) for each in self.types), *self.headers]


def with_body(extra: bytes, status: int = 400) -> Case:
    """The plain request with more in its body."""
    return Case(status=status, body=GRANT + b"&" + extra)


def with_json(body: object, status: int = 200, content_type: str = "application/json") -> Case:
    """A JSON request without credentials in the header."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Case(status=status, body=data, types=(content_type,), headers=())


FORMS = {
    "plain": Case(status=200),
    "utf-8": Case(status=200, types=(f"{FORM}; charset=UTF-8",)),
    "plus-and-escapes": with_body(b"scope=api%3Aread+api:write&x=%C3%A9+%2B%20", 200),
    "resource-twice": with_body(b"resource=https://a.example.test&resource=https://b.example.test", 200),
    "audience-twice": with_body(b"audience=a&audience=b", 200),
    "empty-members": Case(status=200, body=b"&" + GRANT + b"&&"),
    "behind-empty-members": Case(status=400, body=b"&" * 101 + GRANT),
    "semicolon-in-a-value": with_body(b"note=a;b", 200),
    "brackets-of-its-own": with_body(b"a[b]=1&a[c][]=2&a.b=3", 200),
    "harmless-query": Case(status=200, query="?trace=1"),
    **{f"{name}-twice": with_body(f"{name}=a&{name}=b".encode()) for name in SINGLE},
    **{f"{name}-twice-alike": with_body(f"{name}=a&{name}=a".encode()) for name in ("scope", "client_id")},
    **{
        f"{name}-renamed": with_body(name.encode() + b"=admin")
        for name in ("Scope", "SCOPE", "scope[]", "scope[0]", "scope[a][b]", "%20scope", "scope%20", "client.id", "client[id")
    },
    "scope-in-wide-letters": with_body(quote("\uff53\uff43\uff4f\uff50\uff45").encode() + b"=admin"),
    "json": with_json(JSON_GRANT, 400),
    "json-in-a-form": Case(status=400, body=json.dumps(JSON_GRANT).encode()),
    "multipart": Case(status=415, types=("multipart/form-data; boundary=x",), body=b"--x\r\n\r\n--x--\r\n"),
    "multipart-around-a-form": Case(status=415, types=("Multipart/Form-Data; boundary=x",)),
    "no-type": Case(status=400, types=()),
    "empty-type": Case(status=400, types=("",)),
    "text-plain": Case(status=400, types=("text/plain",)),
    "two-types": Case(status=400, types=(FORM, "application/json")),
    "two-types-alike": Case(status=400, types=(FORM, FORM)),
    "two-types-in-one": Case(status=400, types=(f"{FORM}, application/json",)),
    "utf-16": Case(status=400, types=(f"{FORM}; charset=utf-16",), body=GRANT.decode().encode("utf-16")),
    "utf-16-by-name-alone": Case(status=400, types=(f"{FORM}; charset=utf-16",)),
    "utf-7": Case(status=400, types=(f"{FORM}; charset=utf-7",), body=GRANT + b"&+AHM-cope=admin"),
    "two-charsets": Case(status=400, types=(f"{FORM}; charset=utf-8; charset=utf-7",)),
    "gzip": Case(status=415, headers=(BASIC, ("content-encoding", "gzip")), body=gzip.compress(GRANT)),
    "identity-coding": Case(status=415, headers=(BASIC, ("content-encoding", "identity"))),
    "gzip-in-cgi-spelling": Case(status=415, headers=(BASIC, ("content_encoding", "gzip")), body=gzip.compress(GRANT)),
    "bom": Case(status=400, body=b"\xef\xbb\xbf" + GRANT),
    "escaped-bom": Case(status=400, body=b"%EF%BB%BF" + GRANT),
    "raw-latin-1": with_body(b"x=\xe9"),
    "raw-utf-8": with_body("x=é".encode()),
    "raw-nul": with_body(b"scope=a\x00b"),
    "escaped-nul": with_body(b"scope=a%00b"),
    "escaped-latin-1": with_body(b"x=%E9"),
    "half-an-escape": with_body(b"x=%4"),
    "no-escape": with_body(b"x=%zz"),
    "no-name": with_body(b"=x"),
    "10000-members": with_body(b"&".join(b"p%d=1" % n for n in range(10_000)), 413),
    "2000-members": with_body(b"&".join(b"p%d=1" % n for n in range(2_000))),
    "10-mb-value": with_body(b"x=" + b"y" * 10_000_000, 413),
    "long-value": with_body(b"x=" + b"y" * 10_000),
    "semicolon-separators": Case(status=400, body=GRANT + b";scope=admin"),
    "semicolon-after-a-value": with_body(b"note=a;scope=admin"),
    "grant-type-in-the-query": Case(status=400, query="?grant_type=password"),
    "scope-in-the-query": Case(status=400, query="?x=1&scope=admin"),
    "escaped-scope-in-the-query": Case(status=400, query="?%73cope=admin"),
    "secret-in-the-query": Case(status=400, query="?client_id=m2m&client_secret=s"),
    "basic-and-body-credentials": with_body(b"client_id=m2m&client_secret=s"),
    "basic-and-another-client": with_body(b"client_id=other"),
    "two-authorizations": Case(status=400, headers=(BASIC, BASIC)),
    "basic-with-two-blanks": Case(status=400, headers=(("authorization", "Basic  " + BASIC[1][6:]),)),
    "method-in-the-form": with_body(b"_method=PUT"),
    "method-in-the-query": Case(status=400, query="?_method=PUT"),
    **{f"{name}-header": Case(status=400, headers=(BASIC, (name, "PUT"))) for name in OVERRIDES},
    "empty": Case(status=400, body=b""),
    "no-grant-type": Case(status=400, body=b"scope=api:read"),
    "empty-grant-type": Case(status=400, body=b"grant_type="),
    "grant-type-in-capitals": Case(status=400, body=b"grant_type=Client_Credentials"),
    "grant-type-with-a-blank": Case(status=400, body=b"grant_type=client_credentials%20"),
    **{f"by-{method}": Case(status=405, method=method) for method in ("GET", "PUT", "PATCH", "DELETE")},
    "by-post": Case(status=400, method="post"),
}  # fmt: skip
JSONS = {
    "json": with_json(JSON_GRANT),
    "json-utf-8": with_json(JSON_GRANT, content_type="application/json; charset=utf-8"),
    "json-unknown-members": with_json({**JSON_GRANT, "n": 9007199254740993, "a": {"b": [None, 1.10]}}),
    "form": Case(status=200),
    "json-as-text": with_json(JSON_GRANT, 400, "text/json"),
    "json-as-merge-patch": with_json(JSON_GRANT, 400, "application/merge-patch+json"),
    "json-utf-16": with_json(json.dumps(JSON_GRANT).encode("utf-16"), 400),
    "json-named-utf-16": with_json(JSON_GRANT, 400, "application/json; charset=utf-16"),
    "json-bom": with_json(b"\xef\xbb\xbf" + json.dumps(JSON_GRANT).encode(), 400),
    "json-twice-the-same-name": with_json(b'{"scope":"admin",' + json.dumps(JSON_GRANT).encode()[1:], 400),
    "json-other-case": with_json({**JSON_GRANT, "Scope": "admin"}, 400),
    "json-brackets": with_json({**JSON_GRANT, "scope[]": "admin"}, 400),
    "json-list": with_json([JSON_GRANT], 400),
    "json-two-documents": with_json(json.dumps(JSON_GRANT).encode() * 2, 400),
    "json-comment": with_json(b"/**/" + json.dumps(JSON_GRANT).encode(), 400),
    "json-nan": with_json(b'{"x":NaN,' + json.dumps(JSON_GRANT).encode()[1:], 400),
    "json-deep": with_json({**JSON_GRANT, "x": json.loads("[" * 50 + "]" * 50)}, 400),
    "json-list-of-grants": with_json({**JSON_GRANT, "grant_type": ["client_credentials"]}, 400),
    "json-nested-scope": with_json({**JSON_GRANT, "scope": {"a": "admin"}}, 400),
    "json-method": with_json({**JSON_GRANT, "_method": "PUT"}, 400),
    "json-gzip": Case(status=415, types=("application/json",), headers=(("content-encoding", "gzip"),)),
    "json-in-a-form": Case(status=400, body=json.dumps(JSON_GRANT).encode()),
    "form-as-json": Case(status=400, types=("application/json",)),
}
