"""All formats by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from hookpoint.proxy.gateway.format import OpenFormat
from hookpoint.proxy.gateway.formats.auth0 import open_auth0
from hookpoint.proxy.gateway.formats.auth0_passwordless import open_auth0_passwordless
from hookpoint.proxy.gateway.formats.authentik import open_authentik
from hookpoint.proxy.gateway.formats.authgear import open_authgear
from hookpoint.proxy.gateway.formats.fusionauth import open_fusionauth
from hookpoint.proxy.gateway.formats.generic import open_generic, open_keycloak
from hookpoint.proxy.gateway.formats.kratos import open_kratos
from hookpoint.proxy.gateway.formats.logto import open_logto
from hookpoint.proxy.gateway.formats.okta import open_okta
from hookpoint.proxy.gateway.formats.supabase import open_supabase
from hookpoint.proxy.gateway.formats.zitadel import open_zitadel

FORMATS: Final[Mapping[str, OpenFormat]] = MappingProxyType(
    {
        "auth0": open_auth0,
        "auth0-passwordless": open_auth0_passwordless,
        "authentik": open_authentik,
        "authgear": open_authgear,
        "fusionauth": open_fusionauth,
        "generic": open_generic,
        "keycloak": open_keycloak,
        "kratos": open_kratos,
        "logto": open_logto,
        "okta": open_okta,
        "supabase": open_supabase,
        "zitadel": open_zitadel,
    }
)
