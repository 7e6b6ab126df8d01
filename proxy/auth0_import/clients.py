"""What becomes of applications and client grants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hookpoint.proxy.auth0_import.assets import Client, Export
from hookpoint.proxy.auth0_import.findings import Finding, decide

# The Management API of a tenant; what may be asked of it is no business of hooks.
_MANAGEMENT_API = "/api/v2/"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedClients:
    """Clients by id, and those whose ids the export does not tell; scopes that hooks may add, by client id or client name."""

    known: Mapping[str, Client]
    nameless_ids: tuple[Client, ...]
    grantable: Mapping[str, tuple[str, ...]]
    grantable_by_name: Mapping[str, tuple[str, ...]]
    findings: tuple[Finding, ...]


def plan_clients(export: Export, *, grants: bool) -> PlannedClients:
    """Plan the sections on clients; `grants` says whether there are hooks that client grants matter to."""
    clients = [each for each in export.clients if not each.is_global]
    without_id = tuple(each for each in clients if each.client_id is None)
    findings: list[Finding] = []
    if without_id:
        text = (
            f"the export has no client_id of {len(without_id)} of {len(clients)}, which are commented out; "
            "write their ids there, or export with AUTH0_EXPORT_IDENTIFIERS=true"
        )
        findings.append(decide("clients", text))
    ids = {each.name: each.client_id for each in clients if each.client_id is not None}
    names = {each.name for each in clients}
    known: dict[str, set[str]] = {}
    unknown: dict[str, set[str]] = {}
    for grant in export.grants if grants else ():
        if grant.audience.endswith(_MANAGEMENT_API):
            continue
        findings += [
            decide(f"client grant of {grant.client}", f"its {member} is {placeholder} in the export: complete it")
            for member, placeholder in grant.placeholders.items()
        ]
        if grant.client in names and grant.client not in ids:
            unknown.setdefault(grant.client, set()).update(grant.scope)
        else:
            known.setdefault(ids.get(grant.client, grant.client), set()).update(grant.scope)
    return PlannedClients(
        known={each.client_id: each for each in clients if each.client_id is not None},
        nameless_ids=without_id,
        grantable=_sorted(known),
        grantable_by_name=_sorted(unknown),
        findings=tuple(findings),
    )


def _sorted(scopes: Mapping[str, set[str]]) -> Mapping[str, tuple[str, ...]]:
    return {client: tuple(sorted(scopes[client])) for client in sorted(scopes) if scopes[client]}
