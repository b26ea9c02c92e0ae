from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest
from audit_event import line
from audit_text import event
from record_text import KUBE, own_rule, own_text

from tidewaiter.cli.own_rules import asked_lines, check_text, example_failures, own_lines, own_rules, try_text
from tidewaiter.errors import RuleError
from tidewaiter.recognise.own_rules import RuleFile, load_own
from tidewaiter.recognise.pack import Pack, packaged
from tidewaiter.wording import Wording

EN = Wording("en")


def text(title: str, **given: Any) -> str:
    return own_text(title=title, id=str(uuid5(NAMESPACE_URL, title)), **given)


BROKEN = text("broken", detection={"seen": {"Imgae": "x"}, "condition": "seen"})
OTHER = text("other", logsource={"product": "windows", "service": "system"})
PODS = text("pods", logsource=KUBE, detection={"seen": {"resource": "pods"}, "condition": "seen"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder as somebody collected it."""
    found = tmp_path / "rules"
    found.mkdir()
    for name, content in {"a": text("a tool"), "b": BROKEN, "c": OTHER, "d": PODS, "e": "kind: x\n"}.items():
        (found / f"{name}.yml").write_text(content, encoding="utf-8")
    return found


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Give an audit log in which the tool runs once."""
    found = tmp_path / "audit.log"
    found.write_text("".join(f"{one}\n" for one in event(["tool"], exe="/usr/bin/tool")), encoding="utf-8")
    return found


def test_lines_say_what_applies_and_what_does_not(folder: Path) -> None:
    own = own_rules([folder], packaged())
    assert list(own_lines(own, EN)) == [
        "Own rules: 2 apply.",
        "Left out: 1 about other logs; 1 file that holds no rule; 1 that is not valid.",
        f"error: unknown field 'Imgae'\nwhere: {folder}/b.yml:8\nhint: did you mean 'Image'?",
    ]
    assert next(own_lines(own, Wording("ru"))) == "Свои правила: применимы 2."


def test_many_faults_are_told_in_part() -> None:
    files = [
        RuleFile(f"{at}.yml", text(str(at), detection={"x": {"y": 1}, "condition": "x"}), False) for at in range(30)
    ]
    lines = list(own_lines(load_own(files), EN))
    assert len(lines) == 23
    assert lines[-1] == "… and 10 more; tidewaiter rules check tells all."


def test_nothing_that_applies_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "c.yml").write_text(OTHER, encoding="utf-8")
    with pytest.raises(RuleError, match="no rule here can be used") as caught:
        own_rules([tmp_path], packaged())
    assert "tidewaiter rules check" in caught.value.hint


def test_what_could_not_be_asked_is_said() -> None:
    parent = text("parent", detection={"seen": {"ParentImage": "x"}, "condition": "seen"})
    pack = Pack((), (), load_own([RuleFile("a.yml", parent, True), RuleFile("b.yml", PODS, True)]))
    assert pack.matcher is not None
    pack.matcher.matches("linux-process", {"Image": "x"})
    assert list(asked_lines(pack, EN)) == [
        "No Kubernetes audit events were read: 1 own rule about them could not be asked.",
        "No record has the field ParentImage: 1 own rule asks for it.",
    ]
    assert list(asked_lines(packaged(), EN)) == []


def test_a_check_tells_everything(folder: Path) -> None:
    own = own_rules([folder], packaged())
    assert check_text(own, every=True) == "\n".join(
        [
            "2 rules apply",
            "  1 read linux process records",
            "  1 read kube audit records",
            "2 do not",
            "  1 hold no rule",
            "  1 are about other logs",
            f"{folder}/c.yml:3: a rule about product: windows, service: system cannot be used here",
            f"{folder}/e.yml: the file holds no rule",
            "1 are not valid",
            f"error: unknown field 'Imgae'\nwhere: {folder}/b.yml:8\nhint: did you mean 'Image'?",
        ]
    )
    assert "--all names each of them." in check_text(own, every=False)


def test_examples_of_rules_over_records_are_run() -> None:
    hits = {"hit": [{"Image": "/bin/tool"}, {"Image": "/bin/other"}], "miss": [{"Image": "/bin/TOOL"}, {}]}
    assert example_failures([own_rule(examples=hits)]) == [
        "somebody-runs-it@1: {'Image': '/bin/other'} is not recognised\n  where: own.yml: examples.hit[1]",
        "somebody-runs-it@1: {'Image': '/bin/TOOL'} is recognised\n  where: own.yml: examples.miss[0]",
    ]


def test_rules_are_tried_on_a_log(folder: Path, log: Path) -> None:
    pack = Pack((), (), own_rules([folder], packaged()))
    assert try_text(pack, [str(log)], EN) == "\n".join(
        [
            f"{log}: auditd, 1 records",
            "       1  a-tool@1: a tool",
            f"    first {log}:1  tool",
            "       0  pods@1: pods",
            "No Kubernetes audit events were read: 1 own rule about them could not be asked.",
        ]
    )


def test_scan_uses_own_rules_and_says_so_on_stderr(folder: Path, log: Path, tidewaiter: Any) -> None:
    done = tidewaiter("scan", log, "--rules", folder, "--format", "jsonl")
    assert '"headline":"host account uid 1001: a tool"' in done.out
    assert done.err.startswith("Own rules: 2 apply.\nLeft out: ")
    assert f"where: {folder}/b.yml:8\n" in done.err
    assert "No Kubernetes audit events were read" in done.err
    assert done.status == 3  # one rule that would apply is not valid: the answer is incomplete


def test_scan_with_a_file_that_does_not_apply_reads_nothing(tmp_path: Path, log: Path, tidewaiter: Any) -> None:
    path = tmp_path / "b.yml"
    path.write_text(BROKEN, encoding="utf-8")
    done = tidewaiter("scan", log, "--rules", path)
    assert (done.status, done.out) == (2, "")
    assert done.err == f"error: unknown field 'Imgae'\nwhere: {path}:8\nhint: did you mean 'Image'?\n"
    path.write_text(OTHER, encoding="utf-8")
    done = tidewaiter("scan", log, "--rules", path)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("error: a rule about product: windows, service: system cannot be used here\n")


def test_scan_of_kubernetes_audit(tmp_path: Path, tidewaiter: Any) -> None:
    path, log = tmp_path / "d.yml", tmp_path / "kube.log"
    path.write_text(PODS, encoding="utf-8")
    log.write_bytes(line())
    done = tidewaiter("scan", log, "--rules", path, "--format", "jsonl", "--fail-on", "high")
    assert (done.status, '"recogniser":"pods@1"' in done.out) == (10, True)


def test_rules_check_and_list_and_test(folder: Path, log: Path, tidewaiter: Any) -> None:
    checked = tidewaiter("rules", "check", folder)
    assert (checked.status, checked.out.splitlines()[0]) == (2, "2 rules apply")
    listed = tidewaiter("rules", "list", folder)
    assert listed.out.splitlines() == [
        "NAME    LEVEL  ROLE      READS          TITLE",
        "a-tool  high   tripwire  linux-process  a tool",
        "pods    high   tripwire  kube-audit     pods",
    ]
    tested = tidewaiter("rules", "test", folder)
    assert (tested.status, tested.err.splitlines()[-1]) == (2, "2 rules, 0 examples: 0 failed")
    (folder / "b.yml").unlink()
    assert tidewaiter("rules", "check", folder).status == 0
    assert tidewaiter("rules", "test", folder).status == 0
    tried = tidewaiter("rules", "test", folder, "--on", log)
    assert (tried.status, "       1  a-tool@1: a tool" in tried.out) == (0, True)
    assert tidewaiter("rules", "test", "--on", log).err.startswith("error: --on needs rules to try\n")


def test_a_rule_of_another_example_fails(tmp_path: Path, tidewaiter: Any) -> None:
    (tmp_path / "a.yml").write_text(text("a", examples={"hit": [{"Image": "x"}]}), encoding="utf-8")
    done = tidewaiter("rules", "test", tmp_path)
    assert (done.status, done.out.splitlines()[-1]) == (10, "1 rules, 1 examples: 1 failed")
