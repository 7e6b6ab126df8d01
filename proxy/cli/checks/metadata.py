"""Checks of what the upstream publishes about itself (RFC 8414, OpenID Connect Discovery)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hookpoint.hooks import HookDefinitionError, token_issuance
from hookpoint.proxy.cli.checks.context import Unreachable, origin
from hookpoint.proxy.cli.checks.finding import error, fine, warning
from hookpoint.proxy.cli.checks.returning import reissues
from hookpoint.proxy.cli.checks.users import USER_POINTS, points_with_hooks
from hookpoint.proxy.config.hooks import HookKind
from hookpoint.proxy.configured_hooks import configured_hooks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hookpoint.proxy.cli.checks.context import CheckContext, Discovery
    from hookpoint.proxy.cli.checks.finding import Finding

# A client that goes elsewhere for these meets no hook, reads keys without hookpoint's, or shows a re-issued token to a
# server that does not know it.
_DECISIVE = (
    "token_endpoint",
    "jwks_uri",
    "introspection_endpoint",
    "revocation_endpoint",
    "userinfo_endpoint",
)
# RFC 7523 with RFC 9101 §4 and RFC 9449 §4.2: clients sign the server's own identifier or address.
_SIGNED_BY_CLIENTS = ("private_key_jwt", "client_secret_jwt")


async def metadata_found(context: CheckContext) -> list[Finding]:
    """Look for discovery documents; without one, the configuration has to say what they would."""
    found = await _discovery(context)
    if found is not None:
        return [fine("discovery", f"found at {found.path}")]
    if not context.online or await _unreachable(context):
        return []
    where = ", ".join(context.discovery_paths())
    if not handles_tokens(context):
        return [fine("discovery", "there is no discovery document, and no hook is for tokens")]
    if context.settings.upstream.issuer is None:
        reason = f"there is no discovery document ({where}), and the issuer of its tokens is not known"
        return [
            error("discovery", reason, key="upstream.issuer", remedy="Set upstream.issuer to the iss of its tokens.")
        ]
    reason = f"there is no discovery document ({where}); routes are the dialect's and those of [upstream.routes]"
    return [warning("discovery", reason, key="upstream.routes", remedy="See that the route table below is complete.")]


def handles_tokens(context: CheckContext) -> bool:
    """Whether hooks or settings are about tokens, and not about users alone."""
    points = points_with_hooks(context)
    return reissues(context) and not (points and points <= USER_POINTS)


async def issuer_is_identical(context: CheckContext) -> list[Finding]:
    """Compare issuers: RFC 8414 §3.3 has clients refuse a document whose issuer is not where they found it."""
    found = await _discovery(context)
    if found is None:
        return []
    issuer, configured = found.text("issuer"), context.settings.upstream.issuer
    if issuer is None:
        remedy = "Correct the upstream: issuer is required (RFC 8414 §2)."
        return [error("issuer", "the discovery document names none", key="upstream.issuer", remedy=remedy)]
    if configured is not None and issuer != configured:
        remedy = "Both must be the same to the letter, end slash included."
        reason = f"the discovery document says {issuer}"
        return [error("issuer", reason, key="upstream.issuer", value=configured, remedy=remedy)]
    public = context.settings.server.public_url
    if context.settings.tokens.issuer == "keep" and public is not None and origin(issuer) != public:
        reason = f"the upstream's issuer is {issuer}: clients look for its documents there, not here"
        remedy = (
            'Give the upstream the public URL as its issuer; where it has no such setting: tokens.issuer = "rewrite".'
        )
        return [error("issuer", reason, key="server.public_url", value=public, remedy=remedy)]
    return [fine("issuer", issuer)]


async def endpoints_are_public(context: CheckContext) -> list[Finding]:
    """See that every published endpoint lies on the public origin; clients walk around hookpoint elsewhere."""
    found = await _discovery(context)
    if found is None:
        return []
    issuer = found.text("issuer")
    public = context.public_origin or (origin(issuer) if issuer else None)
    expected = {public}
    if context.settings.tokens.issuer == "rewrite":  # hookpoint rewrites these addresses on their way out
        expected |= {context.settings.upstream.url, origin(issuer) if issuer else None}
    findings = [
        _endpoint_elsewhere(name, url, str(public))
        for name, url in _endpoints(found)
        if origin(url) not in expected and not _is_allowed(context, name, url)
    ]
    return findings or [fine("endpoints", f"all on {public}")]


def _is_allowed(context: CheckContext, name: str, url: str) -> bool:
    return name == "jwks_uri" and url == context.settings.upstream.jwks_uri


def _endpoints(found: Discovery) -> Iterator[tuple[str, str]]:
    aliases = found.members.get("mtls_endpoint_aliases")
    for members in (found.members, aliases if isinstance(aliases, dict) else {}):
        for name, value in members.items():
            if (name.endswith("_endpoint") or name == "jwks_uri") and isinstance(value, str):
                yield name, value


def _endpoint_elsewhere(name: str, url: str, public: str) -> Finding:
    reason = f"{name} is {url}, not on {public}: clients would walk around hookpoint"
    remedy = "Configure the upstream with the public URL, and let it believe X-Forwarded-Host and -Proto."
    say = error if name in _DECISIVE else warning
    return say("endpoints", reason, key="server.public_url", value=public, remedy=remedy)


async def rewriting_breaks_nothing(context: CheckContext) -> list[Finding]:
    """Refuse a rewritten issuer where clients sign the upstream's own: nobody can repair what they signed."""
    found = await _discovery(context)
    if found is None or context.settings.tokens.issuer == "keep":
        return []
    findings = [_broken_by_rewriting(what) for what in _breakable(found)]
    if found.members.get("authorization_response_iss_parameter_supported") is True:
        reason = "authorization responses keep the upstream's issuer (RFC 9207), and clients compare it with the rewritten one"
        remedy = "Use it for clients without a browser only, or give the upstream the public URL."
        findings.append(warning("rewriting", reason, key="tokens.issuer", value='"rewrite"', remedy=remedy))
    return findings or [fine("rewriting", "nothing that discovery advertises depends on the upstream's own issuer")]


def _breakable(found: Discovery) -> Iterator[str]:
    methods = {
        method for name in found.members if name.endswith("_auth_methods_supported") for method in found.texts(name)
    }
    yield from (method for method in _SIGNED_BY_CLIENTS if method in methods)
    supported = ("request_parameter_supported", "request_uri_parameter_supported", "require_signed_request_object")
    if any(found.members.get(name) is True for name in supported):
        yield "request objects (RFC 9101)"
    if found.texts("dpop_signing_alg_values_supported"):
        yield "DPoP (RFC 9449)"


def _broken_by_rewriting(what: str) -> Finding:
    reason = f"the upstream offers {what}, which names its own issuer or address and fails with another"
    remedy = 'Give the upstream the public URL and write issuer = "keep", or turn this off in the upstream.'
    return error("rewriting", reason, key="tokens.issuer", value='"rewrite"', remedy=remedy)


async def logout_tokens_can_be_verified(context: CheckContext) -> list[Finding]:
    """Warn when clients verify logout tokens with a key document that leaves the upstream's keys out."""
    found = await _discovery(context)
    if found is None or context.settings.tokens.jwks == "merged":
        return []
    if found.members.get("backchannel_logout_supported") is not True:
        return []
    reason = "the upstream sends logout tokens (Back-Channel Logout §2.4) itself, and its keys are no longer published"
    remedy = 'Write jwks = "merged", unless no client uses them.'
    return [warning("keys", reason, key="tokens.jwks", value='"exclusive"', remedy=remedy)]


async def id_tokens_can_be_signed(context: CheckContext) -> list[Finding]:
    """Warn of ID tokens that only the upstream can sign, where they may have to be signed again."""
    found = await _discovery(context)
    tokens = context.settings.tokens
    if found is None or not (tokens.jwks == "exclusive" or tokens.issuer == "rewrite" or _hooks_for_users(context)):
        return []
    kinds = []
    if any(name.startswith("HS") for name in found.texts("id_token_signing_alg_values_supported")):
        kinds.append("signed with the client's secret (HS256 and the like)")
    if found.texts("id_token_encryption_alg_values_supported"):
        kinds.append("encrypted to the client")
    reason = "a client may have registered ID tokens that are {}; it gets no tokens when they would have to change"
    remedy = (
        "See that such clients have no at_hash in their ID tokens and no hooks that add to these, or register RS256."
    )
    return [warning("id tokens", reason.format(kind), remedy=remedy) for kind in kinds]


def _hooks_for_users(context: CheckContext) -> bool:
    # Scripts take long to load, and are never for users' tokens.
    entries = [entry for entry in context.settings.hooks if entry.kind is not HookKind.SCRIPT]
    try:
        return any(hook.point is token_issuance for hook in configured_hooks(entries, context.settings))
    except HookDefinitionError:
        return False  # reported where hooks are loaded


async def _discovery(context: CheckContext) -> Discovery | None:
    try:
        return await context.discovery() if context.online else None
    except Unreachable:
        return None  # reported where reachability is looked at


async def _unreachable(context: CheckContext) -> bool:
    try:
        await context.discovery()
    except Unreachable:
        return True
    return False
