from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from tidewaiter.sources import host_json
from tidewaiter.sources.host_json import Recent, account, container_name, decoded, known, pid_of

AT = datetime(2026, 11, 23, 9, 21, 54, tzinfo=UTC)


class Thing(msgspec.Struct):
    name: str | None = None


_thing = msgspec.json.Decoder(Thing)


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b'{"name":"a","more":[1]}', Thing("a")),
        (b'{"name":"a\xff"}', Thing("a\ufffd")),
        (b'{"name":5}', None),
        (b'{"name":"a"', None),
        (b"[]", None),
        (b'{"name":"\\ud800"}', None),
        (b'{"x":' * 9000, None),
        (b"", None),
    ],
)
def test_decoding_never_raises(raw: bytes, found: Thing | None) -> None:
    assert decoded(_thing, raw) == found


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "a"), (5, "5"), (0, "0"), (None, None), ("", None), ("<NA>", None), (-1, None), (True, None), ([], None)],
)
def test_known(value: Any, text: str | None) -> None:
    assert known(value) == text


@pytest.mark.parametrize(
    ("number", "name", "who"),
    [
        (1012, None, "uid 1012"),
        ("1012", "", "uid 1012"),
        (1012, "ci", "ci"),
        (1012, "<NA>", "uid 1012"),
        (0, None, "uid 0"),
        (4294967295, None, None),
        ("-1", None, None),
        (None, None, None),
        ("\u0665", None, None),
        ({}, [], None),
    ],
)
def test_account(number: Any, name: Any, who: str | None) -> None:
    assert account(number, name) == who


LONG = "551e161c47d8ff0eb665438a7bcd5b4e3ef5a297282b40a92b7c77d6bd168eb3"


@pytest.mark.parametrize(
    ("pod", "identifier", "name"),
    [
        ("xwing", LONG, "xwing"),
        (None, LONG, "551e161c47d8"),
        ("", f"containerd://{LONG}", "551e161c47d8"),
        ("<NA>", LONG[:31], "551e161c47d8"),
        (None, "45dd76eff80f", "45dd76eff80f"),
        (None, "web.service", "web.service"),
        (None, "x" * 99, "x" * 64),
        (None, "host", None),
        (None, "", None),
        (None, None, None),
    ],
)
def test_container_name(pod: Any, identifier: Any, name: str | None) -> None:
    assert container_name(pod, identifier) == name


@pytest.mark.parametrize(
    ("value", "pid"), [(7, 7), ("7", 7), ({"value": 7}, 7), ({}, None), (None, None), ("x", None), ([7], None)]
)
def test_pid_of(value: Any, pid: int | None) -> None:
    assert pid_of(value) == pid


def test_what_was_told_a_moment_ago_is_not_told_again() -> None:
    recent = Recent(1)
    steps = [("a", 0.0), ("a", 0.9), ("b", 0.9), ("a", 1.8), ("a", 2.9)]
    assert [recent.again((key,), AT + timedelta(seconds=after)) for key, after in steps] == [
        False,
        True,
        False,
        True,
        False,
    ]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_json, "_MEMO", 2)
    recent = Recent(1)
    assert [recent.again((key,), AT) for key in "abcabc"] == [False, False, False, False, False, False]
    assert recent.again(("c",), AT)


def test_of_a_long_command_line_a_digest_is_remembered() -> None:
    recent = Recent(1)
    assert [recent.again(("x" * 100_000 + end,), AT) for end in "aab"] == [False, True, False]
    assert max(map(len, recent._seen)) < 100
