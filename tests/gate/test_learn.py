from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest

from tidewaiter.gate.caller import Caller, Certificate
from tidewaiter.gate.learn import Key, Lessons, who_of
from tidewaiter.gate.policy import Policy, parse

_ID = "0123456789abcdef" * 4
_DEPLOY = {"uid": 1001, "user": "deploy", "exe": "/usr/bin/docker"}


def _record(
    target: str = "/v1.41/containers/json", *, at: str = "2026-11-23T02:14:07.5Z", caller: Any = _DEPLOY, **more: Any
) -> bytes:
    document = {
        "schema": "tidewaiter.gate/1",
        "time": at,
        "id": at,
        "phase": "done",
        "method": "GET",
        "target": target,
        "status": 200,
        "decision": "allowed",
        "caller": caller,
    }
    return json.dumps(document | more).encode()


def _lessons(lines: Iterable[bytes], *, current: Policy | None = None, since: datetime | None = None) -> Lessons:
    found = Lessons(current=current, since=since)
    for line in lines:
        assert found.take(line), line
    found.finish()
    return found


def _routes(lessons: Lessons) -> dict[Key, dict[str, int]]:
    return {key: {route.pattern: route.times for route in use.routes.values()} for key, use in lessons.callers.items()}


@pytest.mark.parametrize(
    ("caller", "expected"),
    [
        (Caller(), None),
        (Caller(address="192.0.2.1:5"), None),
        (Caller(uid=0, user="root"), None),  # gone: it may have been in a container
        (Caller(uid=5, exe="/bin/x"), (("uid", 5),)),
        (Caller(uid=5, user="a", exe="/bin/x"), (("user", "a"),)),
        (Caller(uid=5, user="a", command=("x",), login_uid=5, login_user="a"), (("user", "a"),)),
        (
            Caller(uid=0, user="root", exe="/bin/x", login_uid=5, login_user="a"),
            (("login_user", "a"), ("user", "root")),
        ),
        (Caller(uid=0, user="root", exe="/bin/x", container=_ID), (("container", _ID[:12]),)),
        (Caller(uid=0, exe="/bin/x", container=_ID, image="agent:2"), (("container_image", "agent:2"),)),
        (Caller(certificate=Certificate(names=("ci", "b"), fingerprint="ab")), (("certificate", "ci"),)),
        (Caller(certificate=Certificate(fingerprint="ab")), (("certificate_fingerprint", "ab"),)),
    ],
)
def test_a_caller_is_generalised_only_as_far_as_is_sure(caller: Caller, expected: Key | None) -> None:
    assert who_of(caller) == expected


def test_routes_are_learnt_per_caller_with_names_left_out() -> None:
    found = _lessons(
        [
            _record("/v1.41/containers/web/json"),
            _record("/containers/db/json?size=1"),
            _record("/images/busybox/json"),
            _record("/images/library%2Fbusybox/json"),
            _record("/v1.41/containers/web/exec", method="POST", caller={"certificate": {"names": ["ci"]}}),
        ]
    )
    assert _routes(found) == {
        (("user", "deploy"),): {"GET /containers/*/json": 2, "GET /images/**/json": 2},
        (("certificate", "ci"),): {"POST /containers/*/exec": 1},
    }
    assert found.left_out == Counter()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (_record(decision="denied"), "denied"),
        (_record(status=403), "refused"),
        (_record(status=401), "refused"),
        (_record("/unheard-of"), "no-route"),
        (_record("//containers/json"), "no-route"),
        (_record(method="OPTIONS"), "no-route"),
        (_record(method=None), "no-route"),
        (_record(caller={}), "nobody"),
        (_record(caller=None), "nobody"),
        (_record(caller={"uid": 0, "user": "root"}), "nobody"),
        (b'{"schema":"tidewaiter.gate/1","time":"2026-11-23T02:14:07Z","phase":"lost","lost":1}', "lost"),
    ],
)
def test_what_teaches_nothing_is_counted_by_its_reason(line: bytes, reason: str) -> None:
    found = _lessons([line])
    assert (found.callers, found.left_out, found.all.times) == ({}, Counter({reason: 1}), 0)


@pytest.mark.parametrize("status", [200, 304, 404, 409, 500, None])
def test_what_failed_was_allowed_all_the_same(status: int | None) -> None:
    """`docker inspect NAME` asks for five kinds of things, of which four are not found."""
    assert _lessons([_record(status=status)]).all.times == 1


def test_what_warn_let_through_is_learnt() -> None:
    assert _lessons([_record(decision="warned")]).all.times == 1


@pytest.mark.parametrize(
    "line", [b"", b"{}", b"[]", b"not json", b'{"schema":"tidewaiter.gate/1"}', _record(caller={"uid": "x"})]
)
def test_what_is_no_record_is_not_taken(line: bytes) -> None:
    assert not Lessons().take(line)


def test_a_request_that_lasts_is_learnt_once() -> None:
    lines = [_record(id="a", phase="begun"), _record(id="b", phase="begun"), _record(id="a")]
    assert _routes(_lessons(lines)) == {(("user", "deploy"),): {"GET /containers/json": 2}}


def test_only_requests_from_then_on() -> None:
    lines = [_record(at="2026-11-22T23:59:59Z"), _record(at="2026-11-23T00:00:00Z")]
    assert _lessons(lines, since=datetime(2026, 11, 23, tzinfo=UTC)).all.times == 1


def test_first_and_last_hold_whatever_the_order() -> None:
    days = ("2026-11-21", "2026-11-23", "2026-11-22")
    found = _lessons(_record(at=f"{day}T00:00:00Z") for day in days).callers[(("user", "deploy"),)]
    assert (found.times, found.first, found.last) == (
        3,
        datetime(2026, 11, 21, tzinfo=UTC),
        datetime(2026, 11, 23, tzinfo=UTC),
    )


def test_what_the_current_policy_allows_is_no_news() -> None:
    current = parse('[[allow]]\nname="d"\nwho={user="deploy"}\nroutes=["GET /containers/json", "GET /info"]', where="x")
    found = _lessons([_record(), _record("/version")], current=current)
    assert _routes(found) == {(("user", "deploy"),): {"GET /version": 1}}
    assert (found.used, found.all.times) == ({"d: GET /containers/json"}, 2)


def _call(path: str, *, at: float, status: int | None = None, **body: Any) -> bytes:
    call = {"RequestMethod": "GET", "RequestUri": "/containers/json", "User": "ci"}
    answer = {"ResponseStatusCode": status} if status else {}
    return json.dumps({"ts": at, "path": path, "body": call | body | answer}).encode()


def test_calls_that_another_plugin_wrote_down_are_read() -> None:
    certificate: Any = {"RequestPeerCertificates": ["Zm9v"], "UserAuthNMethod": "TLS"}
    lines = [
        _call("/AuthZPlugin.AuthZReq", at=1795425707.1, **certificate),
        _call("/AuthZPlugin.AuthZRes", at=1795425707.2, status=200, **certificate),
        _call("/AuthZPlugin.AuthZReq", at=1795425708.1, RequestUri="/images/json", **certificate),
        _call("/AuthZPlugin.AuthZRes", at=1795425708.2, status=403, RequestUri="/images/json", **certificate),
        _call("/AuthZPlugin.AuthZReq", at=1795425709.1, RequestUri="/events", **certificate),
        _call("/AuthZPlugin.AuthZReq", at=1795425709.2, User=""),
    ]
    found = _lessons(lines)
    assert _routes(found) == {(("certificate", "ci"),): {"GET /containers/json": 1, "GET /events": 1}}
    assert found.left_out == Counter({"refused": 1, "nobody": 1})
