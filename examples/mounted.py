"""Hooks around your own OAuth server, where that is an ASGI application: no proxy, no second process.

uvicorn --app-dir examples mounted:app --port 8000
curl -s http://127.0.0.1:8000/oauth/token -u nightly:secret -d grant_type=client_credentials -d job=backup
"""

from __future__ import annotations

import os
import re

from joserfc.jwk import ECKey

from hookpoint.hooks import CredentialsExchange, Deny, TokenChanges, credentials_exchange
from hookpoint.proxy.demo.authorization_server import Client, create_authorization_server
from hookpoint.proxy.middleware import HookpointMiddleware

# Stands for your own server. What matters to hooks is that it is an ASGI application, and that its issuer is the URL at which
# clients reach it.
oauth_app = create_authorization_server(
    os.environ.get("ISSUER", "http://127.0.0.1:8000"),
    clients=[
        Client(
            client_id="nightly",
            secret="secret",  # noqa: S106 - for trying it
            scopes=frozenset({"backups:write"}),
            audiences=("https://api.example.com",),
        )
    ],
    signing_key=ECKey.generate_key("P-256"),
)


@credentials_exchange
def add_job(event: CredentialsExchange) -> TokenChanges:
    """Write the job that a client says it runs into its token, so that the API can log by job."""
    job = event.parameters.get("job")
    if not isinstance(job, str) or not re.fullmatch(r"[a-z0-9-]{1,40}", job):
        raise Deny("invalid_request", "The parameter job is missing, or is no name of a job.")
    return TokenChanges(claims={"https://example.com/job": job})


# Keys and what has to survive a restart are kept in hookpoint.db; config="hookpoint.toml" says otherwise, and more.
app = HookpointMiddleware(oauth_app, hooks=[add_job])
