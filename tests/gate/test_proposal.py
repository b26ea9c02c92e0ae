from __future__ import annotations

import json
import subprocess
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.gate.caller import caller_of
from tidewaiter.gate.learn import Lessons
from tidewaiter.gate.policy import parse
from tidewaiter.gate.proposal import policy_diff, policy_text, quoted
from tidewaiter.wording import Wording

_WORDS = Wording("en")
_DEPLOY: dict[str, Any] = {"uid": 1001, "user": "deploy", "exe": "/usr/bin/docker"}
_SUDO: dict[str, Any] = {"uid": 0, "user": "root", "exe": "/usr/bin/curl", "login_uid": 1000, "login_user": "alice"}
_ASKED: list[tuple[dict[str, Any], str, str]] = [
    (_DEPLOY, "GET", "/v1.41/containers/json"),
    (_SUDO, "POST", "/v1.41/containers/web/exec"),
    (_DEPLOY, "GET", "/v1.41/containers/web/logs?follow=1"),
    (_DEPLOY, "GET", "/v1.41/containers/json?all=1"),
    ({}, "GET", "/v1.41/info"),
]
_GOLDEN = """\
# Learnt from 4 requests, 2026-11-23 02:14:00 UTC to 2026-11-23 02:14:03 UTC.
# Read it before you use it: all that was seen is allowed here, an intruder's requests too.
# Not learnt, because nothing sure is known of the caller: 1.

# 1 request, 2026-11-23T02:14:01Z to 2026-11-23T02:14:01Z; with /usr/bin/curl
[[allow]]
name = "alice root"
who = { login_user = "alice", user = "root" }
routes = [
  "POST /containers/*/exec",  # 1, last 2026-11-23T02:14:01Z; THIS IS ROOT ON THE HOST
]

# 3 requests, 2026-11-23T02:14:00Z to 2026-11-23T02:14:03Z; with /usr/bin/docker
[[allow]]
name = "deploy"
who = { user = "deploy" }
routes = [
  "GET /containers/*/logs",  # 1, last 2026-11-23T02:14:02Z; hands out files, environment or credentials
  "GET /containers/json",    # 2, last 2026-11-23T02:14:03Z
]
"""
_CURRENT = """\
# ours
[[allow]]
name = "deploy"
who = { user = "deploy" }
routes = ["GET /containers/json", "GET /info"]
"""
_ADDED = """\
# Learnt from 4 requests, 2026-11-23 02:14:00 UTC to 2026-11-23 02:14:03 UTC.
# Read it before you use it: all that was seen is allowed here, an intruder's requests too.
# Not learnt, because nothing sure is known of the caller: 1.
# Not used in this time: deploy: GET /info
--- gate.toml
+++ gate.toml
@@ -3,3 +3,19 @@
 name = "deploy"
 who = { user = "deploy" }
 routes = ["GET /containers/json", "GET /info"]
+
+# 1 request, 2026-11-23T02:14:01Z to 2026-11-23T02:14:01Z; with /usr/bin/curl
+[[allow]]
+name = "alice root"
"""


def _learnt(asked: Sequence[tuple[dict[str, Any], str, str]], *, current: str | None = None) -> Lessons:
    found = Lessons(current=None if current is None else parse(current, where="gate.toml"))
    for number, (caller, method, target) in enumerate(asked):
        line = {
            "schema": "tidewaiter.gate/1",
            "time": f"2026-11-23T02:14:{number:02}Z",
            "id": str(number),
            "phase": "done",
            "method": method,
            "target": target,
            "caller": caller,
        }
        assert found.take(json.dumps(line).encode())
    found.finish()
    return found


def test_a_policy_is_written_for_people() -> None:
    assert policy_text(_learnt(_ASKED), _WORDS) == _GOLDEN


def test_the_order_of_records_changes_nothing_but_times() -> None:
    lines = [text.partition("#")[0] for text in policy_text(_learnt(_ASKED), _WORDS).splitlines()]
    again = [text.partition("#")[0] for text in policy_text(_learnt(_ASKED[::-1]), _WORDS).splitlines()]
    assert lines == again


def test_nothing_seen_is_an_empty_policy() -> None:
    assert policy_text(_learnt([]), _WORDS) == "# Nothing was seen that a policy could be learnt from.\n"


def test_the_difference_names_what_is_new_and_what_was_not_used() -> None:
    found = policy_diff(_learnt(_ASKED, current=_CURRENT), parse(_CURRENT, where="x"), _CURRENT, "gate.toml", _WORDS)
    assert found.startswith(_ADDED)


def test_no_difference_says_so() -> None:
    found = policy_diff(
        _learnt(_ASKED[:1], current=_CURRENT), parse(_CURRENT, where="x"), _CURRENT, "gate.toml", _WORDS
    )
    assert found.splitlines()[2:] == [
        "# Not used in this time: deploy: GET /info",
        "# The policy allows all of it; nothing is to be added.",
    ]


@pytest.mark.parametrize("current", [_CURRENT, _CURRENT.rstrip("\n"), "# nothing yet\n", ""])
def test_patch_takes_the_difference_and_then_all_is_allowed(current: str, tmp_path: Path) -> None:
    path = tmp_path / "gate.toml"
    path.write_text(current)
    text = policy_diff(_learnt(_ASKED, current=current), parse(current, where="x"), current, "gate.toml", _WORDS)
    subprocess.run(["patch", "-p0"], input=text, text=True, cwd=tmp_path, check=True, capture_output=True)
    policy = parse(path.read_text(), where="x")
    decided = [policy.decide(caller_of(caller), method, target).allowed for caller, method, target in _ASKED]
    assert decided == [True, True, True, True, False]


_NAMES = st.text(min_size=1, max_size=20, alphabet=st.characters(exclude_categories=["Cs"]))


@given(st.lists(st.tuples(_NAMES, st.sampled_from(["/info", "/containers/x/json", "/images/a%2Fb/json"])), min_size=1))
def test_a_learnt_policy_allows_all_it_was_learnt_from(asked: list[tuple[str, str]]) -> None:
    """Whatever the accounts are called: names come from logs."""
    requests = [({"user": name, "exe": "/bin/x"}, "GET", target) for name, target in asked]
    policy = parse(policy_text(_learnt(requests[:60]), _WORDS), where="x")
    assert all(policy.decide(caller_of(caller), method, target).allowed for caller, method, target in requests[:60])


@given(_NAMES)
def test_a_quoted_text_is_read_back_and_cannot_be_seen_wrongly(text: str) -> None:
    written = quoted(text)
    assert tomllib.loads(f"x = {written}") == {"x": text}
    assert written.isprintable()
