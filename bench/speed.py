"""Compare what a scan costs with its peers, in one run, taking turns.

    python bench/speed.py --file audit.ndjson --runs 5
    python bench/speed.py --mb 1000 --relevant 0.085 --auditd-mb 500 --runs 5 --write

CPU seconds of the process tree are the figure to trust: wall time depends on who else uses the machine. Peers do
task T only (filter, project, group); the scan also learns profiles and writes findings.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

if not __package__:  # started as a file, not with -m
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.peers import duckdb_ndjson, ripgrep, stdlib_json, tidewaiter_scan
from bench.runs import Job, Run, median, take_turns, write_section

HERE = Path(__file__).resolve().parent
_VERSIONED = ("duckdb", "msgspec", "isal")


def table(jobs: Sequence[Job], runs: Mapping[str, Sequence[Run]], size: int, *, against: Mapping[str, str]) -> str:
    """Render the medians as a Markdown table; `against` names the columns of ratios: heading -> job."""
    middle = {name: median(found) for name, found in runs.items() if found}
    usable = {job.name for job in jobs if job.name in middle and middle[job.name].exit in job.good}
    rows = [["candidate", "CPU s", "min-max", "wall s", "MB per CPU s", *against, "peak RSS MB"]]
    rows.append(["---", *["---:"] * (len(rows[0]) - 1)])
    for job in jobs:
        if job.name not in usable:
            why = job.skipped or f"failed with exit code {middle[job.name].exit}"
            rows.append([f"{job.name} ({why})", *["-"] * (len(rows[0]) - 1)])
            continue
        found, one = runs[job.name], middle[job.name]
        ratios = [_ratio(middle[base].cpu, one.cpu) if base in usable else "-" for base in against.values()]
        spread = f"{min(run.cpu for run in found):.2f}-{max(run.cpu for run in found):.2f}"
        rate = f"{size / 1e6 / one.cpu:.0f}" if one.cpu else "-"
        rows.append([job.name, f"{one.cpu:.2f}", spread, f"{one.wall:.2f}", rate, *ratios, f"{one.rss:.0f}"])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _ratio(base: float, own: float) -> str:
    """Say how many times as fast as the base: above 1 is faster."""
    return f"{base / own:.2f}x" if own else "-"


def machine() -> str:
    """Name the machine and the versions in one line."""
    versions = ", ".join(f"{name} {version(name)}" for name in _VERSIONED if _installed(name))
    system = f"{platform.system()} {platform.release()}"
    return f"{os.cpu_count()} cores, {system}, Python {platform.python_version()}, {versions}"


def _installed(name: str) -> bool:
    try:
        version(name)
    except ModuleNotFoundError:  # PackageNotFoundError is one
        return False
    return True


def kube_jobs(file: Path) -> list[Job]:
    """Give the candidates for a Kubernetes audit log."""
    return [
        tidewaiter_scan.job(file),
        tidewaiter_scan.job(file, native=False),
        duckdb_ndjson.job(file),
        stdlib_json.job(file),
        ripgrep.job(file, '"list"'),
    ]


def auditd_jobs(file: Path) -> list[Job]:
    """Give the candidates for an auditd log."""
    return [
        tidewaiter_scan.job(file),
        ripgrep.job(file, "type=EXECVE"),
    ]


def generated(name: str, *arguments: str) -> Path:
    """Give the file a generator writes for these arguments; it is made once and kept in bench/data/ (git-ignored)."""
    key = "-".join([name.removeprefix("generate_"), *(argument.lstrip("-") for argument in arguments)])
    target = HERE / "data" / f"{key}.log"
    if not target.exists():
        target.parent.mkdir(exist_ok=True)
        half = target.with_suffix(".part")
        with half.open("wb") as out:
            subprocess.run([sys.executable, str(HERE / f"{name}.py"), *arguments], stdout=out, check=True)
        half.rename(target)
    return target


def _disagreement(runs: Mapping[str, Sequence[Run]]) -> str:
    answers = {runs[peer.NAME][-1].answer for peer in (duckdb_ndjson, stdlib_json) if runs.get(peer.NAME)}
    return f"the peers disagree on task T: {sorted(answers)}" if len(answers) > 1 else ""


def _facts(file: Path, runs: Mapping[str, Sequence[Run]]) -> str:
    with file.open("rb") as data:
        lines = sum(block.count(b"\n") for block in iter(lambda: data.read(1 << 22), b""))
    size = file.stat().st_size
    facts = f"`{file.name}`: {size / 1e6:.0f} MB, {lines:,} lines, {size / lines:.0f} bytes a line"
    done = runs.get(duckdb_ndjson.NAME)
    if done and done[-1].answer.startswith("["):
        groups, kept = (int(number) for number in done[-1].answer.strip("[]").split(",")[:2])
        facts += f"; task T keeps {kept:,} lines ({kept / lines:.1%}) in {groups:,} groups"
    return facts


def compare(file: Path, jobs: Sequence[Job], rounds: int, against: Mapping[str, str]) -> str:
    """Measure the candidates on one file and give a paragraph of facts and the table."""
    runs = take_turns(jobs, rounds)
    if problem := _disagreement(runs):
        raise SystemExit(f"error: {problem}")
    stamp = f"{datetime.now(UTC):%Y-%m-%d}, median of {rounds}, {machine()}."
    body = table(jobs, runs, file.stat().st_size, against=against)
    return f"{stamp}\n{_facts(file, runs)}.\n\n{body}\n"


def main() -> None:
    """Read the arguments, measure, print, and rewrite the README if asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--file", type=Path, help="Kubernetes audit NDJSON to read")
    parser.add_argument("--mb", type=int, help="generate a Kubernetes audit log of this size instead")
    parser.add_argument("--relevant", type=float, default=0.085)
    parser.add_argument("--auditd-file", type=Path, help="auditd log to read")
    parser.add_argument("--auditd-mb", type=int, help="generate an auditd log of this size instead")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="replace the tables in bench/README.md")
    asked = parser.parse_args()
    os.environ["PYTHONPATH"] = str(HERE.parent)  # the peers are started as `python -m bench.peers.…`
    sections = {}
    kube, auditd = asked.file, asked.auditd_file
    if asked.mb:
        kube = generated("generate_kube_audit", "--mb", str(asked.mb), "--relevant", str(asked.relevant), "--seed", "7")
    if asked.auditd_mb:
        auditd = generated("generate_auditd", "--mb", str(asked.auditd_mb), "--seed", "7")
    if kube:
        jobs = kube_jobs(kube)
        name = "kubernetes" if asked.relevant < 0.2 else "kubernetes-many"
        sections[name] = compare(kube, jobs, asked.runs, {"vs DuckDB": duckdb_ndjson.NAME, "vs rg": jobs[-1].name})
    if auditd:
        jobs = auditd_jobs(auditd)
        sections["auditd"] = compare(auditd, jobs, asked.runs, {"vs rg": jobs[-1].name})
    if not sections:
        parser.error("give --file or --mb, --auditd-file or --auditd-mb")
    for name, text in sections.items():
        print(f"## {name}\n\n{text}")
        if asked.write:
            write_section(HERE / "README.md", name, text)


if __name__ == "__main__":
    main()
