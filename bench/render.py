"""Short Markdown tables of scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.scores import FLOOR, LEVELS, Coverage, Decisions, Row, Score

_SHOWN = 20  # false findings listed one by one


def rows(head: Sequence[str], body: Sequence[Sequence[object]]) -> str:
    """Give a Markdown table; None is written as a dash."""
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join("-" if cell is None else str(cell) for cell in line) + " |" for line in lines)


def _share(part: int, whole: int) -> str:
    return f"{part}/{whole}" + (f" ({part / whole:.0%})" if whole else "")


def _when(row: Row) -> str | None:
    if row.after_s is None or row.at_latest_s is None:
        return None
    return f"{row.after_s:.0f}-{row.at_latest_s:.0f}"


def kubernetes(found: Score) -> str:
    """Render a cluster's score: scenarios first, then the sums."""
    head = ("scenario", "label", "cases", "hit", "highest level", "alert after s", "own events")
    confirmed = {True: "yes", False: "no", None: None}
    body = [(r.scenario, r.label, r.cases, r.hit, r.level, _when(r), confirmed[r.confirmed]) for r in found.rows]
    precision = "-" if found.precision is None else f"{found.precision:.0%}"
    facts = [
        (
            f"recall: {_share(found.recalled, found.malicious)} at any level, "
            f"{_share(found.recalled_at_floor, found.malicious)} at {FLOOR} or above"
        ),
        f"precision at {FLOOR} or above: {precision} ({found.right} right, {found.false} false)",
        *(
            [f"right actor: {_share(found.named, found.holding)} of the findings that sight an attack"]
            * bool(found.holding)
        ),
        (
            f"false alarms at {FLOOR} or above: {found.false} in {found.days:.1f} days, "
            f"{found.false_per_day:.2f} a day; "
            f"before the split: {found.earlier_false} in {found.earlier_days:.1f} days"
        ),
        *(f"false: {one}" for one in found.false_at[:_SHOWN]),
        *([f"… and {len(found.false_at) - _SHOWN} more"] if len(found.false_at) > _SHOWN else []),
    ]
    return "## kubernetes\n\n" + rows(head, body) + "\n\n" + "\n".join(f"- {fact}" for fact in facts) + "\n"


def decided(found: Decisions) -> str:
    """Render how often the decision about an episode was right, and each wrong one."""
    facts = [f"decisions right: {_share(found.right, found.episodes)} of all episodes a hunter sees"]
    facts += [f"wrong: {one}" for one in found.wrong[:_SHOWN]]
    facts += [f"… and {len(found.wrong) - _SHOWN} more"] if len(found.wrong) > _SHOWN else []
    return "\n".join(f"- {fact}" for fact in facts) + "\n"


def docker(found: Sequence[tuple[str, int, Sequence[Coverage], Decisions | None, str]]) -> str:
    """Render the sensors' coverage of steps, and what was decided about their episodes."""
    head = ("sensor", "findings", "label", "covered", f"at {FLOOR}", "own sighting", "recognised", "missed or wrong")
    body: list[Sequence[object]] = []
    facts = []
    for sensor, findings, made, judged, problem in found:
        if judged:
            facts.append(f"{sensor}: decisions right: {_share(judged.right, judged.episodes)}")
            facts += [f"{sensor}: wrong: {one}" for one in judged.wrong[:_SHOWN]]
        if problem:
            body.append((f"{sensor}: {problem}", *[None] * 7))
        for one in made:
            ids = " ".join(one.missed[:8]) + (" …" if len(one.missed) > 8 else "")
            seen = None if one.seen is None else _share(one.seen, one.steps)
            parts = [_share(part, one.steps) for part in (one.covered, one.covered_at_floor, one.sighted)]
            body.append((sensor, findings, one.label, *parts, seen, ids or None))
    sums = [one for _, _, _, one, _ in found if one]
    if sums:
        right, episodes = sum(one.right for one in sums), sum(one.episodes for one in sums)
        facts.insert(
            0, f"decisions right: {_share(right, episodes)} of all episodes a hunter sees, on {len(sums)} sensors"
        )
    return (
        "## docker\n\n" + rows(head, body) + "\n" + "".join(["\n", *(f"- {one}\n" for one in facts)] if facts else [])
    )


def public(
    events: Mapping[str, Mapping[str, int]],
    other: Mapping[str, Sequence[str]],
    unlabelled: Mapping[str, Sequence[str]],
    problems: Mapping[str, str],
) -> str:
    """Render the public samples: events by label, then what was found where nothing should be."""
    head = ("label", "none", *LEVELS)
    table = rows(head, [(label, *(counts[key] for key in head[1:])) for label, counts in sorted(events.items())])
    notes = [f"{file} (labelled as a whole): {one}" for file, found in sorted(other.items()) for one in found]
    notes += [f"false alarm in {file}: {one}" for file, found in sorted(unlabelled.items()) for one in found]
    notes += [f"not scanned: {file}: {why}" for file, why in sorted(problems.items())]
    return "## public\n\n" + table + "\n\n" + "\n".join(f"- {note}" for note in notes) + "\n"
