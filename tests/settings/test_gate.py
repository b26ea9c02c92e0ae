from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tidewaiter.settings.gate import Gate, GateTls


def test_by_default_it_only_watches() -> None:
    assert Gate().mode == "observe"
    assert Gate().policy is None


@pytest.mark.parametrize("mode", ["warn", "enforce"])
def test_what_decides_needs_a_policy(mode: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=f"mode {mode} needs a policy"):
        msgspec.convert({"mode": mode}, Gate)
    assert msgspec.convert({"mode": mode, "policy": "p.toml"}, Gate).mode == mode


@pytest.mark.parametrize("wrong", [{"mode": "allow"}, {"listn": []}, {"tls": {"listen": "tcp://127.0.0.1:1"}}])
def test_mistakes_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, Gate)


def test_tls_has_three_files() -> None:
    files = {"cert": "c", "key": "k", "client_ca": "a"}
    assert msgspec.convert({"tls": files}, Gate).tls == GateTls(listen=None, **files)
