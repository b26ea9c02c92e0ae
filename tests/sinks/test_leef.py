"""Read back as QRadar reads it: a header of pipes, then attributes between the delimiter that the header names."""

import re
from typing import Any

import documents
import factories
import pytest
from hypothesis import given

from tidewaiter.sinks.cef import signature
from tidewaiter.sinks.document import Context, document
from tidewaiter.sinks.leef import line
from tidewaiter.sinks.safe_text import safe
from tidewaiter.wording import Wording

EN = Wording("en")


def parse(data: str) -> tuple[list[str], dict[str, str]]:
    """Take a LEEF 2.0 line apart (IBM DSM guide, "LEEF event components"); the format has no escapes."""
    *header, delimiter, attributes = data.split("|", 6)
    if header[0] != "LEEF:2.0" or len(data.splitlines()) != 1 or len(delimiter) != 1:
        raise ValueError("not one LEEF 2.0 line")
    found: dict[str, str] = {}
    for attribute in attributes.split(delimiter):
        key, equal, value = attribute.partition("=")
        if not equal or not re.fullmatch("[A-Za-z0-9]+", key) or key in found:
            raise ValueError(f"no attribute: {attribute!r}")
        found[key] = value
    return header[1:], found


def test_the_parser_reads_the_example_of_the_guide() -> None:
    assert parse("LEEF:2.0|Lancope|StealthWatch|1.0|41|^|src=192.0.2.0^dst=172.50.123.1^sev=5^usrName=joe.black") == (
        ["Lancope", "StealthWatch", "1.0", "41"],
        {"src": "192.0.2.0", "dst": "172.50.123.1", "sev": "5", "usrName": "joe.black"},
    )


@pytest.mark.parametrize("wrong", ["LEEF:1.0|a|b|c|d|^|a=b", "LEEF:2.0|a|b|c|d|^|a=b^c", "LEEF:2.0|a|b|c|d|^|a=b^a=c"])
def test_the_parser_refuses_what_is_not_leef(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"LEEF|attribute"):
        parse(wrong)


def test_a_finding_is_read_back() -> None:
    data = line(documents.chained(), EN, Context(link="https://x.example/?id={id}&a=b")).decode()
    assert parse(data) == (
        ["tidewaiter", "tidewaiter", "0.1.0", "T1613"],
        {
            "cat": "kubernetes",
            "devTime": "2026-11-23T02:15:44.000+0000",
            "devTimeFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSZ",
            "sev": "8",
            "src": "10.42.3.17",
            "usrName": "shop/web",
            "realm": "kubernetes",
            "role": "service-account",
            "findingId": "F-3kq9x2m7",
            "level": "high",
            "confidencePercent": "93",
            "headline": "service account shop/web lists everything it can reach",
            "firstSeen": "2026-11-23T02:14:07.000+0000",
            "techniques": "T1613, T1552.007",
            "addresses": "10.42.3.17",
            "tools": "curl/8.5",
            "kinds": "nodes, pods",
            "namespaces": "*",
            "scope": "everything",
            "requests": "11",
            "answered": "5",
            "refused": "6",
            "rules": "kube-list-everything@1",
            "seen": "list /api/v1/pods?limit=500 / list /api/v1/secrets",
            "followedBy": "reads secrets",
            "verdict": "suspicious",
            "verdictBy": "tidewaiter",
            "why": "In 41 days of history it never read this kind: nodes.",
            "link": "https://x.example/?id=F-3kq9x2m7&a=b",
        },
    )


def test_what_separates_becomes_visible() -> None:
    made = document(
        factories.finding(
            techniques=(),
            rules=("a|b^c@1",),
            actor=factories.actor(name="x^sev=1\ty"),
            sightings=(factories.sighting(text="a\nb"),),
        )
    )
    header, found = parse(line(made, EN, Context()).decode())
    assert (header[3], found["usrName"], found["seen"]) == (r"a\x7cb\x5ec", r"x\x5esev=1\ty", r"a\nb")


@given(documents.hostile())
def test_whatever_a_log_holds_it_is_read_back(finding: dict[str, Any]) -> None:
    data = line(finding, EN, Context())
    assert len(data) <= Context().size
    assert not documents.controls(data.decode())
    header, found = parse(data.decode())
    event = signature(finding)[0].replace("|", r"\x7c").replace("^", r"\x5e")
    assert header == ["tidewaiter", "tidewaiter", "0.1.0", event]
    assert (found["findingId"], found["requests"], found["level"]) == ("F-3kq9x2m7", "11", finding["level"])
    name = safe(finding["actor"]["name"], limit=4000)
    if len(name) < 10:
        assert found.get("usrName", "") == name.strip().replace("^", r"\x5e")
