"""Runs the command line inside the test: `tidewaiter("scan", path)` gives its exit status, stdout and stderr."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from tidewaiter.cli import main


class Done(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def tidewaiter(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command with an environment that says nothing."""
    for name in ("TIDEWAITER_LANG", "LC_ALL", "LANG", "NO_COLOR", "TERM", "TIDEWAITER_NO_NATIVE"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: object) -> Done:
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        return Done(int(left.value.code or 0), *capsys.readouterr())

    return run
