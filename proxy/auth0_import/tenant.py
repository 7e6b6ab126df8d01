"""What else an export shows that matters for hooks: things of the tenant that have no counterpart, or another one."""

from __future__ import annotations

from collections.abc import Iterator

from hookpoint.proxy.auth0_import.assets import Export
from hookpoint.proxy.auth0_import.findings import Finding, cannot, decide

_WITHOUT_COUNTERPART = {
    "post-login": "post-login Actions run in Auth0's login, which no proxy sees; what they do to tokens goes into a hook at "
    "token-issuance",
    "custom-email-provider": "hookpoint sends no e-mail",
    "password-exchange": "password-exchange was withdrawn by Auth0; use a hook at token-issuance",
    "custom-token-exchange": "the server itself must accept such an exchange; hooks at token-issuance see its tokens",
    "password-reset-post-challenge": "it runs on Auth0's own reset page, which no proxy sees",
    "login-post-identifier": "it runs on Auth0's own login page, which no proxy sees",
    "signup-post-identifier": "it runs on Auth0's own sign-up page, which no proxy sees",
    "event-stream": "hookpoint has no streams of events; see post-user-registration and post-change-password",
}


def without_counterpart(trigger: str) -> str:
    """Say why Actions of a trigger are not imported."""
    return _WITHOUT_COUNTERPART.get(trigger, f"hookpoint has no point {trigger}")


def findings_of_tenant(export: Export) -> Iterator[Finding]:
    """Yield what a person should know of the rest of the tenant."""
    for rule in export.rules:
        if rule.enabled:
            text = "Rules ran at logins; what it does to tokens goes into a hook at token-issuance"
            yield cannot(f"rule {rule.name}", text)
    for database in export.databases:
        if database.options.get("customScripts") and database.options.get("enabledDatabaseCustomization"):
            yield cannot(
                f"database {database.name}", "its scripts are the user store itself, no hooks; your server needs them"
            )
    for profile in export.exchange_profiles:
        yield cannot(f"token exchange {profile.name}", without_counterpart("custom-token-exchange"))
    for api in export.resource_servers:
        if (api.signing_alg or "").startswith("HS"):
            text = f"its tokens are signed with {api.signing_alg}, a shared secret; hookpoint verifies by published keys: change to RS256"
            yield decide(f"API {api.name or api.identifier}", text)
    for provider in export.phone_providers:
        if provider.disabled:
            continue
        if provider.name == "twilio":
            yield decide("phone provider twilio", "it is in the configuration as [[sms.providers]], commented out")
