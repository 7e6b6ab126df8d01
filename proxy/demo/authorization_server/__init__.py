"""A small OAuth 2.0 authorization server: Authlib's server core, glued to Starlette, with everything in memory.

`create_authorization_server` is a complete ASGI application: `hookpoint demo` runs it behind the proxy, and it serves as well
as an application to wrap in `HookpointMiddleware`.
"""

from __future__ import annotations

from hookpoint.proxy.demo.authorization_server.app import create_authorization_server
from hookpoint.proxy.demo.authorization_server.clients import Client

__all__ = ["Client", "create_authorization_server"]
