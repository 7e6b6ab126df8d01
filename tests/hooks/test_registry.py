"""Finding hooks in files, modules and lists."""

from __future__ import annotations

import itertools
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hookpoint.hooks import (
    CredentialsExchange,
    HookDefinitionError,
    Registry,
    When,
    credentials_exchange,
    hooks_of_functions,
    load_hooks,
    post_user_registration,
    pre_user_registration,
)

HOOK = """
from hookpoint.hooks import CredentialsExchange, credentials_exchange

@credentials_exchange
def {name}(event: CredentialsExchange) -> None: ...
"""
_numbers = itertools.count()


@pytest.fixture(autouse=True)
def _modules_as_before() -> Iterator[None]:
    modules, path = set(sys.modules), list(sys.path)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


@pytest.fixture
def unique() -> str:
    """A module name that no other test has used: Python remembers where it has looked for one."""
    return f"hooks_under_test_{next(_numbers)}"


def write(path: Path, text: str = HOOK.format(name="add")) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def names(run: str, base: Path | None = None) -> list[str]:
    return [hook.name for hook in load_hooks(run, base=base)]


def make(name: str, **options: Any) -> Callable[..., Any]:
    def function(event: object) -> None: ...

    function.__name__ = name
    point = options.pop("point", credentials_exchange)
    decorated: Callable[..., Any] = point(**options)(function)
    return decorated


def test_a_file_gives_all_its_hooks_in_order(tmp_path: Path) -> None:
    write(tmp_path / "hooks.py", HOOK.format(name="b") + HOOK.format(name="a") + "alias = a\nhelper = len\n")
    found = load_hooks("hooks.py", base=tmp_path)
    assert [hook.name for hook in found] == ["b", "a"]
    assert [hook.source for hook in found] == [f"{tmp_path}/hooks.py:4", f"{tmp_path}/hooks.py:9"]


def test_a_path_is_relative_to_the_working_directory_without_a_base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "hooks.py")
    monkeypatch.chdir(tmp_path)
    assert names("hooks.py") == names(str(tmp_path / "hooks.py")) == ["add"]


def test_a_file_is_run_once_however_it_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "hooks.py")
    (tmp_path / "link.py").symlink_to(path)
    first, second = load_hooks("hooks.py", base=tmp_path), load_hooks("link.py", base=tmp_path)
    assert first == second or [each.source for each in first] == [each.source for each in second]
    with pytest.raises(HookDefinitionError, match=r"registered already, from .*hooks\.py:4"):
        Registry([*first, *second])


def test_neighbours_of_a_file_can_be_imported(tmp_path: Path, unique: str) -> None:
    write(tmp_path / f"{unique}.py")
    write(tmp_path / "hooks.py", f"from {unique} import add\n")
    assert names("hooks.py", tmp_path) == ["add"]


def test_files_of_one_name_in_two_folders_are_two(tmp_path: Path) -> None:
    write(tmp_path / "a" / "hooks.py", HOOK.format(name="first"))
    write(tmp_path / "b" / "hooks.py", HOOK.format(name="second"))
    assert names("a/hooks.py", tmp_path) + names("b/hooks.py", tmp_path) == ["first", "second"]


@pytest.mark.parametrize("base", [True, False])
def test_a_module_is_found_beside_the_configuration_or_on_the_path(
    tmp_path: Path, unique: str, base: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / unique / "__init__.py", "")
    write(tmp_path / unique / "tokens.py", HOOK.format(name="b") + HOOK.format(name="a"))
    if not base:
        monkeypatch.syspath_prepend(tmp_path)
    folder = tmp_path if base else None
    assert names(f"{unique}.tokens", folder) == ["b", "a"]
    assert names(f"{unique}.tokens:a", folder) == ["a"]


def test_objects_that_answer_every_name_are_no_hooks(tmp_path: Path) -> None:
    odd = "from unittest.mock import MagicMock, call\nfrom flask import request\nmock = MagicMock()\n"
    loud = "class Loud:\n    def __getattr__(self, name): raise RuntimeError(name)\n    def __call__(self): ...\nloud = Loud()\n"
    write(tmp_path / "hooks.py", odd + loud + HOOK.format(name="add"))
    assert names("hooks.py", tmp_path) == ["add"]


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("x = 1\ndef broken(:\n", "hooks.py:2", "raised SyntaxError on import"),
        ("if True:\nx = 1\n", "hooks.py:2", "raised IndentationError on import"),
        ("\n\n1 / 0\n", "hooks.py:3", "raised ZeroDivisionError on import: division by zero."),
        ("def f():\n    raise KeyError('k')\nf()\n", "hooks.py:2", "raised KeyError on import"),
        ("\nimport sys\nsys.exit(3)\n", "hooks.py:3", "raised SystemExit on import: 3."),
        ("import json\njson.loads('{')\n", "hooks.py:2", "raised JSONDecodeError on import"),
        ("\nimport no_such_module_anywhere\n", "hooks.py:2", "raised ModuleNotFoundError on import"),
        ("x = 1\0\n", "hooks.py", "on import"),
        ("x = 1\n", "hooks.py", "holds no hook"),
        (HOOK.format(name="add").replace("event: CredentialsExchange", ""), "hooks.py:4", "must take the event"),
        (HOOK.format(name="add").replace("exchange\ndef", "exchange(oder=1)\ndef"), "hooks.py:4", "no option 'oder'"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_its_line(tmp_path: Path, text: str, place: str, reason: str) -> None:
    write(tmp_path / "hooks.py", text)
    for _ in range(2):  # nothing half-imported stays behind
        with pytest.raises(HookDefinitionError) as failed:
            load_hooks("hooks.py", base=tmp_path)
        assert failed.value.source.partition(" ")[0] == f"{tmp_path}/{place}"
        assert reason in failed.value.reason


def test_a_syntax_error_in_a_neighbour_names_the_neighbour(tmp_path: Path, unique: str) -> None:
    write(tmp_path / f"{unique}.py", "\n\ndef (\n")
    write(tmp_path / "hooks.py", f"import {unique}\n")
    with pytest.raises(HookDefinitionError, match=rf"{unique}\.py:3: raised SyntaxError"):
        load_hooks("hooks.py", base=tmp_path)


@pytest.mark.parametrize("run", ["nothing.py", "folder.py"])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, run: str) -> None:
    (tmp_path / "folder.py").mkdir()
    with pytest.raises(HookDefinitionError, match=f"{run}: there is no such file"):
        load_hooks(run, base=tmp_path)


@pytest.mark.parametrize(
    ("text", "run", "source", "reason"),
    [
        (None, "{0}", "{0}", "there is no module '{0}'"),
        (None, "{0}.tokens:add", "{0}.tokens:add", "there is no module '{0}'"),
        ("\nimport no_such_module_anywhere\n", "{0}", "{base}/{0}.py:2", "raised ModuleNotFoundError"),
        ("\n\nraise OSError('no')\n", "{0}:add", "{base}/{0}.py:3", "raised OSError on import: no."),
        ("raise SystemExit", "{0}", "{base}/{0}.py:1", "raised SystemExit"),
        ("x = (\n", "{0}", "{base}/{0}.py:1", "raised SyntaxError"),
        (HOOK.format(name="add"), "{0}:missing", "{0}:missing", "the module has no 'missing'"),
        ("x = 1\n", "{0}", "{0}", "holds no hook"),
        ("def f(event): ...\n", "{0}:f", "{base}/{0}.py:1", "has no hook decorator"),
        (
            HOOK.format(name="add").replace("def add(event: CredentialsExchange) -> None", "class A"),
            "{0}",
            "{0}:A",
            "is not a function",
        ),
        (None, ".{0}", ".{0}", "raised TypeError on import"),
        (None, "", "", "raised ValueError on import"),
    ],
)
def test_what_is_wrong_with_a_module_is_told(
    tmp_path: Path, unique: str, text: str | None, run: str, source: str, reason: str
) -> None:
    if text is not None:
        write(tmp_path / f"{unique}.py", text)
    with pytest.raises(HookDefinitionError) as failed:
        load_hooks(run.format(unique), base=tmp_path)
    assert failed.value.source == source.format(unique, base=tmp_path)
    assert reason.format(unique) in failed.value.reason
    assert failed.value.remedy


def test_a_package_that_cannot_be_imported_hides_its_modules(tmp_path: Path, unique: str) -> None:
    write(tmp_path / unique / "__init__.py", "import no_such_module_anywhere\n")
    write(tmp_path / unique / "tokens.py")
    with pytest.raises(HookDefinitionError, match=rf"{unique}\.tokens: raised ModuleNotFoundError"):
        load_hooks(f"{unique}.tokens", base=tmp_path)


def test_a_missing_function_names_those_that_are_there(tmp_path: Path, unique: str) -> None:
    write(tmp_path / f"{unique}.py", HOOK.format(name="b") + HOOK.format(name="a"))
    with pytest.raises(HookDefinitionError, match=r"Hooks found there: b, a\."):
        load_hooks(f"{unique}:ad", base=tmp_path)


def test_lists_take_functions_and_modules() -> None:
    module = types.ModuleType("hooks_in_a_list")
    vars(module).update(b=make("b"), a=make("a"))
    assert [hook.name for hook in hooks_of_functions([make("c"), module])] == ["c", "b", "a"]
    with pytest.raises(HookDefinitionError, match=r"test_registry\.py:\d+: .* has no hook decorator"):
        hooks_of_functions([write])


def test_hooks_run_by_order_and_then_as_they_were_registered() -> None:
    functions = [make("d", order=1), make("b"), make("c"), make("a", order=-1), make("e", point=post_user_registration)]
    registry = Registry(hooks_of_functions(functions))
    assert [hook.name for hook in registry.hooks_of(credentials_exchange)] == ["a", "b", "c", "d"]
    assert registry.hooks_of(pre_user_registration) == ()
    assert len(registry) == len(list(registry)) == 5


def test_a_name_is_free_at_another_point_only() -> None:
    twins = hooks_of_functions([make("a"), make("a", point=post_user_registration)])
    assert len(Registry(twins)) == 2
    with pytest.raises(
        HookDefinitionError, match=r"the hook 'a' of credentials-exchange is registered already"
    ) as failed:
        Registry(hooks_of_functions([make("a"), make("a")]))
    assert "name='...'" in failed.value.remedy


def test_the_configuration_overrides_the_decorator() -> None:
    (hook,) = hooks_of_functions([make("a", order=1, timeout=1.0, on_error="skip", when={"client_id": ["a"]})])
    assert hook.overridden() == hook
    changed = hook.overridden(
        name="b", order=2, timeout=2.0, on_error="deny", when=When(scope=("s",)), secrets={"K": "hunter2"}
    )
    options = changed.options
    assert (changed.name, options.order, options.timeout, options.on_error) == ("b", 2, 2.0, "deny")
    assert options.when == When(scope=("s",))
    assert changed.secrets == {"K": "hunter2"}
    assert "hunter2" not in repr(changed)


def test_a_condition_that_the_configuration_adds_must_be_one_the_event_can_meet() -> None:
    (hook,) = hooks_of_functions([make("a")])
    with pytest.raises(HookDefinitionError, match=r"test_registry\.py:\d+: when\.connection is never met"):
        hook.overridden(when=When(connection=("db",)))


def test_a_definition_error_reads_as_one_sentence_after_the_place() -> None:
    error = HookDefinitionError("hooks.py:3", "is a generator.", "Use return.")
    assert str(error) == "hooks.py:3: is a generator. Use return."
    assert error.code == "hook_definition"


def test_a_marked_function_keeps_its_mark_through_a_wrapper(tmp_path: Path) -> None:
    write(
        tmp_path / "hooks.py",
        "import functools\n"
        "from hookpoint.hooks import CredentialsExchange, TokenChanges, credentials_exchange\n"
        "def louder(function):\n"
        "    @functools.wraps(function)\n"
        "    def wrapper(event): return TokenChanges(claims={'loud': function(event).claims['loud'].upper()})\n"
        "    return wrapper\n"
        "@louder\n"
        "@credentials_exchange\n"
        "def add(event: CredentialsExchange): return TokenChanges(claims={'loud': 'yes'})\n",
    )
    (hook,) = load_hooks("hooks.py", base=tmp_path)
    assert hook.source == f"{tmp_path}/hooks.py:7"
    runner: Any = hook.runner
    assert runner.function(CredentialsExchange).claims == {"loud": "YES"}


class CountingRunner:
    """A runner that needs to be started and stopped."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    async def start(self) -> None:
        self.calls.append("start")

    async def run(self, event: object) -> object:
        return None

    async def aclose(self) -> None:
        self.calls.append("aclose")


async def test_what_hooks_need_is_started_and_stopped_once_however_many_hooks_share_it() -> None:
    shared, alone = CountingRunner(), CountingRunner()
    first, second, third = hooks_of_functions([make("a"), make("b"), make("c", point=post_user_registration)])
    hooks = [replace(first, runner=shared), replace(second, runner=alone), replace(third, runner=shared)]
    registry = Registry(hooks)
    await registry.start()
    await registry.aclose()
    assert shared.calls == alone.calls == ["start", "aclose"]
