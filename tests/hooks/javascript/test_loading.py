"""Scripts that cannot be loaded: what is wrong, at which line, and what to do about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hookpoint.hooks import HookCrashed, HookDefinitionError
from hookpoint.hooks.javascript import Executables, JavaScript, Script
from tests.hooks.javascript.scripts import load, trial, write

EXCHANGE = "credentials-exchange"


@pytest.mark.parametrize(
    ("source", "line", "reason", "remedy"),
    [
        ("var a = 1;\nlet ;;= 2;\n", ":2", "SyntaxError", "Correct the script."),
        ("// first\n\nnull.x;\n", ":3", "TypeError: Cannot read properties of null", "Correct the script."),
        ("throw 'text';\n", "", "cannot be loaded: text", "Correct the script."),
        ("var a = require('axios@1.7.9');\n", ":1", "needs the module 'axios'", "npm install --prefix {folder} axios"),
        ("require('@acme/x/deep');\n", ":1", "'@acme/x/deep'", "npm install --prefix {folder} @acme/x"),
        ("require('./gone');\n", ":1", "'./gone'", "There is no such file."),
        ("import fs from 'fs';\n", ":1", "import statement", "ends in .mjs"),
        ("module.exports = 7;\n", "", "exports no hook", "module.exports = function"),
        ("process.exit(1);\n", "", "ends its process while it is loaded", "Correct the script."),
    ],
)
def test_a_script_that_does_not_load(tmp_path: Path, source: str, line: str, reason: str, remedy: str) -> None:
    with pytest.raises(HookDefinitionError) as failed:
        load(tmp_path, source, EXCHANGE)
    assert failed.value.source == f"{tmp_path}/hook.js{line}"
    assert reason in failed.value.reason
    assert remedy.format(folder=tmp_path) in failed.value.remedy


@pytest.mark.parametrize(
    ("trigger", "reason"),
    [(None, "does not say for which point"), ("token-issuance", "had no hook for token-issuance")],
)
def test_a_function_needs_a_point_that_auth0_had(tmp_path: Path, trigger: str | None, reason: str) -> None:
    with pytest.raises(HookDefinitionError, match=reason):
        load(tmp_path, "module.exports = function (a, b, cb) { cb(); };", trigger)


def test_dependencies_are_looked_for_before_anything_runs(tmp_path: Path) -> None:
    source = "module.exports = function (a, b, c, d, cb) { cb(); };"
    with pytest.raises(HookDefinitionError, match="'left-pad', which is not installed") as failed:
        load(tmp_path, source, EXCHANGE, dependencies={"left-pad": "1.3.0"})
    assert failed.value.remedy == f"Run: npm install --prefix {tmp_path} left-pad@1.3.0"
    write(tmp_path, '{"version": "1.1.0"}', "node_modules/left-pad/package.json")
    with pytest.raises(HookDefinitionError, match=r"left-pad 1\.3\.0, and 1\.1\.0 is installed"):
        load(tmp_path, source, EXCHANGE, dependencies={"left-pad": "1.3.0"})
    assert load(tmp_path, source, EXCHANGE, dependencies={"left-pad": "^1.0.0"})


def test_what_package_json_declares_is_installed_with_one_command(tmp_path: Path) -> None:
    write(tmp_path, '{"dependencies": {"axios": "1.7.9"}}', "package.json")
    with pytest.raises(HookDefinitionError) as failed:
        load(tmp_path, "require('axios');", EXCHANGE)
    assert failed.value.remedy == f"Run: npm install --prefix {tmp_path}"


async def test_packages_are_those_beside_the_script(tmp_path: Path) -> None:
    write(tmp_path, '{"version": "1.0.0"}', "node_modules/twice/package.json")
    write(tmp_path, "module.exports = (n) => 2 * n;", "node_modules/twice/index.js")
    write(tmp_path, "exports.three = 3;", "scripts/three.js")
    source = (
        "const twice = require('twice@0.9');\nconst { three } = require('./three');\n"
        "module.exports = function (client, scope, audience, context, cb) { cb(null, { 'https://e.example/n': twice(three) }); };"
    )
    came = await trial(load(tmp_path, source, EXCHANGE, name="scripts/hook.js"))
    assert came.claims["https://e.example/n"] == 6


async def test_a_module_that_is_missing_later_is_named_with_its_command(tmp_path: Path) -> None:
    source = "module.exports = function (client, scope, audience, context, cb) { require('axios'); };"
    came = await trial(load(tmp_path, source, EXCHANGE))
    assert isinstance(came.failure, HookCrashed)
    assert came.failure.reason == f"needs the module 'axios'. Run: npm install --prefix {tmp_path} axios"


def test_a_runtime_that_is_not_there(tmp_path: Path) -> None:
    script = Script(path=write(tmp_path, "module.exports = () => {};"), trigger=EXCHANGE)
    with pytest.raises(HookDefinitionError, match=r"/nowhere/node is no Node\.js 20") as failed:
        JavaScript(executables=Executables(node="/nowhere/node")).load(script)
    assert "hookpoint[javascript]" in failed.value.remedy
    with pytest.raises(HookDefinitionError, match="needs /nowhere/deno"):
        JavaScript(executables=Executables(deno="/nowhere/deno")).load(
            Script(path=script.path, trigger=EXCHANGE, runtime="deno")
        )
