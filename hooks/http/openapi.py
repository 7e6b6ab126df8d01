"""An OpenAPI document for those who write hooks that are services: a webhook for each point, in hookpoint's own format."""

from __future__ import annotations

import inspect
from typing import Any, Final

from hookpoint.hooks.http.formats.hookpoint import VERSION
from hookpoint.hooks.http.schemas import DIALECT, answer_schema, request_schema
from hookpoint.hooks.points import POINTS, AnyPoint

Document = dict[str, Any]

_HEADERS: Final = {
    "webhook-id": "The same in every attempt at this call: the key to tell repeats by. For deliveries, the id of the event.",
    "webhook-timestamp": "When this attempt was made, in seconds since 1970. Refuse what is older than five minutes.",
    "webhook-signature": "One `v1,` entry for each secret, separated by spaces: base64 of the HMAC-SHA256 of id, full stop, timestamp, full stop, body.",
}
_SCHEMES: Final = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "basic": {"type": "http", "scheme": "basic"},
    "header": {"type": "apiKey", "in": "header", "name": "Authorization"},
}


def document() -> Document:
    """The document, ready for JSON."""
    schemas: dict[str, Any] = {}
    for point in POINTS.values():
        name = _name(point)
        schemas[f"{name}Request"] = request_schema(point)
        schemas[f"{name}Answer"] = answer_schema(point)
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": DIALECT,
        "info": {
            "title": "hookpoint: hooks over HTTP",
            "version": VERSION,
            "description": 'What hookpoint posts to a hook with `format = "hookpoint"`, and what it takes for an answer.',
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "webhooks": {point.name: {"post": _operation(point)} for point in POINTS.values()},
        "components": {
            "schemas": schemas,
            "securitySchemes": _SCHEMES,
            "parameters": {name: _header(name, text) for name, text in _HEADERS.items()},
        },
    }


def _operation(point: AnyPoint) -> Document:
    said = inspect.cleandoc(point.event.__doc__ or "").partition("\n\n")
    what = "decides" if point.blocking else "is told, again and again until it answers with success"
    return {
        "operationId": point.name,
        "summary": said[0].replace("\n", " "),
        "description": f"The hook {what}.",
        "security": [{}, {"bearer": []}, {"basic": []}, {"header": []}],
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in _HEADERS],
        "requestBody": {"required": True, "content": _json(f"{_name(point)}Request")},
        "responses": {
            "200": {
                "description": "The answer; an empty object changes nothing.",
                "content": _json(f"{_name(point)}Answer"),
            },
            "204": {"description": "Nothing changes."},
            "default": {"description": "The hook failed. 429 and 503 may carry Retry-After, in seconds."},
        },
    }


def _json(schema: str) -> Document:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _header(name: str, text: str) -> Document:
    required = name == "webhook-id"
    return {"name": name, "in": "header", "required": required, "description": text, "schema": {"type": "string"}}


def _name(point: AnyPoint) -> str:
    return point.event.__name__
