"""Any server that can post JSON or a form; the names of its members are chosen in the configuration.

`keycloak` is the same under the names that extensions for Keycloak begin with
(netzbegruenung/keycloak-mfa-plugins, sms-authenticator).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from hookpoint.hooks import Client, Request, User
from hookpoint.providers import Kind
from hookpoint.proxy.gateway.authentication import (
    Authentication,
    Basic,
    Bearer,
    BodyHmac,
    HeaderSecret,
    MemberSecret,
)
from hookpoint.proxy.gateway.bodies import read_json_or_form
from hookpoint.proxy.gateway.call import Call, Members
from hookpoint.proxy.gateway.errors import Malformed
from hookpoint.proxy.gateway.format import JSON_OR_FORM, Format, Options, body_key
from hookpoint.proxy.gateway.signatures import StandardWebhooks
from hookpoint.proxy.sms.request import DeliveryRequest

_DEADLINE: Final = 10.0
_MAX_KEY: Final = 255
_KINDS: Final[dict[str, Kind]] = {
    "": "sms",
    "sms": "sms",
    "text": "sms",
    "voice": "voice",
    "call": "voice",
    "whatsapp": "whatsapp",
}
_OWN_NAMES: Final = {
    name: name for name in ("to", "code", "text", "kind", "purpose", "language", "client", "user", "ip", "id", "token")
}


def open_generic(options: Options) -> Format:
    """The format under our own names, where the configuration chooses no others."""
    return _open("generic", options, _OWN_NAMES)


def open_keycloak(options: Options) -> Format:
    """The format under the names of Keycloak's extensions; a text, with the code somewhere in it."""
    return _open("keycloak", options, {"to": "to", "text": "text", "token": "token", "id": "uuid"})


def _open(name: str, options: Options, defaults: Mapping[str, str]) -> Format:
    reader = _Reader({**defaults, **options.fields})
    return Format(
        name=name,
        deadline=_DEADLINE,
        authentication=_authentication(options, reader),
        read=reader.read,
        bodies=JSON_OR_FORM,
        key=reader.keyed(options.authentication),
    )


def _authentication(options: Options, reader: _Reader) -> Authentication:
    match options.authentication:
        case "basic":
            return Basic(secrets=options.secrets)
        case "header":
            return HeaderSecret(secrets=options.secrets, header=options.header or "authorization")
        case "hmac":
            return BodyHmac(secrets=options.secrets, header=options.header or "x-signature")
        case "standard-webhooks":
            return StandardWebhooks(options.secrets)
        case "member":
            return MemberSecret(secrets=options.secrets, path=reader.path("token"), read=read_json_or_form)
        case _:
            return Bearer(secrets=options.secrets)


class _Reader:
    """Reads bodies; a chosen name may lead into objects, `message.to` for example."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def read(self, call: Call) -> DeliveryRequest:
        """Read what there is; a number and a code or a text must be."""
        body = read_json_or_form(call)
        code, text = body.code(*self.path("code")), body.message(*self.path("text"))
        if code is None and text is None:
            raise Malformed(f"{self._names.get('code') or self._names['text']} is missing.")
        kind = _KINDS.get(self._text(body, "kind").lower())
        if kind is None:
            raise Malformed(f"{self._names['kind']} is none of sms, voice and whatsapp.")
        client = self._text(body, "client")
        return DeliveryRequest(
            recipient=body.number(*self.path("to")),
            code=code,
            text=text,
            kind=kind,
            purpose=self._text(body, "purpose"),
            language=self._text(body, "language"),
            client=Client(id=client) if client else None,
            user=User(id=self._text(body, "user")),
            request=Request(ip=body.address(*self.path("ip"))),
        )

    def keyed(self, authentication: str) -> Callable[[Call], str]:
        """How repeats are told: by the caller's own id of the message, else by the body.

        Where calls are signed only a signed id counts; whoever has seen one call could give it another id otherwise.
        """
        header = {"hmac": "", "standard-webhooks": "webhook-id"}.get(authentication, "idempotency-key")

        def key(call: Call) -> str:
            named = (call.header(header) if header else None) or self._text(read_json_or_form(call), "id")
            if len(named) > _MAX_KEY:
                raise Malformed(f"The id of the message has more than {_MAX_KEY} characters.")
            return f"id {named}" if named else body_key(call)

        return key

    def _text(self, body: Members, field: str) -> str:
        return body.text(*self.path(field))

    def path(self, field: str) -> tuple[str, ...]:
        """The caller's name of a member, by the objects that lead to it; nothing for a member that it does not have."""
        return tuple(self._names[field].split(".")) if field in self._names else ()
