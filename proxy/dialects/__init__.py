"""Dialects: what is particular to a kind of OAuth server, as data.

A dialect file is TOML. Its words are the fields of `Dialect`; users write their own files with them, alone or over those that come
with hookpoint (`extends = "oidc"`).
"""

from hookpoint.proxy.dialects.dialect import Dialect
from hookpoint.proxy.dialects.loading import DialectError, dialect_names, load_dialect
from hookpoint.proxy.dialects.server import DocumentDialect, EndpointDialect, TokenDialect
from hookpoint.proxy.dialects.users import (
    AnswerPlaces,
    Call,
    Denial,
    Lookup,
    PasswordChangeRoute,
    SignUpRoute,
    Success,
    UserCall,
    UserPlaces,
    UserRoute,
)

__all__ = [
    "AnswerPlaces",
    "Call",
    "Denial",
    "Dialect",
    "DialectError",
    "DocumentDialect",
    "EndpointDialect",
    "Lookup",
    "PasswordChangeRoute",
    "SignUpRoute",
    "Success",
    "TokenDialect",
    "UserCall",
    "UserPlaces",
    "UserRoute",
    "dialect_names",
    "load_dialect",
]
