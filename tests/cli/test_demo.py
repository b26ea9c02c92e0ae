from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest

from tidewaiter.wording import Wording


def test_the_demo_explains_and_names_the_next_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tidewaiter: Any
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    done = tidewaiter("demo")
    assert (done.status, done.err) == (0, "")
    assert done.out.count("\nWhy it is a finding\n") == 5
    assert "\nWhat was read\n  kube-audit  1 file, 3508 records" in done.out
    assert "tidewaiter scan" in done.out.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_the_demo_speaks_russian(tidewaiter: Any) -> None:
    done = tidewaiter("demo", "--lang", "ru")
    assert done.status == 0
    assert done.out.count(f"\n{Wording('ru').say('label.why')}\n") == 5
