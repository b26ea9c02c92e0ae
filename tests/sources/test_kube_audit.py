from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from audit_event import as_go_writes, event, line
from audit_stories import EXEC, FORBIDDEN, LOG, ONE, STAMP, STORIES, request
from golden import check_golden
from hypothesis import given
from hypothesis import strategies as st
from reading import as_json_lines

from tidewaiter.model import Activity
from tidewaiter.sources import catalogue
from tidewaiter.sources.contract import Block, Tally, Unreadable
from tidewaiter.sources.kube_audit import SOURCE, KubeAuditReader
from tidewaiter.sources.kube_audit_triage import triage
from tidewaiter.sources.opening import inputs

DATA = Path(__file__).parents[1] / "data" / "kubernetes"
_TRIAGE = triage()
QUIET = line(verb="update")


def read_blocks(blocks: Sequence[Block], *, native: bool = False) -> tuple[list[Activity], Tally]:
    tally = Tally("audit.log")
    reader = KubeAuditReader(tally, _TRIAGE if native else None)
    found = [activity for block in blocks for activity in reader.feed(block)]
    found += reader.finish()
    return found, tally


def among_quiet(data: bytes, offset: int = 0, line: int = 1) -> Block:
    """Put so many lines of no interest ahead that the native triage pays; the data keeps its place."""
    ahead = data.count(b"\n") + 1
    return Block(QUIET * ahead + data, offset - len(QUIET) * ahead, line - ahead)


def read(data: bytes) -> tuple[list[Activity], Tally]:
    """Read plainly, and through the native triage where there is one: one answer."""
    found, tally = read_blocks([Block(data, 0, 1)])
    assert read_blocks([among_quiet(data)], native=True)[0] == found
    assert (len(found), tally.path) == (tally.kept, "audit.log")
    return found, tally


@pytest.mark.parametrize(("data", "expected"), [story[1:] for story in STORIES], ids=[story[0] for story in STORIES])
def test_reads_an_event(data: bytes, expected: list[Activity]) -> None:
    found, tally = read(data)
    assert found == expected
    assert (tally.records, tally.unreadable) == (data.count(b"\n"), 0)


@pytest.mark.parametrize(
    ("given", "stages"),
    [
        ({}, [("RequestReceived", None), ("ResponseComplete", 200)]),
        (EXEC, [("RequestReceived", None), ("ResponseStarted", 101), ("ResponseComplete", 101)]),
        (LOG, [("RequestReceived", None), ("ResponseStarted", 200), ("ResponseComplete", 200)]),
        ({"verb": "watch"}, [("RequestReceived", None), ("ResponseStarted", 200)]),
        ({"user": {}}, [("ResponseStarted", 401)]),
        ({}, [("RequestReceived", None), ("Panic", 500)]),
    ],
)
def test_the_stages_of_a_request_share_one_id(given: dict[str, Any], stages: list[tuple[str, int | None]]) -> None:
    lines = [line(**given, stage=stage, responseStatus=code and {"code": code}) for stage, code in stages]
    found, tally = read(b"".join(lines))
    assert (len(found), len({one.id for one in found}), tally.records) == (len(stages), 1, len(stages))


def test_an_audit_id_chosen_by_the_client_hides_nothing() -> None:
    lines = [
        line(auditID="mine"),
        line(auditID="mine", requestURI="/api/v1/namespaces/shop/pods"),
        line(auditID="mine", requestReceivedTimestamp="2026-06-01T08:00:00.000002Z"),
        line(auditID="mine", user={"username": "eve@dev.example"}),  # in the same microsecond, as somebody else
        line(auditID="mine", requestURI="/api/v1/namespaces/547c1be46ecd/pods"),  # these two have one CRC-32
        line(auditID="mine", requestURI="/api/v1/namespaces/fee72ef6c8dd/pods"),
        line(auditID=None),
        line(auditID="x" * 1000),
    ]
    found, _ = read(b"".join(lines))
    assert len({one.id for one in found}) == len(lines)
    assert max(len(one.id) for one in found) <= 64 + 1 + len(STAMP) + 1 + 16


def test_one_user_two_programs_are_two_actors_only_for_the_control_plane() -> None:
    scheduler = {"username": "system:kube-scheduler"}
    found, _ = read(line(user=scheduler, userAgent="kube-scheduler/v1.36.2 (linux)") + line(user=scheduler))
    assert [one.actor.kind for one in found] == ["component", "user"]


def test_reads_what_the_forwarder_of_openshift_makes_of_an_event() -> None:
    around = {
        "@timestamp": STAMP,
        "hostname": "cp-0",
        "log_type": "audit",
        "openshift": {"cluster_id": "x", "sequence": 7},
    }
    own = event(level="default", k8s_audit_level="Metadata")
    found, tally = read(as_go_writes({**around, **own}))
    assert (found, tally.notes) == ([request()], {})
    review = event(level="default", k8s_audit_level="Metadata", verb="create", objectRef={"resource": "tokenreviews"})
    assert read(as_go_writes({**around, **review}))[1].notes == {"kube-no-reads": 1, "kube-reviews-without-body": 1}


ITEMS = [
    event(kind=None, apiVersion=None),
    event(kind=None, **ONE),
    event(kind=None, requestURI="/api/v1/namespaces/shop/pods"),
]
OTHER = request(text="list /api/v1/namespaces/shop/pods")


@pytest.mark.parametrize(
    ("items", "found", "records", "unreadable"),
    [
        (ITEMS, [request(), OTHER], 3, 0),
        ([], [], 0, 0),
        (None, [], 0, 0),
        # one bad item costs itself only
        ([{**ITEMS[0], "userAgent": 5}, ITEMS[2]], [OTHER], 2, 1),
        ([{**ITEMS[0], "user": 5}, 7, None, ITEMS[2]], [OTHER], 4, 3),
        ({"a": 1}, [], 1, 1),
    ],
)
def test_unpacks_an_event_list(items: Any, found: list[Activity], records: int, unreadable: int) -> None:
    body = {"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}, "items": items}
    activities, tally = read(as_go_writes(body))
    assert activities == found
    assert (tally.records, tally.unreadable) == (records, unreadable)


def test_reads_event_lists_one_a_line_as_a_webhook_receiver_writes_them() -> None:
    body = {"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}, "items": ITEMS}
    first = as_go_writes(body)
    found, tally = read(first * 3)
    places = [(number + 1, number * len(first)) for number in range(3)]
    assert found == [one for at in places for one in (request(*at), request(*at, text=OTHER.text))]
    assert (tally.records, tally.kept, tally.first) == (9, 6, found[0].at)


@pytest.mark.parametrize("indent", [None, 2])
def test_reads_an_event_list_from_a_file(tmp_path: Path, indent: int | None) -> None:
    path = tmp_path / "events.json"
    path.write_text(json.dumps({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": ITEMS}, indent=indent))
    (given_one,) = inputs([str(path)], report=lambda problem: pytest.fail(str(problem)))
    with catalogue.read(given_one) as reading:
        found = [activity for batch in reading.batches() for activity in batch]
    assert (reading.source, reading.tally.records, reading.tally.unreadable) == (SOURCE, 3, 0)
    assert [(one.id, one.text) for one in found] == [(one.id, one.text) for one in (request(), OTHER)]
    assert len({one.origin.offset for one in found}) == (2 if indent else 1)


GOOD = line()
_DEEP = b"[" * 100_000 + b"]" * 100_000
BAD: list[tuple[str, bytes]] = [
    ("cut", GOOD[:200] + b"\n"),
    ("broken inside", GOOD.replace(b'"list"', b'"list" "x"')),
    ("not JSON", b'--- "list" rotated ---\n'),
    ("an array", b'["list"]\n'),
    ("zero bytes", b"\0" * 300 + b"\n"),
    ("a zero byte in a string", GOOD.replace(b"kubectl", b"kube\0ctl")),
    ("no UTF-8", GOOD.replace(b"kubectl", b"kube\xffctl")),
    ("no UTF-8 in a user", GOOD.replace(b"ana@", b"\xff@")),
    ("a lone surrogate", GOOD.replace(b"kubectl", rb"kube\ud800ctl")),
    ("a lone surrogate in a user", GOOD.replace(b"ana@", rb"\ud800@")),
    ("a lone surrogate at the end", GOOD.replace(b"?limit=500", rb"\udfff")),
    ("nested deep", GOOD.replace(b'"Metadata"', b'"x","deep":' + _DEEP)),
    ("nested deep in a user", GOOD.replace(b'{"username"', b'{"deep":' + _DEEP + b',"username"')),
    ("a number too large", GOOD.replace(b'"code":200', b'"code":' + b"4" * 5000)),
    ("a code with a point", GOOD.replace(b'"code":200', b'"code":403.5')),
    ("two events on one line", GOOD[:-1] + GOOD),
    ("agent is a number", line(userAgent=5)),
    ("addresses are a text", line(sourceIPs="10.0.0.9")),
    ("an address is a number", line(sourceIPs=[5])),
    ("user is a list", line(user=["ana"])),
    ("extra is a text", line(user={"username": "ana", "extra": "x"})),
    ("object is a text", line(objectRef="pods")),
    ("status is a number", line(responseStatus=200)),
    ("target is a list", line(requestURI=["/api"])),
    ("no time", line(requestReceivedTimestamp=None, stageTimestamp=None)),
    ("a time without a zone", line(requestReceivedTimestamp="2026-06-01 08:00:00.1")),
    ("a time that is none", line(requestReceivedTimestamp="yesterday")),
    ("a time before all", line(requestReceivedTimestamp="0001-01-01T00:00:00+23:00")),
]


@pytest.mark.parametrize("bad", [case[1] for case in BAD], ids=[case[0] for case in BAD])
def test_bad_data_is_counted_and_costs_only_its_line(bad: bytes) -> None:
    data = GOOD + bad + GOOD
    for native, block in enumerate((Block(data, 1000, 7), among_quiet(data, 1000, 7))):
        found, tally = read_blocks([block], native=bool(native))
        assert found == [request(7, 1000), request(9, 1000 + len(GOOD) + len(bad))]
        assert [(place.line, place.offset) for place in tally.places] == [(8, 1000 + len(GOOD))]
        assert tally.unreadable == 1


@pytest.mark.parametrize(
    ("odd", "note"),
    [
        (line(verb=None), {"kube-no-verb": 1}),
        (line(verb=""), {"kube-no-verb": 1}),
        (line(verb="LIST"), {}),
        (line(verb="proxy"), {}),
        (line(kind=None, apiVersion=None, level=None, auditID=None, stage=None, verb="update"), {}),
        (b"{}\n", {"kube-no-verb": 1}),
        (line(verb="get", requestURI=None, objectRef={"resource": "pods"}), {}),
        (line(verb="get", requestURI=None, objectRef=None), {}),
        (line(objectRef={"namespace": "shop"}, requestURI="/x/y"), {}),
    ],
)
def test_what_says_too_little_is_a_record_without_activity(odd: bytes, note: dict[str, int]) -> None:
    found, tally = read(GOOD + odd)
    assert (found, tally.records, tally.unreadable, tally.notes) == ([request()], 2, 0, note)


def test_says_how_an_unreadable_line_begins() -> None:
    _, tally = read(GOOD + b'{"kind":"Event"\n')
    assert tally.places == [
        Unreadable(
            path="audit.log",
            line=2,
            offset=len(GOOD),
            reason="not-an-event: Input data was truncated",
            sample=b'{"kind":"Event"',
        )
    ]


@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n \t\n", b"\r\n"])
@pytest.mark.parametrize("between", [b"", b"\n", b"   \n", b"\r\n"])
def test_blank_lines_count_as_lines_only(between: bytes, end: bytes) -> None:
    data = between + GOOD + between + GOOD.rstrip(b"\n") + end
    second = len(between) * 2 + len(GOOD)
    lines = bool(between)
    for native, block in enumerate((Block(data, 0, 1), among_quiet(data))):
        found, tally = read_blocks([block], native=bool(native))
        assert found == [request(1 + lines, len(between)), request(2 + 2 * lines, second)]
        assert (tally.records - native * (data.count(b"\n") + 1), tally.unreadable) == (2, 0)


@pytest.mark.parametrize(
    ("data", "notes"),
    [
        (b"", {}),
        (line(), {}),
        (line(verb="update"), {"kube-no-reads": 1}),
        (line(**ONE), {}),  # not kept, but there
        (line(verb="create"), {"kube-no-reads": 1}),
        (line(responseStatus=FORBIDDEN), {}),
        (b"".join(line(responseStatus={**FORBIDDEN, "message": str(n)}) for n in range(20)), {"kube-only-refused": 20}),
        (line(stage="RequestReceived", responseStatus=None) * 2, {"kube-only-request-received": 2}),
        (line(stage="RequestReceived", responseStatus=None) + line(), {}),
    ],
)
def test_says_what_the_log_could_not_show(data: bytes, notes: dict[str, int]) -> None:
    for native in (False, True):
        assert read_blocks([Block(data, 0, 1)], native=native)[1].notes == notes


def test_a_line_longer_than_a_chunk_keeps_every_place() -> None:
    long = line(requestObject={"x": "y" * 200_000})
    data = GOOD * 3 + long + GOOD * 200 + long
    found, _ = read(data)
    starts = [0, *(at + 1 for at, byte in enumerate(data[:-1]) if byte == ord("\n"))]
    assert found == [request(number + 1, start) for number, start in enumerate(starts)]


@pytest.mark.parametrize("doubled", [b"\r", b" ", b""])
def test_an_event_over_two_lines_does_not_make_up_for_two_on_one(doubled: bytes) -> None:
    """As many events as lines, and yet none is where it seems to be."""
    broken = GOOD.replace(b',"user"', b',\n"user"', 1)
    data = broken + GOOD + GOOD.rstrip(b"\n") + doubled + GOOD + GOOD
    found, tally = read(data)
    assert [(one.origin.line, one.origin.offset) for one in found] == [
        (3, len(broken)),
        (5, len(data) - len(GOOD)),
    ]
    assert ([place.line for place in tally.places], tally.records) == ([1, 2, 4], 2)


def test_cleaned_real_lines() -> None:
    data = (DATA / "audit.jsonl").read_bytes()
    found, tally = read(data)
    assert (tally.records, tally.unreadable) == (25, 0)
    check_golden(DATA / "audit.golden.jsonl", as_json_lines(found))


_MIXED = [
    *(DATA / "audit.jsonl").read_bytes().splitlines(keepends=True),
    *[QUIET] * 5,
    *[b"\n", GOOD[:99] + b"\n", as_go_writes({"kind": "EventList", "items": ITEMS})],
]


@given(st.lists(st.sampled_from(_MIXED), max_size=12), st.data())
def test_any_blocks_give_the_same(lines: list[bytes], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(lines))))))
    blocks, start, offset = [], 0, 0
    for cut in [*cuts, len(lines)]:
        piece = memoryview(b"".join(lines[start:cut]))
        blocks.append(Block(piece, offset, start + 1))
        start, offset = cut, offset + len(piece)
    whole, tally = read_blocks([Block(b"".join(lines), 0, 1)])
    for native in (False, True):
        found, again = read_blocks(blocks, native=native)
        assert found == whole
        assert (again.records, again.unreadable, again.notes) == (tally.records, tally.unreadable, tally.notes)
