"""The document for authors of hooks says what is really sent and taken."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from hookpoint.hooks import POINTS, Delivered, Deny, MessageChanges, TokenChanges, UserChanges
from hookpoint.hooks.http.formats.format import Facts, Verdict
from hookpoint.hooks.http.formats.registry import FORMATS
from hookpoint.hooks.http.openapi import document
from hookpoint.hooks.http.schemas import answer_schema, request_schema
from hookpoint.hooks.strict_json import write_json
from hookpoint.hooks.testing import sample_event

FACTS = Facts(id="msg_1", at=1_767_225_600.0)
PUBLISHED = Path(__file__).parents[3] / "docs" / "reference" / "http-hooks.openapi.json"
RESULTS: dict[str, list[Any]] = {
    "credentials-exchange": [TokenChanges(claims={"a": [1]}, remove_claims={"b"}, scope={"c"}, expires_in=60)],
    "token-issuance": [TokenChanges(id_token_claims={"a": None}), TokenChanges(scope=())],
    "pre-user-registration": [UserChanges(user_metadata={"a": 1}, app_metadata={})],
    "send-phone-message": [Delivered(message_id="x"), MessageChanges(text="t", sender="s", provider="p")],
}


def test_the_document_is_openapi_and_published() -> None:
    OpenAPIV31SpecValidator(document()).validate()
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == document()


@pytest.mark.parametrize("point", POINTS.values(), ids=lambda point: point.name)
def test_what_is_sent_and_taken_fits_the_schemas(point: Any) -> None:
    codec, event = FORMATS["hookpoint"].codecs[point], sample_event(point)
    request, answers = Draft202012Validator(request_schema(point)), Draft202012Validator(answer_schema(point))
    body = json.loads(write_json(codec.write_event(event, FACTS)))
    request.validate(body)
    assert body["data"].keys() == {each.name for each in fields(event)} - {"secrets"}
    verdicts = [Verdict()] + [Verdict(changes=each) for each in RESULTS.get(point.name, ())]
    if point.results:
        verdicts.append(Verdict(denial=Deny("access_denied", "why", "for the user")))
    for verdict in verdicts:
        said = json.loads(write_json(codec.write_answer(event, verdict, FACTS).members))
        answers.validate(said)
    if point.results:
        assert not answers.is_valid({"changes": {}, "deny": {"code": "x"}})
        assert not answers.is_valid({"change": {}})
