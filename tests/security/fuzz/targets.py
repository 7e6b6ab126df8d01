"""What is fuzzed: functions of bytes that raise when a promise is broken, and what to start from."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote

from hookpoint.hooks import Client, TokenChanges, credentials_exchange
from hookpoint.hooks.strict_json import JsonError, JsonObject
from hookpoint.hooks.testing import sample_event
from hookpoint.proxy.bodies import BodyRefused, parse_form, parse_json
from hookpoint.proxy.gateway.bodies import check_kind
from hookpoint.proxy.gateway.call import Call
from hookpoint.proxy.gateway.errors import Malformed, Unauthenticated
from hookpoint.proxy.gateway.format import Format, Options
from hookpoint.proxy.gateway.formats.registry import FORMATS
from hookpoint.proxy.parameters import judge_query
from hookpoint.proxy.routes import PASS, Matched, Route, RouteTable
from hookpoint.proxy.tokens.compact import classify
from hookpoint.proxy.tokens.errors import TokenRejected
from hookpoint.proxy.tokens.public_keys import PublicKeySet
from hookpoint.proxy.tokens.verification import TokenVerifier
from hookpoint.proxy.upstream.clients import TrustedProxies, client_of
from tests.hooks import test_rule_properties as rules
from tests.proxy.e2e.form_cases import FORMS, JSONS
from tests.proxy.frameworks.spellings import spell
from tests.proxy.gateway.callers import CALLERS, Caller
from tests.proxy.server.framing_cases import ACCEPTED, REFUSED_BODIES, REFUSED_HEADS
from tests.proxy.tokens.issuer import CLAIMS, ISSUER, NOW, issue, key_for, key_set, public_jwk
from tests.proxy.upstream.answer_cases import CUT, INVALID
from tests.proxy.upstream.wire import answer
from tests.security.fuzz import wire
from tests.security.fuzz.sign_ups import SEEDS, fuzz_sign_ups

T = TypeVar("T")

_LARGEST_SEED = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A function to call with any bytes, what it is about, and bytes that reach its depths."""

    run: Callable[[bytes], object]
    about: str
    seeds: Sequence[bytes]


def fuzz_forms(data: bytes) -> None:
    """A form that is accepted reads as the standard library reads it, under every name that parsers make of its names."""
    try:
        form = parse_form(data)
    except BodyRefused:
        return
    assert list(form.pairs) == parse_qsl(data.decode("ascii"), keep_blank_values=True, strict_parsing=False)
    names = [name for name, _ in form.pairs if name not in ("resource", "audience")]
    assert len({name.casefold() for name in names}) == len(names)
    judge_query(data)


def fuzz_json(data: bytes) -> None:
    """JSON that is accepted reads as the standard library reads it, has no name twice, and keeps its bytes when edited."""
    try:
        parsed = JsonObject.parse(data)
    except JsonError:
        try_body(data)
        return

    def once(pairs: list[tuple[str, Any]]) -> Any:
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    expected = json.loads(data, object_pairs_hook=once, parse_float=str, parse_int=str)
    assert expected.keys() == parsed.members.keys()
    assert parsed.edited({}, ()) == data
    edited = JsonObject.parse(parsed.edited({"added": 1}, ()))
    assert {name: edited.members[name] for name in parsed.members if name != "added"} == {
        name: value for name, value in parsed.members.items() if name != "added"
    }
    try_body(data)


def try_body(data: bytes) -> None:
    try:
        parse_json(data)
    except BodyRefused:
        return
    JsonObject.parse(data)  # what flows take is strict JSON


def fuzz_requests(data: bytes) -> None:
    """Requests are read alike however they arrive, and as h11 reads them as far as it does."""
    whole, refused = wire.read_requests(data)
    middle = data[0] if data else 0
    assert wire.read_requests(data[:middle], data[middle:]) == (whole, refused)
    theirs = wire.read_requests_by_h11(data)
    for one, other in zip(whole, theirs, strict=False):
        assert one == other


def fuzz_answers(data: bytes) -> None:
    """Answers are read alike however they arrive, and as h11 reads them where it does."""
    ours = wire.read_answer(data)
    middle = data[-1] if data else 0
    assert wire.read_answer(data[:middle], data[middle:]) == ours
    theirs = wire.read_answer_by_h11(data)
    if ours is not None and theirs is not None and ours[2] and theirs[2]:
        assert ours[:2] == theirs[:2]


_GOOD = [issue(), issue({**CLAIMS, "aud": ["a", "b"]}), issue(header={"typ": "at+jwt"})]
_PAYLOADS = {token.split(".")[1] for token in _GOOD}
_VERIFIER = TokenVerifier(
    PublicKeySet.parse(key_set(public_jwk(key_for("ES256"), kid="k"))), issuer=ISSUER, clock=lambda: NOW
)


def fuzz_tokens(data: bytes) -> None:
    """Only what was signed verifies, and what somebody's lenient parser takes for a JWT is no opaque token."""
    token = data.decode("latin-1")
    kind = classify(token)
    try:
        finished(_VERIFIER.verify(token))
    except TokenRejected:
        pass
    else:
        assert token.split(".")[1] in _PAYLOADS
        assert kind == "jws"
    if kind == "opaque" and token.count(".") == 2:
        assert "alg" not in leniently(token.partition(".")[0])


def leniently(segment: str) -> Mapping[str, object]:
    try:
        header = json.loads(urlsafe_b64decode(segment.encode("latin-1") + b"=="))
    except (ValueError, RecursionError):
        return {}
    return header if isinstance(header, dict) else {}


def finished(work: Coroutine[object, object, T]) -> T:
    """Run a coroutine that never waits."""
    try:
        work.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    raise AssertionError("it waited")


_LAWS: Sequence[Any] = [
    rules.test_claims_of_the_issuer_stay_whatever_hooks_answer,
    rules.test_scope_never_grows_by_what_may_not_be_granted,
    rules.test_changes_merged_do_what_they_do_one_after_the_other,
]
_EVENT = sample_event(
    credentials_exchange,
    client=Client(id="m2m"),
    scope={"a", "b"},
    claims={**{name: f"issuer's {name}" for name in sorted(rules.PROTECTED)}, "plan": 1, "scope": "a b"},
)
_MEMBERS = ("claims", "remove_claims", "scope", "expires_in", "id_token_claims")


def fuzz_claims(data: bytes) -> None:
    """Whatever hooks answer, of whatever types, the laws of changes to tokens hold: `data` is their answers as JSON."""
    try:
        answers = JsonObject.parse(data).members.get("answers")
    except JsonError:
        return
    wishes = [each for each in answers if isinstance(each, dict)] if isinstance(answers, list) else []
    changes = [TokenChanges(**{name: wish[name] for name in _MEMBERS if name in wish}) for wish in wishes[:8]]
    for law in _LAWS:
        law.hypothesis.inner_test(_EVENT, changes)


def fuzz_paths(data: bytes) -> None:
    """A path that decodes, resolves and folds to a route is the route itself, or refused."""
    path = data.partition(b"?")[0]
    decision = _ROUTES.decide(path, unquote(path.decode("latin-1")))
    if isinstance(decision, Matched):
        assert path in (b"/oauth/token", b"/Signup")
    elif decision is PASS:
        assert resolved(path.decode("latin-1")) not in ("/oauth/token", "/signup")


_ROUTES = RouteTable([Route(kind="token", path="/oauth/token"), Route(kind="signup", path="/Signup")])


def resolved(path: str) -> str:
    """A path as a generous server reads it."""
    for _ in range(3):
        path = unquote(path)
    segments: list[str] = []
    for segment in path.replace("\\", "/").lower().split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    return "/" + "/".join(segments)


def _open(caller: Caller) -> Format:
    settings = caller.settings
    return FORMATS[caller.format](
        Options(
            secrets=caller.secrets,
            authentication=settings.get("authentication", ""),
            header=settings.get("header", ""),
            audience=settings.get("audience", ""),
            fields=settings.get("fields", {}),
        )
    )


_FORMATS = [_open(caller) for caller in CALLERS]
_BODIES = [caller.encode(caller.body("+15005550006"), caller.secrets[0]) for caller in CALLERS]
_SIGNING = {
    number
    for number, caller in enumerate(CALLERS)
    if caller.prove(b"one", caller.secrets[0], NOW) != caller.prove(b"two", caller.secrets[0], NOW)
}


def _call_of(number: int) -> bytes:
    """A good call of one caller, as a seed: which caller it is, its header fields, and its body behind an empty line."""
    caller, body = CALLERS[number], _BODIES[number]
    fields = {"content-type": caller.content_type, **caller.prove(body, caller.secrets[0], NOW)}
    head = "".join(f"{name}:{value}\n" for name, value in fields.items())
    return bytes([number]) + head.encode() + b"\n" + body


def fuzz_gateway(data: bytes) -> None:
    """Signatures hold for what was signed alone, and whatever is believed is read or refused."""
    number = (data[0] if data else 0) % len(CALLERS)
    head, _, body = data[1:].partition(b"\n\n")
    fields = [field.partition(b":") for field in head.split(b"\n")]
    call = Call(headers=[(name.lower(), value) for name, _, value in fields], body=body, at=NOW)
    opened = _FORMATS[number]
    try:
        check_kind(call, opened.bodies)
        opened.authentication.check(call)
    except (Unauthenticated, BodyRefused, Malformed):
        return
    if number in _SIGNING:
        assert body in _BODIES  # callers share secrets
    try:
        opened.read(call)
    except Malformed:
        return
    opened.key(call)


def fuzz_forwarded(data: bytes) -> None:
    """Whatever a peer that is not trusted says, the client is the peer."""
    fields = [(b"host", b"login.test")]
    for line in data.split(b"\n"):
        name, _, value = line.partition(b":")
        fields.append((name.lower(), value))
    scope: dict[str, Any] = {"type": "http", "scheme": "http", "client": ("192.0.2.1", 1), "headers": fields}
    assert client_of(scope, TrustedProxies()).ip == "192.0.2.1"
    client_of(scope, TrustedProxies(["192.0.2.0/24"]))


def _seeds(*groups: Iterable[bytes]) -> list[bytes]:
    return [seed for group in groups for seed in group if len(seed) <= _LARGEST_SEED]


TARGETS: Mapping[str, Target] = {
    "forms": Target(
        run=fuzz_forms, about="forms of token requests", seeds=_seeds(case.body for case in FORMS.values())
    ),
    "json": Target(run=fuzz_json, about="strict JSON", seeds=_seeds(case.body for case in JSONS.values())),
    "requests": Target(
        run=fuzz_requests,
        about="HTTP requests of clients",
        seeds=_seeds(
            (request for _, request in REFUSED_HEADS.values()),
            (request for _, request in REFUSED_BODIES.values()),
            (request for request, _ in ACCEPTED.values()),
        ),
    ),
    "answers": Target(
        run=fuzz_answers,
        about="HTTP answers of servers",
        seeds=_seeds(INVALID.values(), CUT.values(), [answer(), answer(b"", b"A: b", status=b"204 No Content")]),
    ),
    "tokens": Target(run=fuzz_tokens, about="compact JWTs", seeds=_seeds(token.encode() for token in _GOOD)),
    "claims": Target(
        run=fuzz_claims,
        about="merging what hooks change",
        seeds=[
            b'{"answers":[{"claims":{"plan":"gold","iss":1}},{"remove_claims":["plan"],"scope":["a","w"]}]}',
            b'{"answers":[{"scope":[],"expires_in":60},{"claims":{"x":[null,{"y":1.5}]}},{"id_token_claims":{"a":1}}]}',
            b'{"answers":[{"remove_claims":["sub","scp","plan"]},{"scope":["b","z"]},{"expires_in":-1},{"scope":"a"}]}',
        ],
    ),
    "paths": Target(
        run=fuzz_paths,
        about="paths and their other spellings",
        seeds=[b"/oauth/token", b"/Signup", *(spelling.raw_path for spelling in spell("/oauth/token", host=b"a"))],
    ),
    "sign-ups": Target(
        run=fuzz_sign_ups, about="sign-ups and changes of passwords in every dialect", seeds=_seeds(SEEDS)
    ),
    "gateway": Target(
        run=fuzz_gateway,
        about="signatures and bodies of the gateway",
        seeds=[_call_of(number) for number in range(len(CALLERS))],
    ),
    "forwarded": Target(
        run=fuzz_forwarded,
        about="what proxies say of clients",
        seeds=[b"x-forwarded-for: 1.2.3.4, [::1]:8", b'forwarded: for="[2001:db8::1]";host=a, for=_x', b"via: 1.1 a"],
    ),
}
