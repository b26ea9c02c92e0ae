"""Score every sensor of the Docker captures, step by step; with a past as well, where the labels allow to make one."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench import labels
from bench.product import Options, ScanFailedError, scan
from bench.scores import Act, Case, Coverage, Decisions, Found, coverage, decisions
from tidewaiter.recognise.pack import packaged
from tidewaiter.sources import catalogue
from tidewaiter.sources.opening import inputs

_UNDATED = 1970  # year of records whose format knows no date
_EPOCH = re.compile(r"(?<!\d)(\d{10})(?=\.\d)")
_EVENT = re.compile(r"(?:audit\(|\"ID\":\")(\d+\.\d+:\d+)")
_DAY = 86_400
# Sensors of whose records the labels tell which are innocent, and whose times can be moved in the text.
_WITH_PAST = frozenset(
    {"host/audit_raw.log", "host/audit_enriched_run2.log", "host/audit_laurel.jsonl", "host/socket_peercred.jsonl"}
)


class SensorResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one sensor's log gave; `problem` says why nothing could be scored."""

    sensor: str
    findings: int
    coverage: tuple[Coverage, ...]
    decided: Decisions | None = None
    problem: str = ""


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


def _day(acts: Iterable[Act], first: datetime) -> timedelta:
    """Give how far records that carry no date (read as of 1970) are from the day of a capture with labels.

    A time of day is kept; a time since the start of the machine is counted from the first record.
    """
    begin = min((act.at for act in acts if act.at.year == _UNDATED), default=None)
    if begin is None:
        return timedelta(0)
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
    shift = midnight - datetime(_UNDATED, 1, 1, tzinfo=UTC)
    return shift if abs(begin + shift - first) <= timedelta(seconds=5) else first - begin


def _moved(found: Iterable[Found], shift: timedelta) -> tuple[Found, ...]:
    return tuple(
        msgspec.structs.replace(
            one,
            from_=one.from_ + shift,
            until=one.until + shift,
            sightings=tuple(msgspec.structs.replace(seen, at=seen.at + shift) for seen in one.sightings),
        )
        for one in found
    )


def docker(options: Options) -> tuple[SensorResult, ...]:
    """Score every sensor of the Docker captures by step; a capture may have only some of them."""
    root = options.at("docker")
    users = _users(root / "host/audit_enriched_run2.log", root / "host/socket_peercred.jsonl")
    there = [one for one in labels.SENSORS if all((root / name).is_file() for name in one.files)]
    made = []
    for sensor in there:
        made.append(_sensor(options, root, sensor, users))
        if options.days and sensor.log in _WITH_PAST:
            made.append(_after_days(options, root, sensor, users))
    return tuple(made)


def _after_days(options: Options, root: Path, sensor: labels.Sensor, users: dict[str, str]) -> SensorResult:
    """Score a sensor that has seen the innocent steps of the same capture on each of some days before."""
    with tempfile.TemporaryDirectory() as folder:
        learnt = Path(folder, "past.log")
        lines = list(innocent(root, sensor))
        learnt.write_text("".join(earlier(lines, day) for day in range(options.days, 0, -1)), encoding="utf-8")
        made = _sensor(options, root, sensor, users, "--learn", str(learnt))
    return msgspec.structs.replace(made, sensor=f"{sensor.log}, {options.days} days learnt")


def innocent(root: Path, sensor: labels.Sensor) -> Iterator[str]:
    """Give the records of benign steps, as the sensor wrote them."""
    if sensor.wrapped:
        good = (one for one in labels.records(root / sensor.log) if one.get("label") == "benign")
        yield from (json.dumps(one["record"], ensure_ascii=False) for one in good)
        return
    known = {one["event_id"] for one in labels.records(root / sensor.visible) if one["label"] == "benign"}
    with (root / sensor.log).open(encoding="utf-8", errors="replace", newline="\n") as lines:
        yield from (line.rstrip("\n") for line in lines if (event := _EVENT.search(line)) and event[1] in known)


def earlier(lines: Iterable[str], days: int) -> str:
    """Move records so many days back: every time that is written in seconds since 1970."""
    return "".join(_EPOCH.sub(lambda at: str(int(at[1]) - days * _DAY), line) + "\n" for line in lines)


def _users(enriched: Path, peers: Path) -> dict[str, str]:
    """Map uids to names, from the sensors that know both, where they are."""
    with ExitStack() as stack:
        lines: Iterable[str] = ()
        if enriched.is_file():
            lines = stack.enter_context(enriched.open(encoding="utf-8", errors="replace", newline="\n"))
        return labels.uid_names(lines, labels.records(peers) if peers.is_file() else ())


def _sensor(options: Options, root: Path, sensor: labels.Sensor, users: dict[str, str], *learnt: str) -> SensorResult:
    try:
        found, every, acts = _scan_sensor(options, root, sensor, *learnt)
    except ScanFailedError as problem:
        return SensorResult(sensor=sensor.log, findings=0, coverage=(), problem=str(problem))
    cases: Sequence[Case] = labels.sensor_cases(sensor, root)
    shift = _day(acts or (), min(case.start for case in cases))
    if acts is not None:
        acts = [msgspec.structs.replace(act, at=act.at + shift) for act in acts]
    found, every = _moved(found, shift), _moved(every, shift)
    slack = timedelta(seconds=sensor.slack)
    made = coverage(found, cases, users, slack=slack, acts=acts)
    decided = decisions(every, cases, users, slack)
    return SensorResult(sensor=sensor.log, findings=len(found), coverage=tuple(made), decided=decided)


class SensorScan(NamedTuple):
    """What a sensor's log leads to."""

    found: tuple[Found, ...]
    every: tuple[Found, ...]  # as a hunter sees them
    acts: Sequence[Act] | None  # every activity that was recognised (None: not known)


def _scan_sensor(options: Options, root: Path, sensor: labels.Sensor, *learnt: str) -> SensorScan:
    log = root / sensor.log
    if options.findings is not None:
        given = options.activities
        acts = None if given is None else [act for act in given if act.origin.path.endswith(sensor.log)]
        found = scan(options, log, sensor.log)
        return SensorScan(found, found, acts)
    if not sensor.wrapped:
        return _scan_log(options, log, *learnt)
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / log.name
        bare.write_text("".join(f"{line}\n" for line in labels.without_labels(log)), encoding="utf-8")
        return _scan_log(options, bare, *learnt)


def _scan_log(options: Options, log: Path, *learnt: str) -> SensorScan:
    found = scan(options, log, log.name, *learnt)
    return SensorScan(found, scan(options, log, log.name, "--persona", "hunter", *learnt), recognised(log))
