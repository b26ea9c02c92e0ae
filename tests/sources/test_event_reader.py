from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading import assert_survives, read

from tidewaiter.sources import sysmon, windows_event
from tidewaiter.sources.event_reader import is_event

HEAD = (
    "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
    "<Provider Name='Microsoft-Windows-Sysmon'/><EventID>{number}</EventID>"
    "<TimeCreated SystemTime='2026-11-23T09:00:00Z'/><Computer>w</Computer></System><EventData>"
)
END = b"</EventData></Event>"


def xml(line: str = "docker ps", number: int = 1, user: str = r"CORP\anna") -> bytes:
    data = f"<Data Name='CommandLine'>{line}</Data><Data Name='User'>{user}</Data>"
    return (HEAD.format(number=number) + data).encode() + END


def as_json(line: str = "docker ps", **more: object) -> bytes:
    record = {"EventID": 1, "SourceName": "Microsoft-Windows-Sysmon", "Hostname": "w", "CommandLine": line}
    return json.dumps({**record, "UtcTime": "2026-11-23 09:00:00", **more}).encode()


def test_xml_and_json_may_be_mixed() -> None:
    found, tally = read(windows_event.SOURCE, b"\n".join([xml(), as_json("docker images"), xml("kubectl get pods")]))
    assert [one.text for one in found] == ["docker ps", "docker images", "kubectl get pods"]
    assert (tally.records, tally.unreadable) == (3, 0)


def test_an_export_of_the_event_viewer() -> None:
    head = b'<?xml version="1.0" encoding="utf-8" standalone="yes"?><Events>'
    found, tally = read(windows_event.SOURCE, head + xml() + xml("docker images", 1) + b"</Events>\n")
    assert [(one.text, one.origin.line, one.origin.offset) for one in found] == [
        ("docker ps", 1, len(head)),
        ("docker images", 1, len(head) + len(xml())),
    ]
    assert (tally.records, tally.unreadable) == (2, 0)


def test_an_export_over_many_lines() -> None:
    text = xml().replace(b"><", b">\n  <")
    data = b'Record 1\n<?xml version="1.0" encoding="utf-8"?>\n' + text + b"\nRecord 2\n" + text + b"\n"
    found, tally = read(windows_event.SOURCE, data)
    assert [(one.text, one.origin.line) for one in found] == [("docker ps", 3), ("docker ps", 16)]
    assert (tally.records, tally.unreadable) == (2, 0)


def test_an_event_that_syslog_cut_is_read_as_far_as_it_goes() -> None:
    found, tally = read(windows_event.SOURCE, xml()[:-40] + b"\n" + xml("docker images"))
    assert [(one.text, one.actor.name) for one in found] == [("docker ps", "unknown"), ("docker images", r"CORP\anna")]
    assert (tally.records, tally.unreadable, tally.notes["event-log-cut"]) == (2, 0, 1)


def test_other_events_are_counted_and_not_read() -> None:
    found, tally = read(windows_event.SOURCE, xml("docker ps", 4624) + b"\n" + b"<Event><System><EventID>99</EventID>x")
    assert (found, tally.records, tally.unreadable) == ([], 2, 0)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"rubbish", "not-an-event"),
        (b"{", "not-an-event"),
        (b'{"a":1}', "not-an-event"),
        (b'{"Event":{"System":{"EventID":"x"}}}', "not-an-event"),
        (b"[1]", "not-an-event"),
        (b"<Event>rubbish</Event>", "not-an-event"),
        (xml("x")[: len(HEAD) - 60] + b"</Event>", "cut-short"),
        (xml().replace(b"SystemTime='2026-11-23T09:00:00Z'", b""), "no-time"),
        (
            b'<!DOCTYPE a [<!ENTITY b "docker ps">]>' + xml("&b;").replace(b"<Event ", b"<Event a='<!ENTITY' "),
            "not-an-event",
        ),
        (b'{"Event":' * 5000 + b"1" + b"}" * 5000, "not-an-event"),
    ],
    ids=range(10),
)
def test_bad_lines_are_counted_with_their_place(raw: bytes, reason: str) -> None:
    good = xml()
    found, tally = read(windows_event.SOURCE, good + b"\n" + raw + b"\n\n" + good)
    (place,) = tally.places
    assert (len(found), place.line, place.reason) == (2, 2, reason)


LINES = st.lists(
    st.sampled_from(
        [xml(), as_json(), b"<Event>", b"</Event>", HEAD.format(number=1).encode(), END, b"{", b"", b"<Events>", b"x"]
    )
    | st.binary(max_size=30),
    max_size=8,
)


@given(LINES)
def test_odd_shapes_are_counted_never_raised(lines: list[bytes]) -> None:
    assert_survives(windows_event.SOURCE, b"\n".join(lines))
    assert_survives(sysmon.SOURCE, b"\n".join(lines))


@pytest.mark.parametrize(
    ("line", "linux", "windows"),
    [
        (xml(), False, True),
        (b"- " + xml(), False, True),
        (as_json(), False, True),
        (as_json(SourceName="Linux-Sysmon"), True, False),
        (as_json(SourceName="nginx"), False, False),
        (b'<Event><System><Provider Name="Linux-Sysmon" Guid="{ff}"/>', True, False),
        (b'    <Provider Name="Linux-Sysmon" Guid="{ff}"/>', True, False),
        (b"<Event>", False, False),
        (b'{"winlog":{"event_id":1,"provider_name":"Microsoft-Windows-Sysmon"}}', False, False),
        (b"{", False, False),
        (b"", False, False),
    ],
)
def test_which_lines_are_events(line: bytes, linux: bool, windows: bool) -> None:
    assert (is_event(line, linux=True), is_event(line, linux=False)) == (linux, windows)
