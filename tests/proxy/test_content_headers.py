from __future__ import annotations

import pytest

from hookpoint.proxy.bodies import BodyRefused
from hookpoint.proxy.content_headers import check_content_headers

FORM = (b"content-type", b"application/x-www-form-urlencoded")
JSON = (b"content-type", b"application/json")


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (b"application/x-www-form-urlencoded", "form"),
        (b"Application/X-WWW-Form-Urlencoded; Charset=UTF-8", "form"),
        (b'application/x-www-form-urlencoded;charset="utf-8"', "form"),
        (b"application/json", "json"),
        (b"application/json; charset=utf-8", "json"),
    ],
)
def test_the_content_type_says_how_to_parse(value: bytes, kind: str) -> None:
    headers = [(b"host", b"x"), (b"Content-Type", value), (b"transfer-encoding", b"Chunked")]
    assert check_content_headers(headers, json_allowed=True) == kind


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param([], 400, id="no-type"),
        pytest.param([(b"content-type", b"")], 400, id="empty-type"),
        pytest.param([JSON], 400, id="json-not-allowed"),
        pytest.param([(b"content-type", b"text/plain")], 400, id="text"),
        pytest.param([(b"content-type", FORM[1] + b"; charset=utf-16")], 400, id="utf-16"),
        pytest.param([(b"content-type", FORM[1] + b"; charset=utf-7")], 400, id="utf-7"),
        pytest.param([(b"content-type", FORM[1] + b'; charset="utf-8')], 400, id="open-quote"),
        pytest.param([(b"content-type", FORM[1] + b"; boundary=x")], 400, id="other-parameter"),
        pytest.param([(b"content-type", FORM[1] + b", application/json")], 400, id="list"),
        pytest.param([(b"content-type", FORM[1] + b"\n")], 400, id="line-end"),
        pytest.param([FORM, FORM], 400, id="two-types"),
        pytest.param([FORM, (b"Content_Type", JSON[1])], 400, id="two-types-by-underscore"),
        pytest.param([FORM, (b"authorization", b"a b"), (b"Authorization", b"a b")], 400, id="two-authorizations"),
        pytest.param([FORM, (b"host", b"a"), (b"host", b"a")], 400, id="two-hosts"),
        pytest.param([FORM, (b"X-HTTP-Method-Override", b"PUT")], 400, id="override"),
        pytest.param([FORM, (b"x_method_override", b"PUT")], 400, id="override-by-underscore"),
        pytest.param([(b"content-type", b"multipart/form-data; boundary=x")], 415, id="multipart"),
        pytest.param([FORM, (b"content-encoding", b"gzip")], 415, id="gzip"),
        pytest.param([FORM, (b"content-encoding", b"identity")], 415, id="identity"),
        pytest.param([FORM, (b"transfer-encoding", b"gzip, chunked")], 501, id="transfer-coding"),
    ],
)
def test_F_other_content_headers_are_refused(headers: list[tuple[bytes, bytes]], status: int) -> None:
    with pytest.raises(BodyRefused) as caught:
        check_content_headers(headers, json_allowed=False)
    assert (caught.value.status, caught.value.error) == (status, "invalid_request")
