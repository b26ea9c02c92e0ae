"""What an episode may be instead and what would confirm it, and what to ask next, with commands that can be pasted.

Which reasons and questions fit which episode is data: `packs/vocabulary/next.yml`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from tidewaiter.findings.circumstances import Circumstances, fitting
from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import Episode
from tidewaiter.wording import Wording

_INNOCENT = 4
_BY_RULES = 2  # of these, so that there is room for those that fit the actor
_NEXT = 3


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = load("next.yml")
    return table


def innocent(around: Circumstances, benign: Mapping[str, Sequence[str]], wording: Wording) -> tuple[str, ...]:
    """List innocent reasons that fit, each with what would confirm it, and on a second line the command that shows it.

    Those that the rules state themselves come first (`benign`: by name@version), then those of the actor and surprise.
    """
    by_rules = tuple(dict.fromkeys(_by_rules(around.episode, benign, wording)))[:_BY_RULES]
    others = (wording.innocent(key, **values) for key, values in fitting(_table()["innocent"], around))
    return (*by_rules, *others)[:_INNOCENT]


def _by_rules(episode: Episode, benign: Mapping[str, Sequence[str]], wording: Wording) -> list[str]:
    said = []
    for rule in episode.tripwires:
        confirm = _table()["confirm"].get(rule.recogniser.partition("@")[0], ())
        for number, reason in enumerate(benign.get(rule.recogniser, ())):
            key = confirm[number] if number < len(confirm) else "responsible"
            said.append(f"{reason.rstrip('.')}. {wording.say(f'confirm.{key}')}")
    return said


def next_questions(around: Circumstances, identity: str, wording: Wording) -> tuple[str, ...]:
    """Give the next three questions, each with the command that answers it, and how to see more of this finding.

    Logged strings are quoted for the shell that the command is for.
    """
    asked = [wording.ask(key, **values) for key, values in fitting(_table()["next"], around)]
    return (*asked[:_NEXT], wording.ask("show", id=identity))
