"""Writes docs/reference from the program itself: `python docs/generate.py` (or `make docs`).

tests/docs/test_reference.py fails when a page is not what this writes.
"""  # noqa: INP001 - a script

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from inspect import cleandoc
from pathlib import Path
from typing import Any, get_args

import click

from tidewaiter.cli import app
from tidewaiter.cli.errors import Exit
from tidewaiter.cli.rules import counted_text
from tidewaiter.meaning.vocabulary import load, traits
from tidewaiter.model import Activity, ActorKind, Outcome, Plane, Scope, Verb
from tidewaiter.recognise.correlation import Correlation
from tidewaiter.recognise.fields import FIELDS, words
from tidewaiter.recognise.pack import load_pack, packaged_sources
from tidewaiter.recognise.rule import About, Recogniser
from tidewaiter.settings.explain import explained
from tidewaiter.sources.catalogue import sources
from tidewaiter.sources.envelope.layers import wrappers
from tidewaiter.wording import Wording
from tidewaiter.wording.catalogue import catalogue

REFERENCE = Path(__file__).resolve().parent / "reference"
_NOTE = "<!-- Written by docs/generate.py. Do not edit: change the program, then `make docs`. -->"
_EN = Wording("en")

# What an exit status means, and when a script meets it. A new one without a line here is an error.
_EXITS = {
    Exit.FINISHED: "Finished. Findings may have been reported; `--fail-on` was not given or not reached.",
    Exit.CANNOT_FINISH: "Could not finish: a path that does not exist, a state that cannot be opened, an interruption.",
    Exit.USAGE: "Wrong usage, configuration or rule.",
    Exit.INCOMPLETE: "Finished, but part of the input could not be read or is of no known format.",
    Exit.FOUND: "Finished, and a finding is at or above `--fail-on`. It goes before 3.",
}
_VARIABLES = {
    "TIDEWAITER_LANG": "Language of the words, `en` or `ru`. Without it `LC_ALL` and `LANG` decide.",
    "TIDEWAITER_NO_NATIVE": "Any value: read without the optional native libraries. Findings are the same.",
    "NO_COLOR": "Any value: no colour (https://no-color.org).",
    "TERM": "`dumb`: no colour and no progress.",
}


def pages() -> dict[str, str]:
    """Give every generated page by its file name."""
    made = {
        "commands.md": _commands(),
        "configuration.md": _configuration(),
        "exit-codes.md": _exit_codes(),
        "sources.md": _sources(),
        "recognisers.md": _recognisers(),
        "words.md": _words(),
        "outputs.md": runpy.run_path(str(Path(__file__).with_name("outputs.py")))["page"](),
        "finding.md": _document(
            "finding",
            "With `--format json` the findings stand in one document\n"
            '`{"schema": "tidewaiter.report/1", "findings": […], "summary": {…}}`.',
        ),
        "verdict.md": _document(
            "verdict",
            "`tidewaiter verdict export` writes them, `tidewaiter verdict import` reads them.\n"
            "How they work: [decide about findings](../how-to/decide-findings.md).",
        ),
        "disclosure.md": _document(
            "disclosure",
            "With `--format json` they stand in one document\n"
            '`{"schema": "tidewaiter.disclosures/1", "disclosures": […], "summary": {…}}`. What is looked for:\n'
            "[find what container logs give away](../how-to/container-logs.md).",
        ),
    }
    return {name: "\n".join([_NOTE, "", *lines]).rstrip() + "\n" for name, lines in made.items()}


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(_cell(cell) for cell in row)} |"
    yield ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _code(values: Iterable[str]) -> str:
    return ", ".join(f"`{value}`" for value in values)


# --- commands --------------------------------------------------------------------------------------


def _commands() -> Iterator[str]:
    yield from ["# Commands", "", _said(app.help), ""]
    yield from _options(app, "tidewaiter")
    for path, command in sorted(_leaves(app, "tidewaiter")):
        yield from [f"## {path}", "", *_usage(command, path), _said(command.help), ""]
        yield from _options(command, path)
        if command.epilog:
            yield from _block(command.epilog.replace("\b", "").strip("\n"))
    yield from ["## Environment", ""]
    yield from _table(["variable", "meaning"], ([f"`{name}`", text] for name, text in _VARIABLES.items()))


def _configuration() -> Iterator[str]:
    yield from ["# Configuration of the service", ""]
    yield from ["What `tidewaiter config` prints: every key of `tidewaiter.toml` with its meaning and default.", ""]
    yield from ["`tidewaiter serve --check` says whether a file can work; a mistake is named with its place.", ""]
    yield from ["How to use it: [watch](../how-to/watch.md).", "", "```toml", explained().rstrip(), "```", ""]


def _leaves(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _leaves(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def _usage(command: click.Command, path: str) -> Iterator[str]:
    pieces = command.collect_usage_pieces(click.Context(command, info_name=path, **command.context_settings))
    yield from _block(" ".join([path, *pieces]))


def _block(text: str) -> Iterator[str]:
    yield from ["```text", text, "```", ""]


def _said(text: str | None) -> str:
    """Give a help text as paragraphs, its example as code."""
    return re.sub(r"(?m)^(Example: )(.+)$", r"\1`\2`", cleandoc(text or ""))


def _options(command: click.Command, path: str) -> Iterator[str]:
    context = click.Context(command, info_name=path, **command.context_settings)
    command._help_option = None  # noqa: SLF001 - click keeps the one it gave first, whatever the context was then
    rows = [
        [f"`{record[0]}`", record[1]]
        for parameter in command.get_params(context)
        if (record := _record(parameter, context)) and parameter.name != "help"
    ]
    if rows:
        yield from _table(["option", "meaning"], rows)


def _record(parameter: click.Parameter, context: click.Context) -> tuple[str, str] | None:
    """Give an option as its help shows it; an argument is told in the text of its command."""
    return parameter.get_help_record(context) if isinstance(parameter, click.Option) else None


def _exit_codes() -> Iterator[str]:
    yield from ["# Exit codes and reasons", "", "A script may rely on these numbers.", ""]
    yield from _table(["code", "name", "meaning"], ([str(int(code)), code.name, _EXITS[code]] for code in Exit))
    yield from [
        "An error is three lines on standard error, `error:` what went wrong, `where:` and `hint:` what to do next; no",
        "traceback without `--debug`. `tidewaiter rules test` ends with 10 when an example fails.",
        "",
        "## Why something was not read",
        "",
        "Said in the summary of every scan with its place; `--unreadable` shows all of them and how they begin.",
        "",
    ]
    reasons = (key.removeprefix("reason.") for key in catalogue("en") if key.startswith("reason."))
    yield from _table(
        ["reason", "in words"], ([f"`{key}`", _EN.say(f"reason.{key}")] for key in reasons if key != "with-detail")
    )


# --- sources ---------------------------------------------------------------------------------------


def _sources() -> Iterator[str]:
    yield from [
        "# Sources",
        "",
        "A format is recognised by content, never by file name. Files, folders and `-` are read; gz, zst, bz2, xz and",
        "zip members are unpacked.",
        "",
    ]
    rows = ([f"`{one.name}`", one.plane, one.title, _code(one.blind_to) or "-"] for one in sources())
    yield from _table(["source", "plane", "format", "never shows"], rows)
    yield from [
        "## Wrappers",
        "",
        "Records of any format may come in these, one inside the other; the time, host and cluster that a wrapper",
        "states are kept. *Loose* ones are tried only where no format is recognised in the whole record.",
        "",
    ]
    wrapped = ([f"`{one.name}`", one.title, "loose" if one.loose else ""] for one in wrappers())
    yield from _table(["wrapper", "what it is", ""], wrapped)
    yield from [
        "## Ways of looking around",
        "",
        "`tidewaiter sources PATH…` and the end of every scan say which of these the inputs would have shown. A way is",
        "seen in part when a sensor shows only some of it, or says that something is missing.",
        "",
    ]
    shown = (
        [_EN.say(f"way.{name}"), *(_code(rule.get(f"{how}_by", ())) for how in ("shown", "partly"))]
        for name, rule in load("ways.yml").items()
    )
    yield from _table(["way", "shown by", "in part by"], shown)
    for name in load("ways.yml"):
        yield from [f"To open *{_EN.say(f'way.{name}')}*:", ""]
        yield from _block(_EN.opened(name))
    yield from [
        "## What inputs cannot show",
        "",
        "Every scan ends with those of these sentences that are true of its inputs, and with the line of configuration",
        "that opens what is closed, if there is one.",
        "",
    ]
    for key in sorted(key.removeprefix("cannot.") for key in catalogue("en") if key.startswith("cannot.")):
        if key == "unexplained":
            continue
        yield from [f"### `{key}`", "", _EN.cannot_show(key), ""]
        fix = _EN.fix(key)
        if _EN.knows(f"fix.{key}"):
            yield from [fix, ""]
        elif fix:
            yield from _block(fix)


# --- recognisers -----------------------------------------------------------------------------------

_Rule = Recogniser | Correlation


def _recognisers() -> Iterator[str]:
    pack = load_pack(packaged_sources())
    rules: list[_Rule] = [*pack.recognisers, *pack.correlations]
    yield from [
        "# Recognisers",
        "",
        "Sigma rules (specification 2.1) over the [normal form](words.md); the files are in",
        "`src/tidewaiter/packs/recognisers/`.",
        "",
        "- `tripwire`: a sign by itself. Its weight is in bits: 10 is a medium finding alone, 16 a high one.",
        "- `evidence`: a read of inventory. It counts when it is unusual for who did it.",
        "- `context`: what happens around it; kept, and never a finding.",
        "",
    ]
    for plane in get_args(Plane):
        mine = sorted((rule for rule in rules if rule.about.reads[0] == plane), key=lambda rule: rule.about.name)
        if not mine:
            continue
        yield from [f"## Plane {plane}", ""]
        yield from _table(
            ["recogniser", "role", "level", "says"],
            ([_link(rule.about), rule.about.role, rule.about.level, rule.about.title] for rule in mine),
        )
        for rule in mine:
            yield from _recogniser(rule)


def _link(about: About) -> str:
    return f"[{about.name}](#{about.name})"


def _recogniser(rule: _Rule) -> Iterator[str]:
    about = rule.about
    reads = f"reads {', '.join(about.reads)}"
    yield from [f"### {about.name}", "", f"**{about.title}.** {about.description}".strip(), ""]
    if isinstance(rule, Correlation):
        yield from [f"Counts {counted_text(rule)}", ""]
    yield from [f"Why: {about.why['en']}", ""] if about.why else []
    yield from ["Innocent:", "", *(f"- {said['en']}" for said in about.benign), ""] if about.benign else []
    if isinstance(rule, Recogniser):
        hits, misses = rule.examples.hit[:1], rule.examples.miss[:1]
        yield from (f"- seen: {_example(one)}" for one in hits)
        yield from (f"- not seen: {_example(one)}" for one in misses)
        yield ""
    yield f"Version {about.version}, {reads}, {about.role}, level {about.level}, {about.weight:g} bits,"
    yield from [f"{', '.join(about.techniques) or 'no technique of its own'}.", ""]


def _example(activity: Activity) -> str:
    """Say in a line what an example does."""
    reach = f", scope {activity.scope}" if activity.scope else ""
    facts = [
        f"{activity.actor.kind}: {activity.verb} {activity.kind}{reach}",
        activity.outcome,
        f"tool {activity.tool}" if activity.tool else "",
        f"traits {', '.join(activity.traits)}" if activity.traits else "",
    ]
    return "`" + ", ".join(fact for fact in facts if fact) + "`"


# --- words -----------------------------------------------------------------------------------------


def _words() -> Iterator[str]:
    yield from [
        "# Words",
        "",
        "The normal form: what every record becomes, whatever sensor wrote it. Recognisers name these fields; a rule",
        "that names another, or a word that a field never has, is refused when it is loaded.",
        "",
        "## Fields",
        "",
    ]
    rows = (
        [f"`{name}`", ", ".join(field.planes) if len(field.planes) < len(get_args(Plane)) else "all", _values(name)]
        for name, field in FIELDS.items()
    )
    yield from _table(["field", "planes", "values"], rows)
    for title, kind in (("Planes", Plane), ("Verbs", Verb), ("Kinds of actor", ActorKind)):
        yield from [f"## {title}", "", _code(get_args(kind)), ""]
    for title, kind in (("Scopes", Scope), ("Outcomes", Outcome)):
        yield from [f"## {title}", "", _code(get_args(kind)), ""]
    yield from ["## Traits", "", "Facts that a reader states about how something was done.", ""]
    yield from _table(["trait", "meaning"], ([f"`{name}`", text] for name, text in traits().items()))
    yield from [
        "## Classes",
        "",
        "What sort of inventory a kind belongs to. A kind that is not listed is `custom`.",
        "",
    ]
    classes: dict[str, list[str]] = load("classes.yml")
    yield from _table(["class", "kinds"], ([f"`{name}`", ", ".join(kinds)] for name, kinds in classes.items()))


def _values(name: str) -> str:
    closed = words(name)
    if closed is None:
        return {"number": "a number", "address": "an address or a network"}.get(FIELDS[name].sort, "any text")
    return "see below" if name in {"traits", "class", "verb", "actor.kind"} else _code(sorted(closed))


# --- documents as JSON -----------------------------------------------------------------------------


def _document(name: str, more: str) -> Iterator[str]:
    file = f"tidewaiter.{name}-1.schema.json"
    schema = json.loads(files("tidewaiter").joinpath("packs", "schema", file).read_text(encoding="utf-8"))
    yield from [
        f"# A {name} as JSON",
        "",
        f"{schema['description']} {more}",
        f"The schema is in the package: `tidewaiter/packs/schema/{file}`.",
        "",
    ]
    yield from _members(name.capitalize(), schema)
    for part_name, part in schema["$defs"].items():
        if part["type"] == "object":
            yield from _members(part_name, part)


def _members(title: str, part: dict[str, Any]) -> Iterator[str]:
    yield from [f"## {title}", ""]
    rows = ([f"`{name}`", _type(kind), kind.get("description", "")] for name, kind in part["properties"].items())
    yield from _table(["member", "type", "meaning"], rows)


def _type(kind: dict[str, Any]) -> str:
    """Say in a few words what a JSON schema allows."""
    if "$ref" in kind:
        name = kind["$ref"].rpartition("/")[2]
        return {"texts": "list of text", "time": "time (RFC 3339, UTC)", "count": "whole number"}.get(
            name, f"[{name}](#{name})"
        )
    if "const" in kind or "enum" in kind:
        return _code("null" if one is None else one for one in kind.get("enum") or [kind["const"]])
    if "anyOf" in kind:
        return " or ".join(_type(one) for one in kind["anyOf"])
    if kind.get("type") == "array":
        return f"list of {_type(kind['items'])}"
    if kind.get("type") == "object" and "properties" in kind:
        return "; ".join(f"`{name}`: {_type(inner)}" for name, inner in kind["properties"].items())
    names = {"string": "text", "integer": "whole number", "null": "null"}
    given: list[str] = kind["type"] if isinstance(kind["type"], list) else [kind["type"]]
    return " or ".join(names.get(name, name) for name in given)


if __name__ == "__main__":
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, encoding="utf-8")
