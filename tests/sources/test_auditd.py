from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from audit_text import UNSET, event, log, unix
from golden import check_golden
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import as_json_lines, assert_survives, read

from tidewaiter.model import Activity
from tidewaiter.sources.auditd import SOURCE, AuditdReader, sniff
from tidewaiter.sources.auditd_needles import Everything
from tidewaiter.sources.contract import Block, Tally

DATA = Path(__file__).parent.parent / "data" / "auditd"
DOCKER = unix("/var/run/docker.sock")
PORT = "02000947C0A80105" + 16 * "0"
TO_DOCKER = "x connects to /var/run/docker.sock"
PS = ["docker", "ps"]


def plainly(data: bytes) -> tuple[list[Activity], Tally]:
    """Read with every line taken apart: the slow way that needs no filter."""
    tally = Tally("golden.log")
    reader = AuditdReader(tally, sieve=Everything())
    return [*reader.feed(Block(data, 0, 1)), *reader.finish()], tally


def same_both_ways(data: bytes) -> list[Activity]:
    """Give what both ways find, and fail when they differ in anything."""
    fast, tally = read(SOURCE, data)
    plain, other = plainly(data)
    assert as_json_lines(fast) == as_json_lines(plain)
    assert (tally.records, tally.unreadable, tally.notes) == (other.records, other.unreadable, other.notes)
    return fast


@pytest.mark.parametrize("name", ["raw.log", "enriched.log"])
def test_golden(name: str) -> None:
    found, tally = read(SOURCE, (DATA / name).read_bytes())
    assert (tally.unreadable, tally.kept) == (0, len(found))
    check_golden(DATA / f"{name}.golden.jsonl", as_json_lines(found))


@pytest.mark.parametrize("name", ["raw.log", "enriched.log", "rhel7.log"])
def test_real_logs_both_ways_and_line_by_line(name: str) -> None:
    data = (DATA / name).read_bytes()
    same_both_ways(data)
    assert_survives(SOURCE, data)


def test_an_ordinary_log_has_no_findings() -> None:
    found, tally = read(SOURCE, (DATA / "rhel7.log").read_bytes())
    assert (found, [place.sample for place in tally.places]) == ([], [b"type=UNKNOWN[1329] msg=?"])


@pytest.mark.parametrize(
    ("over", "who", "realm", "traits"),
    [
        ({"auid": 1001, "uid": 1001}, "uid 1001", "host", ()),
        ({"auid": 1001, "uid": 0}, "uid 1001", "host", ()),  # the login survives sudo
        ({"auid": UNSET, "uid": 33}, "uid 33", "host", ("no-login",)),
        ({"auid": -1, "uid": 33}, "uid 33", "host", ("no-login",)),
        ({"node": "node=web7 "}, "uid 1001", "web7", ()),
        ({"node": "Nov 23 09:00:00 loghost audispd: node=web7 "}, "uid 1001", "web7", ()),
    ],
)
def test_who_in_raw_form(over: dict[str, Any], who: str, realm: str, traits: tuple[str, ...]) -> None:
    (found,) = same_both_ways(log(event(PS, **over)))
    assert (found.actor.kind, found.actor.name, found.actor.realm, found.actor.via) == ("host-user", who, realm, None)
    assert found.traits == traits


@pytest.mark.parametrize(
    ("names", "who", "traits"),
    [
        ('AUID="anna" UID="root"', "anna", ()),
        ('AUID="unset" UID="www-data"', "www-data", ("no-login",)),
        ('AUID="unknown(1001)" UID="unknown(1001)"', "uid 1001", ()),
    ],
)
def test_who_in_enriched_form(names: str, who: str, traits: tuple[str, ...]) -> None:
    lines = event(PS, auid=UNSET if "unset" in names else 1001)
    lines[0] += f"\x1dARCH=x86_64 SYSCALL=execve {names}"
    (found,) = same_both_ways(log(lines))
    assert (found.actor.name, found.traits) == (who, traits)


@pytest.mark.parametrize(
    ("lines", "gives"),
    [
        (event(PS), [("list", "containers", "unknown", "docker ps")]),
        (event(PS, encode=True), [("list", "containers", "unknown", "docker ps")]),
        (event(PS, limit=2), [("list", "containers", "unknown", "docker ps")]),
        (event(PS, code=-2), []),
        (event(PS, code=-13), [("list", "containers", "refused", "docker ps")]),
        (event(["quiet", "ps"], exe="/usr/bin/docker"), [("list", "containers", "unknown", "quiet ps")]),
        (event(["ls", "docker", "ps"]), []),
        (event(call=42, saddr=DOCKER), [("connect", "socket", "answered", TO_DOCKER)]),
        (event(call=42, saddr=DOCKER, code=-13), [("connect", "socket", "refused", TO_DOCKER)]),
        (event(call=42, saddr=DOCKER, code=-2), [("connect", "socket", "failed", TO_DOCKER)]),
        (event(call=42, saddr=PORT), [("connect", "socket", "answered", "x connects to 192.168.1.5:2375")]),
        (event(call=42, saddr=unix("/run/systemd/notify")), []),
        (event(call=44, saddr=DOCKER), []),  # sendto
        (event(PS)[1:2], [("list", "containers", "unknown", "docker ps")]),  # its SYSCALL record was excluded
        (event(PS)[:1], []),  # nothing says what was run
    ],
)  # fmt: skip
def test_events(lines: list[str], gives: list[tuple[str, str, str, str]]) -> None:
    found = same_both_ways(log(event(["ls"], serial=8), lines, event(["id"], serial=9)))
    assert [(one.verb, one.kind, one.outcome, one.text) for one in found] == gives


def test_other_machines_have_other_numbers() -> None:
    for arch, execve, connect in [("c00000b7", 221, 203), ("40000003", 11, 362)]:
        lines = [line.replace("c000003e", arch) for line in event(PS, call=execve)]
        more = [line.replace("c000003e", arch) for line in event(call=connect, saddr=DOCKER, serial=2)]
        assert [one.verb for one in same_both_ways(log(lines, more))] == ["list", "connect"]


def test_the_kernels_own_lines() -> None:
    names = {"SYSCALL": "1300", "EXECVE": "1309", "SOCKADDR": "1306", "CWD": "1307", "PROCTITLE": "1327"}
    data = log(event(PS), event(call=42, saddr=DOCKER, serial=2)).decode()
    for name, number in names.items():
        data = data.replace(f"type={name} msg=audit", f"Nov 23 09:00:00 h kernel: audit: type={number} audit")
    assert [one.verb for one in same_both_ways(data.encode())] == ["list", "connect"]


def test_a_program_whose_arguments_were_lost_is_judged_by_its_name() -> None:
    """PROCTITLE only stands in as text: after an exec without fork it is that of before."""
    lines = [line for line in event([], exe="/usr/local/bin/kdigger") if "EXECVE" not in line]
    found = same_both_ways(log(event(["ls"], serial=5), lines))
    assert {(one.text, one.tool) for one in found} == {("ls -l", "kdigger")}
    assert read(SOURCE, log(lines))[1].notes["auditd-no-arguments"] == 1
    assert same_both_ways(log([line.replace("success=yes exit=0", "success=no exit=-13") for line in lines])) == []


def test_proctitle_is_never_decided_on() -> None:
    lines = [line.replace("6C73002D6C", "646F636B6572007073") for line in event(["true"])]
    assert same_both_ways(log(lines, [line for line in event([], serial=2) if "EXECVE" not in line])) == []


def test_records_count_events_and_places_are_told() -> None:
    data = log(event(["ls"]), ["rubbish"], event(PS, serial=2), ["", "type=CWD msg=audit(1.1"])
    found, tally = read(SOURCE, data)
    assert (len(found), tally.records, tally.unreadable) == (1, 2, 2)
    start = len(log(event(["ls"])))
    assert [(one.line, one.offset, one.reason, one.sample) for one in tally.places] == [
        (5, start, "not-an-audit-record", b"rubbish"),
        (11, len(data) - 23, "not-an-audit-record", b"type=CWD msg=audit(1.1"),
    ]
    assert (found[0].origin.line, found[0].origin.offset) == (6, start + 8)
    same_both_ways(data)


@pytest.mark.parametrize(
    ("data", "notes"),
    [
        (b"", {}),
        (log(event(PS)), {"auditd-no-unset-auid": 1, "auditd-no-connect": 1}),
        (log(event(PS, auid=UNSET)), {"auditd-no-connect": 1}),
        (log(event(PS, auid=UNSET), event(call=42, saddr=unix("/run/x"), serial=2)), {}),
        (log(event(call=42, saddr=DOCKER)), {"auditd-no-execve": 1}),
        (log(event(PS)[1:2], event(["id"], auid=UNSET, serial=2)), {"auditd-no-connect": 1, "auditd-no-syscall": 1}),
        (
            log([line for line in event([*PS, "x" * 30], auid=UNSET, limit=20) if "a2[1]" not in line]),
            {"auditd-no-connect": 1, "auditd-cut-arguments": 1},
        ),
        (
            log(
                event(PS, auid=UNSET),
                ["Nov 23 09:00:00 h kernel: audit: backlog limit exceeded"],
                ["kernel: audit: audit_lost=3 audit_rate_limit=0 audit_backlog_limit=64"],
                ["type=DAEMON_ERR msg=audit(1.1:5): op=queue error"],
            ),
            {"auditd-no-connect": 1, "auditd-lost": 3},
        ),
    ],
)
def test_what_a_log_cannot_show(data: bytes, notes: dict[str, int]) -> None:
    _, tally = read(SOURCE, data)
    assert (tally.notes, tally.unreadable) == (notes, 0)
    same_both_ways(data)


def test_records_far_apart_are_joined_within_the_window_only() -> None:
    lines, quiet = event(PS), [event(["ls", "x" * 50], serial=9 + number) for number in range(200)]
    for window, known in [(200_000, True), (20_000, False)]:
        data = log(lines[:1], *quiet, lines[1:])
        for sieve in (None, Everything()):
            reader = AuditdReader(Tally("x"), sieve=sieve, window=window)
            blocks = [Block(data[at : at + 5000], at, 1) for at in range(0, len(data), 5000)]
            assert blocks
            found = _cut_at_lines(reader, data, 5000)
            assert [one.actor.kind for one in found] == (["host-user"] if known else ["unknown"])


def _cut_at_lines(reader: AuditdReader, data: bytes, size: int) -> list[Activity]:
    found: list[Activity] = []
    start, line = 0, 1
    while start < len(data):
        end = data.find(b"\n", min(start + size, len(data) - 1)) + 1 or len(data)
        found += reader.feed(Block(memoryview(data)[start:end], start, line))
        start, line = end, line + data.count(b"\n", start, end)
    return [*found, *reader.finish()]


def test_what_is_held_is_bounded() -> None:
    reader = AuditdReader(Tally("x"), window=50_000)
    orphans = log(*([event([*PS, "--filter", "x" * 40], serial=number)[1]] for number in range(5000)))
    found = _cut_at_lines(reader, orphans, 10_000)
    assert len(found) == 5000
    assert sum(len(line) for chunk in reader._chunks for line in chunk.lines) < 200_000
    assert reader._assembler.waiting == {}


COMMANDS: list[dict[str, Any]] = [
    {"argv": PS},
    {"argv": PS, "exe": "/usr/bin/docker", "auid": UNSET, "uid": 0},
    {"argv": ["quiet", "images"], "exe": "/usr/bin/docker"},
    {"argv": ["bash", "-c", "docker ps --filter name='a b'"]},
    {"argv": ["docker", "ps", "--filter", "name=" + "y" * 60], "limit": 16},
    {"argv": ["sh", "-c", "a=doc; b=ker; $a$b ps"]},
    {"argv": ["docker", "ps", "--format", "имя: {{.Names}}"]},
    {"argv": ["/tmp/.kw", "ps", "--no-trunc"], "exe": "/tmp/.kw"},
    {"argv": PS, "code": -13},
    {"argv": PS, "code": -2},
    {"argv": ["ls", "-l"]},
    {"argv": ["gcc", "-c", "z" * 60], "limit": 16},
    {"argv": ["bash", "-c", "make all | tee log"]},
    {"argv": ["wget", "http://127.0.0.1:8080/health"]},
    {"call": 42, "saddr": DOCKER},
    {"call": 42, "saddr": DOCKER, "code": -13},
    {"call": 42, "saddr": PORT, "code": -115},
    {"call": 42, "saddr": unix("/run/systemd/notify")},
    {"call": 257, "code": -2},
    {"argv": PS, "node": "node=b "},
]


def _mixed(chosen: list[int], seed: int) -> bytes:
    """Write the chosen events with their records in any order, neighbours mixed, some encoded."""
    rand = random.Random(seed)  # noqa: S311 - repeatable, not secret
    lines: list[tuple[float, str]] = []
    for serial, number in enumerate(chosen):
        seconds = 1795425714.0 + serial * 2  # far enough apart that connects are not taken for tries
        one = event(serial=serial, seconds=seconds, encode=rand.random() < 0.3, **COMMANDS[number])
        # The kernel's order is trusted for what did not start: there, only reordering adds a record to look at.
        if rand.random() < 0.5 and COMMANDS[number].get("code") != -2:
            rand.shuffle(one)
        spread = rand.choice([0.0, 0.0, 3.0])
        places = sorted(serial + spread * rand.random() for _ in one)
        lines += zip(places, one, strict=True)
    return log([line for _, line in sorted(lines, key=lambda pair: pair[0])])


CHOSEN = st.lists(st.integers(0, len(COMMANDS) - 1), min_size=1, max_size=14)


@settings(deadline=None)
@given(CHOSEN, st.integers(0, 2**16))
def test_both_ways_give_one_answer(chosen: list[int], seed: int) -> None:
    same_both_ways(_mixed(chosen, seed))


@settings(deadline=None)
@given(CHOSEN, st.integers(0, 2**16), st.integers(1, 30))
def test_where_blocks_end_changes_nothing(chosen: list[int], seed: int, lines_per_block: int) -> None:
    data = _mixed(chosen, seed)
    whole, tally = read(SOURCE, data)
    cut, again = read(SOURCE, data, lines_per_block=lines_per_block)
    assert as_json_lines(cut) == as_json_lines(whole)
    assert (again.records, again.unreadable, again.notes) == (tally.records, tally.unreadable, tally.notes)


@given(
    st.lists(st.sampled_from([*event(PS), *event(call=42, saddr=DOCKER), "x", "", "type=", "\x1d"]), max_size=8),
    st.binary(),
)
def test_bad_data_is_counted(lines: list[str], tail: bytes) -> None:
    data = log(lines) + tail
    assert_survives(SOURCE, data)
    same_both_ways(data)


def test_sniff() -> None:
    lines = log(event(PS)).splitlines()
    assert sniff([*lines, b"", b'{"ID":"1.1:1"}', b"Nov 23 09:00:00 h sshd: hello"]) == len(lines)


def numbered(*serials: int, second: int = 0) -> bytes:
    return b"".join(b"type=EOE msg=audit(179000000%d.100:%d):\n" % (second, number) for number in serials)


@pytest.mark.parametrize(
    ("data", "missing"),
    [
        (numbered(*range(100, 400)), None),
        (numbered(*range(100, 200), *range(300, 400)), 100),
        (numbered(*range(100, 200), 199, 198, *range(202, 300)), None),  # next to none
        (b"".join(numbered(*range(at, at + 9), *range(9000 + at, 9009 + at), second=at) for at in range(9)), None),
        (numbered(*range(5000, 5100)) + numbered(*range(1, 100), second=1), None),  # the kernel started anew
        (b"type=DAEMON_START msg=audit(1790000000.001:7350): op=start\n" + numbered(*range(8000, 8050)), None),
        (numbered(1) + b"type=EOE msg=audit(1790000001.1:" + b"9" * 5000 + b"):\n", 10**19 - 3),
    ],
    ids=["none", "a hundred", "next to none", "hosts", "start", "auditd's own", "hostile"],
)
def test_missing_numbers_are_told(data: bytes, missing: int | None) -> None:
    _, tally = read(SOURCE, data)
    assert tally.notes.get("auditd-gaps") == missing


def test_an_event_whose_number_is_damaged_is_counted_as_unreadable() -> None:
    """Also one of no interest, whose lines are not looked at one by one."""
    odd = b"type=SYSCALL msg=audit(1969-12-31T23:59:59Z:7): arch=c000003e syscall=1 success=yes exit=4 items=0\n"
    found, tally = read(SOURCE, odd)
    assert (found, tally.records, tally.unreadable) == ([], 0, 1)
