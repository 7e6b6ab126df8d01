"""`POST /dbconnections/signup`: somebody becomes a user."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from authlib.oauth2.rfc6749 import InvalidRequestError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hookpoint.proxy.demo.authorization_server import database_errors
from hookpoint.proxy.demo.authorization_server.bodies import read_members, text
from hookpoint.proxy.demo.authorization_server.database_errors import DatabaseError
from hookpoint.proxy.demo.authorization_server.passwords import MAX_LENGTH, find_weakness
from hookpoint.proxy.demo.authorization_server.tenant import Tenant
from hookpoint.proxy.demo.authorization_server.users import CONNECTION, PROFILE, NewUser, UserExistsError

SIGN_UP_PATH: Final = "/dbconnections/signup"
_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s]{1,189}")
_USERNAME: Final = re.compile(r"[\w.+@!#$'^`~-]{1,128}")
_MOST_METADATA, _LONGEST_NAME, _LONGEST_VALUE = 10, 100, 500


def sign_up_route(tenant: Tenant) -> Route:
    """The route."""

    async def endpoint(request: Request) -> Response:
        try:
            return await _sign_up(tenant, await read_members(request))
        except InvalidRequestError as error:
            return database_errors.plain(error.description).response
        except DatabaseError as error:
            return error.response

    return Route(SIGN_UP_PATH, endpoint, methods=["POST"])


async def _sign_up(tenant: Tenant, members: Mapping[str, Any]) -> Response:
    check_client_and_connection(tenant, members)
    new = NewUser(
        email=read_email(members),
        password=read_new_password(members, "password"),
        username=_read_username(members),
        profile={name: value for name in PROFILE if (value := text(members, name))},
        user_metadata=_read_metadata(members),
    )
    try:
        user = await tenant.users.create(new)
    except UserExistsError as error:
        raise _exists(tenant, error.taken) from None
    answer = {"_id": user.id, **tenant.profile(user)}
    if user.user_metadata:
        answer["user_metadata"] = user.user_metadata
    return JSONResponse(answer, headers={"Cache-Control": "no-store"})


def check_client_and_connection(tenant: Tenant, members: Mapping[str, Any]) -> None:
    """Raises DatabaseError for a client or a connection that does not exist; a client need not be named."""
    client_id = text(members, "client_id")
    if client_id and tenant.server.query_client(client_id) is None:
        raise database_errors.plain("unknown client")
    if text(members, "connection") != CONNECTION:
        raise database_errors.plain(f"connection has to be {CONNECTION}")


def read_email(members: Mapping[str, Any]) -> str:
    """The e-mail address; raises DatabaseError."""
    email = text(members, "email").strip()
    if not _EMAIL.fullmatch(email):
        raise database_errors.plain("email has to be an e-mail address")
    return email


def read_new_password(members: Mapping[str, Any], name: str) -> str:
    """A password that is strong enough; raises DatabaseError."""
    password = text(members, name)
    if not password:
        raise database_errors.plain(f"{name} is missing")
    if len(password) > MAX_LENGTH:
        raise database_errors.plain(f"{name} has more than {MAX_LENGTH} characters")
    if weakness := find_weakness(password):
        raise database_errors.weak_password(weakness)
    return password


def _read_username(members: Mapping[str, Any]) -> str | None:
    username = text(members, "username")
    if username and not _USERNAME.fullmatch(username):
        raise database_errors.plain("username has characters that it cannot have")
    return username or None


def _read_metadata(members: Mapping[str, Any]) -> Mapping[str, str]:
    metadata = members.get("user_metadata") or {}
    if not isinstance(metadata, Mapping) or len(metadata) > _MOST_METADATA:
        raise database_errors.plain(f"user_metadata has to be an object of at most {_MOST_METADATA} properties")
    for name, value in metadata.items():
        if len(name) > _LONGEST_NAME or not isinstance(value, str) or len(value) > _LONGEST_VALUE:
            raise database_errors.plain(
                f"user_metadata: names have at most {_LONGEST_NAME} characters, values are texts of at most {_LONGEST_VALUE}"
            )
    return metadata


def _exists(tenant: Tenant, taken: str) -> DatabaseError:
    if not tenant.names_existing_users:
        return database_errors.bad_request("invalid_signup", "Invalid sign up")
    if taken == "username":
        return database_errors.bad_request("username_exists", "The username provided is in use already.")
    return database_errors.bad_request("user_exists", "The user already exists.")
