"""The one way through: inputs, activities, recognisers, store, baseline, episodes, findings.

Only this module knows the order of the stages; the stages know the words of `model.py` and nothing of each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any

import msgspec

from tidewaiter.baseline import measure
from tidewaiter.findings.explain import RuleWords, finding
from tidewaiter.findings.judge import Judgement, Persona, is_shown, judge
from tidewaiter.model import Activity, Actor, Episode, Finding, Level, Origin, Sighting
from tidewaiter.recognise.correlation import Correlation, correlate
from tidewaiter.recognise.fields import PLANES, network
from tidewaiter.recognise.pack import Pack, Recognised
from tidewaiter.recognise.rule import Recogniser
from tidewaiter.sources import catalogue, contract
from tidewaiter.sources.contract import Tally, Unreadable
from tidewaiter.sources.opening import Input, inputs
from tidewaiter.store import Context, Occurrence, Store
from tidewaiter.wording import Wording

_TEMPLATES = 50_000
SAMPLES = 20  # sightings shown with a finding, the most telling ones
Progress = Callable[[Tally, Input, int], None]  # with how far into the input, in bytes as unpacked


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one input."""

    path: str
    source: str | None  # None when it was set aside
    why: str  # how it was recognised, or why it was set aside
    tally: Any  # contract.Tally
    blind_to: tuple[str, ...] = ()


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one run found, and everything it says about its inputs."""

    findings: tuple[Finding, ...]
    levels: dict[Level, int]  # of all findings, shown or not
    hidden: int  # findings weaker than the persona wants to see
    read: tuple[Read, ...]
    problems: tuple[Unreadable, ...]  # files and folders that could not even be opened

    @property
    def incomplete(self) -> bool:
        """Tell whether some of the input could not be read."""
        return bool(self.problems) or any(item.source is None or item.tally.unreadable for item in self.read)


def intake(
    paths: Sequence[str],
    *,
    store: Store,
    pack: Pack,
    learn: bool = False,
    progress: Progress | None = None,
    block_size: int | None = None,
    native: bool = True,
) -> tuple[list[Read], list[Unreadable]]:
    """Read inputs into the store. Raises SourceError for a path that does not exist, before anything is read."""
    problems: list[Unreadable] = []
    done: list[Read] = []
    into = _Intake(store, pack, learn=learn)
    size = {} if block_size is None else {"block_size": block_size}
    for item in inputs(paths, report=problems.append):
        with closing(catalogue.read(item, native=native)) as reading:
            for batch in reading.items(**size):
                store.add(into.rows(batch))
                if progress and batch:
                    last = batch[-1]
                    progress(reading.tally, item, last.origin.offset if isinstance(last, Activity) else last.offset)
        source = reading.source
        done.append(
            Read(
                path=item.path,
                source=source.name if source else None,
                why=reading.why,
                tally=reading.tally,
                blind_to=source.blind_to if source else (),
            )
        )
    return done, problems


class _Intake:
    """Turns activities into rows of the store: what repeats is recognised and stored once."""

    def __init__(self, store: Store, pack: Pack, *, learn: bool) -> None:
        self._store = store
        self._pack = pack
        self._learn = learn
        # By identity, with the template itself beside: while it is held, no other object can have its identity.
        self._known: dict[int, tuple[Activity, int | None]] = {}
        self._alike: dict[tuple[object, ...], int] = {}
        # A rule that looks at the text wants every activity whole: a template has none.
        self._whole = any({"text", "disclosed"} & {*pack.shape_fields(plane)} for plane in PLANES)

    def rows(self, items: Iterable[Activity | contract.Occurrence]) -> list[Occurrence]:
        """Give the rows of what any recogniser has something to say about."""
        rows: list[Occurrence] = []
        known = self._known
        for item in items:
            if isinstance(item, Activity) or self._whole:
                activity = item if isinstance(item, Activity) else item.activity()
                number = self._context_of(activity)
                if number is not None:
                    at, text, origin = activity.at, activity.text, activity.origin
                    rows.append(
                        Occurrence(number, activity.id, at, text, origin.line, origin.offset, activity.disclosed)
                    )
                continue
            template, identity, at, text, line, offset = item
            found = known.get(id(template))
            if found is None:
                if len(known) >= _TEMPLATES:
                    known.clear()
                found = known[id(template)] = (template, self._context_of(template))
            if found[1] is not None:
                rows.append(Occurrence(found[1], identity, at, text, line, offset))
        return rows

    def _context_of(self, activity: Activity) -> int | None:
        """Give the number of an activity's context; activities that differ in time and place only share one."""
        said = self._pack.recognise(activity)
        if not said:
            return None
        a = activity
        key = (
            *(said, a.actor, a.plane, a.verb, a.kind, a.scope, a.namespace, a.name, a.outcome, a.address, a.tool),
            *(a.container, a.traits, a.origin.source, a.origin.path),
        )
        number = self._alike.get(key)
        if number is None:
            if len(self._alike) >= _TEMPLATES:
                self._alike.clear()
            number = self._alike[key] = self._store.next_context()
            self._store.add_context(self._context(number, activity, said))
        return number

    def _context(self, number: int, activity: Activity, said: Sequence[Recognised]) -> Context:
        tripwires = tuple(item.recogniser for item in said if item.role == "tripwire")
        evidence = tuple(item.recogniser for item in said if item.role == "evidence")
        return Context(
            context=number,
            a=activity,
            recognised=evidence,
            tripwires=tripwires,
            weight=max(item.weight for item in said),
            role="tripwire" if tripwires else "evidence" if evidence else "context",
            network=_network(activity.address),
            network_kind=network(activity.address),
            learn=self._learn,
        )


@lru_cache(maxsize=65536)
def _network(address: str | None) -> str | None:
    """Give the network an address lies in, as habits see it: /24 for IPv4, /48 for IPv6; None when it is no address."""
    if not address:
        return None
    try:
        found = ip_address(address)
    except ValueError:
        return None
    return str(ip_network((found, 24 if found.version == 4 else 48), strict=False))  # noqa: PLR2004


def analyse(
    store: Store,
    pack: Pack,
    wording: Wording,
    *,
    persona: Persona = "regular",
    since: datetime | None = None,
    until: datetime | None = None,
) -> tuple[tuple[Finding, ...], dict[Level, int], int]:
    """Judge everything in the store: the findings the persona wants, the count by level, and how many are hidden."""
    store.settle()
    # A hunter wants to see everybody who looked around, also where nothing is known yet.
    measure.profile(store, **({"young": 0} if persona == "hunter" else {}))
    rules = rule_words(pack, wording)
    weights = {rule.about.key: rule.about.weight for rule in _rules(pack)}
    levels: dict[Level, int] = {}
    chosen: list[tuple[Episode, Judgement]] = []
    for episode in measure.episodes(store, _hits(store, pack), weights):
        if (since and episode.closes < since) or (until and episode.opens > until):
            continue
        judged = judge(episode)
        levels[judged.level] = levels.get(judged.level, 0) + 1
        if is_shown(judged.level, persona):
            chosen.append((episode, judged))
    samples = _samples(store, pack, [episode for episode, _ in chosen])
    found = tuple(
        finding(episode, judged, samples.get(_key(episode), ()), rules, wording) for episode, judged in chosen
    )
    return found, levels, sum(levels.values()) - len(found)


def _hits(store: Store, pack: Pack) -> Iterator[measure.Hit]:
    fired = {name for (name,) in store.rows(measure.script("fired_rules"))}
    for rule in pack.correlations:
        if fired.isdisjoint(found.about.key for name in rule.rules if (found := pack.get(name))):
            continue
        for match in correlate(_counted(store, pack, rule), rule):
            yield from (measure.Hit(activity, rule.about.key, rule.about.weight) for activity in match.ids)


def _counted(store: Store, pack: Pack, rule: Correlation) -> Iterator[tuple[Any, datetime, str | None, str]]:
    names = [found.about.key for name in rule.rules if (found := pack.get(name))]
    column = {None: "NULL", "class": "class", "tool.name": "split_part(tool, '/', 1)"}.get(rule.field, rule.field)
    sql = measure.script("counted_rows").format(column=column)
    for actor, at, value, activity in store.rows(sql, {"names": names, "left_out": list(rule.leaves_out)}):
        yield actor, at.replace(tzinfo=UTC), value, activity


def _key(episode: Episode) -> tuple[str, str, datetime]:
    actor = episode.actor
    return ("|".join((actor.kind, actor.realm, actor.name, actor.via or "")), episode.plane, episode.opens)


def _samples(store: Store, pack: Pack, wanted: Sequence[Episode]) -> dict[tuple[str, str, datetime], list[Sighting]]:
    """Give the most telling sightings of each episode, in the order of time."""
    keys = {_key(episode) for episode in wanted}
    found: dict[tuple[str, str, datetime], list[Sighting]] = {}
    if not keys:
        return found
    for actor, plane, opens, *row in store.rows(measure.script("sample_rows"), {"most": SAMPLES}):
        key = (actor, plane, opens.replace(tzinfo=UTC))
        if key in keys:
            found.setdefault(key, []).append(_sighting(row, pack))
    for sightings in found.values():
        sightings.sort(key=lambda item: (item.at, item.activity))
    return found


def _sighting(row: Sequence[Any], pack: Pack) -> Sighting:
    activity, tripwires, hit_rules, recognised = _activity(row), row[-3], row[-2], row[-1]
    rule = next(iter([*(tripwires or ()), *(recognised or ()), *(hit_rules or ())]))
    shown = (hit_rules or (rule,))[0] if not tripwires else rule
    return Sighting(
        recogniser=shown,
        at=activity.at,
        activity=activity.id,
        text=activity.text,
        evidence=pack.explain(activity, rule) if pack.get(rule) else {},  # a kept state outlives rules
        origin=activity.origin,
    )


def _activity(row: Sequence[Any]) -> Activity:
    (identity, at, kind, name, realm, via, plane, verb, what, resources, scope, namespace, object_name, outcome) = row[
        :14
    ]
    (disclosed, address, tool, container, text, traits, source, path, line, offset) = row[14:24]
    return Activity(
        id=identity,
        at=at.replace(tzinfo=UTC),
        actor=Actor(kind=kind, name=name, realm=realm, via=via),
        plane=plane,
        verb=verb,
        kind=what,
        resource_class=resources,
        scope=scope,
        namespace=namespace,
        name=object_name,
        outcome=outcome,
        disclosed=disclosed,
        address=address,
        tool=tool,
        container=container,
        text=text,
        traits=tuple(traits or ()),
        origin=Origin(source=source, path=path, line=line, offset=offset),
    )


def _rules(pack: Pack) -> Iterator[Recogniser | Correlation]:
    yield from pack.recognisers
    yield from pack.correlations


def rule_words(pack: Pack, wording: Wording) -> dict[str, RuleWords]:
    """Give what each rule says of itself in a language, by name@version."""
    language = wording.language
    return {
        rule.about.key: RuleWords(
            title=wording.title(rule.about.name, rule.about.title),
            why=rule.about.why.get(language) or rule.about.why.get("en", ""),
            benign=tuple(said.get(language) or said.get("en", "") for said in rule.about.benign),
            techniques=rule.about.techniques,
        )
        for rule in _rules(pack)
    }


def scan(
    paths: Sequence[str],
    *,
    store: Store,
    pack: Pack,
    wording: Wording,
    learn: Sequence[str] = (),
    persona: Persona = "regular",
    since: datetime | None = None,
    until: datetime | None = None,
    progress: Progress | None = None,
    block_size: int | None = None,
    native: bool = True,
) -> Report:
    """Read, recognise, measure and judge: the whole way, for `tidewaiter scan`."""
    inputs([*learn, *paths], report=lambda _: None)  # a path that is not there is said before anything is read
    taught, trouble = intake(
        learn, store=store, pack=pack, learn=True, progress=progress, block_size=block_size, native=native
    )
    read, problems = intake(paths, store=store, pack=pack, progress=progress, block_size=block_size, native=native)
    found, levels, hidden = analyse(store, pack, wording, persona=persona, since=since, until=until)
    return Report(
        findings=found,
        levels=levels,
        hidden=hidden,
        read=(*taught, *read),
        problems=(*trouble, *problems),
    )
