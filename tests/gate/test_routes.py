from __future__ import annotations

import pytest

from tidewaiter.gate.routes import may_switch, shown


@pytest.mark.parametrize(
    ("method", "target", "may"),
    [
        ("POST", "/v1.41/exec/abc/start", True),
        ("POST", "/exec/abc/start?x=1", True),
        ("POST", "/v1.41/containers/web/attach?stream=1", True),
        ("GET", "/v1.41/containers/web/attach/ws", True),
        ("POST", "/v1.41/%73ession", True),
        ("POST", "/session", True),
        ("POST", "/grpc", True),
        ("POST", "/v4.0.0/libpod/exec/abc/start", True),
        ("GET", "/v1.41/containers/json", False),
        ("GET", "/exec/abc/start", False),
        ("POST", "/containers/a/b/attach", False),
        ("POST", "/session/../containers/json", False),
        ("POST", "", False),
    ],
)
def test_only_some_routes_end_in_another_protocol(method: str, target: str, may: bool) -> None:
    assert may_switch(method, target) is may


@pytest.mark.parametrize(
    ("target", "text"),
    [(b"/a%2Fb?x=\xc3\xa9", "/a%2Fb?x=é"), (b"/a?x=\xff[", "/a?x=%FF["), (None, None)],
)
def test_a_target_is_shown_as_it_was_sent(target: bytes | None, text: str | None) -> None:
    assert shown(target) == text
