"""`tidewaiter rules`: what the recognisers are, what they mean, and whether their examples hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from textwrap import fill

import click
import yaml

from tidewaiter.errors import RuleError
from tidewaiter.model import Activity
from tidewaiter.recognise.correlation import Correlation
from tidewaiter.recognise.pack import Pack, load_pack, packaged, packaged_sources, rule_files
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
    table = [("NAME", "LEVEL", "ROLE", "PLANES", "TITLE"), *rows]
    widths = [max(len(row[at]) for row in table) for at in range(4)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]) for row in table
    ]
    return "\n".join([*lines, "", f"{len(rows)} rules. `tidewaiter rules show NAME` explains one."])


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


@click.group("rules")
def rules() -> None:
    """Show and test the recognisers."""


@rules.command("list")
def list_() -> None:
    """List every rule.

    Example: tidewaiter rules list
    """
    click.echo(list_text(packaged()))


@rules.command("show")
@click.argument("name")
@click.option("--language", type=_LANGUAGES, default="en", help="Language of the explanation.")
def show(name: str, language: str) -> None:
    """Explain one rule in plain words.

    Example: tidewaiter rules show kube-list-everything
    """
    rule = load_pack(packaged_sources()).get(name)  # with its examples
    if rule is None:
        raise RuleError(f"no rule is named {name!r}", hint="tidewaiter rules list")
    click.echo(show_text(rule, language))


@rules.command("test")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path, resolve_path=True))
def test(paths: Sequence[Path]) -> None:
    """Run the examples of the packaged rules, or of the rules in PATHS.

    Exit status: 0 all hold, 10 an example fails, 2 a rule is not valid.

    Example: tidewaiter rules test my-rules/
    """
    try:
        text, status = (
            run_examples(rule_files(paths), packaged_sources()) if paths else run_examples(packaged_sources())
        )
    except RuleError as problem:
        text, status = str(problem), RULE_ERROR
    click.echo(text, err=status == RULE_ERROR)
    raise SystemExit(status)
