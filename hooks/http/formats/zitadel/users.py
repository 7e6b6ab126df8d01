"""Users as ZITADEL tells of them; values of metadata are base64."""

from __future__ import annotations

import binascii
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from hookpoint.hooks.events import User
from hookpoint.hooks.http.formats.format import Json
from hookpoint.hooks.http.members import Members, Unreadable
from hookpoint.hooks.json import JsonValue


def user_json(user: User) -> Json:
    """The member `user` of a person."""
    first, _, last = user.name.partition(" ")
    human = {
        "first_name": first,
        "last_name": last,
        "display_name": user.name,
        "email": user.email,
        "is_email_verified": user.email_verified,
        "phone": user.phone_number,
        "is_phone_verified": user.phone_verified,
    }
    return {"id": user.id, "username": user.username, "preferred_login_name": user.username, "human": human}


def read_user(body: Members) -> User:
    """The member `user`, with `user_metadata`. Raises Unreadable."""
    names = [body.text("user", "human", name) for name in ("first_name", "last_name")]
    return User(
        id=body.text("user", "id"),
        username=body.text("user", "username"),
        email=body.text("user", "human", "email"),
        email_verified=body.flag("user", "human", "is_email_verified"),
        phone_number=body.text("user", "human", "phone"),
        phone_verified=body.flag("user", "human", "is_phone_verified"),
        name=body.text("user", "human", "display_name") or " ".join(filter(None, names)),
        user_metadata=read_metadata(body.objects("user_metadata")),
    )


def metadata_json(metadata: Mapping[str, JsonValue]) -> list[Json]:
    """`[{key, value}]`; a value that is no text is its JSON."""
    return [{"key": name, "value": b64encode(_text(value).encode()).decode()} for name, value in metadata.items()]


def read_metadata(entries: list[Members]) -> Mapping[str, JsonValue]:
    """The metadata of such entries, as texts. Raises Unreadable."""
    try:
        return {each.required("key"): b64decode(each.text("value"), validate=True).decode() for each in entries}
    except (binascii.Error, UnicodeDecodeError):
        raise Unreadable("a value of user_metadata is not base64 of a text") from None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
