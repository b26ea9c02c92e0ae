"""The one way through: inputs, activities, recognisers, store, baseline, episodes, findings.

Only this module knows the order of the stages; the stages know the words of `model.py` and nothing of each other.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import msgspec

from tidewaiter.baseline import measure
from tidewaiter.baseline.chains import LinkRule
from tidewaiter.findings.explain import finding
from tidewaiter.findings.judge import Judgement, Persona, is_shown, judge
from tidewaiter.findings.story import joined, link_of
from tidewaiter.hits import found_together, rule_words, with_evidence
from tidewaiter.meaning.likeness import likeness
from tidewaiter.meaning.network import habitual_network
from tidewaiter.model import Activity, Actor, Episode, Finding, Level, Origin, Ruling, Sighting
from tidewaiter.recognise.fields import PLANES, network
from tidewaiter.recognise.pack import Pack, Recognised
from tidewaiter.sinks.summary import Silence
from tidewaiter.sources import catalogue, contract
from tidewaiter.sources.contract import Tally, Unreadable
from tidewaiter.sources.opening import Input, inputs
from tidewaiter.store import Context, Occurrence, Store
from tidewaiter.triage import live, never_teaches, raised, triaged
from tidewaiter.visibility import Heard, Way, ways
from tidewaiter.wording import Wording

_TEMPLATES = 50_000
_MATCHES = 10_000  # of users' own rules, before the store gets them
SAMPLES = 20  # sightings shown with a finding, the most telling ones
Progress = Callable[[Tally, Input, int], None]  # with how far into the input, in bytes as unpacked


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one input."""

    path: str
    source: str | None  # None when it was set aside
    why: str  # how it was recognised, or why it was set aside
    tally: Any  # contract.Tally
    blind_to: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()  # all that were met, the one of most records first
    wrappers: tuple[str, ...] = ()  # what the records travelled in, from the outside in


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one run found, and everything it says about its inputs."""

    findings: tuple[Finding, ...]
    levels: dict[Level, int]  # of all findings, shown or not
    hidden: int  # findings weaker than the persona wants to see
    read: tuple[Read, ...]
    problems: tuple[Unreadable, ...]  # files and folders that could not even be opened
    silences: tuple[Silence, ...] = ()
    covered: tuple[Finding, ...] = ()  # hidden by people's verdicts
    verdicts: int = 0  # by how many

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
        with closing(catalogue.read(item, native=native, matcher=pack.matcher)) as reading:
            for batch in reading.items(**size):
                store.add(into.rows(batch))
                if progress and batch:
                    last = batch[-1]
                    progress(reading.tally, item, last.origin.offset if isinstance(last, Activity) else last.offset)
        done.append(_read(reading))
    into.finish()
    return done, problems


def survey(
    paths: Sequence[str], *, progress: Progress | None = None, native: bool = True
) -> tuple[list[Read], list[Unreadable]]:
    """Read inputs only to say what is in them. Raises SourceError for a path that does not exist."""
    problems: list[Unreadable] = []
    done: list[Read] = []
    for item in inputs(paths, report=problems.append):
        with closing(catalogue.read(item, native=native)) as reading:
            for batch in reading.items():
                if progress and batch:
                    last = batch[-1]
                    progress(reading.tally, item, last.origin.offset if isinstance(last, Activity) else last.offset)
        done.append(_read(reading))
    return done, problems


def _read(reading: catalogue.Reading) -> Read:
    source, formats = reading.source, reading.sources
    return Read(
        path=reading.input.path,
        source=source.name if source else None,
        why=reading.why,
        tally=reading.tally,
        blind_to=tuple(dict.fromkeys(key for one in formats for key in one.blind_to)),
        formats=tuple(one.name for one in formats),
        wrappers=reading.wrappers,
    )


def visible(read: Iterable[Read]) -> tuple[Way, ...]:
    """Say which ways of looking around these inputs show."""
    known = {source.name: source for source in catalogue.sources()}
    return ways(
        Heard(
            source=name,
            plane=known[name].plane,
            says=frozenset(item.tally.notes).union(known[name].blind_to),
        )
        for item in read
        for name in item.formats
        if name in known
    )


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
        self._whole = pack.matcher is not None or any(
            {"text", "disclosed"} & {*pack.shape_fields(plane)} for plane in PLANES
        )
        self._matched: list[tuple[str, str, str]] = []  # what the user's own rules saw in original records

    def rows(self, items: Iterable[Activity | contract.Occurrence]) -> list[Occurrence]:
        """Give the rows of what any recogniser has something to say about."""
        rows: list[Occurrence] = []
        known = self._known
        for item in items:
            if isinstance(item, Activity) or self._whole:
                activity = item if isinstance(item, Activity) else item.activity()
                number = self._context_of(activity)
                if number is not None:
                    if activity.rules:
                        self._keep_matches(activity)
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

    def _keep_matches(self, activity: Activity) -> None:
        """Keep which values made the user's own rules hold: later the original record is gone."""
        self._matched += (
            (activity.id, match.rule, msgspec.json.encode(match.values).decode()) for match in activity.rules
        )
        if len(self._matched) >= _MATCHES:
            self.finish()

    def finish(self) -> None:
        """Give the store what was gathered for it."""
        if self._matched:
            self._store.insert("matched", self._matched)
            self._matched = []

    def _context_of(self, activity: Activity) -> int | None:
        """Give the number of an activity's context; activities that differ in time and place only share one."""
        said = self._pack.recognise(activity)
        if activity.rules:
            said = (*said, *self._pack.recognised(activity.rules))
        if not said:
            return None
        a = activity
        key = (
            *(said, a.actor, a.plane, a.verb, a.kind, a.scope, a.namespace, a.name, a.outcome, a.address, a.tool),
            *(a.container, a.node, a.credential, a.claimed, a.groups, a.traits, a.origin.source),
            a.origin.path,
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
        beside = tuple(item.recogniser for item in said if item.role == "context")
        return Context(
            context=number,
            a=activity,
            recognised=(*evidence, *beside),
            tripwires=tripwires,
            weight=max(item.weight for item in said),
            role=_role(tripwires, evidence, self._pack.records),
            network=habitual_network(activity.address),
            network_kind=network(activity.address),
            claimed_kind=network(activity.claimed),
            learn=self._learn,
            likeness=likeness(activity.actor, activity.groups, activity.container),
        )


def _role(tripwires: Sequence[str], evidence: Sequence[str], own: Container[str]) -> str:
    """Say what a sighting is good for; what only the user's own rules saw is no reading of inventory by itself."""
    said = (*tripwires, *evidence)
    if said and own and all(name.partition("@")[0] in own for name in said):
        return "own" if tripwires else "counted"
    return "tripwire" if tripwires else "evidence" if evidence else "context"


def analyse(
    store: Store,
    pack: Pack,
    wording: Wording,
    *,
    persona: Persona = "regular",
    since: datetime | None = None,
    until: datetime | None = None,
    standing: Sequence[Ruling] = (),
) -> tuple[tuple[Finding, ...], dict[Level, int], int]:
    """Judge everything in the store: the findings the persona wants, the count by level, and how many are hidden."""
    store.settle()
    # A hunter wants to see everybody who looked around, also where nothing is known yet.
    measure.profile(store, **({"young": 0} if persona == "hunter" else {}))
    rules = rule_words(pack, wording)
    weights = {about.key: about.weight for about in pack.abouts()}
    levels: dict[Level, int] = {}
    chosen: list[tuple[Episode, Judgement]] = []
    for episode in measure.episodes(store, found_together(store, pack), weights, _link_rules(pack)):
        if (since and episode.closes < since) or (until and episode.opens > until):
            continue
        judged = raised(judge(episode), episode, standing)
        levels[judged.level] = levels.get(judged.level, 0) + 1
        if is_shown(judged.level, persona):
            chosen.append((episode, judged))
    samples = _samples(store, pack, [episode for episode, _ in chosen])
    if pack.records:
        samples = with_evidence(store, samples)
    alone = tuple(
        finding(episode, judged, samples.get(_key(episode), ()), rules, wording) for episode, judged in chosen
    )
    containers = {one.id: episode.containers for one, (episode, _) in zip(alone, chosen, strict=True)}
    found = joined(alone, containers, wording)
    return found, levels, sum(levels.values()) - len(found)


def _link_rules(pack: Pack) -> dict[str, LinkRule]:
    """Give the context rules whose activities continue a story, by name@version."""
    context = ((about.key, link_of(about.techniques)) for about in pack.abouts() if about.role == "context")
    return {key: LinkRule(*link) for key, link in context if link}


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
    rulings: Sequence[Ruling] = (),
    now: datetime | None = None,
) -> Report:
    """Read, recognise, measure and judge: the whole way, for `tidewaiter scan`. Without `now` no verdict applies."""
    inputs([*learn, *paths], report=lambda _: None)  # a path that is not there is said before anything is read
    taught, trouble = intake(
        learn, store=store, pack=pack, learn=True, progress=progress, block_size=block_size, native=native
    )
    read, problems = intake(paths, store=store, pack=pack, progress=progress, block_size=block_size, native=native)
    store.insert("judged", never_teaches(rulings))
    standing = live(rulings, now) if now else ()
    found, levels, hidden = analyse(store, pack, wording, persona=persona, since=since, until=until, standing=standing)
    decided = triaged(found, rulings, standing, wording)
    return Report(
        findings=decided.shown,
        covered=decided.covered,
        verdicts=decided.verdicts,
        levels=levels,
        hidden=hidden,
        read=(*taught, *read),
        problems=(*trouble, *problems),
        silences=tuple(
            Silence(source=source, first=first.replace(tzinfo=UTC), last=last.replace(tzinfo=UTC))
            for source, first, last in store.rows(measure.script("silences"))
        ),
    )
