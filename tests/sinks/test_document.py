from datetime import UTC, datetime
from typing import Any

import documents
import factories
import pytest

from tidewaiter.sinks.document import (
    Context,
    closed,
    digest,
    document,
    is_numeric,
    link,
    micros,
    millis,
    moment,
    numeric_addresses,
    recognisers,
    seen,
    techniques,
    texts,
)

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def test_a_finding_and_its_document_are_the_same() -> None:
    made = document(factories.finding())
    assert made["until"] == "2026-11-23T02:15:44Z"
    assert document(made) is made


def test_a_finding_with_bytes_that_were_no_text_has_a_document() -> None:
    assert document(factories.finding(headline="x\udcff"))["headline"] == r"x\xff"


@pytest.mark.parametrize(
    ("text", "at", "number"),
    [
        ("2026-11-23T02:15:44Z", datetime(2026, 11, 23, 2, 15, 44, tzinfo=UTC), 1795400144000),
        ("2026-06-08T19:20:00.099999Z", datetime(2026, 6, 8, 19, 20, 0, 99_999, tzinfo=UTC), 1780946400099),
        ("2026-11-23T05:15:44.5+03:00", datetime(2026, 11, 23, 2, 15, 44, 500_000, tzinfo=UTC), 1795400144500),
        ("0001-01-01T00:00:00+14:00", None, None),
        ("yesterday", None, None),
        (None, None, None),
        (12, None, None),
    ],
)
def test_times(text: Any, at: datetime | None, number: int | None) -> None:
    assert (moment(text), millis(text)) == (at, number)


def test_microseconds_are_exact() -> None:
    assert micros(datetime(2026, 6, 8, 19, 20, 0, 99_999, tzinfo=UTC)) == 1780946400099999
    assert micros(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)) == -1


@pytest.mark.parametrize(
    ("until", "now", "at"),
    [
        ("2026-11-23T02:15:44Z", NOW, datetime(2026, 11, 23, 2, 15, 44, tzinfo=UTC)),
        ("1970-01-02T00:00:00Z", NOW, NOW),  # a record without a date
        ("1970-01-02T00:00:00Z", None, datetime(1970, 1, 2, tzinfo=UTC)),
        ("?", None, datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_when_a_finding_was_seen(until: str, now: datetime | None, at: datetime) -> None:
    assert seen({"until": until}, Context(now=now)) == at


@pytest.mark.parametrize(
    ("decision", "by", "is_closed"),
    [
        ("benign", "olga", True),
        ("expected", "olga", True),
        ("malicious", "olga", False),
        ("expected", "tidewaiter", False),
        ("suspicious", "tidewaiter", False),
    ],
)
def test_only_a_person_closes(decision: str, by: str, is_closed: bool) -> None:
    assert closed({"verdict": {"decision": decision, "by": by}}) is is_closed


def test_what_a_finding_names() -> None:
    finding = documents.chained(
        rules=("own@3",), techniques=("T1613", "T1552.007"), sightings=(factories.sighting(), factories.sighting())
    )
    assert recognisers(finding) == ["own@3", "kube-list-everything@1"]
    assert techniques(finding) == ["T1613", "T1552.007"]
    assert list(texts(finding)) == ["list /api/v1/pods?limit=500", "list /api/v1/secrets"]
    assert link(finding, Context(link="https://watch.example/findings/{id}")) == (
        "https://watch.example/findings/F-3kq9x2m7"
    )
    assert link(finding, Context()) == ""


def test_a_digest_tells_states_apart() -> None:
    one, same, other = documents.chained(), documents.chained(), documents.chained(confidence=0.5)
    assert digest(one) == digest(same) != digest(other)
    assert len(digest(one)) == 16


@pytest.mark.parametrize(
    ("address", "numeric"),
    [("10.0.0.1", True), ("2001:db8::1", True), ("fe80::1%eth0", False), ("fe80::1%a=b |", False), ("host", False)],
)
def test_addresses_that_are_numbers(address: str, numeric: bool) -> None:
    assert is_numeric(address) is numeric
    assert numeric_addresses({"addresses": [address]}) == ([address] if numeric else [])
