from __future__ import annotations

import sys

import pytest
from disclosure.fakes import PASSWORD

from tidewaiter.disclosure.collecting import Said
from tidewaiter.disclosure.second_opinion import second_opinion


def test_it_may_be_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "credsweeper", None)
    assert second_opinion() is None


def test_it_names_itself_and_what_it_takes_for_a_secret() -> None:
    """Connections are refused by tests/conftest.py: it asks nobody."""
    pytest.importorskip("credsweeper", reason="tidewaiter[secrets] is not installed", exc_type=ImportError)
    found = second_opinion()
    assert found is not None
    ask, name = found
    assert name.startswith("CredSweeper 1.")
    assert list(ask(f"DB_PASSWORD={PASSWORD}")) == [Said("Password", "DB_PASSWORD", PASSWORD)]
    assert list(ask("password reset mail sent to user 12")) == []
    assert list(ask(f"DB_PASSWORD={PASSWORD} " * 10_000)) == []
