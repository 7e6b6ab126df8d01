"""Requests as Authlib's core wants them, read from the form bodies that OAuth endpoints take (RFC 6749 section 3.2)."""

# mypy: allow-subclassing-any

from __future__ import annotations

from urllib.parse import parse_qs

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Payload, OAuth2Request
from starlette.requests import Request

MAX_FORM_BYTES = 64 * 1024
REPEATABLE = frozenset({"audience", "resource"})  # RFC 8693 section 2.1, RFC 8707 section 2
Form = dict[str, list[str]]


class FormPayload(OAuth2Payload):
    """The parameters of a form: `data` has one value of each, `datalist` all of them."""

    def __init__(self, form: Form) -> None:
        self._data = {name: values[0] for name, values in form.items()}
        self._datalist = form

    @property
    def data(self) -> dict[str, str]:
        return self._data

    @property
    def datalist(self) -> Form:
        return self._datalist


class FormRequest(OAuth2Request):
    """A form sent to an endpoint of the server; `uri` is the endpoint's public address."""

    def __init__(self, request: Request, uri: str, form: Form) -> None:
        super().__init__(request.method, uri, headers=request.headers)
        self.payload = FormPayload(form)

    @property
    def args(self) -> dict[str, str]:
        return {}

    @property
    def form(self) -> dict[str, str]:
        data: dict[str, str] = self.payload.data
        return data


def media_type(request: Request) -> str:
    """What the body says to be, without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_form(request: Request) -> Form:
    """The parameters of a form body; InvalidRequestError for another body, and for what stands in it twice."""
    return parse_form(request, await read_bytes(request))


async def read_bytes(request: Request) -> bytes:
    """The body; InvalidRequestError when it is too long."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise InvalidRequestError("The body is too long.", status_code=413)
    return bytes(body)


def parse_form(request: Request, body: bytes) -> Form:
    """The parameters of a form body that was read; raises InvalidRequestError."""
    if media_type(request) != "application/x-www-form-urlencoded":
        raise InvalidRequestError("The body has to be application/x-www-form-urlencoded.")
    try:
        # Parameters without a value count as left out (RFC 6749 section 3.2), which is what parse_qs makes of them.
        form = parse_qs(body.decode("ascii"), strict_parsing=bool(body), errors="strict", max_num_fields=100)
    except ValueError as error:
        raise InvalidRequestError("The body cannot be read as a form.") from error
    if any(len(values) > 1 and name not in REPEATABLE for name, values in form.items()):
        raise InvalidRequestError("A parameter stands in the request more than once.")
    return form
