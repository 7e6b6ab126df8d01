"""A sign-up or a change of password, read so that it means the same here and at the server."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope

from hookpoint.hooks import Connection, JsonValue, Request, User
from hookpoint.hooks.strict_json import JsonObject
from hookpoint.proxy.bodies import LIMITS, BodyRefused, Form, parse_form, parse_json
from hookpoint.proxy.content_headers import check_content_headers
from hookpoint.proxy.dialects import UserRoute
from hookpoint.proxy.dialects.places import KEY, Place
from hookpoint.proxy.flows.form_endpoint import FormLimits
from hookpoint.proxy.flows.intercepted import read_body
from hookpoint.proxy.parameters import judge_query
from hookpoint.proxy.users.guarding import check_nested
from hookpoint.proxy.users.layout import Layout
from hookpoint.proxy.users.metadata import Metadata, read_metadata
from hookpoint.proxy.users.pointers import find

_MAX_DEPTH: Final = 32  # metadata may be nested as deep as hooks may nest it
_MEDIA_TYPES: Final = {"form": "application/x-www-form-urlencoded", "json": "application/json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRequest:
    """What was asked for. `body` are the bytes that came, `document` what they say; `values` can be used in templates."""

    request: Request
    body: bytes = field(repr=False)
    document: JsonObject | Form = field(repr=False)
    user: User = field(repr=False)
    password: str | None = field(repr=False)
    connection: Connection
    client_id: str
    values: Mapping[str, str] = field(repr=False)

    @property
    def is_json(self) -> bool:
        """Whether the body is JSON, and not a form."""
        return isinstance(self.document, JsonObject)


async def read_user_request(
    scope: Scope,
    receive: Receive,
    layout: Layout,
    request: Request,
    *,
    parameters: Mapping[str, str],
    limits: FormLimits,
) -> tuple[bytes, UserRequest | None]:
    """Read a request, whole; returns its body, and None when the route does not mean it (`unless`, `requires`).

    Raises BodyRefused when it could mean different things to different parsers, ClientLeft.
    """
    route = layout.route
    if refused := judge_query(scope.get("query_string", b""), layout.body_names):
        raise BodyRefused(refused.reason)
    kind = check_content_headers(scope["headers"], json_allowed=True)
    if kind not in route.bodies:
        accepted = " or ".join(_MEDIA_TYPES[each] for each in route.bodies)
        raise BodyRefused(f"The content type must be {accepted} in UTF-8.", status=415)
    body = await read_body(receive, max_bytes=limits.body_bytes, timeout=limits.body_timeout)
    sized = replace(LIMITS, size=limits.body_bytes, depth=_MAX_DEPTH)
    document: Form | JsonObject
    if kind == "form":
        document = parse_form(body, limits=sized, guarded=layout.form_names, repeatable=frozenset())
        layout.check_form(document)
    else:
        document = parse_json(body, limits=sized, guarded=layout.json_names.keys())
        check_nested(document.members, layout.json_names)
    reader = _Reader(layout, document, scope, parameters)
    return body, reader.request(request, body) if reader.is_meant() else None


class _Reader:
    def __init__(
        self, layout: Layout, document: Form | JsonObject, scope: Scope, parameters: Mapping[str, str]
    ) -> None:
        self._layout = layout
        self._route: UserRoute = layout.route
        self._document = document
        self._is_json = isinstance(document, JsonObject)
        self._query = dict(parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True))
        self._parameters = parameters

    def is_meant(self) -> bool:
        """Whether the request is what the route is for."""
        exempt = any(self._at(pointer) in values for pointer, values in self._layout.unless)
        return not exempt and all(self._at(pointer) not in (None, "") for pointer in self._layout.requires)

    def request(self, request: Request, body: bytes) -> UserRequest:
        user = User(
            id=self._text("id"),
            username=self._text("username"),
            email=self._text("email"),
            phone_number=self._text("phone_number"),
            name=self._text("name"),
            user_metadata=self._metadata("user_metadata"),
            app_metadata=self._metadata("app_metadata"),
        )
        return UserRequest(
            request=request,
            body=body,
            document=self._document,
            user=user,
            password=self._text("password") or None,
            connection=Connection(name=self._text("connection")),
            client_id=self._text("client_id"),
            values=dict(self._parameters) | {name: self._text(name) for name in self._route.values},
        )

    def _at(self, place: Place) -> object:
        """What stands at a place: text, or any value of a JSON body."""
        if place.kind == "path":
            return self._parameters.get(place.name)
        if place.kind == "query":
            return self._query.get(place.name)
        if place.kind == "jwt":
            token = self._in_body(Place(kind="pointer", name=place.name))
            return _claim(token, place.claim) if isinstance(token, str) else None
        return self._in_body(place)

    def _in_body(self, place: Place) -> object:
        if self._is_json:
            return find(self._document.members, place.segments) if place.kind == "pointer" else None
        return self._document.members.get(place.form_name) if place.form_name else None

    def _text(self, name: str) -> str:
        """One text; empty when it is nowhere. Raises BodyRefused when it is something else, or two different texts."""
        found: set[str] = set()
        for place in self._layout.places(name):
            value = self._at(place)
            if value is None or value == "":
                continue
            if not isinstance(value, str):
                raise BodyRefused(f"The member {place.name} must be one text.")
            found.add(value)
        if len(found) > 1:
            raise BodyRefused(f"The request names two different values for {name}.")
        return next(iter(found), "")

    def _metadata(self, name: str) -> Metadata:
        if isinstance(self._document, JsonObject):
            values = (self._at(place) for place in self._layout.places(name) if place.kind == "pointer")
            value = next((each for each in values if each is not None), None)
        else:
            value = self._form_metadata(name, self._document) or None
        if value is None:
            return {}
        if name == "app_metadata" and not self._route.admin and not self._layout.is_shared(name):
            raise BodyRefused("The app metadata of a user cannot be set here.")
        return read_metadata(value, self._layout.metadata_style)

    def _form_metadata(self, name: str, form: Form) -> dict[str, JsonValue]:
        patterns = [place.name.partition(KEY) for place in self._layout.places(name) if place.kind == "form"]
        return {
            field[len(before) : len(field) - len(after)]: value
            for field, value in form.pairs
            for before, key, after in patterns
            if key and field.startswith(before) and field.endswith(after) and len(field) > len(before + after)
        }


def _claim(token: str, claim: str) -> object:
    """A claim of a JWT that the server, not hookpoint, verifies."""
    try:
        payload = token.split(".")[1]
        members = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, binascii.Error):
        return None
    value = members.get(claim) if isinstance(members, dict) else None
    return value if isinstance(value, str) else None
