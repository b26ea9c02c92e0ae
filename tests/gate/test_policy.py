from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.errors import ConfigError
from tidewaiter.gate.caller import NOBODY, Caller
from tidewaiter.gate.policy import Decision, Policy, load, parse

_TEXT = """
# a comment with [[allow]] in it
[[allow]]
name = "deploy"
who = { user = "deploy" }
routes = ["GET /containers/json", "POST /containers/*/start"]

[[allow]]
who = { anyone = true }
routes = ["GET,HEAD /_ping"]

[[allow]]
name = "reader"
who = { user = "reader" }
routes = ["GET /containers/json", "GET /containers/*/logs"]
parameters = { all = ["", "0", "false"], follow = [""] }
"""
_DEPLOY = Caller(uid=1001, user="deploy", exe="/usr/bin/docker")
_READER = Caller(uid=1002, user="reader", exe="/usr/bin/docker")
_POLICY = parse(_TEXT, where="gate.toml")

_CASES = [
    (_DEPLOY, "GET", "/v1.41/containers/json?all=1", "deploy: GET /containers/json", "deploy allows it"),
    (_DEPLOY, "GET", "/v1.41/%63ontainers%2Fjson", "deploy: GET /containers/json", "deploy allows it"),
    (_DEPLOY, "POST", "/containers/web/start", "deploy: POST /containers/*/start", "deploy allows it"),
    (NOBODY, "HEAD", "/_ping", "allow[2]: GET,HEAD /_ping", "allow[2] allows it"),
    (_READER, "GET", "/containers/json", "reader: GET /containers/json", "reader allows it"),
    (_READER, "GET", "/containers/json?all=0&size=1", "reader: GET /containers/json", "reader allows it"),
    (_READER, "GET", "/containers/json?all=1", None, "reader does not allow it with this parameter all"),
    (_READER, "GET", "/containers/json?all=0&all=1", None, "reader does not allow it with this parameter all"),
    (_READER, "GET", "/containers/json?%61ll=1", None, "reader does not allow it with this parameter all"),
    (
        _READER,
        "GET",
        "/containers/json?x;all=1",
        None,
        "reader does not allow it with this query, which is not well formed",
    ),
    (_READER, "GET", "/containers/a/logs?follow=1", None, "reader does not allow it with this parameter follow"),
    (_DEPLOY, "GET", "/images/json", None, "GET /images/json is not among the routes of deploy, allow[2]"),
    (
        _DEPLOY,
        "POST",
        "/containers/a/b/start",
        None,
        "POST /containers/a/b/start is not among the routes of deploy, allow[2]",
    ),
    (NOBODY, "GET", "/containers/json", None, "GET /containers/json is not among the routes of allow[2]"),
    (_DEPLOY, "GET", "//containers/json", None, "the request target cannot be read as one route of the engine"),
    (_DEPLOY, "OPTIONS", "*", None, "the request target cannot be read as one route of the engine"),
    (
        _DEPLOY,
        "POST",
        "/v1.23/containers/web/start",
        None,
        "before API version 1.24 a start can give a container any privilege",
    ),
    (_DEPLOY, "POST", "/v1.24/containers/web/start", "deploy: POST /containers/*/start", "deploy allows it"),
]


@pytest.mark.parametrize(("caller", "method", "target", "rule", "why"), _CASES)
def test_decisions(caller: Caller, method: str, target: str, rule: str | None, why: str) -> None:
    assert _POLICY.decide(caller, method, target) == Decision(allowed=rule is not None, rule=rule, why=why)


def test_an_empty_policy_denies_everything() -> None:
    assert Policy().decide(_DEPLOY, "HEAD", "/_ping") == Decision(
        allowed=False, rule=None, why="no entry of the policy is for the user deploy"
    )


def test_a_later_entry_may_allow_what_an_earlier_one_does_not() -> None:
    text = _TEXT + '[[allow]]\nwho = { user = "reader" }\nroutes = ["GET /containers/json"]\n'
    found = parse(text, where="x").decide(_READER, "GET", "/containers/json?all=1")
    assert found == Decision(allowed=True, rule="allow[4]: GET /containers/json", why="allow[4] allows it")


_WRONG = [
    ("allow = [", "gate.toml", "the policy is no TOML: Invalid value (at end of document)"),
    ('\n[[allow]]\nwho = {user="x"}\nroutes = [ =', "gate.toml", "the policy is no TOML: Invalid value (at line 4"),
    ("mode = 1", "gate.toml", "a policy has no key 'mode'"),
    ("[allow]\nx = 1", "gate.toml", "allow is a list of tables"),
    ("[[allow]]", "gate.toml:1 (entry 1)", "Object missing required field `who`"),
    ('[[allow]]\nwho = {user="x"}', "gate.toml:1 (entry 1)", "Object missing required field `routes`"),
    ('[[allow]]\nwho = {user="x"}\nroutes = []', "gate.toml:1 (entry 1)", "routes is empty"),
    ('\n\n[[allow]]\nwho = {usr="x"}\nroutes = ["GET /x"]', "gate.toml:3 (entry 1)", "unknown field `usr`"),
    (_TEXT + '[[allow]]\nwho = {user="x"}\nroutes = ["GET x"]', "gate.toml:17 (entry 4)", "route 'GET x': a route is"),
    (
        '[[allow]]\nwho = {user="x"}\nroutes = ["POST /containers/*/stop"]\nparameters = {t = ["1"]}',
        "gate.toml:1 (entry 1)",
        "a form in the body overrides the query",
    ),
    (
        '[[allow]]\nwho = {user="x"}\nroutes = ["* /containers/json"]\nparameters = {all = ["0"]}',
        "gate.toml:1 (entry 1)",
        "a form in the body overrides the query",
    ),
    ('allow = [{who = {user = ""}, routes = ["GET /x"]}]', "gate.toml (entry 1)", "who.user has no value"),
]


@pytest.mark.parametrize(("text", "where", "words"), _WRONG)
def test_a_mistake_is_told_with_its_place(text: str, where: str, words: str) -> None:
    with pytest.raises(ConfigError) as problem:
        parse(text, where="gate.toml")
    assert (problem.value.where, words in problem.value.what) == (where, True), problem.value


def test_a_policy_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "gate.toml"
    path.write_text(_TEXT)
    assert load(path) == _POLICY


def test_a_policy_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the policy cannot be read"):
        load(tmp_path / "none.toml")


def test_the_policy_of_the_how_to_is_valid() -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "docker-gate-policy.md"
    (text,) = re.findall(r"^```toml\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    policy = parse(text, where=str(page))
    assert [entry.name for entry in policy.entries] == ["everybody's ping", "deploy", "metrics", "on-call"]


@given(st.sampled_from(["GET", "POST", "HEAD"]), st.text(max_size=60))
def test_no_target_is_too_strange_to_decide_on(method: str, target: str) -> None:
    assert isinstance(_POLICY.decide(_DEPLOY, method, f"/{target}").allowed, bool)
