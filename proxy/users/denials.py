"""What clients are told when a sign-up or a change of password does not go through, in their server's own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hookpoint.hooks import JsonValue
from hookpoint.hooks.strict_json import write_json
from hookpoint.proxy.answers import Answer, Headers, error_answer, json_answer
from hookpoint.proxy.dialects import Denial
from hookpoint.proxy.dialects.templates import fill, fill_html

_NEVER_STORED: Final = (b"cache-control", b"no-store")
_HTML: Final = "text/html; charset=utf-8"


class Denials:
    """Writes refusals as one route does."""

    def __init__(self, denial: Denial) -> None:
        self._denial = denial

    def refusal(
        self, code: str, reason: str, user_message: str | None, *, request_id: str, values: Mapping[str, str]
    ) -> Answer:
        """A hook's refusal."""
        told: dict[str, JsonValue] = {"code": code, "reason": reason, "user_message": user_message}
        return self._write(self._denial.status, self._denial.body, told, request_id, values, ())

    def failure(
        self,
        status: int,
        code: str,
        message: str,
        *,
        request_id: str,
        values: Mapping[str, str] | None = None,
        headers: Headers = (),
    ) -> Answer:
        """What no hook refused: a request that cannot be read, or something that failed. The message is fit for clients."""
        body = self._denial.failure if self._denial.failure is not None else self._denial.body
        told: dict[str, JsonValue] = {"code": code, "reason": message, "user_message": None}
        return self._write(status, body, told, request_id, values or {}, headers)

    def _write(
        self,
        status: int,
        body: Mapping[str, JsonValue] | None,
        told: Mapping[str, JsonValue],
        request_id: str,
        values: Mapping[str, str],
        headers: Headers,
    ) -> Answer:
        message = told["user_message"] or told["reason"]
        filled = {**values, **told, "message": message, "status": status, "request_id": request_id}
        if body is None and self._denial.html is None:
            return error_answer(status, str(told["code"]), str(message), request_id=request_id, headers=headers)
        headers = (_NEVER_STORED, (b"x-request-id", request_id.encode()), *headers)
        if self._denial.html is not None:
            page = fill_html(self._denial.html, filled).encode()
            return _typed(json_answer(status, page, headers), self._denial.content_type or _HTML)
        answer = json_answer(status, write_json(fill(body, filled)), headers)
        return _typed(answer, self._denial.content_type) if self._denial.content_type else answer


def _typed(answer: Answer, content_type: str) -> Answer:
    kept = [each for each in answer.headers if each[0] != b"content-type"]
    return Answer(
        status=answer.status, headers=[(b"content-type", content_type.encode("latin-1")), *kept], body=answer.body
    )
