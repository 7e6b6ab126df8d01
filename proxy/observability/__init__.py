"""What can be seen from outside: logs without secrets, metrics, request ids."""

from __future__ import annotations

from hookpoint.proxy.observability.logging import LogFormat, LogLevel, configure_logging
from hookpoint.proxy.observability.metrics import Metrics, exposition, new_registry, shared_metrics
from hookpoint.proxy.observability.redaction import redact, redact_text, redacting
from hookpoint.proxy.observability.requests import new_request_id

__all__ = [
    "LogFormat",
    "LogLevel",
    "Metrics",
    "configure_logging",
    "exposition",
    "new_registry",
    "new_request_id",
    "redact",
    "redact_text",
    "redacting",
    "shared_metrics",
]
