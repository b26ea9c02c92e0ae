from __future__ import annotations

import gzip
import io
import json
import sys
import tempfile
from datetime import datetime
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from golden import check_golden
from whole import DATA, lines

LOG = DATA / "scenarios" / "cluster.audit.jsonl.gz"
MODULE = import_module("tidewaiter.cli.scan")  # in the package, its name is that of the command
SCHEMA = json.loads(
    files("tidewaiter").joinpath("packs", "schema", "tidewaiter.finding-1.schema.json").read_text(encoding="utf-8")
)
OCSF = jsonschema.Draft202012Validator(
    json.loads((DATA / "ocsf" / "detection_finding-1.8.0.schema.json").read_text(encoding="utf-8"))
)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


@pytest.fixture
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the log of a day on which a contractor reads what it always reads."""
    path = tmp_path_factory.mktemp("logs") / "quiet.log"
    path.write_bytes(b"".join(lines("scenarios/cluster.audit.jsonl.gz")[:40]))
    return path


def found(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def names(text: str) -> list[str]:
    return [one["actor"]["name"] for one in found(text)]


ALL = ["198.51.100.50", "198.51.100.50", "data/batch", "default/default", "node-2"]


def test_text_tells_findings_and_what_was_read(tidewaiter: Any) -> None:
    done = tidewaiter("scan", LOG)
    assert (done.status, done.err) == (0, "")
    assert done.out.count("\nWhy it is a finding\n") == 5
    assert "\n5 findings: 4 high, 1 medium.\n" in done.out
    assert "\nWhat was read\n  kube-audit  1 file, 517 records, 513 kept\n" in done.out
    assert "2026-06-01 14:02:00 UTC to 2026-06-08 21:15:00 UTC" in done.out
    assert "\nWhat these inputs cannot show\n" in done.out
    assert "\x1b" not in done.out
    assert done.out.splitlines()[-1].startswith("Next: ")


def test_nothing_found_is_said(quiet: Path, tidewaiter: Any) -> None:
    done = tidewaiter("scan", quiet, "--fail-on", "info")
    assert (done.status, done.err) == (0, "")
    assert "\nNothing looked around, as far as these inputs can show.\n" in done.out
    assert "\n  kube-audit  1 file, 40 records, 40 kept\n" in done.out


def test_json_lines_keep_the_contract(tidewaiter: Any) -> None:
    done = tidewaiter("scan", LOG, "--format", "jsonl")
    assert done.status == 0
    for one in found(done.out):
        VALIDATOR.validate(one)
    assert names(done.out) == ALL
    assert "kube-audit  1 file, 517 records, 513 kept" in done.err  # the result stands alone


def test_ocsf_events_are_valid_and_of_the_same_findings(tidewaiter: Any) -> None:
    done = tidewaiter("scan", LOG, "--format", "ocsf")
    events = found(done.out)
    assert done.status == 0
    for one in events:
        OCSF.validate(one)
    assert [one["evidences"][0]["actor"]["user"]["name"] for one in events] == ALL
    assert {one["activity_name"] for one in events} == {"Create"}
    assert [one["finding_info"]["uid"] for one in events] == [
        one["id"] for one in found(tidewaiter("scan", LOG, "--format", "jsonl").out)
    ]
    assert "kube-audit  1 file, 517 records, 513 kept" in done.err  # the result stands alone


def test_ocsf_of_a_small_log(tidewaiter: Any, tmp_path: Path) -> None:
    log, result = tmp_path / "audit.log", tmp_path / "events.jsonl"
    log.write_bytes(b"".join(lines("auditd/raw.log")[255:270]))
    assert tidewaiter("scan", log, "--format", "ocsf", "-o", result).status == 0
    text = result.read_text(encoding="utf-8").replace(str(log), "audit.log")
    text = "".join(json.dumps(_unnamed(json.loads(line)), indent=1) + "\n" for line in text.splitlines())
    check_golden(Path(__file__).parent / "golden" / "scan.ocsf.txt", text)


def _unnamed(event: dict[str, Any]) -> dict[str, Any]:
    """Leave out what the folder of this test is hashed into."""
    event["metadata"]["uid"] = event["metadata"]["uid"].rpartition("-")[0]
    return event


def test_one_json_document(tidewaiter: Any) -> None:
    done = tidewaiter("scan", LOG, "--format", "json")
    report = json.loads(done.out)
    assert (done.status, done.err) == (0, "")
    assert report["schema"] == "tidewaiter.report/1"
    assert [one["actor"]["name"] for one in report["findings"]] == ALL
    assert report["summary"]["sources"][0]["records"] == 517
    for one in report["findings"]:
        VALIDATOR.validate(one)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ([LOG], 0),
        ([LOG, "--fail-on", "critical"], 0),
        ([LOG, "--fail-on", "high"], 10),
        ([LOG, "--fail-on", "info"], 10),
        ([DATA / "scenarios"], 3),  # its README is no log
        ([DATA / "scenarios", "--fail-on", "high"], 10),  # what was found counts more
        ([LOG, "--since", "2026-06-09", "--fail-on", "info"], 0),
    ],
    ids=lambda value: " ".join(getattr(item, "name", str(item)) for item in value) if isinstance(value, list) else "",
)
def test_exit_status(arguments: list[Any], status: int, tidewaiter: Any) -> None:
    assert tidewaiter("scan", *arguments).status == status


def test_what_is_shown_decides_on_failing(tidewaiter: Any) -> None:
    """A persona that hides a finding also keeps it from failing a pipeline."""
    late = (DATA / "auditd" / "raw.log", "--since", "2026-11-23T09:22:21Z", "--fail-on", "low")
    assert [tidewaiter("scan", *late, "--persona", persona).status for persona in ("regular", "quiet")] == [10, 0]


@pytest.mark.parametrize(
    ("arguments", "status", "error"),
    [
        ([], 2, "error: Missing argument 'PATHS...'\nwhere: tidewaiter scan\n"),
        (["no-such.log"], 1, "error: there is no such file or folder\nwhere: no-such.log\nhint: give a file,"),
        ([LOG, "--format", "xml"], 2, "error: Invalid value for '--format': 'xml' is not one of"),
        ([LOG, "--fail-on", "awful"], 2, "error: Invalid value for '--fail-on': 'awful' is not one of"),
        ([LOG, "--since", "soon"], 2, "error: not a time: 'soon'\nwhere: --since\nhint: write 2026-11-23,"),
        ([LOG, "--until", "soon"], 2, "error: not a time: 'soon'\nwhere: --until\nhint: write 2026-11-23,"),
        ([LOG, "--learn", "no-such.log"], 1, "error: there is no such file or folder\nwhere: no-such.log\n"),
        ([LOG, "--state", LOG], 2, f"error: Invalid value for '--state': Directory '{LOG}' is a file\n"),
        ([LOG, "--state", LOG / "x"], 1, "error: the state cannot be opened: Not a directory\n"),
        ([LOG, "-o", "/no/such/folder/x"], 2, "error: the result cannot be written: No such file or directory\n"),
    ],
    ids=lambda value: " ".join(map(str, value[-2:])) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_is_said(arguments: list[Any], status: int, error: str, tidewaiter: Any) -> None:
    done = tidewaiter("scan", *arguments)
    assert (done.status, done.out) == (status, "")
    assert done.err.startswith(error)
    assert "Traceback" not in done.err


@pytest.mark.parametrize("arguments", [["--since", "soon"], ["-x"]])
def test_a_usage_error_leaves_no_state(arguments: list[str], tmp_path: Path, tidewaiter: Any) -> None:
    assert tidewaiter("scan", LOG, "--state", tmp_path / "state", *arguments).status == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--persona", "hunter"], ["tomas@dev.example", "tomas@dev.example", *ALL]),
        (["--since", "2026-06-08"], ALL[3:]),
        (["--until", "2026-06-07T04:00:00+00:00"], ALL[:2]),
        (["--since", "2026-06-07", "--until", "2026-06-08"], ALL[1:3]),
        (["--no-progress"], ALL),
    ],
    ids=lambda value: " ".join(value) if value and value[0].startswith("-") else "",
)
def test_whom_it_tells_of(arguments: list[str], expected: list[str], tidewaiter: Any) -> None:
    assert names(tidewaiter("scan", LOG, "--format", "jsonl", *arguments).out) == expected


def test_spans_count_back_from_now(monkeypatch: pytest.MonkeyPatch, tidewaiter: Any) -> None:
    class Clock:
        @staticmethod
        def now(zone: Any) -> datetime:
            return datetime(2026, 6, 8, 20, tzinfo=zone)

    monkeypatch.setattr(MODULE, "datetime", Clock)
    assert names(tidewaiter("scan", LOG, "--format", "jsonl", "--since", "6h").out) == ALL[3:]


def test_a_language_can_be_chosen(monkeypatch: pytest.MonkeyPatch, tidewaiter: Any) -> None:
    russian = tidewaiter("scan", LOG, "--lang", "ru").out
    assert "узел node-2: учётными данными узла пользуется не kubelet" in russian
    monkeypatch.setenv("LANG", "ru_RU.UTF-8")
    assert tidewaiter("scan", LOG).out == russian
    assert "node node-2 is used" in tidewaiter("scan", LOG, "--lang", "en").out


def test_a_result_in_a_file_is_whole_or_not_there(tmp_path: Path, tidewaiter: Any) -> None:
    done = tidewaiter("scan", LOG, "--format", "jsonl", "-o", tmp_path / "found.jsonl")
    assert (done.status, done.out) == (0, "")
    assert "kube-audit  1 file, 517 records, 513 kept" in done.err
    assert names((tmp_path / "found.jsonl").read_text(encoding="utf-8")) == ALL
    assert [path.name for path in tmp_path.iterdir()] == ["found.jsonl"]


def test_unreadable_places_can_be_shown(tmp_path: Path, tidewaiter: Any) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"".join([*lines("scenarios/" + LOG.name)[:5], b'{"kind": \x1b[2J\xff\n']))
    short, long = tidewaiter("scan", log), tidewaiter("scan", log, "--unreadable")
    assert (short.status, short.err) == (3, "")
    why = "not a valid record (JSON is malformed: invalid character (byte 9))"
    assert f"{log}:6 {why}" in " ".join(short.out.split())
    assert long.out == short.out
    assert long.err == f'{log}:6: {why}: {{"kind": \\x1b[2J\\xff\n'


def test_standard_input(monkeypatch: pytest.MonkeyPatch, tidewaiter: Any) -> None:
    stream = io.TextIOWrapper(io.BytesIO(gzip.compress(b"".join(lines("scenarios/" + LOG.name)))))
    monkeypatch.setattr(sys, "stdin", stream)
    done = tidewaiter("scan", "-", "--format", "jsonl")
    assert names(done.out) == ALL
    assert found(done.out)[0]["sightings"][0]["origin"]["path"] == "-"


def test_nothing_is_left_behind_without_a_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tidewaiter: Any
) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "tmp").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    assert tidewaiter("scan", LOG).status == 0
    assert tidewaiter("scan", LOG, "no-such.log").status == 1
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["tmp", "work"]


def test_a_state_remembers(quiet: Path, tmp_path: Path, tidewaiter: Any) -> None:
    state = tmp_path / "state"
    first = tidewaiter("scan", LOG, "--state", state, "--format", "jsonl")
    assert sorted(path.name for path in state.iterdir()) == ["findings.jsonl", "tidewaiter.duckdb"]
    assert (state / "findings.jsonl").read_text(encoding="utf-8") == first.out
    assert tidewaiter("scan", quiet, "--state", state, "--format", "jsonl").out == first.out
    assert (state / "findings.jsonl").read_text(encoding="utf-8") == first.out


def test_what_is_learnt_is_not_told(quiet: Path, tidewaiter: Any) -> None:
    done = tidewaiter("scan", quiet, "--learn", LOG, "--format", "jsonl")
    assert (done.status, done.out) == (0, "")
    assert "kube-audit  2 files, 557 records, 553 kept" in done.err
