from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations

import pytest

from tidewaiter.sources.auditd_records import Assembler, Event, Record, call_of, record, time_of

ID = b"1795425714.720:14006"
SYSCALL = (
    b'type=SYSCALL msg=audit(1795425714.720:14006): arch=c000003e syscall=59 success=yes exit=0 exe="/x" key=(null)'
)
EXECVE = b'type=EXECVE msg=audit(1795425714.720:14006): argc=2 a0="docker" a1="ps"'
CONNECT = b"type=SYSCALL msg=audit(1795425714.720:14006): arch=c000003e syscall=42 success=yes exit=0 a0=3"
SOCKADDR = b"type=SOCKADDR msg=audit(1795425714.720:14006): saddr=0100AA"
TITLE = b"type=PROCTITLE msg=audit(1795425714.720:14006): proctitle=6964"


@pytest.mark.parametrize(
    ("line", "gives"),
    [
        (EXECVE, (b"", b"EXECVE", b' argc=2 a0="docker" a1="ps"')),
        (b"node=n1 " + TITLE, (b"n1", b"PROCTITLE", b" proctitle=6964")),
        (b"Nov 23 09:00:00 h audispd: node=n1 " + TITLE, (b"n1", b"PROCTITLE", b" proctitle=6964")),
        (
            b"Nov 23 09:00:00 h kernel: audit: type=1309 audit(1795425714.720:14006): argc=1",
            (b"", b"EXECVE", b" argc=1"),
        ),
        (b"type=UNKNOWN[1334] msg=audit(1795425714.720:14006): prog-id=1", (b"", b"UNKNOWN[1334]", b" prog-id=1")),
        (b"type=DAEMON_CONFIG msg=audit(1795425714.720:14006) changed", (b"", b"DAEMON_CONFIG", b" changed")),
        (b"type=EXECVE msg=audit(1795425714:x): argc=1", None),
        (b"Nov 23 09:00:00 h sshd: hello", None),
        (b"", None),
    ],
)
def test_lines(line: bytes, gives: tuple[bytes, bytes, bytes] | None) -> None:
    assert record(line, 3, 9) == (Record(gives[0], gives[1], ID, gives[2], 3, 9) if gives else None)


def test_time() -> None:
    assert time_of(ID) == datetime(2026, 11, 23, 9, 21, 54, 720000, tzinfo=UTC)
    odd = (b"99999999999999.1:1", b"1.x:1", b"1.:1", b" 1.1:1", b"+1.1:1", b"1_0.1:1")
    assert [time_of(identity) for identity in odd] == [None] * len(odd)


@pytest.mark.parametrize(
    ("body", "call"),
    [
        (b" arch=c000003e syscall=59", "exec"),
        (b" arch=c000003e syscall=322", "exec"),
        (b" arch=c000003e syscall=42", "connect"),
        (b" arch=c000003e syscall=257", None),
        (b" arch=c00000b7 syscall=221", "exec"),
        (b" arch=c00000b7 syscall=281", "exec"),
        (b" arch=c00000b7 syscall=203", "connect"),
        (b" arch=c00000b7 syscall=59", None),
        (b" arch=40000003 syscall=11", "exec"),
        (b" arch=40000003 syscall=358", "exec"),
        (b" arch=40000003 syscall=362", "connect"),
        (b" arch=40000003 syscall=102 success=yes exit=0 a0=3", "connect"),
        (b" arch=40000003 syscall=102 success=yes exit=0 a0=2", None),
        (b" arch=x86_64 syscall=execve", "exec"),
        (b" arch=dead syscall=7", "unknown"),
        (b" nothing", "unknown"),  # damaged: what it was cannot be said
    ],
)
def test_calls(body: bytes, call: str | None) -> None:
    assert call_of(body) == call


def assembled(lines: list[bytes], window: int = 10_000) -> list[Event]:
    assembler, offset = Assembler(window), 0
    found: list[Event] = []
    for number, line in enumerate(lines, 1):
        one = record(line, number, offset)
        assert one is not None
        found += assembler.add(one)
        offset += len(line) + 1
    found += assembler.finish()
    assert assembler.waiting == {}
    return found


@pytest.mark.parametrize("lines", list(permutations([SYSCALL, EXECVE, TITLE])))
def test_an_exec_in_any_order(lines: tuple[bytes, ...]) -> None:
    (event,) = assembled(list(lines))
    assert event.arguments is not None
    assert (event.arguments.argv(), event.syscall, event.id) == (("docker", "ps"), SYSCALL[45:], ID)


def test_a_connect() -> None:
    for lines in permutations([CONNECT, SOCKADDR]):
        (event,) = assembled(list(lines))
        assert (event.address, event.arguments) == (b"0100AA", None)


def test_an_address_of_another_call_is_no_connect() -> None:
    assert assembled([CONNECT.replace(b"=42", b"=44"), SOCKADDR]) == []


def test_two_hosts_may_use_one_identifier() -> None:
    other = EXECVE.replace(b'"ps"', b'"images"')
    events = assembled([b"node=a " + SYSCALL, b"node=b " + SYSCALL, b"node=b " + other, b"node=a " + EXECVE])
    assert [(event.node, event.arguments.argv()) for event in events if event.arguments] == [
        (b"b", ("docker", "images")),
        (b"a", ("docker", "ps")),
    ]


def test_records_further_apart_than_the_window_are_not_one_event() -> None:
    between = [TITLE.replace(b"14006", b"77777")] * 20
    apart = assembled([SYSCALL, *between, EXECVE], window=500)
    assert [(event.syscall is None, event.arguments is None) for event in apart] == [(False, True), (True, False)]
    assert len(assembled([SYSCALL, *between, EXECVE], window=5000)) == 1


def test_an_exec_without_arguments_keeps_its_title() -> None:
    (event,) = assembled([SYSCALL, TITLE])
    assert (event.arguments, event.title) == (None, b"6964")
