"""The user's own rules on the command line: loading them, and saying which apply, which do not, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import get_args

from tidewaiter.errors import RuleError
from tidewaiter.model import RecordKind
from tidewaiter.recognise.own_rules import FILTER, NO_RULE, OTHER, RETIRED, OwnRules, load_own, rule_texts
from tidewaiter.recognise.pack import Pack
from tidewaiter.recognise.record_fields import family
from tidewaiter.recognise.record_match import Texts, fields_of, holds
from tidewaiter.recognise.record_rule import READ_HERE, RecordRule, values_of
from tidewaiter.sinks.safe_text import safe
from tidewaiter.sources import catalogue
from tidewaiter.sources.contract import Unreadable
from tidewaiter.sources.opening import inputs
from tidewaiter.wording import Wording

_LINE = 1000  # characters of one line of an error
_MOST_FAULTS = 20  # told in full; `tidewaiter rules check` tells all
_REASONS = (OTHER, RETIRED, FILTER, NO_RULE)


def own_rules(paths: Iterable[Path], pack: Pack) -> OwnRules:
    """Load the rules below these paths; raises RuleError for a named file, and when nothing at all applies."""
    given = list(paths)
    found = load_own(rule_texts(given), {rule.about.name: rule for rule in pack.recognisers})
    if not found.number and not found.faults:
        raise nothing_applies(given)
    return found


def nothing_applies(paths: Iterable[Path]) -> RuleError:
    """Make the error for rules of which not one can be used."""
    return RuleError(
        "no rule here can be used",
        where=", ".join(map(str, paths)),
        hint=f"{READ_HERE}; tidewaiter rules check says why each was left out",
    )


def own_lines(own: OwnRules, words: Wording) -> Iterator[str]:
    """Say how many rules apply and how many were left out, and what is wrong with those that are not valid."""
    counts = own.counts()
    left = [words.many(f"own.left.{reason}", counts[reason]) for reason in _REASONS if reason in counts]
    if own.faults:
        left.append(words.many("own.left.faults", len(own.faults)))
    yield words.many("own.apply", own.number)
    if left:
        yield words.say("own.left", reasons="; ".join(left))
    for fault in own.faults[:_MOST_FAULTS]:
        yield fault_text(fault)
    if len(own.faults) > _MOST_FAULTS:
        yield words.many("own.more-faults", len(own.faults) - _MOST_FAULTS)


def fault_text(fault: RuleError) -> str:
    """Write one error for a terminal."""
    return str(
        RuleError(
            safe(fault.what, limit=_LINE), where=safe(fault.where, limit=_LINE), hint=safe(fault.hint, limit=_LINE)
        )
    )


def asked_lines(pack: Pack, words: Wording) -> Iterator[str]:
    """Say afterwards what the rules could not be asked: nothing they are about was read, or fields are not recorded."""
    if pack.matcher is None:
        return
    for kind, records in pack.matcher.asked().items():
        if not records:
            rules = sum(kind in rule.reads for rule in pack.records.values())
            yield words.many(f"own.nothing.{kind}", rules)
    for field, rules in pack.matcher.unseen().items():
        yield words.many("own.unseen", rules, field=field)


def check_text(own: OwnRules, *, every: bool) -> str:
    """Tell of rule files what would be used by a scan, and of `every` rule that would not, why."""
    by_kind = {kind: sum(kind in rule.reads for rule in own.records) for kind in get_args(RecordKind)}
    lines = [f"{own.number} rules apply"]
    lines += [f"  {number} read {kind.replace('-', ' ')} records" for kind, number in by_kind.items() if number]
    counted = len(own.record_correlations) + len(own.correlations)
    lines += [f"  {counted} are correlations"] if counted else []
    lines += [f"  {len(own.recognisers)} read the normal form"] if own.recognisers else []
    if own.left_out:
        lines.append(f"{len(own.left_out)} do not")
        lines += [f"  {number} {_PLAIN[reason]}" for reason, number in sorted(own.counts().items())]
    if every:
        lines += [f"{safe(item.where)}: {safe(item.what)}" for item in own.left_out]
    elif own.left_out:
        lines.append("--all names each of them.")
    lines.append(f"{len(own.faults)} are not valid")
    lines += [fault_text(fault) for fault in own.faults]
    return "\n".join(lines)


_PLAIN = {
    OTHER: "are about other logs",
    RETIRED: "are deprecated or unsupported, by their status",
    FILTER: "are Sigma filters",
    NO_RULE: "hold no rule",
}


def example_failures(rules: Iterable[RecordRule]) -> list[str]:
    """Run the examples of rules over original records; give one sentence for each that does not come out as said."""
    found = []
    for rule in rules:
        of = family(rule.reads[0])
        for name, cases, wanted in (("hit", rule.hit, True), ("miss", rule.miss, False)):
            for at, case in enumerate(cases):
                record = Texts(values_of(case, of, fields_of(rule.condition)))
                if holds(rule.condition, record) is not wanted:
                    how = "is not recognised" if wanted else "is recognised"
                    where = f"{rule.about.path}: examples.{name}[{at}]"
                    found.append(f"{rule.about.key}: {safe(str(case))} {how}\n  where: {where}")
    return found


def try_text(pack: Pack, logs: Sequence[str], words: Wording) -> str:
    """Run the user's own rules over logs: how often each holds, and where first."""
    times: Counter[str] = Counter()
    first: dict[str, str] = {}
    problems: list[Unreadable] = []
    lines = []
    for item in inputs(logs, report=problems.append):
        with closing(catalogue.read(item, matcher=pack.matcher)) as reading:
            for activity in chain.from_iterable(reading.batches()):
                for match in activity.rules:
                    times[match.rule] += 1
                    first.setdefault(match.rule, f"{activity.origin.path}:{activity.origin.line}  {activity.text}")
            name = reading.source.name if reading.source else reading.why
            lines.append(f"{safe(item.path)}: {safe(name)}, {reading.tally.records} records")
    lines += [f"{safe(problem.path)}: {safe(problem.reason)}" for problem in problems]
    for rule in sorted(pack.records.values(), key=lambda rule: (-times[rule.about.key], rule.about.name)):
        key = rule.about.key
        where = f"\n    first {safe(first[key])}" if key in first else ""
        lines.append(f"{times[key]:8}  {key}: {safe(rule.about.title)}{where}")
    return "\n".join([*lines, *asked_lines(pack, words)])
