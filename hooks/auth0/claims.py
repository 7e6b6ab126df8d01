"""Which claims Auth0's hooks may set.

Sources: auth0/docs-v2, create-custom-claims.mdx and past-migrations/custom-claims-migration.mdx; auth0/auth0-ext-compilers,
client-credentials-exchange.md.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

RESTRICTED: Final = frozenset(
    [
        "acr",
        "act",
        "active",
        "amr",
        "at_hash",
        "ath",
        "attest",
        "aud",
        "auth_time",
        "authorization_details",
        "azp",
        "c_hash",
        "client_id",
        "cnf",
        "cty",
        "dest",
        "entitlements",
        "events",
        "exp",
        "groups",
        "gty",
        "htm",
        "htu",
        "iat",
        "internalService",
        "iss",
        "jcard",
        "jku",
        "jti",
        "jwe",
        "jwk",
        "kid",
        "may_act",
        "mky",
        "nbf",
        "nonce",
        "object_id",
        "org_id",
        "org_name",
        "orig",
        "origid",
        "permissions",
        "roles",
        "rph",
        "s_hash",
        "sid",
        "sip_callid",
        "sip_cseq_num",
        "sip_date",
        "sip_from_tag",
        "sip_via_branch",
        "sub",
        "sub_jwk",
        "toe",
        "txn",
        "typ",
        "uuid",
        "vot",
        "vtm",
        "x5t#S256",
    ]
)
"""Names that hooks cannot set; a hook that does is not told."""
_OWN_HOSTS: Final = ("auth0.com", "webtask.io", "webtask.run")


def is_settable(name: str, *, namespaced_only: bool = False) -> bool:
    """Whether a claim of this name gets into the token; the others are left out silently, as they were there.

    `namespaced_only` is the rule from before 28 July 2022: the name must be an http(s) URL outside of Auth0's own hosts.
    """
    if name.startswith(("http://", "https://")):
        return not _is_own(name)
    return not namespaced_only and bool(name) and name not in RESTRICTED and not name.startswith("urn:auth0")


def _is_own(url: str) -> bool:
    try:
        host = (urlsplit(url).hostname or "").lower()
    except ValueError:
        return True
    return not host or any(host == own or host.endswith(f".{own}") for own in _OWN_HOSTS)
