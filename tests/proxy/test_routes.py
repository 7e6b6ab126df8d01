from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hookpoint.proxy.routes import (
    ALIAS,
    ASTERISK,
    BAD_ESCAPE,
    ILLEGAL_CHARACTER,
    NOT_ORIGIN_FORM,
    OUT_OF_STEP,
    PASS,
    Decision,
    Matched,
    Refused,
    Route,
    RouteError,
    RouteTable,
)
from tests.proxy.frameworks.spellings import Spelling, spell
from tests.proxy.path_mutations import mutated

if TYPE_CHECKING:
    from collections.abc import Sequence

TOKEN = Route(kind="token", path="/oauth/token")
SIGNUP = Route(kind="signup", path="/dbconnections/signup", methods=frozenset({"POST"}))
JWKS = Route(kind="jwks", path="/.well-known/jwks.json")
DISCOVERY = Route(kind="discovery", path="/.well-known/openid-configuration")
ROUTES = (TOKEN, SIGNUP, JWKS, DISCOVERY)
TABLE = RouteTable(ROUTES)

# Targets of `spell` whose path is another one, or the exact one.
ELSEWHERE = {"query_before", "query_copy", "root_query"}
EXACT = {"bare_query", "query"}

ORDINARY = (
    "/",
    "/api/v2/users/auth0%7C5f7c8ec7c33c6c004bbafe82",
    "/api/v1/objects/reports%2F2026%2Fq3.pdf",
    "/api/v1/objects/a%252Fb",
    "/files/%E4%BD%A0%E5%A5%BD.txt",
    "/files/%C3%BCbersicht%20neu.html",
    "/caf%E9/menu",
    "/cars;color=red;year=2012/models;v=1",
    "/static/app.3f9c2b.js",
    "/v1.2/things/",
    "/things/.hidden/file.tar.gz",
    "/search/c++/100%25",
    "/a//b/../c/./d",
    "/users/@me/(all)/x,y/a:b/*",
    "/oauth",
    "/oauth/",
    "/oauth/tokens",
    "/oauth/token/introspect",
    "/oauth/token/revoke;v=1",
    "/oauth/token_info",
    "/oauth/authorize",
    "/oauth/%2e%2e/token",
    "/token",
    "/token/oauth",
    "/oauth/token2%2Fx",
    "/oauth2/token",
    "/realms/acme/oauth/token",
    "/objects/oauth%2Ftoken%2Ffile.txt",
    "/dbconnections/signup/confirm",
    "/dbconnections/signup-form",
    "/.well-known/acme-challenge/token.jwks",
    "/.well-known/openid-configuration/jwks",
)


def decide(raw_path: str | bytes, table: RouteTable = TABLE) -> Decision:
    """Judge a path as an ASGI server hands it over."""
    raw = raw_path.encode("ascii") if isinstance(raw_path, str) else raw_path
    return table.decide(raw, unquote(raw.decode("latin-1")))


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.kind)
def test_the_exact_spelling_matches(route: Route) -> None:
    assert decide(route.path) == Matched(route)


@pytest.mark.parametrize("spelling", spell("/oauth/token"), ids=lambda spelling: spelling.name)
def test_P_other_spellings_of_a_route_are_refused(spelling: Spelling) -> None:
    decision = decide(spelling.raw_path)
    if spelling.name in EXACT:
        assert decision == Matched(TOKEN)
    elif spelling.name in ELSEWHERE:
        assert decision is PASS
    else:
        assert isinstance(decision, Refused)


@pytest.mark.parametrize("route", [TOKEN, SIGNUP, DISCOVERY], ids=lambda route: route.kind)
@given(data=st.data())
def test_P_mutations_and_their_combinations_are_refused(route: Route, data: st.DataObject) -> None:
    raw_path = data.draw(mutated(route.path))
    decision = decide(raw_path)
    assert isinstance(decision, Refused) or (raw_path == route.path and decision == Matched(route))


@pytest.mark.parametrize("opaque", ["a%2fb", "a%2Fb%2Fc", "a%5cb", "a;b%2fc", "a%252fb", ";a=%2f"])
@pytest.mark.parametrize("dots", ["..", "%2e%2e", ".%2E", "..;v=1"])
@pytest.mark.parametrize("place", ["/{}/oauth/token", "/oauth/{}/token", "/OAuth/{}/%74oken", "/oauth/token/{}"])
def test_P_servers_that_resolve_dots_before_decoding_are_not_forgotten(opaque: str, dots: str, place: str) -> None:
    assert decide(place.format(f"{opaque}/{dots}")) is ALIAS


@given(data=st.data())
def test_P_mutations_are_refused_when_only_the_decoded_path_shows_them(data: st.DataObject) -> None:
    path = unquote(data.draw(mutated(TOKEN.path)))
    assume("\ufffd" not in path)  # undecodable UTF-8 shows on the wire alone
    assert isinstance(TABLE.decide(b"/elsewhere", path), Refused)


@pytest.mark.parametrize("raw_path", ORDINARY)
def test_ordinary_paths_pass(raw_path: str) -> None:
    assert decide(raw_path) is PASS


@given(
    st.lists(
        st.sampled_from(
            ("api", "v1", "oauth", "user%20name", "a%2Fb", "%E2%82%AC", "x;v=1", "..", ".", "", "a.json", "%25")
        ),
        max_size=8,
    )
)
def test_paths_without_the_names_of_a_route_pass(segments: Sequence[str]) -> None:
    assert decide("/" + "/".join(segments)) is PASS


@pytest.mark.parametrize(
    ("raw_path", "refusal"),
    [
        (b"*", ASTERISK),
        (b"", NOT_ORIGIN_FORM),
        (b"api", NOT_ORIGIN_FORM),
        (b"http://127.0.0.1/api", NOT_ORIGIN_FORM),
        (b"127.0.0.1:443", NOT_ORIGIN_FORM),
        (b"/api#f", ILLEGAL_CHARACTER),
        (b"/api\\x", ILLEGAL_CHARACTER),
        (b"/api?x", ILLEGAL_CHARACTER),
        (b"/api x", ILLEGAL_CHARACTER),
        (b"/api\x00", ILLEGAL_CHARACTER),
        (b"/api\x7f", ILLEGAL_CHARACTER),
        (b"/api\xc3\xbc", ILLEGAL_CHARACTER),
        (b"/api/%", BAD_ESCAPE),
        (b"/api/%4", BAD_ESCAPE),
        (b"/api/%zz", BAD_ESCAPE),
        (b"/api/%u0041", BAD_ESCAPE),
        (b"/oauth/%2574oken", ALIAS),
        (b"/anything/%2525252525", ALIAS),
    ],
)
def test_malformed_paths_are_refused_on_every_route(raw_path: bytes, refusal: Refused) -> None:
    assert decide(raw_path) is refusal


@pytest.mark.parametrize(
    ("raw_path", "path", "decision"),
    [
        (b"/oauth/token", "/oauth/token", Matched(TOKEN)),
        (b"/oauth/token", "/elsewhere", OUT_OF_STEP),
        (b"/elsewhere", "/oauth/token", ALIAS),
        (b"/elsewhere", "/OAUTH/token/", ALIAS),
        (b"/elsewhere", "/oauth\\token", ALIAS),
        (b"/elsewhere", "/oauth/token\n", ALIAS),
        (b"/elsewhere", "/oauth/token\udcff", ALIAS),
        (b"/elsewhere", "/oauth/to\u212aen", ALIAS),
        (b"/elsewhere", "/other", PASS),
    ],
)
def test_both_paths_of_the_scope_are_judged(raw_path: bytes, path: str, decision: Decision) -> None:
    assert TABLE.decide(raw_path, path) == decision


@pytest.mark.parametrize(
    ("root_path", "raw_path", "path", "decision"),
    [
        ("/auth", b"/auth/oauth/token", "/auth/oauth/token", Matched(TOKEN)),
        ("/auth/", b"/auth/oauth/token", "/auth/oauth/token", Matched(TOKEN)),
        # Servers and routers differ in whether path and raw_path repeat the mount root.
        ("/auth", b"/auth/oauth/token", "/oauth/token", Matched(TOKEN)),
        ("/auth", b"/oauth/token", "/auth/oauth/token", Matched(TOKEN)),
        ("/auth", b"/oauth/token", "/oauth/token", Matched(TOKEN)),
        ("/auth", b"/%61uth/oauth/token", "/auth/oauth/token", ALIAS),
        ("/auth", b"/AUTH/oauth/token", "/AUTH/oauth/token", ALIAS),
        ("/auth", b"/auth/x/../oauth/token", "/auth/x/../oauth/token", ALIAS),
        ("/auth", b"/auth/oauth/token/", "/auth/oauth/token/", ALIAS),
        ("/auth", b"/oauth/token/", "/oauth/token/", ALIAS),
        ("/auth", b"/api../oauth/token", "/api../oauth/token", PASS),
        ("/auth", b"/authx/oauth/token", "/authx/oauth/token", PASS),
        ("/t \u00fc", b"/t%20%C3%BC/oauth/token", "/t \u00fc/oauth/token", Matched(TOKEN)),
        ("/t \u00fc", b"/t%20%c3%bc/oauth/token", "/t \u00fc/oauth/token", ALIAS),
    ],
)
def test_routes_are_relative_to_the_mount_root(root_path: str, raw_path: bytes, path: str, decision: Decision) -> None:
    assert RouteTable(ROUTES, root_path=root_path).decide(raw_path, path) == decision


def test_an_alias_can_be_made_a_route() -> None:
    slash = Route(kind="token", path="/oauth/token/")
    escaped = Route(kind="token", path="/oauth%2Ftoken")
    table = RouteTable([TOKEN, slash, escaped])
    assert decide("/oauth/token/", table) == Matched(slash)
    assert decide("/oauth%2Ftoken", table) == Matched(escaped)
    assert decide("/oauth%2ftoken", table) is ALIAS


@pytest.mark.parametrize("extension", ["/.well-known/jwks", "/.well-known/jwks.xml", "/.well-known/jwks.json.gz"])
def test_an_extension_does_not_make_another_path(extension: str) -> None:
    assert decide(extension) is ALIAS


def test_a_table_without_routes_still_refuses_malformed_paths() -> None:
    table = RouteTable([])
    assert decide("/oauth/token", table) is PASS
    assert decide("/oauth/%", table) is BAD_ESCAPE


@pytest.mark.parametrize(
    "path", ["", "oauth/token", "//oauth/token", "/oauth token", "/o\u00fc", "/a?b", "/a#b", "/a%zz", "*"]
)
def test_a_route_must_be_spelled_as_on_the_wire(path: str) -> None:
    with pytest.raises(RouteError) as caught:
        RouteTable([Route(kind="token", path=path)])
    assert caught.value.code == "invalid_route"


def test_two_routes_of_one_path_are_an_error() -> None:
    with pytest.raises(RouteError, match="two routes"):
        RouteTable([TOKEN, Route(kind="signup", path="/oauth/token")])


@pytest.mark.parametrize(
    ("route", "method", "handled"),
    [(TOKEN, "GET", True), (SIGNUP, "POST", True), (SIGNUP, "post", True), (SIGNUP, "GET", False)],
)
def test_a_route_says_which_methods_its_flow_handles(route: Route, method: str, *, handled: bool) -> None:
    assert route.handles(method) is handled


@pytest.mark.parametrize(
    "raw_path",
    [
        "/oauth/token" + "/%2e%2e/x;y=%2525" * 4000,
        "/oauth/token" + "%25" * 20_000,
        "/" + "oauth" * 12_000 + "/token;",
        "/oauth/token" + "/x;" * 20_000,
        "/oauth/token%EF%BC%8F" * 3_000,
    ],
    ids=["dots", "escapes", "names", "segments", "fullwidth"],
)
def test_hostile_paths_are_judged_quickly(raw_path: str) -> None:
    spent = []
    for _ in range(3):
        began = time.perf_counter()
        decide(raw_path)
        spent.append(time.perf_counter() - began)
    assert min(spent) < 5  # without bounds these take minutes
