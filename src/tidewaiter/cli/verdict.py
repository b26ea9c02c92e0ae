"""`tidewaiter verdict`: decide on a finding, and see, take back, hand on and take over what was decided."""

from __future__ import annotations

import getpass
import sys
import textwrap
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast, get_args

import click
import msgspec

from tidewaiter.cli import output as out
from tidewaiter.cli.errors import finished
from tidewaiter.config import moment
from tidewaiter.errors import ConfigError, SourceError
from tidewaiter.keeping import choose, keep_verdicts, load, load_verdicts, verdict_lines
from tidewaiter.model import Decision, Ruling
from tidewaiter.sinks.safe_text import safe
from tidewaiter.triage import LASTS, from_line, left, rule_on
from tidewaiter.wording import LANGUAGES, Wording
from tidewaiter.wording.phrases import actor_phrase

_EXAMPLES = """\b
Examples:
  tidewaiter verdict F-3f9a01c2d4e5 benign --until 2027-01-01 --note "the nightly backup" --state ~/.tidewaiter
  tidewaiter verdict F-77c0aa91be02 malicious --note "token of a lost laptop" --state ~/.tidewaiter
  tidewaiter verdict list --state ~/.tidewaiter
  tidewaiter verdict export --state ~/.tidewaiter > verdicts.jsonl"""
_EFFECTS: dict[Decision, str] = {
    "expected": "verdict.hides",
    "benign": "verdict.hides",
    "suspicious": "verdict.suspicious",
    "malicious": "verdict.malicious",
}
_LABEL = 14  # columns
_LINE = 2000  # characters
_LONGEST = 1 << 20  # bytes of one line of an import


class _Decisions(click.Group):
    """Takes what is no command for the ID of a finding: `verdict ID DECISION`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["decide", *args]
        return super().parse_args(ctx, args)


_state = click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="The state folder of the scan.",
)
_yes = click.option("--yes", is_flag=True, help="Do not ask before saving.")
_lang = click.option("--lang", type=click.Choice(LANGUAGES), help="Language of the words.")


@click.group(cls=_Decisions, epilog=_EXAMPLES, subcommand_metavar="ID DECISION | COMMAND [ARGS]...")
def verdict() -> None:
    """Decide on a finding: expected, benign, suspicious or malicious.

    `verdict ID DECISION` says what it will cover before it is saved. A verdict covers one shape of behaviour of one
    actor until a date; what leaves that shape is shown again.
    """


@verdict.command("decide")
@click.argument("identity", metavar="ID")
@click.argument("decision", metavar="DECISION", type=click.Choice(get_args(Decision)))
@_state
@click.option("--until", metavar="TIME", help="When it expires: a date, or a span such as 30d. Default: 90d.")
@click.option("--note", metavar="TEXT", help="Why.")
@click.option("--by", metavar="NAME", help="Who decides. Default: the account that runs this.")
@_yes
@_lang
def decide(
    *,
    identity: str,
    decision: str,
    state: Path,
    until: str | None,
    note: str | None,
    by: str | None,
    yes: bool,
    lang: str | None,
) -> None:
    """Decide on one finding; the same as `verdict ID DECISION`.

    DECISION is expected, benign, suspicious or malicious.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    known = load(state)
    finding = choose(known, identity, what="finding", where=str(state))
    ruling = _valid(
        rule_on(
            finding,
            decision=cast("Decision", decision),
            by=by or _account(),
            why=note or "",
            at=now,
            until=_end(until, now) if until else now + LASTS,
        )
    )
    words = out.wording(lang)
    alike = sum(not left(ruling.covers, other) for other in known if _same(ruling, other.actor, other.plane))
    _say(_told(ruling, words, headline=finding.headline))
    _say([words.many("verdict.alike", alike)])
    if _agreed(words, yes=yes):
        keep_verdicts(state, [ruling])
        _say(["", words.say("verdict.saved", id=ruling.id)])


def _same(ruling: Ruling, actor: object, plane: object) -> bool:
    return (ruling.covers.actor, ruling.covers.plane) == (actor, plane)


def _valid(ruling: Ruling) -> Ruling:
    """Refuse what could not be read back."""
    try:
        return from_line(msgspec.json.encode(ruling))
    except ValueError as problem:
        raise ConfigError(
            str(problem), where=f"verdict {ruling.finding}", hint="verdict --help shows examples"
        ) from problem
    except UnicodeEncodeError as problem:
        raise ConfigError("the note is not valid text", where="--note", hint="write it as UTF-8") from problem


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose account has no name
        return "somebody"


def _end(text: str, now: datetime) -> datetime:
    """Read when a verdict expires; a span counts from now on."""
    found = moment(text, now, where="--until")
    if text[:-1].isdecimal() and text[-1:].isalpha():
        found = now + (now - found)
    if found <= now:
        raise ConfigError(
            "a verdict cannot expire before it begins", where=f"--until {text}", hint="name a date to come, or 30d"
        )
    return found.astimezone(UTC)


def _agreed(words: Wording, *, yes: bool) -> bool:
    """Ask before saving, where somebody can answer; a script that says nothing else means what it says."""
    if yes or not sys.stdin.isatty():
        return True
    if click.confirm(words.say("verdict.ask"), err=True):
        return True
    _say([words.say("verdict.not-saved")])
    return False


def _told(ruling: Ruling, words: Wording, *, headline: str) -> Iterator[str]:
    """Say what a verdict covers, and what it does."""
    covers = ruling.covers
    yield f"{safe(ruling.finding)}  {safe(headline, limit=_LINE)}"
    yield words.say("verdict.covers", decision=words.say(f"decision.{ruling.decision}"))
    nothing, unknown = words.say("verdict.none"), words.say("label.unknown")
    reach = "reach.namespace.unnamed" if covers.scope == "namespace" else f"reach.{covers.scope}"
    namespaces = words.say("verdict.all") if "*" in covers.namespaces else _all(covers.namespaces) or nothing
    rows = (
        ("who", actor_phrase(words, covers.actor)),
        ("plane", covers.plane or unknown),
        ("kinds", _all(covers.kinds) or nothing),
        ("namespaces", namespaces),
        ("reach", words.say(reach)),
        ("tools", _all(covers.tools) or unknown),
        ("networks", _all(covers.networks) or unknown),
        ("rules", _all(covers.rules) or nothing),
        ("techniques", _all(covers.techniques) or nothing),
        ("level", words.say("verdict.level", level=words.say(f"level.{covers.level}"))),
        ("acted", words.say("verdict.acted" if covers.chained else "verdict.not-acted")),
        ("until", words.shown(ruling.until)),
        ("by", f"{words.shown(ruling.by)}: {words.shown(ruling.why) or words.say('verdict.no-reason')}"),
    )
    for label, value in rows:
        title = f"  {words.say(f'label.{label}'):<{_LABEL}}"
        yield textwrap.fill(
            value,
            out.width(),
            initial_indent=title,
            subsequent_indent=" " * len(title),
            break_on_hyphens=False,
        )
    yield words.say(_EFFECTS[ruling.decision])


def _all(values: Sequence[str]) -> str:
    """List every value: what is not named is not covered."""
    return ", ".join(safe(value) for value in values)


def _say(lines: Any) -> None:
    for line in lines:
        click.echo(line)


@verdict.command("list")
@_state
@_lang
def list_(*, state: Path, lang: str | None) -> None:
    """List all verdicts, the oldest first, with what each covers among the findings kept."""
    words, now = out.wording(lang), datetime.now(UTC)
    known = _verdicts(state)
    findings = load(state) if (state / "findings.jsonl").exists() else []
    for item in known:
        covered = sum(found.verdict.id == item.id for found in findings)
        standing = words.say("verdict.live", at=item.until)
        if item.revoked:
            standing = words.say("verdict.revoked", at=item.revoked)
        elif item.until <= now:
            standing = words.say("verdict.expired", at=item.until)
        decision = words.say(f"decision.{item.decision}")
        who = actor_phrase(words, item.covers.actor)
        click.echo(f"{item.id}  {decision}  {standing}  {item.finding}  {safe(who)}")
        reason = words.shown(item.why) or words.say("verdict.no-reason")
        click.echo(f"  {words.shown(item.by)}: {safe(reason, limit=_LINE)}; {words.many('verdict.hid', covered)}")
    click.echo(words.many("verdict.count", len(known)))


@verdict.command()
@click.argument("identity", metavar="ID")
@_state
@_lang
def revoke(*, identity: str, state: Path, lang: str | None) -> None:
    """Take a verdict back: from the next scan on its findings are shown again, and its activity teaches."""
    words = out.wording(lang)
    found = choose(_verdicts(state), identity, what="verdict", where=str(state))
    if found.revoked:
        raise ConfigError(
            f"{found.id} is revoked already", where=str(state), hint="a new verdict on the finding replaces it"
        )
    keep_verdicts(state, [msgspec.structs.replace(found, revoked=datetime.now(UTC).replace(microsecond=0))])
    click.echo(words.say("verdict.taken-back", id=found.id))


@verdict.command()
@_state
@click.option("-o", "--output", metavar="FILE", help="Write there instead of standard output.")
def export(*, state: Path, output: str | None) -> None:
    """Write all verdicts as JSON lines (tidewaiter.verdict/1), also expired and revoked ones."""
    out.write(output, verdict_lines(_verdicts(state)))


@verdict.command("import")
@click.argument("file", metavar="FILE")
@_state
@_yes
@_lang
def import_(*, file: str, state: Path, yes: bool, lang: str | None) -> int:
    """Take over exported verdicts from FILE (- is standard input), after saying what each covers.

    Lines that are no verdict are named and left out. Verdicts that are known stay as they are, but for a revocation.
    """
    words = out.wording(lang)
    known = {item.id: item for item in load_verdicts(state)}
    read = list(_read(file))
    faults = [item for item in read if isinstance(item, str)]
    rulings = {item.id: item for item in read if isinstance(item, Ruling)}
    fresh = [item for name, item in rulings.items() if name not in known or (item.revoked and not known[name].revoked)]
    for fault in faults:
        click.echo(fault, err=True)
    for item in fresh:
        _say(_told(item, words, headline=words.say("verdict.imported", id=item.id)))
        _say([""])
    if fresh and _agreed(words, yes=yes or file == "-"):
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        keep_verdicts(state, _merged(fresh, known))
        _say([words.many("verdict.taken", len(fresh))])
    if len(rulings) > len(fresh):
        _say([words.many("verdict.known", len(rulings) - len(fresh))])
    if faults:
        click.echo(words.many("verdict.faults", len(faults)), err=True)
    return int(finished(found=False, incomplete=bool(faults)))


def _merged(fresh: Sequence[Ruling], known: dict[str, Ruling]) -> list[Ruling]:
    """Give new verdicts as they are, and known ones with nothing changed but that they are revoked."""
    return [
        msgspec.structs.replace(known[item.id], revoked=item.revoked) if item.id in known else item for item in fresh
    ]


def _read(file: str) -> Iterator[Ruling | str]:
    """Give the verdicts of a file, and a sentence for each line that is none."""
    try:
        with click.open_file(file, "rb") as lines:
            for number, line in enumerate(iter(lambda: lines.readline(_LONGEST), b""), 1):
                if line.strip():
                    try:
                        yield from_line(line)
                    except ValueError as problem:
                        yield f"{safe(file)}:{number}: {safe(str(problem), limit=500)}"
    except OSError as problem:
        raise SourceError(
            f"cannot be read: {problem.strerror}", where=file, hint="name a file that export wrote"
        ) from problem


def _verdicts(state: Path) -> tuple[Ruling, ...]:
    """Give the verdicts of a state folder that exists. Raises ConfigError."""
    if not state.is_dir():
        raise ConfigError("there is no such state folder", where=str(state), hint="name the --state DIR of the scan")
    return load_verdicts(state)
