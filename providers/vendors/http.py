"""Any gateway with an HTTP call, described by templates; presets for Kannel and Jasmin."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, Literal
from urllib.parse import quote

import httpx2

from hookpoint.providers.errors import Misconfigured, OutcomeUnknown, Rejected, Throttled
from hookpoint.providers.exchange import Answer
from hookpoint.providers.http_provider import OneCallProvider
from hookpoint.providers.http_settings import HttpSettings
from hookpoint.providers.message import Message, Receipt
from hookpoint.providers.provider import Capabilities
from hookpoint.providers.segments import is_gsm7
from hookpoint.providers.settings import setting

PLACEHOLDERS: Final = frozenset(
    {"recipient", "digits", "text", "code", "sender", "id", "purpose", "language", "username", "password", "utf16"}
)
_PLACEHOLDER: Final = re.compile(r"\{([a-z0-9_]+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpGatewaySettings(HttpSettings):
    """The gateway's call. Templates may hold the placeholders of ``PLACEHOLDERS``, in braces."""

    url: str = setting("address; placeholders in it are percent-encoded")
    preset: Literal["kannel", "jasmin"] | None = setting("kannel or jasmin: fills what is not set", default=None)
    method: Literal["GET", "POST", "PUT"] = setting("GET, POST or PUT", default="POST")
    headers: Mapping[str, str] | None = setting("header fields", default=None, secret=True)
    params: Mapping[str, str] | None = setting("query parameters", default=None, secret=True)
    form: Mapping[str, str] | None = setting("fields of a form body", default=None, secret=True)
    json: Mapping[str, object] | None = setting("JSON body", default=None, secret=True)
    unicode_params: Mapping[str, str] | None = setting(
        "query parameters added for texts outside of GSM-7; an empty one takes its namesake away", default=None
    )
    username: str | None = setting("for {username}, or HTTP basic authentication", default=None)
    password: str | None = setting("for {password}, or HTTP basic authentication", default=None, secret=True)
    basic: bool = setting("send username and password by HTTP basic authentication", default=False)
    sender: str = setting("for {sender}", key="from", default="")
    success: str | None = setting("pattern that a positive answer's body must contain", default=None)
    rejected: str | None = setting("pattern of bodies that mean: will never be taken", default=None)
    throttled: str | None = setting("pattern of bodies that mean: too fast", default=None)
    misconfigured: str | None = setting("pattern of bodies that mean: credentials or account", default=None)
    id: str | None = setting("pattern whose first group is the message id; default: our own {id}", default=None)

    def __post_init__(self) -> None:
        HttpSettings.__post_init__(self)
        if self.form and self.json:
            raise ValueError("only one of 'form' and 'json' can be set")
        templates = [self.url, *_texts([self.headers, self.params, self.form, self.json, self.unicode_params])]
        names = {name for template in templates for name in _PLACEHOLDER.findall(template)}
        if unknown := sorted(names - PLACEHOLDERS):
            raise ValueError("unknown placeholder " + ", ".join(f"{{{name}}}" for name in unknown))
        for name in ("success", "rejected", "throttled", "misconfigured", "id"):
            pattern = getattr(self, name)
            try:
                groups = re.compile(pattern or "").groups
            except re.error:
                raise ValueError(f"{name!r} is no regular expression") from None
            if name == "id" and pattern and not groups:
                raise ValueError("'id' needs a group")


PRESETS: Final[Mapping[str, Mapping[str, Any]]] = {
    # Kannel user guide, "Using the HTTP interface to the SMS gateway": sendsms.
    "kannel": {
        "method": "GET",
        "params": {
            "username": "{username}",
            "password": "{password}",
            "to": "{recipient}",
            "from": "{sender}",
            "text": "{text}",
            "charset": "UTF-8",
        },
        "unicode_params": {"coding": "2"},
        "success": r"^(0: Accepted|3: Queued)",
        "rejected": r"Sender missing and no global set|Empty receiver|Not routable",
        "misconfigured": r"Authorization failed",
    },
    # Jasmin user guide, "HTTP API": /send.
    "jasmin": {
        "method": "GET",
        "params": {
            "username": "{username}",
            "password": "{password}",
            "to": "{digits}",
            "from": "{sender}",
            "content": "{text}",
        },
        "unicode_params": {"coding": "8", "hex-content": "{utf16}", "content": ""},
        "success": r"^Success",
        "throttled": r"You have reached your throughput limit|throughput",
        "misconfigured": r"Authentication failure|Cannot charge submit_sm|Authorization failed",
        "rejected": r"No route found|Value filter failed",
        "id": r'^Success "([^"]+)"',
    },
}


class HttpGateway(OneCallProvider):
    """Texts by a call of your own description."""

    settings_type: ClassVar[type[Any]] = HttpGatewaySettings
    capabilities = Capabilities(
        senders=frozenset({"number", "alphanumeric", "short_code"}), receipts="unsigned", idempotent=False
    )

    def __init__(
        self,
        name: str,
        settings: HttpGatewaySettings,
        *,
        transport: httpx2.AsyncBaseTransport | None = None,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        super().__init__(name, settings, transport=transport)
        self._settings = _with_preset(settings)
        self._new_id = new_id

    async def build(self, message: Message) -> httpx2.Request:
        settings = self._settings
        values = self._values(message)
        url = httpx2.URL(_fill(settings.url, {name: quote(value, safe="") for name, value in values.items()}))
        params = dict(settings.params or {})
        if not is_gsm7(message.text):
            params |= settings.unicode_params or {}
        filled = {name: _fill(value, values) for name, value in params.items() if value != ""}
        if filled:
            url = url.copy_merge_params(filled)
        content: dict[str, Any] = {}
        if settings.json:
            content["json"] = _fill_all(settings.json, values)
        elif settings.form:
            content["data"] = _fill_all(settings.form, values)
        headers = {name: _fill(value, values) for name, value in (settings.headers or {}).items()}
        request = httpx2.Request(settings.method, url, headers=headers, extensions={"id": values["id"]}, **content)
        if settings.basic:
            request = next(httpx2.BasicAuth(values["username"], values["password"]).auth_flow(request))
        return request

    async def send(self, message: Message) -> Receipt:
        """Fill the templates, call, and read the answer by its patterns."""
        self.check(message)
        request = await self.build(message)
        answer = await self.exchange(request)
        return self._judge(answer, message, own_id=str(request.extensions["id"]))

    def read(self, answer: Answer, message: Message) -> Receipt | None:
        return self._judge(answer, message, own_id=message.reference or self._new_id())

    def explain(self, answer: Answer) -> tuple[str, str]:
        return "", answer.text

    def _judge(self, answer: Answer, message: Message, *, own_id: str) -> Receipt:
        settings = self._settings
        for pattern, kind in (
            (settings.misconfigured, Misconfigured),
            (settings.throttled, Throttled),
            (settings.rejected, Rejected),
        ):
            if pattern and re.search(pattern, answer.text):
                raise self.error(kind, f"answered {answer.status}", "", answer.text, message, answer.headers)
        if not 200 <= answer.status < 300:
            raise self.failure(answer, message)
        if settings.success and not re.search(settings.success, answer.text):
            raise self.error(Rejected, "did not accept", "", answer.text, message)
        if not settings.id:
            return Receipt(provider=self.name, id=own_id)
        found = re.search(settings.id, answer.text)
        if found is None:
            raise OutcomeUnknown("the answer was positive but had no message id", provider=self.name)
        return Receipt(provider=self.name, id=found.group(1))

    def _values(self, message: Message) -> dict[str, str]:
        settings = self._settings
        return {
            "recipient": message.recipient,
            "digits": message.recipient.removeprefix("+"),
            "text": message.text,
            "code": message.code or "",
            "sender": message.sender or settings.sender,
            "id": message.reference or self._new_id(),
            "purpose": message.purpose,
            "language": message.language,
            "username": settings.username or "",
            "password": settings.password or "",
            "utf16": message.text.encode("utf-16-be").hex(),
        }


def _with_preset(settings: HttpGatewaySettings) -> HttpGatewaySettings:
    preset = dict(PRESETS.get(settings.preset or "", {}))
    for name in ("params", "unicode_params"):
        if name in preset:
            preset[name] = {**preset[name], **(getattr(settings, name) or {})}
    chosen = {name: getattr(settings, name) for name in preset if isinstance(preset[name], str) and name != "method"}
    preset |= {name: value for name, value in chosen.items() if value is not None}
    return replace(settings, **preset)


def _fill(template: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: values[found.group(1)], template)


def _fill_all(template: Any, values: Mapping[str, str]) -> Any:
    if isinstance(template, str):
        return _fill(template, values)
    if isinstance(template, Mapping):
        return {key: _fill_all(value, values) for key, value in template.items()}
    if isinstance(template, list | tuple):
        return [_fill_all(value, values) for value in template]
    return template


def _texts(template: Any) -> list[str]:
    if isinstance(template, str):
        return [template]
    if isinstance(template, Mapping):
        template = list(template.values())
    return [text for value in template for text in _texts(value)] if isinstance(template, list | tuple) else []
