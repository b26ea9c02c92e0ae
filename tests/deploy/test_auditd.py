"""The rules file for auditd is what the how-to advises, and the kernel takes each of its rules."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from integration import live

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "auditd" / "tidewaiter.rules"


def rules(*, also_optional: bool = False) -> list[str]:
    pattern = r"^(?:# )?(-a .+)$" if also_optional else r"^(-a .+)$"
    return re.findall(pattern, RULES.read_text(), re.MULTILINE)


def without_key(rule: str) -> str:
    return rule.rpartition(" -k ")[0]


def test_nothing_but_rules_and_comments() -> None:
    assert [line for line in RULES.read_text().splitlines() if line and not line.startswith(("#", "-a "))] == []
    assert all(re.search(r" -k tidewaiter_\w+$", rule) for rule in rules(also_optional=True))


def test_the_rules_are_those_of_the_how_to_for_both_widths() -> None:
    page = (ROOT / "docs/how-to/auditd-rules.md").read_text()
    advised = [without_key(rule) for rule in re.findall(r"^-a .+$", page, re.MULTILINE)]
    assert {without_key(rule) for rule in rules()} == {
        rule.replace("arch=b64", f"arch={width}") for rule in advised for width in ("b64", "b32")
    }


def _have_kernel() -> None:
    try:
        live.need("auditctl")
        live.audit_status()
    except live.Unavailable as problem:
        if os.environ.get("TIDEWAITER_REQUIRE_REAL"):
            raise
        pytest.skip(str(problem))
    if live.audit_status()["enabled"] == "2":
        pytest.skip("the audit rules of this machine are locked until it starts again")


@pytest.mark.real
@pytest.mark.parametrize("rule", rules(also_optional=True))
def test_the_kernel_takes_the_rule(rule: str) -> None:
    """Each is loaded under a key of its own, and taken out at once."""
    _have_kernel()
    path = re.search(r" -F path=(\S+)", rule)
    if path and not Path(path[1]).parent.exists():
        # The folder must be there. What is tested is the form of the rule.
        rule = rule.replace(path[1], f"/run/{Path(path[1]).name}")
    words = shlex.split(rule)
    words[-1] = f"tidewaiter-test-{os.getpid()}"
    added = subprocess.run(["auditctl", *words], capture_output=True, text=True, check=False, env={"PATH": live.PATH})
    if added.returncode == 0:
        words[0] = "-d"
        subprocess.run(["auditctl", *words], capture_output=True, check=True, env={"PATH": live.PATH})
    assert (added.returncode, added.stderr) == (0, "")
