"""Finds hooks in files, modules and lists, and keeps them in order."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from traceback import walk_tb
from types import ModuleType
from typing import Any, Self

from hookpoint.hooks.conditions import When
from hookpoint.hooks.errors import HookDefinitionError
from hookpoint.hooks.events import no_secrets
from hookpoint.hooks.options import OnError, Options, check_conditions
from hookpoint.hooks.points import AnyPoint, Mark, marks_of
from hookpoint.hooks.runner import PythonRunner, Runner
from hookpoint.hooks.signatures import source_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A hook that is ready to run. `source` is where it is written; `secrets` are what the configuration gives it."""

    point: AnyPoint
    options: Options
    runner: Runner
    source: str
    secrets: Mapping[str, str] = field(default_factory=no_secrets, repr=False)

    def __post_init__(self) -> None:
        check_conditions(self.point.event, self.options.when, self.source)

    @property
    def name(self) -> str:
        """Its name in logs, metrics and errors."""
        return self.options.name

    def overridden(
        self,
        *,
        name: str | None = None,
        order: int | None = None,
        timeout: float | None = None,
        on_error: OnError | None = None,
        when: When | None = None,
        secrets: Mapping[str, str] | None = None,
        attempts: int | None = None,
    ) -> Self:
        """The same hook with what the configuration says in place of what its decorator said."""
        options = replace(
            self.options,
            name=self.options.name if name is None else name,
            order=self.options.order if order is None else order,
            timeout=self.options.timeout if timeout is None else timeout,
            on_error=self.options.on_error if on_error is None else on_error,
            when=self.options.when if when is None else when,
            attempts=self.options.attempts if attempts is None else attempts,
        )
        return replace(self, options=options, secrets=self.secrets if secrets is None else secrets)


class Registry:
    """The hooks of a running hookpoint, by point, in the order in which they run."""

    def __init__(self, hooks: Iterable[Hook] = ()) -> None:
        self._hooks: dict[AnyPoint, tuple[Hook, ...]] = {}
        for hook in hooks:
            self._add(hook)

    def _add(self, hook: Hook) -> None:
        present = self._hooks.get(hook.point, ())
        twin = next((each for each in present if each.name == hook.name), None)
        if twin is not None:
            raise HookDefinitionError(
                hook.source,
                f"the hook {hook.name!r} of {hook.point.name} is registered already, from {twin.source}.",
                "Give one of them another name: name='...'.",
            )
        self._hooks[hook.point] = tuple(sorted((*present, hook), key=lambda each: each.options.order))

    def hooks_of(self, point: AnyPoint) -> tuple[Hook, ...]:
        """The hooks of one point."""
        return self._hooks.get(point, ())

    async def start(self) -> None:
        """Start what the hooks need, such as processes; hooks can be called whether or not it is ready."""
        for runner in self._runners():
            await runner.start()

    async def aclose(self) -> None:
        """Stop what `start` has started."""
        await asyncio.gather(*(runner.aclose() for runner in self._runners()))

    def _runners(self) -> Iterable[Runner]:
        return {id(hook.runner): hook.runner for hook in self}.values()

    def __iter__(self) -> Iterator[Hook]:
        return (hook for hooks in self._hooks.values() for hook in hooks)

    def __len__(self) -> int:
        return sum(map(len, self._hooks.values()))


def hooks_of_functions(functions: Iterable[Callable[..., Any] | ModuleType]) -> list[Hook]:
    """Hooks from decorated functions, or modules full of them; raises HookDefinitionError for what carries no decorator."""
    hooks: list[Hook] = []
    for each in functions:
        if isinstance(each, ModuleType):
            hooks.extend(_hooks_of_module(each, each.__name__))
            continue
        marks = marks_of(each)
        if not marks:
            raise HookDefinitionError(
                source_of(each), f"{each!r} has no hook decorator.", "Put @credentials_exchange, for example, above it."
            )
        hooks.extend(_hook(each, mark) for mark in marks)
    return hooks


def load_hooks(run: str, *, base: Path | None = None) -> list[Hook]:
    """Hooks from `hooks.py` (a path, relative to `base`), from `package.module`, or from `package.module:function`.

    Modules are looked for in `base` too.
    Raises HookDefinitionError that names the place when it cannot be found or imported, or holds no hook.
    """
    if run.endswith(".py"):
        path = (base or Path.cwd()) / run
        return _hooks_of_module(_import_file(path), str(path))
    if base is not None:
        _make_importable(base)
    name, _, attribute = run.partition(":")
    module = _import_module(name, run)
    if not attribute:
        return _hooks_of_module(module, run)
    try:
        function = getattr(module, attribute)
    except AttributeError:
        known = ", ".join(_hook_names(module)) or "none"
        raise HookDefinitionError(run, f"the module has no {attribute!r}.", f"Hooks found there: {known}.") from None
    return hooks_of_functions([function])


def _hooks_of_module(module: ModuleType, source: str) -> list[Hook]:
    # Hooks imported from elsewhere count too: that is how a file composes several modules.
    seen: set[int] = set()
    hooks: list[Hook] = []
    for value in vars(module).values():
        if callable(value) and not inspect.isclass(value) and id(value) not in seen:
            seen.add(id(value))
            hooks.extend(_hook(value, mark) for mark in marks_of(value))
    if not hooks:
        raise HookDefinitionError(source, "holds no hook.", "Put @credentials_exchange, for example, above a function.")
    return hooks


def _hook_names(module: ModuleType) -> list[str]:
    return [name for name, value in vars(module).items() if not inspect.isclass(value) and marks_of(value)]


def _hook(function: Callable[..., Any], mark: Mark) -> Hook:
    return Hook(point=mark.point, options=mark.options, runner=PythonRunner(function), source=mark.source)


def _import_module(name: str, source: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except HookDefinitionError:
        raise
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            remedy = "Install it, or write the path of a file that ends in .py."
            raise HookDefinitionError(source, f"there is no module {error.name!r}.", remedy) from None
        raise _import_failed(_place_of(error, _file_of(name), source), error) from error
    except (Exception, SystemExit) as error:
        raise _import_failed(_place_of(error, _file_of(name), source), error) from error


def _file_of(name: str) -> str | None:
    """The file of a module; None when not even that can be found out."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None
    return None if spec is None else spec.origin


def _import_file(path: Path) -> ModuleType:
    path = path.resolve()
    if not path.is_file():
        raise HookDefinitionError(str(path), "there is no such file.", "Paths are relative to the configuration file.")
    _make_importable(path.parent)  # its neighbours, as they are to a script
    name = f"hookpoint_hooks_{path.stem}_{hashlib.sha256(bytes(path)).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except HookDefinitionError:
        del sys.modules[name]
        raise
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise _import_failed(_place_of(error, str(path), str(path)), error) from error
    return module


def _make_importable(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def _import_failed(source: str, error: BaseException) -> HookDefinitionError:
    return HookDefinitionError(source, f"raised {type(error).__name__} on import: {error}.", "Correct the file.")


def _place_of(error: BaseException, path: str | None, source: str) -> str:
    """The line of a file where importing it failed; `source` when the error does not tell."""
    if isinstance(error, SyntaxError) and error.lineno is not None:
        return f"{error.filename or source}:{error.lineno}"
    line = None
    for frame, number in walk_tb(error.__traceback__):
        if frame.f_code.co_filename == path:
            line = number
    return source if line is None else f"{path}:{line}"
