from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tidewaiter.settings.tails import FileTail, JournaldTail, KafkaTail, StdinTail, SyslogTail, Tail, address_of

GOOD: list[tuple[dict[str, Any], Tail, str]] = [
    (
        {"kind": "file", "paths": ["/a", "/b/*.log"], "from": "end"},
        FileTail(paths=("/a", "/b/*.log"), begin="end"),
        "file:/a,/b/*.log",
    ),
    ({"kind": "journald", "units": ["a.service"]}, JournaldTail(units=("a.service",)), "journald"),
    (
        {"kind": "journald", "name": "x", "matches": ["_UID=0"]},
        JournaldTail(name="x", matches=("_UID=0",)),
        "journald/x",
    ),
    ({"kind": "syslog"}, SyslogTail(), "syslog/tcp:127.0.0.1:5514"),
    (
        {"kind": "syslog", "transport": "tls", "listen": "0.0.0.0:6514", "certificate": "c", "key": "k"},
        SyslogTail(transport="tls", listen="0.0.0.0:6514", certificate="c", key="k"),
        "syslog/tls:0.0.0.0:6514",
    ),
    (
        {"kind": "syslog", "listen": "0.0.0.0:514", "allow_plain": True},
        SyslogTail(listen="0.0.0.0:514", allow_plain=True),
        "syslog/tcp:0.0.0.0:514",
    ),
    ({"kind": "stdin"}, StdinTail(), "stdin"),
    ({"kind": "kafka", "brokers": "b:1", "topics": ["t"]}, KafkaTail(brokers="b:1", topics=("t",)), "kafka:t"),
]


@pytest.mark.parametrize(("table", "settings", "title"), GOOD)
def test_a_table_of_the_file_becomes_settings(table: dict[str, Any], settings: Tail, title: str) -> None:
    found = msgspec.convert(table, Tail)
    assert (found, found.title) == (settings, title)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"kind": "file", "paths": []}, "paths is empty"),
    ({"kind": "file", "paths": ["a.log"]}, "'a.log' is not an absolute path"),
    ({"kind": "file", "paths": ["/a"], "poll": 0}, "poll must be more than 0"),
    ({"kind": "file", "paths": ["/a"], "linger": -1}, "linger must not be negative"),
    ({"kind": "file", "paths": ["/a"], "path": "/b"}, "unknown field `path`"),
    ({"kind": "files", "paths": ["/a"]}, "Invalid value 'files'"),
    ({"kind": "journald", "matches": ["--vacuum-size=1"]}, "no match of the form"),
    ({"kind": "journald", "program": "--x"}, "program is no name"),
    ({"kind": "syslog", "listen": "0.0.0.0:514"}, "can be read and forged"),
    ({"kind": "syslog", "listen": "nowhere"}, "no ADDRESS:PORT"),
    ({"kind": "syslog", "listen": "127.0.0.1:99999"}, "no ADDRESS:PORT"),
    ({"kind": "syslog", "transport": "tls"}, "needs certificate and key"),
    ({"kind": "syslog", "max_rate": 0}, "max_rate must be more than 0"),
    ({"kind": "stdin", "max_line": 0}, "max_line must be more than 0"),
    ({"kind": "kafka", "brokers": "", "topics": ["t"]}, "must name something"),
    ({"kind": "kafka", "brokers": "b", "topics": ["t"], "options": {"sasl.password": "x"}}, "is a secret"),
    ({"kind": "kafka", "brokers": "b", "topics": ["t"], "options": {"group.id": "x"}}, "is set by tidewaiter"),
]


@pytest.mark.parametrize(("table", "words"), BAD)
def test_what_cannot_be_is_refused_with_the_reason(table: dict[str, Any], words: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=words):
        msgspec.convert(table, Tail)


@pytest.mark.parametrize(
    ("listen", "expected"),
    [("localhost:1", ("127.0.0.1", 1)), ("[::1]:2", ("::1", 2)), ("10.0.0.1:3", ("10.0.0.1", 3))],
)
def test_an_address_is_taken_apart(listen: str, expected: tuple[str, int]) -> None:
    assert address_of(listen) == expected
