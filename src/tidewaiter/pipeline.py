"""The one way through: inputs, activities, recognisers, store, baseline, episodes, findings.

Only this module knows the order of the stages; the stages know the words of `model.py` and nothing of each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import msgspec

from tidewaiter.baseline import measure
from tidewaiter.baseline.chains import LinkRule
from tidewaiter.baseline.weigh import LEARNING_DAYS
from tidewaiter.findings.explain import finding
from tidewaiter.findings.judge import Judgement, Persona, is_shown, judge
from tidewaiter.findings.story import joined, link_of
from tidewaiter.hits import found_together, rule_words, with_evidence
from tidewaiter.model import Activity, Actor, Episode, Finding, Level, Origin, Ruling, Sighting
from tidewaiter.recognise.pack import Pack
from tidewaiter.rows import Rows
from tidewaiter.sinks.summary import Silence
from tidewaiter.sources import catalogue
from tidewaiter.sources.contract import Tally, Unreadable
from tidewaiter.sources.opening import Input, inputs
from tidewaiter.store import Store
from tidewaiter.triage import live, never_teaches, raised, triaged
from tidewaiter.visibility import Heard, Way, ways
from tidewaiter.wording import Wording

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
    into = Rows(store, pack, learn=learn)
    size = {} if block_size is None else {"block_size": block_size}
    for item in inputs(paths, report=problems.append):
        with closing(catalogue.read(item, native=native, matcher=pack.matcher)) as reading:
            for batch in reading.items(**size):
                store.add(into.of(batch))
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
    measure.profile(store, young=_young(persona))
    episodes = measure.episodes(store, found_together(store, pack), _weights(pack), link_rules(pack))
    return _told(store, pack, wording, episodes, persona=persona, since=since, until=until, standing=standing)


def look_again(
    store: Store,
    pack: Pack,
    wording: Wording,
    *,
    actors: Iterable[str],
    proven: Sequence[measure.Hit] = (),
    persona: Persona = "regular",
    since: datetime | None = None,
    standing: Sequence[Ruling] = (),
) -> tuple[Finding, ...]:
    """Judge what a few actors did (keys as in context), as `analyse` would, after `measure.estate`.

    `proven` is what proofs found when they were last looked for.
    """
    measure.profile_of(store, actors, young=_young(persona))
    counted = list(found_together(store, pack, sorts=("count",), asked=True))
    episodes = measure.episodes(store, [*proven, *counted], _weights(pack), link_rules(pack), peers_are_known=True)
    found, _, _ = _told(store, pack, wording, episodes, persona=persona, since=since, until=None, standing=standing)
    return found


def _young(persona: Persona) -> int:
    """Give the days in which nothing is news: a hunter wants to see everybody, also where nothing is known yet."""
    return 0 if persona == "hunter" else LEARNING_DAYS


def _weights(pack: Pack) -> dict[str, float]:
    return {about.key: about.weight for about in pack.abouts()}


def _told(
    store: Store,
    pack: Pack,
    wording: Wording,
    episodes: Iterable[Episode],
    *,
    persona: Persona,
    since: datetime | None,
    until: datetime | None,
    standing: Sequence[Ruling],
) -> tuple[tuple[Finding, ...], dict[Level, int], int]:
    """Judge episodes and put into words those that the persona wants to see."""
    rules = rule_words(pack, wording)
    levels: dict[Level, int] = {}
    chosen: list[tuple[Episode, Judgement]] = []
    for episode in episodes:
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


def link_rules(pack: Pack) -> dict[str, LinkRule]:
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
