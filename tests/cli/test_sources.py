import json
from pathlib import Path

import pytest
from audit_event import line as audit_line

from tidewaiter.cli import main
from tidewaiter.sources.catalogue import sources
from tidewaiter.sources.envelope.layers import wrappers


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(["sources", *words])
    out, err = capsys.readouterr()
    code = left.value.code
    assert isinstance(code, int)
    return code, out, err


def test_lists_every_format_and_wrapper_from_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--list")
    first = [text.split()[0] for text in out.splitlines() if text.strip()]
    assert code == 0
    assert {source.name for source in sources()} <= set(first)
    assert {one.name for one in wrappers()} <= set(first)


def test_lists_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(run(capsys, "--list", "--format", "json")[1])
    assert {one["name"] for one in found["formats"]} == {source.name for source in sources()}
    assert all(one["title"] and one["plane"] for one in found["formats"])


def test_says_what_inputs_show_and_how_to_open_the_rest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(audit_line() + b"\n")
    code, out, _ = run(capsys, str(log), "--lang", "en")
    assert code == 0
    assert "seen      reads through the Kubernetes API  (kube-audit)" in out
    assert (
        "not seen  commands on hosts\n            No input that could show it was given.\n            auditctl" in out
    )


def test_says_why_a_log_is_blind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(audit_line(verb="update", objectRef={"resource": "pods", "name": "a"}) + b"\n")
    told = json.loads(run(capsys, str(log), "--format", "json")[1])
    (way,) = (one for one in told["ways"] if one["way"] == "kube-api")
    assert way == {"way": "kube-api", "state": "not", "by": [], "why": ["kube-no-reads"]}


def test_what_could_not_be_read_is_said_by_the_exit_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(audit_line() + b"\n" + audit_line()[:80] + b"\n")
    assert run(capsys, str(log))[0] == 3


@pytest.mark.parametrize("words", [(), ("--list", "x.log")])
def test_wrong_usage_says_what_it_takes(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert "hint: tidewaiter sources PATH" in err


def test_a_path_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "/no/such/file")
    assert code == 1
    assert err.startswith("error: there is no such file or folder")
