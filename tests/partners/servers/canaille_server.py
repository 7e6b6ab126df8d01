"""Canaille, the identity server behind pytest-iam, at /oauth/token."""

from __future__ import annotations

import os
import secrets
from collections import Counter
from typing import TYPE_CHECKING, Any

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from flask import request
from joserfc.jwk import RSAKey

from tests.partners.servers.loopback import LOOPBACK, bind, read_settings, serve

if TYPE_CHECKING:
    from flask import Response

ROUTES = {
    "oidc.endpoints.issue_token": "token",
    "oidc.endpoints.jwks": "jwks",
    "oidc.home.openid_configuration_endpoint": "discovery",
}


def configuration(host: str) -> dict[str, Any]:
    """A memory-only server whose public address is `host`."""
    key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"})
    key.ensure_kid()
    return {
        "TESTING": True,
        "SECRET_KEY": secrets.token_hex(),
        "PREFERRED_URL_SCHEME": "http",
        "SERVER_NAME": host,
        "CANAILLE": {"DATABASE": "memory", "JAVASCRIPT": False},
        "CANAILLE_OIDC": {"ACTIVE_JWKS": [key.as_dict(private=True)]},
    }


def main() -> None:
    """Serve until stdin closes. Settings: issuer (null: its own address), secret [name, value], clients."""
    given = read_settings()
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    server = bind()
    counts: Counter[str] = Counter()
    issuer = given["issuer"] or f"http://{LOOPBACK}:{server.server_port}"
    app = create_app(config=configuration(issuer.removeprefix("http://")))

    def count(response: Response) -> Response:
        if request.endpoint is not None:
            counts[ROUTES.get(request.endpoint, request.endpoint)] += 1
        return response

    app.after_request(count)

    with app.app_context():
        for client in given["clients"]:
            Backend.instance.save(
                models.Client(
                    client_id=client["id"],
                    client_secret=client["secret"],
                    client_name=client["id"],
                    grant_types=["client_credentials"],
                    token_endpoint_auth_method=client["method"],
                    scope=["api:read", "api:write"],
                )
            )
    serve(server, app, (given["secret"][0], given["secret"][1]), counts)


if __name__ == "__main__":
    main()
