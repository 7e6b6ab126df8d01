"""The OAuth server behind, in a process of its own that may be killed: its key and its users are in files."""

from __future__ import annotations

import json
import os
import secrets
import sys

from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from tests.proxy.e2e.issuing_server import IssuingServer
from tests.proxy.e2e.serving import serve_in_thread


def main() -> None:
    """Serve until stdin is closed, or the process is killed."""
    settings = json.loads(sys.stdin.readline())
    users = os.open(settings["users"], os.O_WRONLY | os.O_APPEND)
    server = IssuingServer(issuer=settings["issuer"], key=RSAKey.import_key(settings["key"]), id_token="none")

    async def sign_up(request: Request) -> Response:
        user = {"_id": secrets.token_hex(12), "email": (await request.json())["email"], "email_verified": False}
        os.write(users, (json.dumps(user) + "\n").encode())
        return JSONResponse(user)

    async def report(request: Request) -> Response:
        return JSONResponse({"asked": request.query_params["n"]})

    app = Starlette(
        routes=[
            Route("/dbconnections/signup", sign_up, methods=["POST"]),
            Route("/reports", report),
            Mount("/", server.app),
        ]
    )
    with serve_in_thread(app, port=settings["port"]):
        sys.stdout.write('{"ready": true}\n')
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
