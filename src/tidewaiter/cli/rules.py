"""`tidewaiter rules`: what the recognisers are, what they mean, and whether their examples hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from textwrap import fill

import click
import yaml

from tidewaiter.cli.output import wording
from tidewaiter.cli.own_rules import check_text, example_failures, fault_text, nothing_applies, own_rules, try_text
from tidewaiter.errors import RuleError
from tidewaiter.model import Activity
from tidewaiter.recognise.correlation import Correlation
from tidewaiter.recognise.own_rules import OwnRules, load_own, rule_texts
from tidewaiter.recognise.pack import Pack, load_pack, packaged, packaged_sources
from tidewaiter.recognise.rule import Recogniser

FINISHED, RULE_ERROR, EXAMPLE_FAILED = 0, 2, 10
_WIDTH = 100
_LANGUAGES = click.Choice(("en", "ru"))

Rule = Recogniser | Correlation


def list_text(pack: Pack) -> str:
    """Give the table of all rules: name, level, role, planes and title."""
    rules: list[Rule] = [*pack.recognisers, *pack.correlations]
    rows = [
        (rule.about.name, rule.about.level, rule.about.role, ",".join(rule.about.reads), rule.about.title)
        for rule in sorted(rules, key=lambda rule: rule.about.name)
    ]
    table = _table([("NAME", "LEVEL", "ROLE", "PLANES", "TITLE"), *rows])
    return f"{table}\n\n{len(rows)} rules. `tidewaiter rules show NAME` explains one."


def own_list_text(own: OwnRules) -> str:
    """Give the table of the user's own rules: name, level, role, what it reads and title."""
    rows = [(rule.about, ",".join(rule.reads)) for rule in own.records]
    rows += [(rule.about, rule.kind) for rule in own.record_correlations]
    rows += [(rule.about, ",".join(rule.about.reads)) for rule in own.recognisers]
    rows += [(rule.about, "correlation") for rule in own.correlations]
    found = [(about.name, about.level, about.role, reads, about.title) for about, reads in rows]
    return _table([("NAME", "LEVEL", "ROLE", "READS", "TITLE"), *sorted(found)])


def _table(table: Sequence[tuple[str, ...]]) -> str:
    last = len(table[0]) - 1
    widths = [max(len(row[at]) for row in table) for at in range(last)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[last]]) for row in table
    )


def show_text(rule: Rule, language: str = "en") -> str:
    """Explain one rule in plain words: what it sees, why that matters, who does it innocently."""
    about = rule.about
    parts = [
        f"{about.key}: {about.title}",
        f"level {about.level}, role {about.role}, weight {about.weight:g} bits, reads {', '.join(about.reads)}",
        f"techniques {', '.join(about.techniques) or 'none'}, status {about.status}, id {about.id}",
    ]
    if about.description:
        parts += ["", _wrapped(about.description)]
    if about.why:
        parts += ["", "Why it matters", _wrapped(_said(about.why, language), "  ")]
    if about.benign:
        parts += ["", "Who does it innocently", *(_wrapped(_said(item, language), "  - ") for item in about.benign)]
    if isinstance(rule, Recogniser):
        parts += ["", "Detection", _indented(yaml.safe_dump(rule.detection, sort_keys=False, allow_unicode=True))]
        parts += [f"Examples: {len(rule.examples.hit)} hit, {len(rule.examples.miss)} miss"]
    else:
        parts += ["", "Counts", _wrapped(counted_text(rule), "  ")]
    parts += ["", *(f"See {link}" for link in about.references), f"From {about.path}:{about.line}"]
    return "\n".join(parts)


def counted_text(rule: Correlation) -> str:
    """Say in a sentence what a correlation counts."""
    what = f"{rule.gte} or more different values of {rule.field}" if rule.field else f"{rule.gte} or more sightings"
    text = f"{what} of {', '.join(rule.rules)} within {rule.timespan_seconds} seconds, by {', '.join(rule.group_by)}."
    if rule.leaves_out:
        text += f" Actors of kind {', '.join(rule.leaves_out)} are left out."
    return text


def _said(words: dict[str, str], language: str) -> str:
    return words.get(language) or words.get("en") or next(iter(words.values()), "")


def _wrapped(text: str, front: str = "") -> str:
    return fill(text, _WIDTH, initial_indent=front, subsequent_indent=" " * len(front))


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.rstrip().splitlines())


def failures(pack: Pack, rules: Iterable[Recogniser]) -> list[str]:
    """Run the examples of these recognisers; give one sentence for each that does not come out as the rule says."""
    found = []
    for rule in rules:
        cases = [("hit", rule.examples.hit, True), ("miss", rule.examples.miss, False)]
        for name, activities, wanted in cases:
            for at, activity in enumerate(activities):
                if (pack.why(activity, rule.about.name) is not None) is not wanted:
                    how = "is not recognised" if wanted else "is recognised"
                    where = f"{rule.about.path}: examples.{name}[{at}]"
                    found.append(f"{rule.about.key}: {_short(activity)} {how}\n  where: {where}")
    return found


def _short(activity: Activity) -> str:
    parts = [activity.verb, activity.kind, activity.scope or "", activity.outcome, activity.actor.kind]
    return " ".join(part for part in (*parts, *activity.traits) if part)


def run_examples(sources: Sequence[tuple[str, str]], beside: Sequence[tuple[str, str]] = ()) -> tuple[str, int]:
    """Load rules and run their examples: the text to print, and 0, 2 (a rule is not valid) or 10 (an example fails).

    Rules `beside` are loaded, so that a correlation may count them, but their examples are not run.
    """
    mine = {path for path, _ in sources}
    try:
        pack = load_pack([*(item for item in beside if item[0] not in mine), *sources])
    except RuleError as problem:
        return str(problem), RULE_ERROR
    asked = [rule for rule in pack.recognisers if rule.about.path in mine]
    counted = [rule for rule in pack.correlations if rule.about.path in mine]
    found = failures(pack, asked)
    number = sum(len(rule.examples.hit) + len(rule.examples.miss) for rule in asked)
    silent = [rule.about.name for rule in asked if not rule.examples.hit]
    lines = [*found, *([f"without an example that hits: {', '.join(silent)}"] if silent else [])]
    lines.append(f"{len(asked) + len(counted)} rules, {number} examples: {len(found)} failed")
    return "\n".join(lines), EXAMPLE_FAILED if found else FINISHED


def run_own_examples(paths: Sequence[Path]) -> tuple[str, int]:
    """Load the user's own rules and run their examples, as `run_examples` does."""
    files = list(rule_texts(paths))
    mine = {file.path for file in files}
    known = [rule for rule in load_pack(packaged_sources()).recognisers if rule.about.path not in mine]
    own = load_own(files, {rule.about.name: rule for rule in known})
    if not own.number and not own.faults:
        raise nothing_applies(paths)
    pack = Pack(known, (), own)
    found = [*failures(pack, own.recognisers), *example_failures(own.records)]
    number = sum(len(rule.examples.hit) + len(rule.examples.miss) for rule in own.recognisers)
    number += sum(len(rule.hit) + len(rule.miss) for rule in own.records)
    silent = [rule.about.name for rule in own.recognisers if not rule.examples.hit]
    lines = [*map(fault_text, own.faults), *found]
    lines += [f"without an example that hits: {', '.join(silent)}"] if silent else []
    lines.append(f"{own.number} rules, {number} examples: {len(found)} failed")
    status = RULE_ERROR if own.faults else EXAMPLE_FAILED if found else FINISHED
    return "\n".join(lines), status


_PATHS = click.Path(exists=True, path_type=Path, resolve_path=True)


@click.group("rules")
def rules() -> None:
    """Show, check and test rules: the packaged recognisers and your own Sigma rules."""


@rules.command("list")
@click.argument("paths", nargs=-1, type=_PATHS)
def list_(paths: Sequence[Path]) -> None:
    """List every packaged rule, or those of your own in PATHS that apply.

    Example: tidewaiter rules list my-rules/
    """
    click.echo(own_list_text(own_rules(paths, packaged())) if paths else list_text(packaged()))


@rules.command("check")
@click.argument("paths", nargs=-1, required=True, type=_PATHS)
@click.option("--all", "every", is_flag=True, help="Name every rule that does not apply, with the reason.")
def check(paths: Sequence[Path], *, every: bool) -> None:
    """Say which of your own rules in PATHS a scan would use, and what is wrong with the others.

    Exit status: 0 all that apply are valid, 2 some are not.

    Example: tidewaiter rules check sigma/rules/
    """
    own = load_own(rule_texts(paths), {rule.about.name: rule for rule in packaged().recognisers})
    click.echo(check_text(own, every=every))
    raise SystemExit(RULE_ERROR if own.faults else FINISHED)


@rules.command("show")
@click.argument("name")
@click.option("--language", type=_LANGUAGES, default="en", help="Language of the explanation.")
def show(name: str, language: str) -> None:
    """Explain one rule in plain words.

    Example: tidewaiter rules show kube-list-everything
    """
    rule = load_pack(packaged_sources()).get(name)  # with its examples
    if not isinstance(rule, Recogniser | Correlation):
        raise RuleError(f"no rule is named {name!r}", hint="tidewaiter rules list")
    click.echo(show_text(rule, language))


@rules.command("test")
@click.argument("paths", nargs=-1, type=_PATHS)
@click.option(
    "--on",
    "logs",
    multiple=True,
    type=click.Path(exists=True),
    help="A log to try your own rules on: how often each holds, and where first. Repeatable.",
)
def test(paths: Sequence[Path], logs: Sequence[str]) -> None:
    """Run the examples of the packaged rules, or of the rules in PATHS, or try these on a log.

    Exit status: 0 all hold, 10 an example fails, 2 a rule is not valid.

    Example: tidewaiter rules test my-rules/ --on /var/log/audit/audit.log
    """
    if logs:
        if not paths:
            raise RuleError("--on needs rules to try", hint="tidewaiter rules test my-rules/ --on LOG")
        pack = packaged()
        click.echo(try_text(Pack((), (), own_rules(paths, pack)), logs, wording(None)))
        return
    try:
        text, status = run_own_examples(paths) if paths else run_examples(packaged_sources())
    except RuleError as problem:
        text, status = str(problem), RULE_ERROR
    click.echo(text, err=status == RULE_ERROR)
    raise SystemExit(status)
