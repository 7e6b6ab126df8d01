"""Reads an export."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from hookpoint.proxy.auth0_import.assets import (
    Action,
    ActionModule,
    Asset,
    Binding,
    Client,
    ClientGrant,
    Database,
    Export,
    Hook,
    PhoneProvider,
    ResourceServer,
    Rule,
    Tenant,
    TokenExchangeProfile,
    Triggers,
)
from hookpoint.proxy.auth0_import.errors import ExportError
from hookpoint.proxy.auth0_import.sections import Found, Sections, read_sections, read_text

A = TypeVar("A", bound=Asset)
M = TypeVar("M", bound=BaseModel)

# Where sections keep code, and the folder that the path to it may start from.
_CODE = {"hooks": ("script", "hooks"), "actions": ("code", "actions"), "actionModules": ("code", "action-modules")}
_CODE_SIGNS = "\n;{("  # in a text that is code and no path


def read_export(path: Path) -> Export:
    """Read an export from its folder, or from its YAML file; raises ExportError."""
    sections = read_sections(path)
    tenants = _assets(sections, "tenant", Tenant)
    return Export(
        place=sections.place,
        tenant_name=tenants[0].friendly_name if tenants else "",
        hooks=_assets(sections, "hooks", Hook),
        actions=_assets(sections, "actions", Action),
        triggers=_triggers(sections),
        modules=_assets(sections, "actionModules", ActionModule),
        clients=_assets(sections, "clients", Client),
        grants=_assets(sections, "clientGrants", ClientGrant),
        resource_servers=_assets(sections, "resourceServers", ResourceServer),
        rules=_assets(sections, "rules", Rule),
        phone_providers=_assets(sections, "phoneProviders", PhoneProvider),
        databases=_assets(sections, "databases", Database),
        exchange_profiles=_assets(sections, "tokenExchangeProfiles", TokenExchangeProfile),
    )


def _assets(sections: Sections, section: str, kind: type[A]) -> tuple[A, ...]:
    assets = []
    for found in sections.found.get(section, ()):
        value = _members(found)
        if section in _CODE:
            value = _with_code(sections, found.place, value, *_CODE[section])
        assets.append(_validated(kind, value, found.place))
    return tuple(sorted(assets, key=_name_of))  # the YAML form keeps another order than folders do


def _triggers(sections: Sections) -> Mapping[str, tuple[Binding, ...]] | None:
    for found in sections.found.get("triggers", ()):
        return {trigger: flow or () for trigger, flow in _validated(Triggers, found.value, found.place).root.items()}
    return None


def _with_code(sections: Sections, place: str, value: Mapping[str, Any], member: str, folder: str) -> Mapping[str, Any]:
    code = value.get(member)
    if not isinstance(code, str) or not code or any(sign in code for sign in _CODE_SIGNS):
        return value
    root = sections.root.resolve()
    relative = code.replace("\\", "/")
    candidates = [(root / folder / relative).resolve(), (root / relative).resolve()]
    inside = [each for each in candidates if each.is_relative_to(root)]
    if not inside:
        raise ExportError(
            place, f"its {member} {code!r} lies outside of the export.", "Move it inside, and name it there."
        )
    path = next((each for each in inside if each.is_file()), None)
    if path is None:
        raise ExportError(place, f"its {member} {code!r} is not there.", "Paths start at the export's folder.")
    return {**value, member: read_text(path, code)}


def _members(found: Found) -> Mapping[str, Any]:
    if not isinstance(found.value, dict):
        raise ExportError(found.place, "this is not an object.", "Correct it, or export again.")
    return found.value


def _validated(kind: type[M], value: object, place: str) -> M:
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        member = ".".join(map(str, first["loc"])) or "it"
        reason = f"{member} is missing." if first["type"] == "missing" else f"{member}: {first['msg']}."
        raise ExportError(place, reason, "Correct it, or export again.") from None


def _name_of(asset: Asset) -> str:
    return "\0".join(
        str(getattr(asset, member, "")) for member in ("name", "trigger", "client", "audience", "identifier")
    )
