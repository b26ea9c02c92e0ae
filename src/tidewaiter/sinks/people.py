"""A finding as a short message for a person: by mail, in a chat, on a pager; plain text.

In this order: how bad and what, who and when, why it was said and what that usually is, what followed, the one question
to ask with its command, how to stop it, where the rest is. Everything passes `inert`: chats obey markup, and logs are
written by attackers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tidewaiter.sinks.document import Context, Document, closed, link
from tidewaiter.sinks.safe_text import inert
from tidewaiter.wording import Wording

_SENTENCE = 1000  # characters
_TITLE = 250
_REASONS = 4
_STEPS = 4
_BETWEEN = "\n" + "-" * 20 + "\n\n"


def title(findings: Sequence[Document], wording: Wording, context: Context) -> str:
    """Give the title of a message: of one finding its level and headline, of several how many they are."""
    if len(findings) != 1:
        return wording.many("people.title.several", len(findings))
    finding = findings[0]
    key = "people.title.update" if finding["id"] in context.updates else "people.title.new"
    if closed(finding):
        key = "people.title.closed"
    level = wording.say(f"level.{finding['level']}")
    return inert(wording.say(key, level=level, headline=finding["headline"]), limit=_TITLE)


def body(findings: Sequence[Document], wording: Wording, context: Context) -> bytes:
    """Give the text of a message."""
    texts = ("\n".join(_lines(finding, wording, context, several=len(findings) > 1)) + "\n" for finding in findings)
    return _BETWEEN.join(texts).encode()


def _lines(finding: Document, wording: Wording, context: Context, *, several: bool) -> Iterator[str]:
    explanation, verdict = finding["explanation"], finding["verdict"]
    if several:
        yield from (title([finding], wording, context), "")
    yield _inert(explanation["what"])
    yield from _part("why", _some(explanation["why"].split("\n"), _REASONS, wording), wording)
    yield from _part("means", _some(explanation.get("means", "").split("\n"), _REASONS, wording), wording)
    yield from _part("chain", _some(_followed(finding), _STEPS, wording), wording)
    yield from _part("next", explanation["next"][:1], wording)
    if verdict["decision"] in {"suspicious", "malicious"}:
        # What is innocent until somebody says otherwise is not to be stopped.
        yield from _part("contain", list(explanation.get("contain", ()))[:1], wording)
    yield ""
    sure = wording.say("label.confidence", percent=round(finding["confidence"] * 100))
    decision = wording.say(f"decision.{verdict['decision']}")
    said = wording.say("verdict.by", decision=decision, by=verdict["by"], why=verdict["why"])
    yield _inert(f"{sure}; {said}")
    yield wording.say("people.rest", id=finding["id"])
    address = link(finding, context)
    if address:
        yield address


def _followed(finding: Document) -> list[str]:
    return [f"{one['what']} ({one['technique']})" for one in finding["chain"]]


def _some(items: Sequence[str], most: int, wording: Wording) -> list[str]:
    """Give the first of some items, and say how many there are besides."""
    items = list(dict.fromkeys(item for item in items if item))
    left = len(items) - most
    return [*items[:most], wording.many("people.more", left)] if left > 0 else items


def _part(label: str, items: Sequence[str], wording: Wording) -> Iterator[str]:
    """Give a part with its title; a command on a second line of an item stays on a line of its own."""
    if items:
        yield from ("", f"{wording.say(f'label.{label}')}:")
    for item in items:
        sentence, *commands = item.split("\n")
        yield f"- {_inert(sentence)}"
        yield from (f"  {_inert(command)}" for command in commands)


def _inert(text: str) -> str:
    return inert(text, limit=_SENTENCE)
