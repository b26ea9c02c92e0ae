"""Damaged records of every format and every wrapper crash nothing, and none vanishes: a small share of the campaign.

The whole of it, 100,000 records of each format, is `python bench/mutate.py`; its figures are in bench/README.md.
"""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import pytest

from tidewaiter.recognise.pack import packaged

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the campaign is a script beside the package

from bench.mutate import Failure, run, whole_way
from bench.subjects import Subject, envelopes, formats, log_of

SEED = 20261123
FORMATS = list(formats())
ENVELOPES = list(envelopes())


def failures(subject: Subject, records: int) -> list[Failure]:
    random = Random(f"{subject.name} {SEED}")  # noqa: S311 - no secret
    counted, found = run(subject, log_of(subject, random, records), random, packaged())
    assert counted.given >= records // 3
    assert counted.given == counted.read + counted.unreadable + counted.foreign
    return found


@pytest.mark.parametrize("subject", FORMATS, ids=lambda one: one.name)
def test_no_damaged_record_of_a_format_is_lost(subject: Subject) -> None:
    assert failures(subject, 150) == []


@pytest.mark.parametrize("subject", ENVELOPES, ids=lambda one: one.name)
def test_no_damaged_record_in_a_wrapper_is_lost(subject: Subject) -> None:
    assert failures(subject, 20) == []


@pytest.mark.parametrize("subject", [*FORMATS[::5], *ENVELOPES[::40]], ids=lambda one: one.name)
def test_damaged_records_go_the_whole_way_to_the_findings(subject: Subject) -> None:
    assert whole_way(subject, Random(SEED), 60) == []  # noqa: S311 - no secret
