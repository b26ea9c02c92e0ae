"""All tails together: they start, stop, and go over to new settings without losing a line."""

from __future__ import annotations

from pathlib import Path

import pytest
from tailing import Memory, wait_for

from tidewaiter.errors import ConfigError
from tidewaiter.service.tails import Tails
from tidewaiter.settings.secret import Secret
from tidewaiter.settings.tails import FileTail, JournaldTail, KafkaTail, SyslogTail, Tail


def files(path: Path) -> FileTail:
    return FileTail(paths=(str(path),), poll=0.01, rescan=0.05)


def test_tails_start_stop_and_change(tmp_path: Path) -> None:
    one, two = tmp_path / "one.log", tmp_path / "two.log"
    one.write_text("1\n")
    two.write_text("2\n")
    journal = Memory()
    syslog = SyslogTail(listen="127.0.0.1:0")
    tails = Tails([files(one), syslog], journal, environment={})
    tails.start()
    wait_for(lambda: journal.lines() == ["1"], "the first file")
    server = tails._workers[1]
    tails.reload([syslog, files(two)])
    wait_for(lambda: sorted(journal.lines()) == ["1", "2"], "the second file")
    assert tails._workers[0] is server
    assert [(status.kind, status.state) for status in tails.status()] == [("syslog", "running"), ("file", "running")]
    one.write_text("1\nmore\n")
    tails.reload([files(one)])
    wait_for(lambda: sorted(journal.lines()) == ["1", "2", "more"], "what was written meanwhile")
    assert tails.stop()
    assert [status.state for status in tails.status()] == ["stopped"]


@pytest.mark.parametrize(
    "settings",
    [
        [JournaldTail(), JournaldTail(units=("a",))],
        [FileTail(paths=("/a", "/b")), FileTail(paths=("/b",))],
    ],
)
def test_two_entries_for_the_same_are_refused(settings: list[Tail]) -> None:
    with pytest.raises(ConfigError, match="read the same"):
        Tails(settings, Memory()).start()


def test_what_cannot_be_made_changes_nothing(tmp_path: Path) -> None:
    pytest.importorskip("confluent_kafka")
    tails = Tails([files(tmp_path / "a.log")], Memory(), environment={})
    tails.start()
    with pytest.raises(ConfigError, match="secret"):
        tails.reload([KafkaTail(brokers="127.0.0.1:1", topics=("a",), password=Secret(env="NOWHERE"))])
    assert [status.state for status in tails.status()] == ["running"]
    assert tails.stop()


def test_a_worker_that_breaks_is_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(_: object) -> float:
        raise ZeroDivisionError

    monkeypatch.setattr("tidewaiter.service.tails.files.Files.round", broken)
    seen: list[object] = []
    monkeypatch.setattr("threading.excepthook", seen.append)
    tails = Tails([files(tmp_path / "a.log")], Memory(), environment={})
    tails.start()
    wait_for(lambda: tails.status()[0].state == "failed", "the failure")
    assert tails.stop()
    assert len(seen) == 1
