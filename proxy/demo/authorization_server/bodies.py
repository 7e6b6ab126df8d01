"""Bodies of requests that may be forms or JSON, as Auth0's API takes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from authlib.oauth2.rfc6749 import InvalidRequestError
from starlette.requests import Request

from hookpoint.hooks.strict_json import JsonError, JsonObject
from hookpoint.proxy.demo.authorization_server.forms import (
    MAX_FORM_BYTES,
    REPEATABLE,
    Form,
    media_type,
    parse_form,
    read_bytes,
)

_NESTED: Final = re.compile(r"([^\[\]]+)\[([^\[\]]+)\]")


async def read_members(request: Request) -> Mapping[str, Any]:
    """The members of a JSON object, or the parameters of a form; raises InvalidRequestError.

    Parameters are texts, but for those such as `user_metadata[plan]`, which make an object.
    """
    if media_type(request) == "application/json":
        return _parse_json(await read_bytes(request))
    members: dict[str, Any] = {}
    for name, values in parse_form(request, await read_bytes(request)).items():
        nested = _NESTED.fullmatch(name)
        if nested is None:
            members[name] = values[0]
        elif isinstance(inner := members.setdefault(nested[1], {}), dict):
            inner[nested[2]] = values[0]
        else:
            raise InvalidRequestError("A parameter is a text and an object at once.")
    return members


async def read_parameters(request: Request) -> Form:
    """OAuth parameters, which a form holds, or the texts of a JSON object; raises InvalidRequestError."""
    if media_type(request) != "application/json":
        return parse_form(request, await read_bytes(request))
    members = _parse_json(await read_bytes(request))
    return {name: texts for name, value in members.items() if (texts := _texts(name, value))}


def text(members: Mapping[str, Any], name: str) -> str:
    """A member that is a text; empty when it is absent or null. Raises InvalidRequestError when it is something else."""
    value = members.get(name)
    if value is None or isinstance(value, str):
        return value or ""
    raise InvalidRequestError(f"{name} has to be a text.")


def _parse_json(body: bytes) -> Mapping[str, Any]:
    try:
        return JsonObject.parse(body, max_bytes=MAX_FORM_BYTES).members
    except JsonError as error:
        raise InvalidRequestError("The body cannot be read as a JSON object.") from error


def _texts(name: str, value: object) -> list[str]:
    values = value if isinstance(value, list) and name in REPEATABLE else [value]
    texts = [each for each in values if isinstance(each, str)]
    if len(texts) != len([each for each in values if each is not None]):
        raise InvalidRequestError("A parameter is not a text.")
    return [each for each in texts if each]
