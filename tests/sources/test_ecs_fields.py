from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tidewaiter.model import Origin
from tidewaiter.sources.ecs_fields import listed, parse_request, process_of, target_of_connection, text, words
from tidewaiter.sources.host_process import Endpoint, Process
from tidewaiter.sources.web_request import WebRequest

AT = datetime(2026, 11, 23, tzinfo=UTC)
ORIGIN = Origin(source="ecs", path="x", line=1, offset=0)
POD = {"resource": {"type": "pod", "name": "web-7d9f"}}
LONG = "0b2c9a7e5d41f3a8c6b7d2e1f09a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a"


def process(**record: Any) -> Process:
    return process_of(record, AT, b"raw", ORIGIN)


def test_a_process_in_full() -> None:
    found = process(
        event={"id": "E1"},
        host={"name": "n1"},
        process={"pid": 7, "executable": "/usr/bin/docker", "name": "docker", "parent": {"executable": "/bin/sh"}},
        user={"id": "0", "name": "root", "audit": {"id": "1001", "name": "anna"}},
        container={"id": LONG},
    )
    assert found == Process(
        event="2026-11-23T00:00:00+00:00:E1",
        at=AT,
        host="n1",
        login="anna",
        account="root",
        pid=7,
        exe="/usr/bin/docker",
        comm="docker",
        parent="/bin/sh",
        inside_container=True,
        container="0b2c9a7e5d41",
        origin=ORIGIN,
    )


def entered(by: str, user: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"entry_leader": {"entry_meta": {"type": by}, **({"user": user} if user else {})}}


@pytest.mark.parametrize(
    ("record", "login", "account", "recorded"),
    [
        ({"user": {"id": "0", "name": "root", "audit": {"id": "unset"}}}, None, "root", True),
        ({"user": {"id": "0", "audit": {"id": "1001"}}}, "uid 1001", "uid 0", True),
        ({"user": {"uid": "0", "auid": "1001", "name_map": {"uid": "root", "auid": "anna"}}}, "anna", "root", True),
        ({"user": {"name": "anna"}}, "anna", "anna", False),
        ({"user": {"name": "root"}, "auditd": {"session": "unset"}}, None, "root", True),
        ({"user": {"name": "root"}, "process": entered("init")}, None, "root", True),
        ({"user": {"name": "root"}, "process": entered("container")}, None, "root", True),
        ({"user": {"name": "root"}, "process": entered("unknown")}, None, "root", False),
        ({"user": {"name": "root"}, "process": entered("sshd", {"name": "anna"})}, "anna", "root", True),
        ({"user": {"name": "anna"}, "process": entered("ssm")}, "anna", "anna", True),
        ({"user": {"name": "anna", "domain": "CORP"}}, r"CORP\anna", r"CORP\anna", True),
        ({"user": {"name": "SYSTEM", "domain": "NT AUTHORITY"}}, None, r"NT AUTHORITY\SYSTEM", True),
        ({}, None, None, False),
    ],
)
def test_who_did_it(record: dict[str, Any], login: str | None, account: str | None, recorded: bool) -> None:
    found = process(**record)
    assert (found.login, found.account, found.login_recorded) == (login, account, recorded)


@pytest.mark.parametrize(
    ("record", "container"),
    [
        ({"container": {"id": LONG}, "orchestrator": POD}, "web-7d9f"),
        ({"container": {"id": f"containerd://{LONG}"}}, "0b2c9a7e5d41"),
        ({"orchestrator": {"resource": {"type": "node", "name": "n1"}}}, None),
        ({"container": {"id": ""}}, None),
        ({"container": {"id": ["x"]}}, "x"),
        ({}, None),
    ],
)
def test_in_which_container(record: dict[str, Any], container: str | None) -> None:
    found = process(**record)
    assert (found.container, found.inside_container) == (container, container is not None)


@pytest.mark.parametrize(
    ("record", "number"),
    [
        ({}, 0),
        ({"event": {"outcome": "success"}, "auditd": {"data": {"exit": "5"}}}, 0),
        ({"event": {"outcome": "failure"}}, -22),
        ({"auditd": {"result": "fail", "data": {"exit": "EPERM"}}}, -1),
        ({"auditd": {"result": "fail", "data": {"exit": "-13"}}}, -13),
        ({"auditd": {"result": "fail", "data": {"exit": "EIO"}}}, -22),
    ],
)
def test_how_it_ended(record: dict[str, Any], number: int) -> None:
    assert process(**record).exit == number


@pytest.mark.parametrize(
    ("record", "host"),
    [
        ({"host": {"name": "a", "hostname": "b"}}, "a"),
        ({"host.hostname": "b"}, "b"),
        ({"beat": {"hostname": "c"}}, "c"),
        ({}, "host"),
    ],
)
def test_on_which_host(record: dict[str, Any], host: str) -> None:
    assert process(**record).host == host


def test_a_document_without_a_number_is_known_by_its_bytes() -> None:
    one, same, other = (process_of({}, AT, raw, ORIGIN).event for raw in (b"a", b"a", b"b"))
    assert one == same != other


@pytest.mark.parametrize(
    ("record", "name"),
    [
        ({"destination": {"ip": "10.0.0.1", "port": 2375}}, "10.0.0.1:2375"),
        ({"destination": {"domain": "d", "port": "2376"}}, "d:2376"),
        ({"destination": {"port": 2375}}, "?:2375"),
        ({"auditd": {"data": {"socket": {"family": "ipv4", "addr": "10.0.0.1", "port": "10250"}}}}, "10.0.0.1:10250"),
        (
            {"auditd": {"data": {"socket": {"path": "/run/containerd/containerd.sock"}}}},
            "/run/containerd/containerd.sock",
        ),
        ({"destination": {"path": "/run/user/1/bus"}}, None),
        ({"destination": {"ip": "10.0.0.1", "port": 443}}, None),
        ({"destination": {"port": "x"}}, None),
        ({}, None),
    ],
)
def test_targets(record: dict[str, Any], name: str | None) -> None:
    found = target_of_connection(record)
    assert (found and found.name) == name
    assert found is None or isinstance(found, Endpoint)


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ({"original": "/containers/json?all=1"}, "GET /containers/json?all=1"),
        ({"original": "http://d:2375/containers/json"}, "GET /containers/json"),
        ({"path": "/info"}, "GET /info"),
        ({"path": "/images/json", "query": "all=1"}, "GET /images/json?all=1"),
    ],
)
def test_requests(url: dict[str, Any], line: str) -> None:
    record = {
        "http": {"request": {"method": "get"}, "response": {"status_code": 200, "body": {"bytes": 5}}},
        "url": url,
        "source": {"ip": "10.0.0.1"},
        "user": {"name": "anna"},
        "user_agent": {"original": "curl/8"},
    }
    assert parse_request(record) == WebRequest(
        line=line, status=200, address="10.0.0.1", user="anna", agent="curl/8", size=5
    )


@pytest.mark.parametrize(
    "record", [{}, {"url": {"original": "/"}}, {"http": {"request": {"method": "GET"}}, "url": {"original": "x"}}]
)
def test_no_requests(record: dict[str, Any]) -> None:
    assert parse_request(record) is None


def test_values() -> None:
    record = {"a": ["x", 1], "b": "y", "c": 5, "d": True, "e": []}
    assert [listed(record, key) for key in "abcde"] == ["x", "y", 5, True, []]
    assert [words(record, key) for key in "abcde"] == [["x"], ["y"], [], [], []]
    assert [text(record, key) for key in "abcde"] == ["x", "y", "5", "", ""]
    assert text(record, "z", "d", "b") == "y"
