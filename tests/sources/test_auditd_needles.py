from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest
from audit_text import event, log, unix
from command_rows import rows
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.meaning.commandline import SUBCOMMAND_WORDS, TOOL_WORDS, read_command
from tidewaiter.meaning.vocabulary import load
from tidewaiter.sources import auditd_needles
from tidewaiter.sources.auditd_kept import Span
from tidewaiter.sources.auditd_needles import Everything, Needles

COMMANDS: list[dict[str, Any]] = [row for row in rows() if row["expect"]]
ID = b"1795425714.720:1"
NEEDLES = Needles()


def kept(data: bytes) -> bool:
    """Tell whether neither question loses the event."""
    spans, gone = NEEDLES.settled(data)
    return spans == [Span(0, len(data), 0, data.count(b"\n"))] and gone == [] and ID in NEEDLES.wanted(data)


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row["name"])
def test_every_command_that_means_something_is_kept(row: dict[str, Any]) -> None:
    argv, exe = row["argv"], row["exe"] or "/usr/bin/x"
    assert read_command(argv, exe=exe)
    for form in (
        {},
        {"encode": True},
        {"limit": 4},
        {"node": "node=n1 "},
        {"node": "Nov 23 09:00:00 h audispd: node=n1 "},
    ):
        assert kept(log(event(argv, exe=exe, **form))), form
    lower = log(event(argv, exe=exe, encode=True))
    head, _, tail = lower.partition(b"argc=")
    assert kept(head + b"argc=" + tail.replace(b"0A", b"0a"))


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row["name"])
def test_no_single_line_of_it_is_needed_to_keep_the_rest(row: dict[str, Any]) -> None:
    """Lines come in other orders and in other blocks: the arguments alone must speak, and so must the program."""
    argv, exe = row["argv"], row["exe"]
    if exe is None:
        assert ID in NEEDLES.wanted(log([line for line in event(argv) if "EXECVE" in line]))
    elif not read_command(argv):
        assert ID in NEEDLES.wanted(log([line for line in event(argv, exe=exe) if "SYSCALL" in line]))


@pytest.mark.parametrize(
    ("path", "wanted"),
    [("/run/docker.sock", True), ("/run/containerd/containerd.sock", True), ("/run/systemd/notify", False)],
)
def test_connects_are_kept_by_where_they_lead(path: str, wanted: bool) -> None:
    for code in (0, -2, -13, -111):
        assert (ID in NEEDLES.wanted(log(event(call=42, saddr=unix(path), code=code)))) is wanted
        assert NEEDLES.settled(log(event(call=42, saddr=unix(path), code=code)))[1] == []


@pytest.mark.parametrize(
    ("argv", "exe"),
    [
        (["ls", "-l"], "/usr/bin/ls"),
        (["git", "log", "--format=%H"], "/usr/bin/git"),
        (["gcc", "-c", "docker.c"], "/usr/bin/gcc"),
        (["python3", "-m", "pytest", "tests"], "/usr/bin/python3.11"),
        (["bash", "-c", "cd /srv && ./run.sh 2>&1 | tee log"], "/usr/bin/bash"),
        (["wget", "-q", "-O-", "http://127.0.0.1:8080/health"], "/usr/bin/wget"),
        (["convert", "a.png", "b.jpg"], "/usr/bin/convert"),
        (["java", "-cp", "x" * 20_000, "Main"], "/usr/bin/java"),
        (None, "/usr/bin/bash"),  # tried a folder of PATH
    ],
)
def test_what_cannot_matter_is_set_aside(argv: list[str] | None, exe: str) -> None:
    """Not needed for the findings, only for the speed."""
    lines = event(argv, exe=exe, code=0 if argv else -2)
    before, after = event(["docker", "ps"], serial=2), event(["docker", "images"], serial=3)
    data = log(before, lines, after)
    start, count = len(log(before)), len(lines)
    end = start + len(log(lines))
    assert NEEDLES.settled(data) == (
        [Span(0, start, 0, len(before)), Span(end, len(data), len(before) + count, len(after))],
        [ID],
    )


@pytest.mark.parametrize(
    "lines",
    [
        [*event(["ls"])[:1], *event(["docker", "ps"], serial=2), *event(["ls"])[1:]],  # mixed with another event
        [line for line in event(["ls"]) if "EXECVE" not in line],  # its arguments may come later
        event(["ls"], code=-2)[:1],
        [line for line in event(["ls", "x" * 30], limit=20) if "a1[1]" not in line],  # so may the last of them
        [line.replace("argc=1", "argc=3") for line in event(["ls"])],
        [*event(["ls"], serial=9)[:1], *event(["ls"])[1:]],
        [*event(["ls"], node="node=a ")[:1], *event(["ls"], node="node=b ")[1:]],  # of another host
        ["type=EXECVE msg=audit(1.2:3): argc=1" + event(["ls"])[0], *event(["ls"])[1:]],  # a line end was lost
        [event(["ls"], serial=9)[0] + event(["ls"])[0], *event(["ls"])[1:]],
    ],
)
def test_what_is_not_in_one_piece_is_kept(lines: list[str]) -> None:
    assert ID not in NEEDLES.settled(log(lines))[1]


def test_a_connect_to_a_socket_that_is_not_there_is_kept() -> None:
    lines = event(call=42, saddr=unix("/run/docker.sock"), code=-2)
    assert NEEDLES.settled(log([lines[0]], [lines[2]]))[1] == []


def test_other_system_calls_are_set_aside() -> None:
    assert NEEDLES.settled(log(event(call=257)))[1] == [ID]
    assert NEEDLES.settled(log([line.replace("c000003e", "dead") for line in event(call=257)]))[1] == []


def test_everything_asks_for_everything() -> None:
    data = log(event(["ls"]))
    assert Everything().settled(data) == ([Span(0, len(data), 0, 4)], [])
    assert Everything().wanted(data) is None  # type: ignore[func-returns-value]


def test_spans_and_settled_events_are_the_whole_block() -> None:
    quiet, loud = ["ls", "-l"], ["docker", "ps"]
    data = log(*(event(loud if serial % 3 == 0 else quiet, serial=serial) for serial in range(50)))
    spans, gone = NEEDLES.settled(data)
    assert len(gone) == 33
    assert all(one.end < next_.start for one, next_ in pairwise(spans))
    for span in spans:
        piece = data[span.start : span.end]
        assert (span.line, span.lines) == (data.count(b"\n", 0, span.start), piece.count(b"\n"))
        assert piece.endswith(b"\n")
        assert piece.startswith(b"type=")


def test_what_code_and_tunnels_hold_is_known_to_the_filter() -> None:
    """The filter looks for a few letters; a mark added to the vocabulary must hold some of them."""
    http, code = load("tools/http.yml"), load("code.yml")
    marks = [*code["engine"], *code["cluster"], *http["pipes"], *http["sockets"]]
    assert [mark for mark in marks if not auditd_needles._PLACES.search(mark.lower().encode())] == []
    ports = [f"x:{port}" for port in http["ports"]["engine"]]
    assert [port for port in ports if not auditd_needles._PLACES.search(port.encode())] == []


PLACES = (
    *("/run/secrets/kubernetes.io/serviceaccount/token", "/var/log/pods/a_b_c/d", "/proc/1/cgroup", "/.dockerenv"),
    *("any.any.svc.cluster.local", "kubernetes.default", "-p", "2375", "10250-10255", "~/.kube/config", "-exec", ";"),
    *("http://169.254.169.254/x", "2852039166", "http://10.0.0.9:2375/info", "file:///.dockerenv"),
    *("system('docker ps')", "os.system('cat /.dockerenv')"),
)
WORDS = st.sampled_from(
    [*sorted(TOOL_WORDS), *sorted(SUBCOMMAND_WORDS), *PLACES, "-n", "--", "-c", "a b", "x", "|", "$(", "é", ""]
)
DISGUISES = st.sampled_from(
    ["{}", "./{}", "/tmp/{}", "-{}", "{}3.1", "{}-1.29", "{}v2", "{}.exe", "{};", "'{}'", '"{}"']
)
COMMAND = st.lists(st.builds(lambda form, word: form.format(word), DISGUISES, WORDS), min_size=1, max_size=6)


@given(COMMAND, st.booleans(), st.one_of(st.none(), st.sampled_from(sorted(TOOL_WORDS))))
def test_whatever_is_read_is_kept(words: list[str], shell: bool, exe: str | None) -> None:
    argv = ["sh", "-c", " ".join(words)] if shell else words
    path = f"/usr/bin/{exe}" if exe else "/usr/bin/x"
    if read_command(argv, exe=path):
        assert kept(log(event(argv, exe=path)))


def test_the_property_above_bites(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its sense of hazards the filter would lose commands of the table."""
    monkeypatch.setattr(auditd_needles, "_MARKS", re.compile(rb"(?!)"))
    blunt = Needles()
    lost = [row["name"] for row in COMMANDS if ID not in blunt.wanted(log(event(row["argv"], exe="/usr/bin/x")))]
    assert lost


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditd_needles, "_MEMO", 10)
    needles = Needles()
    for number in range(100):
        name = f"p{number}"
        needles.wanted(log(event([name], exe=f"/bin/{name}")))
    assert max(len(needles._sorts), len(needles._programs)) <= 10
