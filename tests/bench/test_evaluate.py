from __future__ import annotations

import gzip
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.evaluate import cluster, kind_of, kubernetes, public
from bench.product import Options, ScanFailedError, read_lines, scan
from bench.scores import Found, Place, Seen, Who
from bench.sensors import docker

_FINDING = {
    "schema": "tidewaiter.finding/1",
    "id": "F-1",
    "level": "high",
    "actor": {"kind": "user", "name": "eve", "realm": "kubernetes", "via": None},
    "from": "2026-06-01T00:00:00Z",
    "until": "2026-06-01T00:00:09Z",
    "headline": "eve looks",
    "sightings": [
        {
            "recogniser": "r@1",
            "at": "2026-06-01T00:00:01Z",
            "text": "list /api/v1/pods",
            "evidence": {},
            "origin": {
                "source": "kube-audit",
                "path": "data/kubernetes/cluster.audit.jsonl.gz",
                "line": 1,
                "offset": 0,
            },
        }
    ],
}


def options(tmp_path: Path, *, command: tuple[str, ...] = (), findings: tuple[Found, ...] | None = None) -> Options:
    return Options(command=command, data=tmp_path, findings=findings)


def fake(tmp_path: Path, exit_code: int) -> tuple[str, ...]:
    script = tmp_path / "fake.py"
    said = json.dumps(_FINDING)
    script.write_text(f"import sys; print({said!r}); print('oh dear', file=sys.stderr); sys.exit({exit_code})", "utf-8")
    return (sys.executable, str(script))


def test_a_finding_is_read_from_the_contract_and_the_rest_is_ignored() -> None:
    begin = datetime(2026, 6, 1, tzinfo=UTC)
    seen = Seen(
        at=begin.replace(second=1),
        text="list /api/v1/pods",
        origin=Place(path="data/kubernetes/cluster.audit.jsonl.gz", line=1),
    )
    assert read_lines(json.dumps(_FINDING).encode() + b"\n", Found) == (
        Found(
            id="F-1",
            level="high",
            actor=Who(kind="user", name="eve"),
            from_=begin,
            until=begin.replace(second=9),
            headline="eve looks",
            sightings=(seen,),
        ),
    )


@pytest.mark.parametrize("exit_code", [0, 3, 10])
def test_a_scan_that_finished_gives_its_findings(tmp_path: Path, exit_code: int) -> None:
    made = scan(options(tmp_path, command=fake(tmp_path, exit_code)), tmp_path / "log", "log")
    assert [one.id for one in made] == ["F-1"]


@pytest.mark.parametrize("exit_code", [1, 2])
def test_a_scan_that_did_not_finish_says_why(tmp_path: Path, exit_code: int) -> None:
    with pytest.raises(ScanFailedError, match=f"exit code {exit_code}: oh dear"):
        scan(options(tmp_path, command=fake(tmp_path, exit_code)), tmp_path / "log", "log")


def test_a_cluster_is_scored_from_its_label_files(tmp_path: Path) -> None:
    folder = tmp_path / "kubernetes"
    folder.mkdir()
    (folder / "cluster.audit.jsonl.gz").write_bytes(gzip.compress(b'{"auditID":"x"}\n'))
    (folder / "cluster.events.csv.gz").write_bytes(
        gzip.compress(b"auditID,label_id,scenario,label\nx,1,sweep,malicious\n")
    )
    step = {
        "id": 1,
        "scenario": "sweep",
        "label": "malicious",
        "actors": [{"user": "eve", "source_ip": "10.0.0.1"}],
        "impersonated": [],
        "start": "2026-06-01T00:00:00Z",
        "end": "2026-06-01T12:00:00Z",
    }
    (folder / "cluster.labels.jsonl").write_text(json.dumps(step) + "\n", encoding="utf-8")
    made = kubernetes(options(tmp_path, findings=read_lines(json.dumps(_FINDING).encode(), Found)))
    assert (made.recalled, made.right, made.false, made.rows[0].confirmed) == (1, 1, 0, True)


def test_public_files_without_labels_hold_false_alarms_only(tmp_path: Path) -> None:
    root = tmp_path / "public"
    (root / "a").mkdir(parents=True)
    for name in ("a/one.log", "a/two.log"):
        (root / name).write_text("{}\n", encoding="utf-8")
    expected = {"file": "a/one.log", "event": 0, "label": "discovery"}
    (root / "expected.jsonl").write_text(json.dumps(expected) + "\n", encoding="utf-8")
    found = read_lines(json.dumps(_FINDING).encode(), Found)[0]
    place = found.sightings[0]
    findings = tuple(
        Found(
            id=name,
            level="low",
            actor=found.actor,
            from_=found.from_,
            until=found.until,
            headline="x",
            sightings=(Seen(at=place.at, origin=Place(path=f"public/{name}", line=1)),),
        )
        for name in ("a/one.log", "a/two.log")
    )
    made = public(options(tmp_path, findings=findings))
    assert (made.events["discovery"]["low"], made.unlabelled) == (1, {"a/two.log": ["low x"]})


def test_a_capture_may_have_only_some_of_the_sensors(tmp_path: Path) -> None:
    host = tmp_path / "docker" / "host"
    host.mkdir(parents=True)
    begin = datetime(2026, 6, 1, tzinfo=UTC).timestamp()
    step = {"step": "M1", "user": "eve", "label": "malicious", "start": begin, "end": begin + 60}
    (host / "steps.jsonl").write_text(json.dumps(step) + "\n", encoding="utf-8")
    (host / "execve_bpftrace.log").write_text("\n", encoding="utf-8")
    one = json.loads(json.dumps(_FINDING))
    one["sightings"][0]["origin"]["path"] = "docker/host/execve_bpftrace.log"
    (made,) = docker(options(tmp_path, findings=read_lines(json.dumps(one).encode(), Found)))
    assert made.decided
    assert (made.sensor, made.coverage[0].covered, made.decided.right) == ("host/execve_bpftrace.log", 1, 1)


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (("x.labels.jsonl",), "kubernetes"),
        (("host/steps.jsonl",), "docker"),
        (("expected.jsonl",), "public"),
        ((), None),
    ],
)
def test_a_folder_is_known_by_its_labels(tmp_path: Path, names: tuple[str, ...], kind: str | None) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    if kind is None:
        with pytest.raises(SystemExit, match="no labelled data"):
            kind_of(tmp_path)
    else:
        assert kind_of(tmp_path) == kind


def test_two_clusters_in_a_folder_are_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.labels.jsonl").touch()
    with pytest.raises(SystemExit, match="2 clusters in one folder"):
        cluster(tmp_path)
