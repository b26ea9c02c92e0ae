from datetime import UTC, datetime
from typing import Any

import msgspec
import parcels
import pytest

from tidewaiter.delivery.answers import Answer, judged, judged_bulk, retry_after
from tidewaiter.delivery.parcel import Outcome, everything, later, never

NOW = datetime(2026, 11, 23, 2, 0, 0, tzinfo=UTC)
BOTH = [parcels.parcel(1), parcels.parcel(2)]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, everything(BOTH)),
        (204, everything(BOTH)),
        (302, later("HTTP 302")),
        (400, never(BOTH, "HTTP 400")),
        (401, later("HTTP 401")),
        (403, later("HTTP 403")),
        (404, later("HTTP 404")),
        (405, later("HTTP 405")),
        (408, later("HTTP 408")),
        (409, never(BOTH, "HTTP 409")),
        (413, never(BOTH, "HTTP 413")),
        (415, never(BOTH, "HTTP 415")),
        (422, never(BOTH, "HTTP 422")),
        (425, later("HTTP 425")),
        (429, later("HTTP 429")),
        (500, later("HTTP 500", together=True)),
        (503, later("HTTP 503", together=True)),
        (599, later("HTTP 599", together=True)),
    ],
)
def test_what_a_status_means_for_the_findings(status: int, expected: Outcome) -> None:
    assert judged(Answer(status=status), BOTH, now=NOW) == expected


def test_the_receiver_says_when_to_come_again() -> None:
    answer = Answer(status=429, headers={"retry-after": "120"}, body=b"slow down")
    assert judged(answer, BOTH, now=NOW) == later("HTTP 429: slow down", after=120)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("Mon, 23 Nov 2026 02:01:00 GMT", 60.0),
        ("Mon, 23 Nov 2026 01:00:00 GMT", 0.0),
        ("9" * 400, 999_999_999.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("٣", None),
        ("Mon, 23 Nov 99999999 02:01:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, expected: float | None) -> None:
    assert retry_after(text, now=NOW) == expected


def test_what_is_repeated_of_an_answer_is_short_inert_and_without_secrets() -> None:
    body = b"bad token s3cret \x1b[31m\n" + b"x" * 10_000
    found = Answer(status=400, body=body, secrets=("s3cret",)).said()
    assert found.startswith("HTTP 400: bad token [token] ")
    assert (len(found) < 300, found.isprintable(), "s3cret" in found) == (True, True, False)


def bulk(*items: Any, status: int = 200) -> Answer:
    return Answer(status=status, body=msgspec.json.encode({"errors": True, "items": items}))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (bulk({"index": {"status": 201}}, {"index": {"status": 200}}), Outcome(delivered=(1, 2))),
        (bulk({"create": {"status": 201}}, {"create": {"status": 409}}), Outcome(delivered=(1, 2))),
        (
            bulk({"index": {"status": 400, "error": {"type": "mapper"}}}, {"index": {"status": 201}}),
            Outcome(delivered=(2,), refused=((1, 'HTTP 400: {"type":"mapper"}'),)),
        ),
        (
            bulk({"index": {"status": 201}}, {"index": {"status": 429, "error": "busy"}}),
            Outcome(delivered=(1,), reason='HTTP 429: "busy"'),
        ),
        (
            bulk({"index": {"status": 403, "error": "block"}}, {"index": {}}),
            Outcome(reason="an answer without a status: {}"),
        ),
        (bulk("x", {"a": 1, "b": 2}), Outcome(reason="an answer without a status: {}")),
        (bulk({"index": {"status": 201}}), None),
        (Answer(status=200, body=b"<html>"), None),
        (Answer(status=200, body=b'{"items":7}'), None),
        (bulk(status=413), never(BOTH, 'HTTP 413: {"errors":true,"items":[]}')),
        (bulk(status=503), later('HTTP 503: {"errors":true,"items":[]}', together=True)),
    ],
)
def test_a_bulk_answer_speaks_of_each_finding(answer: Answer, expected: Outcome | None) -> None:
    found = judged_bulk(answer, BOTH, now=NOW)
    if expected is None:  # somebody else answered
        assert (found.delivered, found.refused, found.reason[:32]) == ((), (), "not the answer of a _bulk reques")
    else:
        assert found == expected
