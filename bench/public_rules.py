"""Public Sigma rules over the same labelled log, through engines that are not ours, from paths that the user gives.

Nothing is copied or fetched: the rules stay where the user has them (a checkout of SigmaHQ/sigma, say). Engines: the
SQLite back end of pySigma (`pip install pySigma-backend-sqlite`), and Zircolite as a program. What is not given or not
installed is said and skipped.
"""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from bench.render import rows
from bench.reruns import Recording
from bench.scores import FLOOR

_BACKEND = "sigma.backends.sqlite"
_TABLE = "logs"  # as the back end calls it
_WHOLE_ROWS, _ROW_NUMBERS = "SELECT * FROM logs", "SELECT rowid FROM logs"
_NO_COLUMN = re.compile(r"no such column: \"?`?([^`\"]+)")
_LEVEL = re.compile(r"^level:\s*(\w+)", re.MULTILINE)
_LOUD = frozenset({"medium", "high", "critical"})
_FOUND_IDS = re.compile(r"0:(\d+)")  # event_ids of a correlation: table number and rowid
Json = dict[str, Any]


class Alert(msgspec.Struct, frozen=True):
    """A rule held for a line."""

    rule: str
    line: int  # 1-based
    loud: bool = True  # medium or above


class RuleScore(msgspec.Struct, frozen=True, kw_only=True):
    """What public rules make of a labelled log."""

    engine: str
    rules: int = 0
    failed: int = 0  # rules that the engine could not convert or run
    attacks: int = 0  # of them, with at least one alert on a request of theirs
    of: int = 0
    attacks_loud: int = 0  # … at medium or above
    innocent: int = 0  # alerts on other requests, one for each rule, actor and hour
    innocent_loud: int = 0
    days: float = 0.0
    skipped: str = ""  # why there is nothing to score


def flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Give the fields of a record by dotted path; lists of plain values become one text."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(inner, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        yield name, ",".join(str(one) for one in value)
    else:
        yield name, value


def sigma(folder: Path | None, of: Recording) -> RuleScore:
    """Run the Kubernetes audit rules of a folder through pySigma's SQLite back end."""
    engine = "pySigma sqlite"
    if folder is None:
        return RuleScore(engine=engine, skipped="no rules given (--sigma DIR)")
    if find_spec("sigma.backends") is None or find_spec(_BACKEND) is None:
        return RuleScore(engine=engine, skipped="pySigma-backend-sqlite is not installed")
    queries, failed = _queries(folder)
    base = _database(of.lines)
    alerts: list[Alert] = []
    for title, query, loud in queries:
        try:
            alerts += [Alert(title, line, loud) for line in _lines(base, query)]
        except sqlite3.Error:
            failed += 1
    return scored(engine, alerts, of, rules=len(queries), failed=failed)


def _queries(folder: Path) -> tuple[list[tuple[str, str, bool]], int]:
    """Convert every rule for Kubernetes audit logs, each by itself; and count those that cannot be."""
    backend = import_module(_BACKEND).sqliteBackend()
    errors = import_module("sigma.exceptions").SigmaError
    collection = import_module("sigma.collection").SigmaCollection
    made, failed = list[tuple[str, str, bool]](), 0
    for path in sorted(folder.rglob("*.yml")):
        text = path.read_text(encoding="utf-8")
        if not re.search(r"product:\s*kubernetes", text):
            continue
        try:
            loud = any(level in _LOUD for level in _LEVEL.findall(text))
            made += [(path.stem, query, loud) for query in backend.convert(collection.from_yaml(text))]
        except errors:
            failed += 1
    return made, failed


def _database(lines: Iterable[bytes]) -> sqlite3.Connection:
    """Put a log into SQLite, one column a field; a row's number is the line's."""
    base = sqlite3.connect(":memory:")
    base.create_function("REGEXP", 2, lambda pattern, value: bool(re.search(pattern, str(value or ""))))
    records = [dict(flat(json.loads(line))) for line in lines]
    # Field names of SQLite know no case: "User" and "user" would be one column.
    names = {name.lower(): name for record in records for name in record} | {"timestamp": "timestamp"}
    columns = ", ".join(f'"{name}" COLLATE NOCASE' for name in names.values())
    base.execute(f"CREATE TABLE {_TABLE} ({columns})")
    for record in records:
        record["timestamp"] = record.get("requestReceivedTimestamp")
    marks = ", ".join("?" * len(names))
    base.executemany(
        f"INSERT INTO {_TABLE} VALUES ({marks})",  # noqa: S608 (nothing but marks)
        ([record.get(name) for name in names.values()] for record in records),
    )
    return base


def _lines(base: sqlite3.Connection, query: str) -> list[int]:
    """Run a rule's query; a field that no record has is an empty column. Raises sqlite3.Error."""
    plain = query.replace(_WHOLE_ROWS, _ROW_NUMBERS, 1)
    while True:
        try:
            cursor = base.execute(plain)
            break
        except sqlite3.OperationalError as problem:
            missing = _NO_COLUMN.match(str(problem))
            if missing is None:
                raise
            base.execute(f'ALTER TABLE {_TABLE} ADD COLUMN "{missing[1]}"')
    if plain != query:
        return [row[0] for row in cursor]
    at = [column[0] for column in cursor.description].index("event_ids")
    return [int(line) for row in cursor for line in _FOUND_IDS.findall(row[at])]


def zircolite(program: Path | None, folder: Path | None, of: Recording) -> RuleScore:
    """Run Zircolite (3 or later: it tells formats by itself) with the rules of a folder over the log."""
    engine = "Zircolite"
    if program is None or folder is None:
        return RuleScore(engine=engine, skipped="no program or no rules given (--zircolite PATH --sigma DIR)")
    line_of = {json.loads(line)["auditID"]: number for number, line in enumerate(of.lines, 1)}
    with tempfile.TemporaryDirectory() as place:
        log, out = Path(place, "log.json"), Path(place, "found.json")
        log.write_bytes(b"".join(of.lines))
        argv = [sys.executable, str(program), "--events", str(log), "--ruleset", str(folder)]
        done = subprocess.run([*argv, "--outfile", str(out)], capture_output=True, check=False, cwd=program.parent)
        if done.returncode or not out.is_file():
            said = done.stderr.decode(errors="replace").strip().splitlines() or ["nothing"]
            return RuleScore(engine=engine, skipped=f"it ended with {done.returncode}: {said[-1]}")
        found = json.loads(out.read_bytes())
    return scored(engine, _alerts(found, line_of), of, rules=len(found))


def _alerts(found: Sequence[Json], line_of: dict[str, int]) -> list[Alert]:
    return [
        Alert(rule["title"], line_of[match["auditID"]], rule.get("rule_level", "medium") in _LOUD)
        for rule in found
        for match in rule["matches"]
        if match.get("auditID") in line_of
    ]


def scored(engine: str, alerts: Iterable[Alert], of: Recording, *, rules: int, failed: int = 0) -> RuleScore:
    """Count attacks with an alert, and alerts on anybody else: one for each rule, actor and hour."""
    scenarios = of.scenario_of()
    hit, innocent = dict[str, bool](), dict[tuple[str, str, str], bool]()  # and whether one of them is loud
    for alert in alerts:
        name, label = scenarios.get(alert.line, ("", "background"))
        if label == "malicious":
            hit[name] = hit.get(name, False) or alert.loud
        elif label != "setup":
            event = json.loads(of.lines[alert.line - 1])
            who = event.get("user", {}).get("username") or "nobody"
            key = (alert.rule, who, event["requestReceivedTimestamp"][:13])
            innocent[key] = innocent.get(key, False) or alert.loud
    begin, end = min(case.start for case in of.cases), max(case.end for case in of.cases)
    return RuleScore(
        engine=engine,
        rules=rules,
        failed=failed,
        attacks=len(hit),
        of=len({case.scenario for case in of.cases if case.label == "malicious"}),
        attacks_loud=sum(hit.values()),
        innocent=len(innocent),
        innocent_loud=sum(innocent.values()),
        days=round((end - begin).total_seconds() / 86400, 1),
    )


def shown(made: Sequence[RuleScore]) -> str:
    """Render the comparison."""
    above = f"… at {FLOOR} or above"
    head = ("engine", "rules", "not run", "attacks with an alert", above, "innocent alerts a day", above)
    body = [
        (
            one.engine,
            one.rules,
            one.failed,
            *(f"{number}/{one.of}" for number in (one.attacks, one.attacks_loud)),
            *(f"{number / one.days:.1f}" for number in (one.innocent, one.innocent_loud)),
        )
        for one in made
        if not one.skipped
    ]
    facts = [f"- {one.engine}: skipped: {one.skipped}" for one in made if one.skipped]
    return "\n\n".join(["## kubernetes, public rules", *([rows(head, body)] if body else []), "\n".join(facts)]) + "\n"
