"""What the rules of a pack make of the rows in the store, and say of themselves: correlations, evidence, words."""

from __future__ import annotations

from collections.abc import Container, Iterator
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from tidewaiter.baseline import measure, proofs
from tidewaiter.baseline.measure import column, group_key
from tidewaiter.findings.explain import RuleWords
from tidewaiter.model import Sighting
from tidewaiter.recognise.correlation import ACTOR, Correlation, correlate
from tidewaiter.recognise.pack import Pack
from tidewaiter.store import Store
from tidewaiter.wording import Wording

Samples = dict[tuple[str, str, datetime], list[Sighting]]


Sort = Literal["proof", "count"]


def found_together(
    store: Store, pack: Pack, *, sorts: Container[Sort] = ("proof", "count"), asked: bool = False
) -> Iterator[measure.Hit]:
    """Give every activity that a correlation matched, with its rule and weight.

    Of a sort are those that prove something by the past, or count. `asked`: count only groups to which somebody belongs
    who is asked about (`measure.profile_of`).
    """
    fired = {name for (name,) in store.rows(measure.script("fired_rules"))}
    with_past = False
    for rule in pack.correlations:
        if fired.isdisjoint(found.about.key for name in rule.rules if (found := pack.get(name))):
            continue
        if ("proof" if rule.proof else "count") not in sorts:
            continue
        if rule.proof and not with_past:
            proofs.prepare(store)
            with_past = True
        for match in correlate(_counted(store, pack, rule, asked=asked), rule):
            yield from (measure.Hit(activity, rule.about.key, rule.about.weight) for activity in match.ids)
    if pack.record_correlations and "count" in sorts:
        yield from _record_hits(store, pack)


def _counted(
    store: Store, pack: Pack, rule: Correlation, *, asked: bool
) -> Iterator[tuple[Any, datetime, str | None, str]]:
    names = [found.about.key for name in rule.rules if (found := pack.get(name))]
    script = proofs.SCRIPTS[rule.proof] if rule.proof else "counted_rows_asked" if asked else "counted_rows"
    sql = measure.script(script).format(
        column=column(rule.field) if rule.field else "NULL", key=group_key(rule.group_by)
    )
    parameters: dict[str, Any] = {"names": names}
    if not rule.proof:  # what is proven has a credential or a claim, and so it is of somebody in particular
        parameters["left_out"] = list(rule.leaves_out) if ACTOR in rule.group_by else []
    for group, at, value, activity in store.rows(sql, parameters):
        yield group, at.replace(tzinfo=UTC), value, activity


def _record_hits(store: Store, pack: Pack) -> Iterator[measure.Hit]:
    """Give what correlations of the user's own rules found; those that only others count say nothing themselves."""
    from tidewaiter.recognise.record_correlation import correlate_all  # noqa: PLC0415 - only with rules of one's own

    keys = {rule.about.key: name for name, rule in pack.records.items()}
    names = {name for rule in pack.record_correlations for name in rule.rules}
    wanted = [key for key, name in keys.items() if name in names]
    rows = (
        (keys[rule], at.replace(tzinfo=UTC), identity, dict(msgspec.json.decode(values)))
        for rule, at, identity, values in store.rows(measure.script("matched_rows"), {"names": wanted})
    )
    for rule, match in correlate_all(rows, pack.record_correlations):
        yield from (measure.Hit(activity, rule.about.key, rule.about.weight) for activity in match.ids)


def with_evidence(store: Store, samples: Samples) -> Samples:
    """Say of the user's own rules which values made them hold; of a correlation, those of the rule it counts."""
    ids = [item.activity for sightings in samples.values() for item in sightings]
    found: dict[str, dict[str, str]] = {}
    for identity, rule, values in store.rows(measure.script("matched_values"), {"ids": ids}):
        found.setdefault(identity, {})[rule] = values
    for sightings in samples.values():
        for at, item in enumerate(sightings):
            by_rule = found.get(item.activity, {})
            if by_rule and not item.evidence:
                values = by_rule.get(item.recogniser) or next(iter(by_rule.values()))
                pairs = reversed(msgspec.json.decode(values))  # of a field that is there twice, the first tells more
                sightings[at] = msgspec.structs.replace(item, evidence=dict(pairs))
    return samples


def rule_words(pack: Pack, wording: Wording) -> dict[str, RuleWords]:
    """Give what each rule says of itself in a language, by name@version."""
    language = wording.language
    own = {*pack.records, *(rule.about.name for rule in pack.record_correlations)}
    return {
        about.key: RuleWords(
            title=wording.title(about.name, about.title),
            why=about.why.get(language) or about.why.get("en", ""),
            benign=tuple(said.get(language) or said.get("en", "") for said in about.benign),
            techniques=about.techniques,
            own=about.name in own,
        )
        for about in pack.abouts()
    }
