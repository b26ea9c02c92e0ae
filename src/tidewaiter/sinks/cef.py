r"""A finding as ArcSight's Common Event Format (CEF:0, "Implementing ArcSight CEF", revision 26), one line.

What makes a line parse: in the header `\` and `|` are escaped with a backslash and there is no line end; in the
extension `\` and `=` are, and line ends are written as \n. Values are made visible first, so an escape of ours is never
taken for one of CEF: a line end that came from a log arrives as a backslash and the letter n.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tidewaiter import __version__
from tidewaiter.meaning.techniques import technique_name
from tidewaiter.sinks.document import (
    Context,
    Document,
    is_numeric,
    link,
    micros,
    moment,
    recognisers,
    seen,
    techniques,
    texts,
)
from tidewaiter.sinks.flat import fitted
from tidewaiter.sinks.safe_text import safe
from tidewaiter.wording import Wording

SEVERITIES = {"info": 1, "low": 3, "medium": 5, "high": 8, "critical": 10}
_HEADER = str.maketrans({"\\": r"\\", "|": r"\|", "\n": " ", "\r": " "})
_VALUE = str.maketrans({"\\": r"\\", "=": r"\=", "\n": r"\n", "\r": r"\r"})
_NAME = 512  # characters, as the dictionary of the format bounds them
_SHORT = 63
_KEPT = 100  # what is bounded by this is never cut further: ids, times, addresses
_LONG = 1023
_OWN_RULES = "own-rules"


def line(finding: Document, _: Wording, context: Context) -> bytes:
    """Give a finding as one CEF line of at most `context.size` bytes."""
    return fitted(lambda limit: _line(finding, context, limit).encode(), context.size)


def signature(finding: Document) -> tuple[str, str]:
    """Give the class of a finding, as a table of a receiver names it: its technique and the name of that.

    Where there is none, for somebody's own rules may name none, it is the rule.
    """
    found = finding["techniques"]
    technique = "T1613" if "T1613" in found else next(iter(found), None)
    if technique:
        return technique, technique_name(technique) or technique
    rule = next((one.partition("@")[0] for one in recognisers(finding)), _OWN_RULES)
    return rule, rule


def _line(finding: Document, context: Context, limit: int) -> str:
    technique, name = signature(finding)
    header = ["CEF:0", "tidewaiter", "tidewaiter", __version__, technique, name, str(SEVERITIES[finding["level"]])]
    head = "|".join(safe(part, limit=_NAME).translate(_HEADER) for part in header)
    pairs = [*_facts(finding, context), *_custom(finding)] if limit else _least(finding, context)
    values = ((key, _value(value, most if most <= _KEPT else min(most, limit))) for key, value, most in pairs)
    extension = " ".join(f"{key}={value}" for key, value in values if value)
    return f"{head}|{extension}"


def _value(value: str, limit: int) -> str:
    # A space at either end is lost between two keys; nobody would see it in the middle of a line either.
    return "\n".join(safe(part, limit=limit) for part in value.split("\n")).strip().translate(_VALUE)


def _facts(finding: Document, context: Context) -> Iterator[tuple[str, str, int]]:
    """Give the keys of the format's own dictionary with their values and longest lengths."""
    looked_at, actor, verdict = finding["looked_at"], finding["actor"], finding["verdict"]
    yield "externalId", finding["id"], _KEPT
    yield "rt", _time(seen(finding, context)), _SHORT
    yield "start", _time(moment(finding["from"])), _SHORT
    yield "end", _time(moment(finding["until"])), _SHORT
    yield "cat", _whole(finding["plane"]), _LONG
    yield "reason", _whole(f"{verdict['decision']}, {verdict['by']}: {verdict['why']}"), _LONG
    yield "suser", _whole(actor["name"]), _LONG
    yield from _source(finding["addresses"])
    yield "requestClientApplication", _whole(", ".join(finding["tools"])), _LONG
    yield "request", _whole(link(finding, context)), _LONG
    yield "cnt", str(looked_at["requests"]), _SHORT
    yield "dvchost", context.host if context.host != "-" else "", _KEPT
    yield "msg", finding["headline"] + "\n" + finding["explanation"]["why"], _LONG


def _custom(finding: Document) -> Iterator[tuple[str, str, int]]:
    """Give what has no key of its own, each beside the label that names it."""
    looked_at = finding["looked_at"]
    texts_of = (
        ("kinds", ", ".join(looked_at["kinds"])),
        ("namespaces", ", ".join(looked_at["namespaces"])),
        ("techniques", ", ".join(techniques(finding))),
        ("rules", ", ".join(recognisers(finding))),
        ("followedBy", ", ".join(dict.fromkeys(one["what"] for one in finding["chain"]))),
        ("seen", " | ".join(texts(finding))),
    )
    for number, (label, text) in enumerate(texts_of, 1):
        if text:
            yield f"cs{number}Label", label, _LONG
            yield f"cs{number}", _whole(text), 4000
    for number, (label, word) in enumerate((("actorKind", finding["actor"]["kind"]), ("scope", looked_at["scope"])), 1):
        yield f"flexString{number}Label", label, _LONG
        yield f"flexString{number}", word, _SHORT
    numbers = (
        ("answered", looked_at["answered"]),
        ("refused", looked_at["refused"]),
        ("confidencePercent", round(finding["confidence"] * 100)),
    )
    for number, (label, count) in enumerate(numbers, 1):
        yield f"cn{number}Label", label, _LONG
        yield f"cn{number}", str(count), _SHORT


def _least(finding: Document, context: Context) -> list[tuple[str, str, int]]:
    """Give what a finding is looked up by: all that a very small message has room for."""
    kept = {"externalId", "rt", "cnt", "src", "c6a2", "c6a2Label"}
    facts = [fact for fact in _facts(finding, context) if fact[0] in kept]
    return [*((key, value, _KEPT) for key, value, _ in facts), ("msg", finding["headline"], _KEPT)]


def _source(addresses: list[str]) -> Iterator[tuple[str, str, int]]:
    """Give the first address: `src` takes version 4 only, the dictionary has c6a2 for version 6."""
    for address in addresses[:1]:
        if not is_numeric(address):
            yield "shost", _whole(address), _LONG
        elif ":" in address:
            yield "c6a2Label", "Source IPv6 Address", _LONG
            yield "c6a2", address, _SHORT
        else:
            yield "src", address, _SHORT


def _time(at: datetime | None) -> str:
    """Write a time as milliseconds since 1970, which needs no locale and no zone."""
    return str(micros(at) // 1000) if at else ""


def _whole(text: Any) -> str:
    """Keep the line ends of a log out of a value: only those of our own sentences are line ends."""
    return safe(text, limit=4000) if isinstance(text, str) else ""
