"""The server: HTTP/1.1 with checks and deadlines, workers, graceful stop, and the admin application."""

from __future__ import annotations

from hookpoint.proxy.server.admin import create_admin
from hookpoint.proxy.server.errors import ListenError, ServerError, StartError
from hookpoint.proxy.server.limits import RequestLimits
from hookpoint.proxy.server.listening import Endpoint
from hookpoint.proxy.server.process import Product
from hookpoint.proxy.server.serve import Serving
from hookpoint.proxy.server.status import ServingStatus

__all__ = [
    "Endpoint",
    "ListenError",
    "Product",
    "RequestLimits",
    "ServerError",
    "Serving",
    "ServingStatus",
    "StartError",
    "create_admin",
]
