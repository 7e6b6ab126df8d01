"""Finds the hooks in a script."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from hookpoint.hooks.auth0.actions import FUNCTIONS
from hookpoint.hooks.auth0.bodies import BODIES
from hookpoint.hooks.errors import HookDefinitionError
from hookpoint.hooks.javascript.cache import ActionCache
from hookpoint.hooks.javascript.channel import Message
from hookpoint.hooks.javascript.errors import Described
from hookpoint.hooks.javascript.missing import install_hint, missing_dependencies
from hookpoint.hooks.javascript.pool import Pool
from hookpoint.hooks.javascript.probing import ProbeFailed, probe
from hookpoint.hooks.javascript.runner import Function, ScriptRunner
from hookpoint.hooks.javascript.runtimes import Executables, launch_of
from hookpoint.hooks.javascript.script import Script
from hookpoint.hooks.javascript.worker import Loading
from hookpoint.hooks.options import Options
from hookpoint.hooks.points import POINTS, pre_user_registration
from hookpoint.hooks.registry import Hook

_POINTS: Final = ", ".join(point.name for point in BODIES)


@dataclass(frozen=True, slots=True, kw_only=True)
class JavaScript:
    """What all scripts of a configuration have in common.

    `namespaced_only`: claims are judged as before 28 July 2022. Actions of one trigger that run in Node.js share a cache; one in Deno
    has its own.
    """

    executables: Executables = field(default_factory=Executables)
    namespaced_only: bool = False
    caches: dict[str, ActionCache] = field(default_factory=dict)

    def load(self, script: Script, *, name: str | None = None) -> list[Hook]:
        """The hooks of a script, which is run once to see what is in it.

        Raises HookDefinitionError that names the line when it does not compile or load, and the command to install what is missing.
        """
        for reason, remedy in missing_dependencies(script):
            raise HookDefinitionError(str(script.path), f"{reason}.", remedy)
        launch = launch_of(script, self.executables)
        try:
            loading = Loading(path=str(script.path), source=script.source, point=script.trigger, memory=script.memory)
            found = probe(launch, loading)
        except OSError as error:
            raise HookDefinitionError(str(script.path), f"cannot be read: {error.strerror}.", "Correct run.") from None
        except ProbeFailed as failure:
            raise HookDefinitionError(str(script.path), str(failure), "Correct the script.") from None
        if "failed" in found:
            raise _not_loaded(script, Described.of(found["failed"]))
        pool = Pool(launch, loading)
        return [self._hook(script, function, pool, name or script.path.stem) for function in _functions(script, found)]

    def _hook(self, script: Script, function: Function, pool: Pool, name: str) -> Hook:
        options = Options(name=name)
        if function.kind == "hook" and function.point is pre_user_registration:
            options = replace(options, needs_password=True)  # Auth0's Hooks, unlike its Actions, were given it
        runner = ScriptRunner(
            name=name,
            script=script,
            function=function,
            pool=pool,
            cache=self._cache(script, function.point.name),
            namespaced_only=self.namespaced_only,
        )
        return Hook(point=function.point, options=options, runner=runner, source=str(script.path))

    def _cache(self, script: Script, point: str) -> ActionCache:
        return ActionCache() if script.runtime == "deno" else self.caches.setdefault(point, ActionCache())


def _functions(script: Script, found: Message) -> Iterator[Function]:
    kind, exports = found["loaded"], found["exports"]
    place = str(script.path)
    if kind == "none":
        raise HookDefinitionError(
            place,
            "exports no hook.",
            "Write module.exports = function (..., cb) or exports.onExecuteCredentialsExchange = async (event, api).",
        )
    if kind != "action":
        yield Function(kind=kind, export="", point=POINTS[_trigger(script)])
        return
    known = [export for export in exports if export in FUNCTIONS]
    if not known:
        raise HookDefinitionError(
            place, f"exports {', '.join(exports)}, for which there is no point.", f"There are {', '.join(FUNCTIONS)}."
        )
    for export in known:
        yield Function(kind=kind, export=export, point=FUNCTIONS[export])


def _trigger(script: Script) -> str:
    if script.trigger is None:
        remedy = f'Write trigger = "...", one of {_POINTS}.'
        raise HookDefinitionError(str(script.path), "is a function, which does not say for which point.", remedy)
    if POINTS[script.trigger] not in BODIES:
        remedy = f"Write the hook in Python, or name one of {_POINTS}."
        raise HookDefinitionError(str(script.path), f"Auth0 had no hook for {script.trigger}.", remedy)
    return script.trigger


def _not_loaded(script: Script, error: Described) -> HookDefinitionError:
    line = error.line_in(script.path)
    place = str(script.path) if line is None else f"{script.path}:{line}"
    if error.missing:
        return HookDefinitionError(
            place, f"needs the module {error.missing!r}, which is not there.", install_hint(script, error.missing)
        )
    remedy = "Correct the script."
    if error.kind == "SyntaxError" and ("import statement" in error.message or "'export'" in error.message):
        remedy = "An ES module is a file that ends in .mjs."
    kind = f"{error.kind}: " if error.kind else ""
    return HookDefinitionError(place, f"cannot be loaded: {kind}{error.message.splitlines()[0]}.", remedy)
