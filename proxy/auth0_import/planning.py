"""Decides what becomes of an export: which hooks run in which order, and what a person has to know or decide."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from hookpoint.hooks import POINTS
from hookpoint.proxy.auth0_import.assets import Action, Binding, Export, Hook, PhoneProviderConfiguration
from hookpoint.proxy.auth0_import.clients import PlannedClients, plan_clients
from hookpoint.proxy.auth0_import.errors import ExportError
from hookpoint.proxy.auth0_import.findings import Finding, cannot, decide
from hookpoint.proxy.auth0_import.javascript import remarks_on, required_by
from hookpoint.proxy.auth0_import.packages import Package, Packages
from hookpoint.proxy.auth0_import.tenant import findings_of_tenant, without_counterpart

_RUNS_AS = {"custom-phone-provider": "send-phone-message"}  # triggers that are no point themselves
# The secret by which Auth0 itself authenticated to a Hook's container; scripts have no use for it.
_PLATFORM_SECRET = "auth0-extension-secret"  # noqa: S105 - a name
_AS_PHONE_MESSAGE = (
    "a custom-phone-provider Action, it runs at send-phone-message, where the first hook that delivers is the last; its retry and "
    "drop mean that the code was not delivered"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedHook:
    """One `[[hooks]]` entry. `secrets` are environment variables by name; `inactive` says why it is commented out, or is empty."""

    name: str
    kind: Literal["Hook", "Action"]
    trigger: str
    path: str
    code: str
    secrets: Mapping[str, str]
    inactive: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an import writes. `hooks` are in the order in which they run; `packages` by folder; `findings` as they came up."""

    place: str
    tenant_name: str
    hooks: tuple[PlannedHook, ...]
    modules: Mapping[str, str]
    packages: Mapping[str, Package]
    clients: PlannedClients
    phone_providers: tuple[PhoneProviderConfiguration, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A Hook or Action at a trigger, before names and folders are given."""

    asset: Hook | Action
    trigger: str
    inactive: str

    @property
    def kind(self) -> Literal["Hook", "Action"]:
        return "Hook" if isinstance(self.asset, Hook) else "Action"

    @property
    def code(self) -> str:
        return self.asset.script if isinstance(self.asset, Hook) else self.asset.code


def plan_import(export: Export) -> Plan:
    """Plan an import; raises ExportError where there is nothing to import."""
    if not export.hooks and not export.actions:
        raise ExportError(
            export.place, "holds neither Hooks nor Actions.", "Export them: a0deploy export with hooks and actions."
        )
    findings: list[Finding] = []
    entries = [*_entries(export, findings)]
    if not entries:
        findings.append(
            cannot("hooks", "none of the Hooks and Actions has a counterpart; the configuration has no hooks")
        )
    names = _Names()
    packages = Packages()
    hooks = [_planned(entry, names, packages, findings) for entry in entries]
    modules = {f"scripts/modules/{names.file(each.name)}.js": each.code for each in export.modules if each.code}
    tokens = any(hook.trigger == "credentials-exchange" for hook in hooks)
    clients = plan_clients(export, grants=tokens)
    findings += clients.findings
    findings += findings_of_tenant(export)
    return Plan(
        place=export.place,
        tenant_name=export.tenant_name,
        hooks=tuple(hooks),
        modules=modules,
        packages=packages.by_folder(),
        clients=clients,
        phone_providers=tuple(
            each.configuration for each in export.phone_providers if each.name == "twilio" and not each.disabled
        ),
        findings=tuple(findings),
    )


def _entries(export: Export, findings: list[Finding]) -> Iterator[_Entry]:
    """Everything that can run, in order: at each trigger the enabled Hook before the bound Actions, then what does not run."""
    _check_bindings(export, findings)
    for trigger in POINTS:
        hooks = [each for each in export.hooks if each.trigger == trigger]
        enabled = [each for each in hooks if each.enabled]
        if len(enabled) > 1:
            named = ", ".join(each.name for each in enabled)
            findings.append(
                decide(trigger, f"several Hooks are enabled ({named}); Auth0 ran one of them, here all run")
            )
        yield from (_Entry(asset=each, trigger=trigger, inactive="") for each in enabled)
        flow = [each.action_name for name, each in _bindings(export) if _RUNS_AS.get(name, name) == trigger]
        by_name = {each.name: each for each in export.actions}
        for name in flow:
            if name in by_name:
                yield _Entry(asset=by_name[name], trigger=trigger, inactive=_why_bound_is_inactive(by_name[name]))
        for hook in hooks:
            if not hook.enabled:
                yield _Entry(asset=hook, trigger=trigger, inactive=_why_hook_is_inactive(hook))
        for action in export.actions:
            home = _home_of(action)
            if _RUNS_AS.get(home, home) == trigger and action.name not in flow:
                unknown = "the export does not say whether it ran: it has no triggers"
                yield _Entry(
                    asset=action,
                    trigger=trigger,
                    inactive=unknown if export.triggers is None else "not in the flow at Auth0",
                )


def _check_bindings(export: Export, findings: list[Finding]) -> None:
    names = {each.name for each in export.actions}
    for trigger, binding in _bindings(export):
        if binding.action_name not in names:
            text = f"{trigger} runs it, and it is not in the export (an Action of the marketplace, perhaps)"
            findings.append(decide(binding.action_name, text))
        elif trigger in _RUNS_AS:
            findings.append(decide(binding.action_name, _AS_PHONE_MESSAGE))
        elif trigger not in POINTS:
            findings.append(cannot(binding.action_name, without_counterpart(trigger)))
    bound = {binding.action_name for _, binding in _bindings(export)}
    for action in export.actions:
        home = _home_of(action)
        if home not in POINTS and home not in _RUNS_AS and action.name not in bound:
            findings.append(cannot(action.name, without_counterpart(home)))
    lost = (each for each in export.hooks if each.trigger not in POINTS)
    findings += (cannot(each.name, without_counterpart(each.trigger)) for each in lost)
    if export.triggers is None and export.actions:
        text = "the export has none, so that nobody knows which Actions ran, and in which order: all are commented out"
        findings.append(decide("triggers", text))


def _bindings(export: Export) -> Iterator[tuple[str, Binding]]:
    for trigger, bindings in (export.triggers or {}).items():
        yield from ((trigger, each) for each in bindings)


def _home_of(action: Action) -> str:
    return action.supported_triggers[0].id if action.supported_triggers else "no trigger"


def _why_bound_is_inactive(action: Action) -> str:
    if not action.code:
        return "the export has no code for it"
    return "" if action.deployed else "its code was changed and not deployed: this code has never run"


def _why_hook_is_inactive(hook: Hook) -> str:
    unknown = hook.placeholders.get("enabled")
    return f"enabled is {unknown} in the export" if unknown else "disabled at Auth0"


def _planned(entry: _Entry, names: _Names, packages: Packages, findings: list[Finding]) -> PlannedHook:
    asset, code = entry.asset, entry.code
    if entry.inactive and entry.inactive not in ("disabled at Auth0", "not in the flow at Auth0"):
        findings.append(decide(asset.name, f"commented out: {entry.inactive}"))
    for member, placeholder in asset.placeholders.items():
        findings.append(decide(asset.name, f"its {member} are {placeholder} in the export: complete them"))
    file = names.file(asset.name)
    dependencies = {**asset.dependencies, **_pins(asset.name, code, asset.dependencies, findings)}
    folder = packages.folder_for(file, dependencies)
    for remark in remarks_on(code, entry.kind):
        finding = decide if remark.verdict == "decide" else cannot
        findings.append(finding(asset.name, remark.text, line=remark.line))
    secrets = {name: names.variable(asset.name, name) for name in asset.secrets if name != _PLATFORM_SECRET}
    return PlannedHook(
        name=names.hook(entry.trigger, asset.name, entry.kind),
        kind=entry.kind,
        trigger=entry.trigger,
        path=f"{folder}/{file}.js",
        code=code,
        secrets=secrets,
        inactive=entry.inactive,
    )


def _pins(name: str, code: str, declared: Mapping[str, str], findings: list[Finding]) -> Mapping[str, str]:
    """Versions that the script itself names, `require('x@1.2.3')`; what has no version anywhere becomes a finding."""
    pins: dict[str, str] = {}
    missing: dict[str, int] = {}
    for each in required_by(code):
        if each.kind == "relative":
            findings.append(cannot(name, f"loads {each.name}, a file that is not in the export", line=each.line))
        elif each.kind == "actions-module":
            text = f"uses the module actions:{each.name}; it is in scripts/modules, load it by its path"
            findings.append(decide(name, text, line=each.line))
        elif each.version and each.name not in declared:
            pins[each.name] = each.version
        elif each.name not in declared:
            missing.setdefault(each.name, each.line)
    for package in missing.keys() - pins.keys():
        text = f"loads {package}, and the export has no version of it; Auth0 had some packages installed"
        findings.append(decide(name, text, line=missing[package]))
    return pins


class _Names:
    """Gives names that are free: of files, of hooks at a point, of environment variables."""

    def __init__(self) -> None:
        self._taken: set[tuple[str, str]] = set()

    def file(self, name: str) -> str:
        """A file's name without its suffix."""
        words = re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-.")
        return self._free("file", [words or "hook"], "-")

    def hook(self, trigger: str, name: str, kind: str) -> str:
        """What logs call a hook; twins of one point are told apart by their kind."""
        return self._free(trigger, [name, f"{name} ({kind})"], " ")

    def variable(self, hook: str, secret: str) -> str:
        """An environment variable for a hook's secret: secrets of one name may differ from hook to hook."""
        name = re.sub(r"[^A-Z0-9]+", "_", f"{hook}_{secret}".upper()).strip("_")
        # Variables that begin with HOOKPOINT_ are configuration.
        return self._free("variable", [f"SECRET_{name}" if re.match(r"\d|HOOKPOINT_|$", name) else name], "_")

    def _free(self, space: str, candidates: Sequence[str], separator: str) -> str:
        numbered = (f"{candidates[-1]}{separator}{number}" for number in itertools.count(2))
        free = next(name for name in itertools.chain(candidates, numbered) if (space, name) not in self._taken)
        self._taken.add((space, free))
        return free
