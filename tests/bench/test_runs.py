from __future__ import annotations

import sys

import pytest

from bench.runs import Job, Run, measure, median, replace_between, take_turns


def test_a_run_gives_cpu_memory_exit_code_and_answer() -> None:
    work = "import os; sum(range(2_000_000)); print(os.environ['WORD']); raise SystemExit(3)"
    run = measure(Job("work", (sys.executable, "-c", work), {"WORD": "hello"}))
    assert (run.exit, run.answer) == (3, "hello")
    assert run.cpu > 0
    assert run.rss > 1


def test_children_of_a_run_are_counted() -> None:
    heavy = "sum(range(6_000_000))"
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {heavy!r}], check=True)"
    assert (
        measure(Job("nested", (sys.executable, "-c", nested))).cpu
        > measure(Job("idle", (sys.executable, "-c", ""))).cpu
    )


def test_jobs_take_turns_and_skipped_ones_do_not_run() -> None:
    jobs = [Job("one", (sys.executable, "-c", "print(1)")), Job("two", skipped="not here")]
    found = take_turns(jobs, 2)
    assert {name: [run.answer for run in runs] for name, runs in found.items()} == {"one": ["1", "1"], "two": []}


def test_each_measure_has_its_own_median() -> None:
    runs = [Run(1, 9, 5, 0, "a"), Run(2, 7, 6, 0, "a"), Run(3, 8, 4, 10, "b")]
    assert median(runs) == Run(2, 8, 5, 10, "b")


def test_only_what_is_between_the_markers_is_replaced() -> None:
    text = "a\n<!-- t:begin -->\nold\n<!-- t:end -->\nb\n"
    assert replace_between(text, "t", "\nnew\n") == "a\n<!-- t:begin -->\nnew\n<!-- t:end -->\nb\n"


def test_missing_markers_are_an_error() -> None:
    with pytest.raises(ValueError, match="no markers"):
        replace_between("nothing here", "t", "new")
