from __future__ import annotations

from pathlib import Path

from bench.runs import Job, Run
from bench.speed import auditd_jobs, kube_jobs, table


def test_the_table_compares_medians_and_explains_gaps() -> None:
    jobs = [Job("fast", ("f",)), Job("base", ("b",)), Job("gone", skipped="not installed"), Job("broken", ("x",))]
    runs = {
        "fast": [Run(0.5, 0.6, 80, 0, ""), Run(0.4, 0.5, 90, 0, ""), Run(0.6, 0.7, 85, 0, "")],
        "base": [Run(1.0, 1.1, 200, 0, "")] * 3,
        "gone": [],
        "broken": [Run(0.1, 0.1, 10, 2, "")],
    }
    assert table(jobs, runs, 1_000_000_000, against={"vs base": "base", "vs gone": "gone"}).splitlines() == [
        "| candidate | CPU s | min-max | wall s | MB per CPU s | vs base | vs gone | peak RSS MB |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| fast | 0.50 | 0.40-0.60 | 0.60 | 2000 | 2.00x | - | 85 |",
        "| base | 1.00 | 1.00-1.00 | 1.10 | 1000 | 1.00x | - | 200 |",
        "| gone (not installed) | - | - | - | - | - | - | - |",
        "| broken (failed with exit code 2) | - | - | - | - | - | - | - |",
    ]


def test_every_candidate_reads_the_same_file_under_its_own_name() -> None:
    file = Path("some.log")
    for jobs in (kube_jobs(file), auditd_jobs(file)):
        assert len({job.name for job in jobs}) == len(jobs)
        assert all(job.skipped or str(file) in job.argv for job in jobs)


def test_the_plain_scan_is_the_same_scan_without_the_native_filter() -> None:
    native, plain = kube_jobs(Path("x"))[:2]
    assert native.argv == plain.argv
    assert plain.environment == {"TIDEWAITER_NO_NATIVE": "1"}
