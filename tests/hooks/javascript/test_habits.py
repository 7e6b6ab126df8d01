"""Callback Hooks as people wrote them for Auth0, unmodified."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hookpoint.hooks import Client, Deny, HookCrashed, HookFailed, HookTimedOut, InvalidResult, ScopeNotGrantable
from tests.hooks.javascript.scripts import PACKAGED, SYSTEM, load, node, trial
from tests.partners.requirement import require

CLIENT = Client(id="m2m", name="Machine", metadata={"plan": "gold"})
GRANTED = frozenset({"read", "write"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A credentials-exchange hook and what comes of it: claims and scope, a refusal, or a failure."""

    source: str
    claims: dict[str, Any] | None = None
    scope: frozenset[str] = GRANTED
    denial: tuple[str, str] | None = None
    failure: tuple[type[HookFailed], str] | None = None
    granted: frozenset[str] = GRANTED
    grantable: tuple[str, ...] = ()


HEAD = "module.exports = function (client, scope, audience, context, cb) {\n"
STARTER = HEAD + "  var access_token = {};\n  access_token.scope = scope; // do not remove\n"
CASES = {
    "starter code": Case(source=STARTER + "  cb(null, access_token);\n};"),
    "a claim": Case(
        source=STARTER
        + "  access_token['https://example.com/plan'] = client.metadata.plan;\n  cb(null, access_token);\n};",
        claims={"https://example.com/plan": "gold"},
    ),
    "a scope more": Case(
        source=STARTER + "  access_token.scope.push('extra');\n  cb(null, access_token);\n};",
        grantable=("extra",),
        scope=GRANTED | {"extra"},
    ),
    "a scope more that is not allowed": Case(
        source=STARTER + "  access_token.scope.push('extra');\n  cb(null, access_token);\n};",
        failure=(ScopeNotGrantable, "grantable_scopes"),
    ),
    "scope left out": Case(
        source=HEAD + "  cb(null, {'https://e.example/a': 1});\n};",
        claims={"https://e.example/a": 1},
        scope=frozenset(),
    ),
    "nothing called back": Case(source=HEAD + "  cb();\n};", scope=frozenset()),
    "no object called back": Case(source=HEAD + "  cb(null, 'x');\n};", failure=(InvalidResult, "no object")),
    "scope undefined while code pushes": Case(
        source=STARTER + "  access_token.scope.push('extra');\n  cb(null, access_token);\n};",
        granted=frozenset(),
        failure=(HookCrashed, "TypeError"),
    ),
    "Error": Case(source=HEAD + "  cb(new Error('no luck'));\n};", denial=("server_error", "no luck")),
    "ServerError": Case(source=HEAD + "  cb(new ServerError('no luck'));\n};", denial=("server_error", "no luck")),
    "InvalidRequestError": Case(
        source=HEAD + "  cb(new InvalidRequestError('bad'));\n};", denial=("invalid_request", "bad")
    ),
    "InvalidScopeError": Case(source=HEAD + "  cb(new InvalidScopeError('bad'));\n};", denial=("invalid_scope", "bad")),
    "a class of the script's own": Case(
        source=HEAD + "  class Mine extends Error {}\n  cb(new Mine('own'));\n};", denial=("server_error", "own")
    ),
    "redeclared class": Case(
        source="// remove before pasting\nclass InvalidScopeError extends Error {}\n"
        + HEAD
        + "  cb(new InvalidScopeError('mine'));\n};",
        denial=("invalid_scope", "mine"),
    ),
    "const of the name of a class": Case(
        source="const InvalidRequestError = class extends Error { constructor(m) { super(m); this.name = 'InvalidRequestError'; } };\n"
        + HEAD
        + "  cb(new InvalidRequestError('mine'));\n};",
        denial=("invalid_request", "mine"),
    ),
    "string as error": Case(source=HEAD + "  cb('just text');\n};", denial=("server_error", "just text")),
    "object as error": Case(
        source=HEAD + "  cb({ message: 'in an object', statusCode: 400 });\n};", denial=("server_error", "in an object")
    ),
    "object without message as error": Case(
        source=HEAD + "  cb({ code: 1 });\n};", denial=("server_error", "[object Object]")
    ),
    "falsy error": Case(source=STARTER + "  cb(0, access_token);\n};"),
    "callback twice": Case(source=STARTER + "  cb(null, access_token);\n  cb(new Error('late'));\n};"),
    "error and then success": Case(
        source=STARTER + "  cb(new Error('first'));\n  cb(null, access_token);\n};", denial=("server_error", "first")
    ),
    "extra values": Case(source=STARTER + "  cb(null, access_token, { ignored: true }, 7);\n};"),
    "throws": Case(source=HEAD + "  client.metadata.nothing.at.all;\n};", failure=(HookCrashed, "raised TypeError")),
    "throws text": Case(source=HEAD + "  throw 'text';\n};", failure=(HookCrashed, "failed: text")),
    "throws after the callback": Case(source=STARTER + "  cb(null, access_token);\n  throw new Error('late');\n};"),
    "throws later": Case(
        source=HEAD + "  setTimeout(function () { throw new Error('later'); }, 1);\n};",
        failure=(HookCrashed, "raised Error: later"),
    ),
    "async with callback": Case(
        source="module.exports = async function (client, scope, audience, context, cb) {\n"
        "  await new Promise(function (resolve) { setImmediate(resolve); });\n  cb(null, { scope: scope });\n  return 'ignored';\n};"
    ),
    "async that throws": Case(
        source="module.exports = async function (client, scope, audience, context, cb) { throw new Error('async'); };",
        failure=(HookCrashed, "raised Error: async"),
    ),
    "async that throws after the callback": Case(
        source="module.exports = async function (client, scope, audience, context, cb) {\n  cb(null, { scope });\n  throw new Error('late');\n};"
    ),
    "a rejection that nobody handles": Case(
        source=HEAD + "  Promise.reject(new Error('forgotten'));\n};", failure=(HookCrashed, "forgotten")
    ),
    "work after the callback": Case(
        source=STARTER + "  cb(null, access_token);\n  setTimeout(function () { console.log('still here'); }, 0);\n};"
    ),
    "top-level return": Case(
        source="return function (client, scope, audience, context, cb) {\n  cb(null, { scope: scope });\n};"
    ),
    "directives": Case(source="'use latest';\n'use npm';\n" + STARTER + "  cb(null, access_token);\n};"),
    "ES module transpiled": Case(
        source="'use strict';\nObject.defineProperty(exports, '__esModule', { value: true });\n"
        "exports.default = function (client, scope, audience, context, cb) { cb(null, { scope: scope }); };"
    ),
    "require of a version": Case(
        source="var crypto = require('crypto@1.0.0');\n"
        + STARTER
        + "  access_token['https://e.example/h'] = crypto.createHash('sha256').update('a').digest('hex').slice(0, 6);\n"
        "  cb(null, access_token);\n};",
        claims={"https://e.example/h": "ca9781"},
    ),
    "arguments": Case(
        source="module.exports = function () {\n  var cb = arguments[arguments.length - 1];\n  cb(null, { scope: arguments[1] });\n};"
    ),
    "writing process.env": Case(
        source=STARTER
        + "  process.env.SEEN = 'yes';\n  access_token['https://e.example/env'] = process.env.SEEN;\n  cb(null, access_token);\n};",
        claims={"https://e.example/env": "yes"},
    ),
    "context.body": Case(
        source=STARTER + "  access_token['https://e.example/t'] = context.body.tenant;\n  cb(null, access_token);\n};",
        claims={"https://e.example/t": "acme"},
    ),
    "webtask": Case(
        source=STARTER + "  var webtask = context.webtask;\n"
        "  access_token['https://e.example/w'] = [webtask.secrets.KEY, webtask.data.KEY, webtask.body.client.id,\n"
        "    JSON.parse(webtask.body_raw).audience, webtask.headers['user-agent'], typeof webtask.query];\n"
        "  cb(null, access_token);\n};",
        claims={
            "https://e.example/w": (
                "k-1234",
                "k-1234",
                "m2m",
                "https://api.example.com",
                "example-client/1.0",
                "object",
            )
        },
    ),
    "webtask.storage": Case(
        source=STARTER + "  var storage = context.webtask.storage;\n"
        "  storage.set({ n: 1 }, function (unread) {\n"
        "    storage.set({ n: 2 }, { force: 1 }, function (error) {\n"
        "      if (error) return cb(error);\n"
        "      storage.get(function (error, data) {\n"
        "        data.n += 1;\n"
        "        storage.set(data, function (error) {\n"
        "          storage.get({}, function (_, again) {\n"
        "            access_token['https://e.example/s'] = [unread.conflict !== undefined, error, again.n];\n"
        "            cb(null, access_token);\n"
        "          });\n        });\n      });\n    });\n  });\n};",
        claims={"https://e.example/s": (True, None, 3)},
    ),
    "create_token": Case(
        source=HEAD + "  context.webtask.create_token({}, function (error) { cb(error); });\n};",
        denial=("server_error", "create_token is part of Auth0's platform and does nothing here."),
    ),
    "a result that JSON cannot hold": Case(
        source=HEAD + "  var a = {}; a.a = a;\n  cb(null, a);\n};",
        failure=(HookCrashed, "Error when JSON serializing the result"),
    ),
    "restricted and own claims": Case(
        source=STARTER + "  access_token.plan = 'gold'; access_token.sub = 'x'; access_token.gty = 'y';\n"
        "  access_token['https://a.auth0.com/b'] = 1; access_token['urn:auth0:x'] = 2; access_token.email = 'a@b.c';\n"
        "  cb(null, access_token);\n};",
        claims={"plan": "gold", "email": "a@b.c"},
    ),
    "claims that are too large": Case(
        source=STARTER
        + "  access_token['https://e.example/l'] = 'x'.repeat(200 * 1024);\n  cb(null, access_token);\n};",
        failure=(InvalidResult, "more than 100 kB"),
    ),
    "ten megabytes": Case(
        source=STARTER
        + "  access_token['https://e.example/l'] = 'x'.repeat(10 * 1024 * 1024);\n  cb(null, access_token);\n};",
        failure=(InvalidResult, "too much"),
    ),
    "process.exit": Case(source=HEAD + "  process.exit(3);\n};", failure=(HookCrashed, "called process.exit(3)")),
    "a secret in an error": Case(
        source=HEAD + "  cb(new Error('refused k-1234'));\n};", denial=("server_error", "refused [redacted]")
    ),
}


# On the other Node.js as well: what depends on its loader, its errors, its promises.
ON_BOTH = (
    "a claim",
    "redeclared class",
    "throws later",
    "top-level return",
    "require of a version",
    "webtask",
    "process.exit",
)
RUNS = [
    *(pytest.param(SYSTEM, case, id=name) for name, case in CASES.items()),
    *(pytest.param(PACKAGED, CASES[name], id=f"{name}, packaged Node.js") for name in ON_BOTH),
]


@pytest.mark.parametrize(("which", "case"), RUNS)
async def test_a_credentials_exchange_hook_gives_what_auth0_made_of_it(tmp_path: Path, which: str, case: Case) -> None:
    executable = require(node(which), f"Node.js 20 or newer ({which})")
    hooks = load(tmp_path, case.source, "credentials-exchange", executable=executable, secrets={"KEY": "k-1234"})
    came = await trial(
        hooks,
        grantable=case.grantable,
        client=CLIENT,
        scope=case.granted,
        claims={},
        parameters={"grant_type": "client_credentials", "tenant": "acme"},
    )
    if case.denial is not None:
        assert isinstance(came.denial, Deny), came
        assert (came.denial.code, came.denial.reason) == case.denial
        return
    if case.failure is not None:
        assert came.failure is not None, came
        assert isinstance(came.failure, case.failure[0])
        assert case.failure[1] in came.failure.reason
        return
    assert came.scope == case.scope
    assert {name: value for name, value in came.claims.items() if name != "scope"} == (case.claims or {})


async def test_a_hook_that_never_calls_back_takes_too_long(tmp_path: Path) -> None:
    hooks = load(tmp_path, HEAD + "};", "credentials-exchange")
    came = await trial(hooks, timeout=1.0)
    assert isinstance(came.failure, HookTimedOut)


@pytest.mark.parametrize("which", [SYSTEM, PACKAGED])
async def test_a_stack_names_the_lines_of_the_script(tmp_path: Path, which: str) -> None:
    executable = require(node(which), f"Node.js 20 or newer ({which})")
    source = HEAD + "  helper();\n};\nfunction helper() {\n  null.x;\n}"
    came = await trial(load(tmp_path, source, "credentials-exchange", executable=executable))
    assert came.failure is not None
    kind, *frames = str(came.failure.__cause__).splitlines()
    assert kind.startswith("TypeError: ")
    assert [frame.rpartition("/")[2] for frame in frames] == ["hook.js:5:8)", "hook.js:2:3)"]
