from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookpoint.providers.errors import Misconfigured, ProviderError, Throttled
from hookpoint.providers.http_provider import at, retry_after, text_at
from tests.providers.recorder import Recorder, Scripted
from tests.providers.vendor_cases import MESSAGE, VENDORS

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0.0),
        ("Mon, 23 Nov 2026 12:00:30 -0000", 30.0),
        ("9" * 400, 86400.0),
        ("Mon, 23 Nov 2027 12:00:00 GMT", 86400.0),
        ("Mon, 01 Jan 99999999999999 00:00:00 GMT", None),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_retry_after_in_both_its_forms(value: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": value}, now=NOW) == seconds


@given(st.text(max_size=30))
def test_retry_after_is_never_a_crash(value: str) -> None:
    found = retry_after({"retry-after": value}, now=NOW)
    assert found is None or found >= 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
)


@given(JSON, st.lists(st.sampled_from(["a", "b", 0, 1]), max_size=4))
def test_any_path_into_any_answer_is_a_text(value: object, path: list[str | int]) -> None:
    assert isinstance(text_at(value, *path), str)


def test_paths() -> None:
    body = {"errors": [{"code": 10, "ok": True}]}
    assert at(body, "errors", 0, "code") == 10
    assert text_at(body, "errors", 0, "code") == "10"
    assert text_at(body, "errors", 0, "ok") == ""
    assert text_at(body, "errors", 1, "code") == ""
    assert text_at(body, 0) == ""


STATUSES = {
    301: "misconfigured",
    308: "misconfigured",
    400: "rejected",
    401: "misconfigured",
    404: "misconfigured",
    408: "unavailable",
    418: "rejected",
    422: "rejected",
    429: "throttled",
    500: "outcome_unknown",
    501: "misconfigured",
    502: "outcome_unknown",
    503: "unavailable",
    504: "outcome_unknown",
}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("kind", ["sinch", "plivo", "bird"])
async def test_statuses_say_what_to_do_next(kind: str, status: int, recorder: Recorder) -> None:
    recorder.default = Scripted(status=status, headers={"location": "/x", "retry-after": "9"})
    provider = VENDORS[kind].make(recorder.url)
    with pytest.raises(ProviderError) as caught:
        await provider.send(MESSAGE)
    await provider.stop()
    assert caught.value.code == STATUSES[status]
    assert caught.value.provider == "under-test"
    assert len(recorder.requests) == 1
    if isinstance(caught.value, Throttled):
        assert caught.value.retry_after == 9


async def test_a_vendors_code_cannot_carry_the_message(recorder: Recorder) -> None:
    recorder.default = Scripted(status=400, body=b'{"code": "bad +15005550006 918273", "text": "t"}')
    provider = VENDORS["sinch"].make(recorder.url)
    with pytest.raises(ProviderError) as caught:
        await provider.send(MESSAGE)
    await provider.stop()
    assert "5005550006" not in str(caught.value)
    assert "918273" not in repr(caught.value)


@pytest.mark.parametrize("changes", [{"timeout": -1}, {"connect_timeout": 0}])
def test_time_limits_are_positive(changes: dict[str, object]) -> None:
    with pytest.raises(Misconfigured, match="positive"):
        VENDORS["bird"].make("http://127.0.0.1", **changes)
