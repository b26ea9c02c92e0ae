from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.sources.event_log import LINUX_SYSMON, Entry
from tidewaiter.sources.event_xml import LONGEST, Events, Raw, entry_of_xml, number_in

DATA = Path(__file__).parent.parent / "data" / "events"
HEAD = (
    '<Event><System><Provider Name="Linux-Sysmon" Guid="{ff}"/><EventID>1</EventID>'
    '<TimeCreated SystemTime="2026-11-23T09:00:00.000000Z"/><EventRecordID>7</EventRecordID>'
    "<Channel>Linux-Sysmon/Operational</Channel><Computer>n1</Computer></System><EventData>"
)
TAIL = "</EventData></Event>"
AT = datetime(2026, 11, 23, 9, tzinfo=UTC)


def data(*pairs: tuple[str, str]) -> str:
    return "".join(f'<Data Name="{name}">{value}</Data>' for name, value in pairs)


def event(*pairs: tuple[str, str]) -> bytes:
    return (HEAD + data(*pairs) + TAIL).encode()


def pieces(*lines: bytes) -> list[Raw]:
    events = Events()
    found: list[Raw] = []
    offset = 0
    for number, line in enumerate(lines, 1):
        found += events.add(line, number, offset)
        offset += len(line) + 1
    return [*found, *events.finish()]


def test_an_event_in_full() -> None:
    assert entry_of_xml(event(("Image", "/usr/bin/docker"), ("CommandLine", "docker ps"), ("User", "-"))) == Entry(
        provider=LINUX_SYSMON,
        event=1,
        at=AT,
        host="n1",
        record="7",
        data={"image": "/usr/bin/docker", "commandline": "docker ps", "user": "-"},
    )


@pytest.mark.parametrize("name", ["sysmon_linux.log", "windows.xml"])
def test_every_line_of_the_samples_is_whole(name: str) -> None:
    lines = (DATA / name).read_bytes().splitlines()
    found = [entry_of_xml(line) for line in lines]
    assert all(
        one and one.whole and one.at and one.event == number_in(line) for one, line in zip(found, lines, strict=True)
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("docker ps", "docker ps"),
        ("a &amp;&amp; b", "a && b"),
        ("a &lt;x &#62;y", "a <x >y"),
        ("a && b", "a && b"),  # a sensor that escapes nothing
        ("&lol; &xxe;", "&lol; &xxe;"),  # no entity is ever expanded
        ("a\x01b", "a\ufffdb"),  # what XML does not allow must not hide the command
        ("a&#1;b", "a\ufffdb"),
        ("a&#xD800;b", "a\ufffdb"),
        ("a&#9999999;b", "a\ufffdb"),
        ("a&#10;b", "a\nb"),
        ("<![CDATA[docker ps]]>", "docker ps"),
        ("пс", "пс"),
    ],
)
def test_values(written: str, read: str) -> None:
    found = entry_of_xml(event(("CommandLine", written)))
    assert found
    assert (found.get("commandline"), found.whole) == (read, True)


def test_a_byte_that_is_no_utf_8_hides_nothing() -> None:
    found = entry_of_xml(event(("CommandLine", "docker ps X")).replace(b"X", b"\xff"))
    assert found
    assert (found.get("commandline"), found.whole) == ("docker ps \ufffd", True)


@pytest.mark.parametrize(
    ("text", "line", "whole"),
    [
        (event(("CommandLine", "docker ps"), ("User", "anna"))[:-30], "docker ps", False),
        (event(("CommandLine", "docker ps"), ("User", "anna"))[: len(HEAD) + 20], "", False),
        (event(("CommandLine", "cat <x"), ("User", "anna")), "cat <x", False),  # a sensor that does not escape
        (event(("CommandLine", "docker ps &lt;x"))[:-1], "docker ps <x", False),
    ],
)
def test_what_is_broken_is_read_as_far_as_it_goes(text: bytes, line: str, whole: bool) -> None:
    found = entry_of_xml(text)
    assert found
    assert (found.event, found.host, found.at, found.get("commandline"), found.whole) == (1, "n1", AT, line, whole)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"<Event>",
        b"<Event/>",
        b"<Events><EventID>1</EventID></Events>",
        b"rubbish",
        # Billion laughs, and a file of the machine that reads.
        b'<!DOCTYPE a [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;">]>' + event(("CommandLine", "&lol2;")),
        b'<!DOCTYPE a [<!ENTITY xxe SYSTEM "file:///etc/passwd">]>' + event(("CommandLine", "&xxe;")),
        event(("CommandLine", "x" * LONGEST)),
        b"<Event><System>" * 20_000,
    ],
    ids=["empty", "start", "closed", "other", "text", "laughs", "file", "long", "deep"],
)
def test_what_is_no_event(text: bytes) -> None:
    assert entry_of_xml(text) is None


def test_lines_are_cut_into_events() -> None:
    one, other = event(("a", "1")), event(("b", "2"))
    assert pieces(one, other) == [Raw(one, 1, 0), Raw(other, 2, len(one) + 1)]
    assert pieces(b"<Events>" + one + other + b"</Events>") == [Raw(one, 1, 8), Raw(other, 1, 8 + len(one))]
    head, tail = one[:50], one[50:]
    assert pieces(b"Record 1", head, tail, other) == [
        Raw(head + b"\n" + tail, 2, 9),
        Raw(other, 4, 9 + len(one) + 2),
    ]
    assert pieces(b"host sysmon: " + one) == [Raw(one, 1, 13)]


def test_an_event_without_its_end_ends_where_the_next_one_starts() -> None:
    one, other = event(("a", "1"))[:-8], event(("b", "2"))
    assert [raw.text.strip() for raw in pieces(one, other)] == [one, other]
    assert [raw.text.strip() for raw in pieces(one + other)] == [one, other]
    assert [raw.text.strip() for raw in pieces(one)] == [one]


def test_what_is_held_is_bounded() -> None:
    events = Events()
    found = [raw for number in range(40) for raw in events.add(b"<Event>" if not number else b"x" * 100_000, number, 0)]
    assert [len(raw.text) > LONGEST for raw in found] == [True]


@pytest.mark.parametrize(
    ("line", "strange"),
    [
        (b"", False),
        (b'<?xml version="1.0" encoding="utf-8"?>', False),
        (b'<?xml version="1.0" encoding="utf-8" standalone="yes"?><Events>', False),
        (b"</Events>", False),
        (b"Record 12", False),
        (event(), False),
        (b"docker ps", True),
        (b"<Log>", True),
    ],
)
def test_what_belongs_to_no_event(line: bytes, strange: bool) -> None:
    assert Events().is_strange(line) == strange


def test_within_an_event_nothing_is_strange() -> None:
    events = Events()
    assert list(events.add(b"<Event>", 1, 0)) == []
    assert not events.is_strange(b"anything")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (b"<Event><System><EventID>4688</EventID>", 4688),
        (b"<EventID Qualifiers='0'>1</EventID>", 1),
        (b"<EventID>x</EventID>", None),
        (b"", None),
    ],
)
def test_numbers(text: bytes, number: int | None) -> None:
    assert number_in(text) == number


HOSTILE = [
    b"<Event " * 100_000,
    b"<Event>" * 100_000,
    HEAD.encode() + b'<Data Name="x">' * 60_000,
    b"<Event><System>" + b"<EventID " * 100_000,
    b"<Event><System>" + b"<Provider Guid=x" * 60_000,
    b"<Event><System>" + b"<TimeCreated x" * 60_000,
    HEAD.encode() + b"&" * 900_000,
    HEAD.encode() + b"&#" * 400_000,
    b"<a>" * 300_000,
    b" " * 900_000 + b"x",
]


@pytest.mark.parametrize("line", HOSTILE, ids=lambda line: str(line[-12:]))
def test_hostile_text_costs_linear_time(line: bytes) -> None:
    begun = time.process_time()
    Events().is_strange(line)
    for raw in pieces(line):
        number_in(raw.text)
        entry_of_xml(raw.text)
    assert time.process_time() - begun < 20


@given(
    st.lists(
        st.sampled_from([HEAD, TAIL, data(("a", "b")), "<Event>", "</Event>", "<", "&", "\n", "x", "</System>"]),
        max_size=12,
    )
)
def test_any_text_is_survived(parts: list[str]) -> None:
    lines = "".join(parts).encode().split(b"\n")
    for raw in pieces(*lines):
        found = entry_of_xml(raw.text)
        assert found is None or found.event >= -1
