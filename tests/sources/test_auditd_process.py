from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tidewaiter.model import Origin
from tidewaiter.sources.auditd_fields import fields
from tidewaiter.sources.auditd_process import account, exit_of, process_of
from tidewaiter.sources.host_process import Process

AT = datetime(2026, 11, 23, tzinfo=UTC)
ORIGIN = Origin(source="auditd", path="audit.log", line=1, offset=0)


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b"auid=1001", "uid 1001"),
        (b'auid=1001 AUID="anna"', "anna"),
        (b'auid=1001 AUID="unknown(1001)"', "uid 1001"),
        (b"auid=anna", "anna"),
        (b"auid=4294967295", None),
        (b"auid=-1", None),
        (b'auid=1 AUID="unset"', None),
        (b"uid=0", None),
    ],
)
def test_accounts(body: bytes, name: str | None) -> None:
    assert account(fields(body), b"auid") == name


@pytest.mark.parametrize(
    ("body", "number"),
    [
        (b"success=yes exit=0", 0),
        (b"exit=-13", 0),
        (b"success=no exit=-13", -13),
        (b"success=no exit=EACCES(Permission denied)", -13),
        (b"success=no exit=EIO", -22),
        (b"success=no", -22),
        (b"success=no exit=5", -1),
    ],
)
def test_exits(body: bytes, number: int) -> None:
    assert exit_of(fields(body)) == number


def test_a_process() -> None:
    known = fields(b'success=yes exit=0 pid=7 auid=1001 uid=0 comm="docker" exe="/usr/bin/docker" UID="root"')
    assert process_of(known, event="1.1:7", at=AT, host="", origin=ORIGIN) == Process(
        event="1.1:7",
        at=AT,
        host="host",
        login="uid 1001",
        account="root",
        pid=7,
        exe="/usr/bin/docker",
        comm="docker",
        origin=ORIGIN,
    )


def test_nothing_is_known() -> None:
    assert process_of({}, event="1", at=AT, host="n", origin=ORIGIN) == Process(
        event="1", at=AT, host="n", origin=ORIGIN
    )


@pytest.mark.parametrize(
    ("digits", "number"), [(b"7", 7), (b"4294967295", 4294967295), (b"9" * 5000, None), (b"x", None)]
)
def test_a_number_that_no_process_has_is_left_out(digits: bytes, number: int | None) -> None:
    known = fields(b"success=yes pid=" + digits + b" ppid=" + digits)
    process = process_of(known, event="1.1:7", at=AT, host="", origin=ORIGIN)
    assert (process.pid, process.parent_pid) == (number, number)
