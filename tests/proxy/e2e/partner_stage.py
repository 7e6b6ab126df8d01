"""hookpoint in front of a real server, with hooks at both token points, for every mode and store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from tests.partners.partner import Client, Partner
from tests.proxy.e2e.product import Product, free_port, post_form, run_hookpoint

TIER = "https://example.com/tier"
SCOPE_TAKEN = "api:write"
HOOKS = f"""
from hookpoint.hooks import CredentialsExchange, Deny, TokenChanges, TokenIssuance, credentials_exchange, token_issuance

TIER = "{TIER}"


def changes(event, kind):
    told = dict(kind=kind, told=sorted(event.claims), scope=sorted(event.scope), client=event.client.id)
    kept = event.scope - {{"{SCOPE_TAKEN}"}}
    life = event.parameters.get("life")
    scope = kept if kept != event.scope else None
    return dict(claims={{TIER: told}}, scope=scope, expires_in=None if life is None else int(life))


@credentials_exchange
async def machine(event: CredentialsExchange) -> TokenChanges:
    if event.parameters.get("tenant") == "blocked":
        raise Deny("access_denied", "This tenant is blocked.")
    return TokenChanges(**changes(event, "machine"))


@token_issuance
async def person(event: TokenIssuance) -> TokenChanges:
    kind = "refresh" if event.is_refresh else event.grant_type
    return TokenChanges(**changes(event, kind), id_token_claims={{TIER: {{"kind": kind, "user": event.user.id}}}})
"""

P = TypeVar("P", bound=Partner)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerStage(Generic[P]):
    """hookpoint and the server behind it; `issuer` is what both are to their clients."""

    product: Product
    partner: P
    issuer: str

    async def post(self, path: str, form: dict[str, str], *, client: Client | None = None) -> Any:
        """Post a form as a client, by default the machine's, which authenticates by client_secret_basic."""
        client = client or self.partner.client()
        return await post_form(self.product.url + path, form, auth=(client.client_id, client.client_secret))

    async def machine_token(self, **parameters: str) -> Any:
        """The answer to the machine's request for a token."""
        form = {"grant_type": "client_credentials", "scope": "api:read api:write", **parameters}
        return await self.post(self.partner.token_path, form)


@contextmanager
def run_partner_stage(
    folder: Path,
    run: Callable[[str], AbstractContextManager[P]],
    *,
    store: str,
    opaque: str,
    issuer_path: str = "",
    routes: str = "",
) -> Iterator[PartnerStage[P]]:
    """Run a server and hookpoint in front of it. `opaque` is that setting, `routes` a table of paths; the machine may introspect."""
    port = free_port()
    public = f"http://127.0.0.1:{port}"
    with run(public) as partner:
        name, value = partner.secret
        client = partner.client()
        configuration = f"""
        [server]
        public_url = "{public}"

        [upstream]
        url = "{partner.url}"
        issuer = "{public}{issuer_path}"
        secret_header = {{ name = "{name}", value = "{value}" }}
        introspection = {{ client_id = "{client.client_id}", client_secret = "{client.client_secret}" }}
        routes = {{ {routes} }}

        [tokens]
        opaque = "{opaque}"

        [store]
        url = "{store}"

        [[hooks]]
        run = "hooks.py"
        """
        with run_hookpoint(folder, configuration, hooks=HOOKS, port=port) as product:
            yield PartnerStage(product=product, partner=partner, issuer=f"{public}{issuer_path}")
