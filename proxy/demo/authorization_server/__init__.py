"""A small OAuth 2.0 authorization server: Authlib's server core, glued to Starlette, with everything in memory.

Its users sign up, change passwords and get codes for a second factor in the shapes of Auth0's API, so that Auth0's own clients
work with it. `create_authorization_server` is a complete ASGI application: `hookpoint demo` runs it behind the proxy, and it
serves as well as an application to wrap in `HookpointMiddleware`.
"""

from __future__ import annotations

from hookpoint.proxy.demo.authorization_server.app import create_authorization_server
from hookpoint.proxy.demo.authorization_server.clients import Client
from hookpoint.proxy.demo.authorization_server.codes import CodeSender, GatewayCodes, PrintedCodes
from hookpoint.proxy.demo.authorization_server.mail import Mail, Mailbox, PrintedMail
from hookpoint.proxy.demo.authorization_server.passwords import PasswordHasher
from hookpoint.proxy.demo.authorization_server.user_grants import USER_GRANTS

__all__ = [
    "USER_GRANTS",
    "Client",
    "CodeSender",
    "GatewayCodes",
    "Mail",
    "Mailbox",
    "PasswordHasher",
    "PrintedCodes",
    "PrintedMail",
    "create_authorization_server",
]
