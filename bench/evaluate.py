"""Score the product on labelled data: recall, false alarms, precision, and what each sensor shows of each step.

    python bench/evaluate.py all
    python bench/evaluate.py kubernetes --learn-before 2026-06-05T00:00:00Z --json
    python bench/evaluate.py docker --days 3
    python bench/evaluate.py docker --findings findings.jsonl --activities activities.jsonl
    python bench/evaluate.py /data/another-cluster --leave-one-out --rename 7 --ablations --sigma ~/sigma/rules

It runs `tidewaiter scan … --format jsonl` itself unless `--findings` is given. The product never reads a label.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

if not __package__:  # started as a file, not with -m
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import disclosures, labels, panther_rules, public_rules, render, robust
from bench.product import Options, ScanFailedError, read_lines, scan
from bench.reruns import Recording, recording
from bench.scores import Act, Decisions, Found, Score, Seen, count_events, decisions, score
from bench.sensors import SensorResult, docker

_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
_LABEL_FILES = {"README.md", "SOURCES.tsv", "expected.jsonl"}


class Cluster(NamedTuple):
    """The three files of a labelled cluster, whatever they are called."""

    log: Path
    events: Path
    steps: Path


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
    disclosed: tuple[disclosures.CategoryScore, ...] = ()
    public: PublicResult | None = None


def kind_of(folder: Path) -> str:
    """Say in which of the three formats a folder holds labelled data. Raises SystemExit when it is none."""
    if any(folder.glob("*.labels.jsonl")):
        return "kubernetes"
    for kind, name in (("docker", "host"), ("docker", "logs"), ("public", "expected.jsonl")):
        if (folder / name).exists():
            return kind
    raise SystemExit(
        f"error: no labelled data\nwhere: {folder}\n"
        "hint: expected is *.labels.jsonl with *.audit.jsonl.gz and *.events.csv.gz, or host/, logs/ or expected.jsonl"
    )


def cluster(folder: Path) -> Cluster:
    """Find the files of a labelled cluster."""
    steps = sorted(folder.glob("*.labels.jsonl"))
    if len(steps) != 1:
        raise SystemExit(f"error: {len(steps)} clusters in one folder\nwhere: {folder}\nhint: one *.labels.jsonl each")
    name = steps[0].name.removesuffix(".labels.jsonl")
    return Cluster(folder / f"{name}.audit.jsonl.gz", folder / f"{name}.events.csv.gz", steps[0])


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


def container_logs(options: Options) -> tuple[disclosures.CategoryScore, ...]:
    """Score what the container logs of the Docker captures give away."""
    logs = disclosures.labelled_logs(options.at("docker") / "logs")
    if not logs or options.findings is not None:
        return ()
    found = {log.name: disclosures.disclosed(options.command, log) for log, _ in logs}
    return disclosures.told(
        found, {log.name: read_lines(path.read_bytes(), disclosures.Labelled) for log, path in logs}
    )


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
        days=asked.days,
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
    if asked.sigma or asked.zircolite or asked.panther:
        sigma = (public_rules.sigma(asked.sigma, of), public_rules.zircolite(asked.zircolite, asked.sigma, of))
        made.append(public_rules.shown((*sigma, *panther_rules.panther(asked.panther, of))))
    else:
        made.append("Public rules: skipped: no rules given (--sigma DIR, --zircolite PATH, --panther DIR)\n")
    return made


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", metavar="|".join((*_KINDS, "FOLDER")), help="a data set, by name or by its folder")
    parser.add_argument("--tidewaiter", default=str(Path(sys.executable).with_name("tidewaiter")), metavar="CMD")
    parser.add_argument("--data", type=Path, default=_DATA, help="folder with kubernetes/, docker/ and public/")
    parser.add_argument("--findings", type=Path, help="score these JSON lines instead of running the product")
    parser.add_argument("--activities", type=Path, help="JSON lines of activities: says which steps were seen at all")
    parser.add_argument("--learn-before", type=datetime.fromisoformat, help="count false alarms before this time apart")
    parser.add_argument(
        "--days",
        type=int,
        default=0,
        help="score sensors of a capture once more, after so many days of its innocent steps",
    )
    parser.add_argument("--json", action="store_true")
    again = parser.add_argument_group("once more, for a cluster (in this process, with the rules of the package)")
    again.add_argument("--leave-one-out", action="store_true", help="each attack alone, and requests until it is found")
    again.add_argument("--rename", type=int, action="append", default=[], metavar="SEED", help="everybody renamed")
    again.add_argument("--ablations", action="store_true", help="without profiles, surprise, proofs")
    again.add_argument(
        "--sigma", type=Path, metavar="DIR", help="public Sigma rules, through pySigma's SQLite back end"
    )
    again.add_argument("--zircolite", type=Path, metavar="PATH", help="zircolite.py, for the same rules")
    again.add_argument("--panther", type=Path, metavar="DIR", help="a checkout of panther-labs/panther-analysis")
    return parser


def main() -> None:
    """Read the arguments, score, and print tables or one JSON object."""
    asked = _parser().parse_args()
    options = _options(asked)
    what = asked.what if options.folder is None else kind_of(options.folder)
    try:
        results = Results(
            kubernetes=kubernetes(options) if what in {"kubernetes", "all"} else None,
            decided=decided(options) if what in {"kubernetes", "all"} else None,
            docker=docker(options) if what in {"docker", "all"} else (),
            disclosed=container_logs(options) if what in {"docker", "all"} else (),
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
        sensors = results.docker
        print(render.docker([(one.sensor, one.findings, one.coverage, one.decided, one.problem) for one in sensors]))
    if results.disclosed:
        print(disclosures.shown(results.disclosed))
    if results.public:
        found = results.public
        print(render.public(found.events, found.other_files, found.unlabelled, found.problems))
    if results.kubernetes and _wants_more(asked):
        print("\n".join(_again(asked, options)))


def _wants_more(asked: argparse.Namespace) -> bool:
    return any((asked.leave_one_out, asked.rename, asked.ablations, asked.sigma, asked.zircolite, asked.panther))


if __name__ == "__main__":
    main()
