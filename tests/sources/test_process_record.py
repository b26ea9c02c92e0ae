from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from architecture.tree import PACKAGE, modules, relative
from audit_text import event

from tidewaiter.model import Origin, RecordKind, RuleMatch
from tidewaiter.sources.auditd import SOURCE
from tidewaiter.sources.contract import Block, Tally
from tidewaiter.sources.host_process import HostReader, Process
from tidewaiter.sources.process_record import OwnStarts, Start, fields_of_event, kind_of

AT = datetime(2026, 11, 23, 9, 21, 54, tzinfo=UTC)
ORIGIN = Origin(source="test", path="a.log", line=1, offset=0)
RULE = RuleMatch(rule="own@1", values=(("Image", "x"),))


class Everything:
    """Stands for rules that hold for every record, and keeps what it was asked."""

    def __init__(self, *kinds: RecordKind) -> None:
        self.kinds = kinds
        self.asked: list[tuple[RecordKind, Mapping[str, Any]]] = []

    def wants(self, kind: RecordKind) -> bool:
        return kind in self.kinds

    def matches(self, kind: RecordKind, record: Mapping[str, Any]) -> tuple[RuleMatch, ...]:
        self.asked.append((kind, record))
        return (RULE,)


def start(**given: Any) -> Start:
    complete: dict[str, Any] = {
        "host": "host", "container": None, "pid": 7, "parent_pid": None, "exe": "/usr/bin/docker", "comm": "docker",
        "account": "root", "parent": None, "more": {},
    }  # fmt: skip
    return Start(**{**complete, **given})


RECORDS: list[tuple[dict[str, Any], tuple[str, ...], str | None, dict[str, Any]]] = [
    (
        {},
        ("docker", "ps", "-a"),
        None,
        {"Image": "/usr/bin/docker", "CommandLine": "docker ps -a", "User": "root", "ProcessId": 7},
    ),
    (
        {"exe": None, "account": "uid 0", "pid": None},
        ("/bin/sh", "-c", "x y"),
        None,
        {"Image": "/bin/sh", "CommandLine": "/bin/sh -c x y", "User": "root"},
    ),
    ({"exe": "/x (deleted)", "account": "uid 3"}, (), "x",
     {"Image": "/x", "CommandLine": "x", "User": "3", "ProcessId": 7}),
    ({"exe": None, "comm": None, "account": None, "pid": None}, (), None, {}),
    (
        {"host": "n1", "parent": "/sbin/nginx", "parent_pid": 3, "more": {"LogonId": "0x3e7", "Image": "C:\\x.exe"}},
        ("x",),
        None,
        {"Image": "C:\\x.exe", "CommandLine": "x", "User": "root", "ProcessId": 7, "ParentProcessId": 3,
         "ParentImage": "/sbin/nginx", "Computer": "n1", "LogonId": "0x3e7"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("given", "argv", "shown", "record"), RECORDS)
def test_record(given: dict[str, Any], argv: tuple[str, ...], shown: str | None, record: dict[str, Any]) -> None:
    assert OwnStarts(Everything()).record(start(**given), argv, shown) == record


def test_the_parent_is_what_was_seen_to_start() -> None:
    starts = OwnStarts(Everything())
    starts.record(start(pid=7, exe="/bin/bash"), ("bash", "-i"), None)
    child = starts.record(start(pid=8, parent_pid=7), ("docker", "ps"), None)
    assert (child["ParentImage"], child["ParentCommandLine"]) == ("/bin/bash", "bash -i")
    elsewhere = starts.record(start(pid=9, parent_pid=7, host="n2"), ("docker", "ps"), None)
    assert "ParentImage" not in elsewhere
    told = starts.record(start(pid=10, parent_pid=7, parent="/usr/sbin/cron"), ("docker", "ps"), None)
    assert told["ParentImage"] == "/usr/sbin/cron"  # the process number was used again
    assert "ParentCommandLine" not in told


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        ("/usr/bin/docker", "linux-process"),
        ("docker", "linux-process"),
        ("", "linux-process"),
        (r"C:\Windows\cmd.exe", "windows-process"),
        (r"\Device\HarddiskVolume1\x.exe", "windows-process"),
    ],
)
def test_kind_of(image: str, kind: RecordKind) -> None:
    assert kind_of(image) == kind


def test_fields_of_an_event() -> None:
    data = {
        "originalfilename": "docker.exe",
        "commandline": "docker ps",
        "parentuser": "-",
        "hashes": "SHA1=aa,MD5=bb,SHA256=cc,IMPHASH=dd",
        "somethingelse": "x",
    }
    assert fields_of_event(data, security=False) == {
        "OriginalFileName": "docker.exe",
        "CommandLine": "docker ps",
        "Hashes": "SHA1=aa,MD5=bb,SHA256=cc,IMPHASH=dd",
        "sha1": "AA",
        "md5": "BB",
        "sha256": "CC",
        "imphash": "DD",
    }
    created = {"newprocessname": "C:\\x.exe", "processid": "0x4", "newprocessid": "0x8", "subjectlogonid": "0x3e7"}
    assert fields_of_event(created, security=True) == {
        "Image": "C:\\x.exe",
        "LogonId": "0x3e7",
        "ProcessId": "0x8",
        "ParentProcessId": "0x4",
    }


def process(**given: Any) -> Process:
    return Process(**{"event": "1", "at": AT, "account": "root", "exe": "/usr/bin/true", "origin": ORIGIN, **given})


def test_a_start_that_only_a_rule_asked_for_becomes_an_activity() -> None:
    (found,) = HostReader(matcher=Everything("linux-process")).started(process(), ["true", "now"])
    assert (found.verb, found.kind, found.tool, found.text, found.rules) == (
        "start",
        "processes",
        "true",
        "true now",
        (RULE,),
    )
    assert HostReader().started(process(), ["true", "now"]) == []


def test_a_start_that_is_understood_is_the_same_activity_with_the_rules() -> None:
    argv = ["sh", "-c", "docker ps; docker images"]
    plain = HostReader().started(process(exe="/bin/sh"), argv)
    ruled = HostReader(matcher=Everything("linux-process")).started(process(exe="/bin/sh"), argv)
    assert [found.id for found in ruled] == [found.id for found in plain]
    assert [found.rules for found in ruled] == [(RULE,), ()]  # a process start is told once


@pytest.mark.parametrize("code", [-2, -13])
def test_a_program_that_did_not_start_is_not_asked_about(code: int) -> None:
    matcher = Everything("linux-process")
    HostReader(matcher=matcher).started(process(exit=code), ["docker", "ps"])
    assert matcher.asked == []


def test_rules_about_other_records_cost_a_reader_nothing() -> None:
    assert not HostReader(matcher=Everything("kube-audit")).asks_all
    assert HostReader(matcher=Everything("windows-process")).asks_all


@pytest.mark.parametrize("path", [path for path in modules(PACKAGE) if path.parent.name == "sources"], ids=relative)
def test_every_reader_of_processes_hands_the_rules_on(path: Any) -> None:
    assert "HostReader()" not in path.read_text(encoding="utf-8"), "HostReader(matcher=tally.matcher)"


def test_every_event_of_auditd_is_shown_to_the_rules() -> None:
    lines = [
        *event(["id", "-u"], serial=1, pid=7),
        *event(["true"], serial=2, pid=8),
        *event(["docker", "ps"], serial=3),
    ]
    data = "".join(f"{line}\n" for line in lines).encode()
    matcher = Everything("linux-process")
    tally = Tally("a.log", matcher=matcher)
    reader = SOURCE.reader(tally)
    found = [*reader.feed(Block(data, 0, 1)), *reader.finish()]
    assert [record["CommandLine"] for _, record in matcher.asked] == ["id -u", "true", "docker ps"]
    assert [activity.text for activity in found] == ["id -u", "true", "docker ps"]
    assert tally.kept == 3
