"""Score the product on labelled data: recall, false alarms, precision, and what each sensor shows of each step.

    python bench/evaluate.py all
    python bench/evaluate.py kubernetes --learn-before 2026-06-05T00:00:00Z --json
    python bench/evaluate.py docker --findings findings.jsonl --activities activities.jsonl
    python bench/evaluate.py /data/another-cluster --leave-one-out --rename 7 --ablations --sigma ~/sigma/rules

It runs `tidewaiter scan … --format jsonl` itself unless `--findings` is given. The product never reads a label.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

if not __package__:  # started as a file, not with -m
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import labels, public_rules, render, robust
from bench.reruns import Recording, recording
from bench.scores import (
    Act,
    Case,
    Coverage,
    Decisions,
    Found,
    Score,
    Seen,
    count_events,
    coverage,
    decisions,
    score,
)
from tidewaiter.recognise.pack import packaged
from tidewaiter.sources import catalogue
from tidewaiter.sources.opening import inputs

_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
_FINISHED = {0, 3, 10}  # finished; finished with part unreadable; finished with findings at --fail-on
_LABEL_FILES = {"README.md", "SOURCES.tsv", "expected.jsonl"}
_UNDATED = 1970  # year of records whose format knows no date
_Line = TypeVar("_Line", Found, Act)


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asks for."""

    command: tuple[str, ...]
    data: Path
    findings: tuple[Found, ...] | None = None
    activities: tuple[Act, ...] | None = None
    learn_before: datetime | None = None
    folder: Path | None = None  # the data set itself, where it is not `data`/<kind>

    def at(self, kind: str) -> Path:
        """Give the folder of a data set."""
        return self.folder or self.data / kind


class Cluster(NamedTuple):
    """The three files of a labelled cluster, whatever they are called."""

    log: Path
    events: Path
    steps: Path


class SensorResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one sensor's log gave; `problem` says why nothing could be scored."""

    sensor: str
    findings: int
    coverage: tuple[Coverage, ...]
    problem: str = ""


class PublicResult(msgspec.Struct, frozen=True, kw_only=True):
    """Events by label and level, findings in files without a line for each event, and in files without labels."""

    events: dict[str, dict[str, int]]
    other_files: dict[str, list[str]]  # labelled as a whole: "level headline" of each finding
    unlabelled: dict[str, list[str]]  # nothing there is discovery: every finding is a false alarm
    problems: dict[str, str]


class Results(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that was scored."""

    kubernetes: Score | None = None
    decided: Decisions | None = None
    docker: tuple[SensorResult, ...] = ()
    public: PublicResult | None = None


class ScanFailedError(Exception):
    """The product could not scan a file; the text is the first line it said."""


def read_lines(text: bytes, kind: type[_Line]) -> tuple[_Line, ...]:
    """Decode JSON lines; unknown fields are ignored."""
    return tuple(msgspec.json.Decoder(kind).decode_lines(text))


def scan(options: Options, path: Path, name: str, *asked: str) -> tuple[Found, ...]:
    """Give the findings in one file: from the product, or those of the given findings that lie in `name`."""
    if options.findings is not None:
        return tuple(one for one in options.findings if any(seen.origin.path.endswith(name) for seen in one.sightings))
    argv = [*options.command, "scan", str(path), "--format", "jsonl", *asked]
    done = subprocess.run(argv, capture_output=True, check=False)
    if done.returncode not in _FINISHED:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["nothing"]
        raise ScanFailedError(f"exit code {done.returncode}: {said[-1]}")
    return read_lines(done.stdout, Found)


def kind_of(folder: Path) -> str:
    """Say in which of the three formats a folder holds labelled data. Raises SystemExit when it is none."""
    if any(folder.glob("*.labels.jsonl")):
        return "kubernetes"
    for kind, name in (("docker", "host"), ("public", "expected.jsonl")):
        if (folder / name).exists():
            return kind
    raise SystemExit(
        f"error: no labelled data\nwhere: {folder}\n"
        "hint: expected is *.labels.jsonl with *.audit.jsonl.gz and *.events.csv.gz, or host/, or expected.jsonl"
    )


def cluster(folder: Path) -> Cluster:
    """Find the files of a labelled cluster."""
    (steps,) = folder.glob("*.labels.jsonl")
    name = steps.name.removesuffix(".labels.jsonl")
    return Cluster(folder / f"{name}.audit.jsonl.gz", folder / f"{name}.events.csv.gz", steps)


def kubernetes(options: Options) -> Score:
    """Score the days of a cluster."""
    log, events, steps = cluster(options.at("kubernetes"))
    found = scan(options, log, log.name)
    case_of = labels.case_of_line(log, events)

    def own_case(seen: Seen) -> str | None:
        return (
            case_of.get(seen.origin.line)
            if log.name.startswith(Path(seen.origin.path).name.removesuffix(".gz"))
            else None
        )

    cases = labels.kubernetes_cases(steps)
    return score(found, cases, learn_before=options.learn_before, own_case=own_case)


def decided(options: Options) -> Decisions:
    """Compare the decision about every episode, as a hunter sees them, with its label."""
    log, _, steps = cluster(options.at("kubernetes"))
    return decisions(scan(options, log, log.name, "--persona", "hunter"), labels.kubernetes_cases(steps))


def recognised(path: Path) -> tuple[Act, ...]:
    """Give every activity of a log that a recogniser names, as context or more, whatever becomes of it."""
    pack = packaged()
    found: list[Act] = []
    for item in inputs([str(path)], report=lambda _: None):
        with catalogue.read(item) as reading:
            found += (
                msgspec.convert(msgspec.to_builtins(one), Act)
                for batch in reading.batches()
                for one in batch
                if pack.recognise(one)
            )
    return tuple(found)


def _on_day(acts: Sequence[Act], first: datetime) -> list[Act]:
    """Put records that carry no date (read as of 1970) on the days of a capture, so that its labels can be compared.

    A time of day is kept; a time since the start of the machine is counted from the first record.
    """
    undated = [act for act in acts if act.at.year == _UNDATED]
    if not undated:
        return list(acts)
    begin = min(act.at for act in undated)
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
    shift = midnight - datetime(_UNDATED, 1, 1, tzinfo=UTC)
    if abs(begin + shift - first) > timedelta(seconds=5):
        shift = first - begin
    return [msgspec.structs.replace(act, at=act.at + shift) for act in acts]


def docker(options: Options) -> tuple[SensorResult, ...]:
    """Score every sensor of the Docker captures by step."""
    root = options.at("docker")
    with (root / "host/audit_enriched_run2.log").open(encoding="utf-8", errors="replace", newline="\n") as enriched:
        users = labels.uid_names(enriched, labels.records(root / "host/socket_peercred.jsonl"))
    return tuple(_sensor(options, root, sensor, users) for sensor in labels.SENSORS)


def _sensor(options: Options, root: Path, sensor: labels.Sensor, users: dict[str, str]) -> SensorResult:
    try:
        found, acts = _scan_sensor(options, root, sensor)
    except ScanFailedError as problem:
        return SensorResult(sensor=sensor.log, findings=0, coverage=(), problem=str(problem))
    cases: Sequence[Case] = labels.sensor_cases(sensor, root)
    if acts is not None:
        acts = _on_day(acts, min(case.start for case in cases))
    made = coverage(found, cases, users, slack=timedelta(seconds=sensor.slack), acts=acts)
    return SensorResult(sensor=sensor.log, findings=len(found), coverage=tuple(made))


def _scan_sensor(options: Options, root: Path, sensor: labels.Sensor) -> tuple[tuple[Found, ...], Sequence[Act] | None]:
    """Give what a sensor's log leads to: findings, and every activity that was recognised (None: not known)."""
    log = root / sensor.log
    if options.findings is not None:
        given = options.activities
        acts = None if given is None else [act for act in given if act.origin.path.endswith(sensor.log)]
        return scan(options, log, sensor.log), acts
    if not sensor.wrapped:
        return scan(options, log, sensor.log), recognised(log)
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / log.name
        bare.write_text("".join(f"{line}\n" for line in labels.without_labels(log)), encoding="utf-8")
        return scan(options, bare, log.name), recognised(bare)


def public(options: Options) -> PublicResult:
    """Score the public samples, each file on its own: they are unit tests that know nothing of each other."""
    root = options.at("public")
    by_line, whole = labels.event_labels(root / "expected.jsonl", root)
    named = {file for file, _ in by_line}
    found: list[Found] = []
    other: dict[str, list[str]] = {}
    unlabelled: dict[str, list[str]] = {}
    problems: dict[str, str] = {}
    for path in sorted(root.rglob("*")):
        file = path.relative_to(root).as_posix()
        if not path.is_file() or path.name in _LABEL_FILES or file.startswith("LICENSES/"):
            continue
        try:
            mine = scan(options, path, file)
        except ScanFailedError as problem:
            problems[file] = str(problem)
            continue
        if file in named:
            found += mine
        elif mine:
            (other if file in whole else unlabelled)[file] = [f"{one.level} {one.headline}" for one in mine]
    return PublicResult(
        events=count_events(found, by_line), other_files=other, unlabelled=unlabelled, problems=problems
    )


def _options(asked: argparse.Namespace) -> Options:
    return Options(
        command=tuple(shlex.split(asked.tidewaiter)),
        data=asked.data,
        findings=read_lines(asked.findings.read_bytes(), Found) if asked.findings else None,
        activities=read_lines(asked.activities.read_bytes(), Act) if asked.activities else None,
        learn_before=asked.learn_before,
        folder=None if asked.what in _KINDS else Path(asked.what),
    )


_KINDS = ("kubernetes", "docker", "public", "all")


def _again(asked: argparse.Namespace, options: Options) -> list[str]:
    """Score the cluster once more in the other ways that were asked for."""
    of: Recording = recording(*cluster(options.at("kubernetes")))
    made = []
    if asked.leave_one_out:
        made.append(robust.shown_left(robust.leave_one_out(of)))
    made += [robust.shown_renamed(robust.rename(of, seed)) for seed in asked.rename]
    if asked.ablations:
        made.append(robust.shown_ablations(robust.ablations(of)))
    if asked.sigma or asked.zircolite:
        scored = (public_rules.sigma(asked.sigma, of), public_rules.zircolite(asked.zircolite, asked.sigma, of))
        made.append(public_rules.shown(scored))
    else:
        made.append("Public rules: skipped: no rules given (--sigma DIR, --zircolite PATH)\n")
    return made


def main() -> None:
    """Read the arguments, score, and print tables or one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", metavar="|".join((*_KINDS, "FOLDER")), help="a data set, by name or by its folder")
    parser.add_argument("--tidewaiter", default=str(Path(sys.executable).with_name("tidewaiter")), metavar="CMD")
    parser.add_argument("--data", type=Path, default=_DATA, help="folder with kubernetes/, docker/ and public/")
    parser.add_argument("--findings", type=Path, help="score these JSON lines instead of running the product")
    parser.add_argument("--activities", type=Path, help="JSON lines of activities: says which steps were seen at all")
    parser.add_argument("--learn-before", type=datetime.fromisoformat, help="count false alarms before this time apart")
    parser.add_argument("--json", action="store_true")
    again = parser.add_argument_group("once more, for a cluster (in this process, with the rules of the package)")
    again.add_argument("--leave-one-out", action="store_true", help="each attack alone, and requests until it is found")
    again.add_argument("--rename", type=int, action="append", default=[], metavar="SEED", help="everybody renamed")
    again.add_argument("--ablations", action="store_true", help="without profiles, surprise, proofs")
    again.add_argument(
        "--sigma", type=Path, metavar="DIR", help="public Sigma rules, through pySigma's SQLite back end"
    )
    again.add_argument("--zircolite", type=Path, metavar="PATH", help="zircolite.py, for the same rules")
    asked = parser.parse_args()
    options = _options(asked)
    what = asked.what if options.folder is None else kind_of(options.folder)
    try:
        results = Results(
            kubernetes=kubernetes(options) if what in {"kubernetes", "all"} else None,
            decided=decided(options) if what in {"kubernetes", "all"} else None,
            docker=docker(options) if what in {"docker", "all"} else (),
            public=public(options) if what in {"public", "all"} else None,
        )
    except ScanFailedError as problem:
        raise SystemExit(f"error: the scan failed\nwhere: {problem}") from None
    if asked.json:
        print(msgspec.json.encode(results, order="sorted").decode())
        return
    if results.kubernetes:
        print(render.kubernetes(results.kubernetes))
    if results.decided:
        print(render.decided(results.decided))
    if results.docker:
        print(render.docker([(one.sensor, one.findings, one.coverage, one.problem) for one in results.docker]))
    if results.public:
        found = results.public
        print(render.public(found.events, found.other_files, found.unlabelled, found.problems))
    if results.kubernetes and _wants_more(asked):
        print("\n".join(_again(asked, options)))


def _wants_more(asked: argparse.Namespace) -> bool:
    return bool(asked.leave_one_out or asked.rename or asked.ablations or asked.sigma or asked.zircolite)


if __name__ == "__main__":
    main()
