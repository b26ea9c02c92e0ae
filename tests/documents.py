"""Finding documents for tests of renderings: real ones, and such as an attacker would like to have sent."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import factories
from hypothesis import strategies as st

from tidewaiter.model import LEVELS, Finding
from tidewaiter.sinks.document import document

REAL = [
    json.loads(line)
    for line in (Path(__file__).parent / "data" / "findings" / "real.jsonl").read_text(encoding="utf-8").splitlines()
]
CHAIN, HOST = REAL

# Everything that some format gives a meaning, and then all of Unicode; lone surrogates are in no JSON.
_SPECIAL = st.sampled_from("|\\=^\t\r\n\x1b[]\"'<>&@ ,;{}%\x00\x7f\x85\u2028\u202e\u200b\ufeff\U000e0041\U0001f600#$`")
_ANY = st.characters(codec="utf-8")
HOSTILE = st.one_of(
    st.text(st.one_of(_SPECIAL, _ANY), max_size=40),
    st.sampled_from((
        "x|CEF:0|a|b|c|d|e|10|", " suser=root cs1=", "a\\", "\\=", "\\\\|", "]", '"] [x y="z', "\nLEEF:2.0|", "^sev=1^",
        "<13>1 - - - - - -", "\r\n\r\nHTTP/1.1 200 OK", "\x1b]0;owned\x07", "<script>alert(1)</script>", "<!channel>",
        "@everyone look", "[click](https://evil.example/)", "../../etc/passwd", "😀" * 40, "A" * 30_000,
        "=cmd|'/c calc'!A0",
    )),
)  # fmt: skip


def chained(**over: Any) -> dict[str, Any]:
    """Give the document of a finding with a chain."""
    return dict(document(factories.finding(chain=(factories.link(),), **over)))


def controls(text: str) -> set[str]:
    """Give the characters of a text that a terminal or a line reader obeys."""
    return {
        c for c in text if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} or c in "\u202e\u200b\ufeff\U000e0041"
    }


@st.composite
def hostile(draw: st.DrawFn) -> dict[str, Any]:
    """Give a finding in which every text that a log can reach is an attacker's."""
    few = st.lists(HOSTILE, max_size=3).map(tuple)
    sighting = st.builds(
        lambda text, path, value: factories.sighting(
            text=text, origin=factories.origin(path=path), evidence={"field": value}
        ),
        HOSTILE, HOSTILE, HOSTILE,
    )  # fmt: skip
    link = st.builds(
        lambda what, text, name: factories.link(what=what, text=text, actor=factories.actor(name=name)),
        HOSTILE, HOSTILE, HOSTILE,
    )  # fmt: skip
    words = {name: draw(few) for name in ("innocent", "next", "contain")}
    finding = Finding(
        **{
            **{name: getattr(factories.finding(), name) for name in Finding.__struct_fields__},
            "level": draw(st.sampled_from(LEVELS)),
            "confidence": draw(st.floats(0, 1)),
            "plane": draw(st.sampled_from((None, "kubernetes", "host"))),
            "techniques": draw(st.sampled_from(((), ("T1613",), ("T1552.007", "T9999.001")))),
            "headline": draw(HOSTILE),
            "actor": factories.actor(
                kind=draw(st.sampled_from(("user", "anonymous", "unknown", "container"))),
                name=draw(HOSTILE), realm=draw(HOSTILE), via=draw(st.one_of(st.none(), HOSTILE)),
            ),
            "addresses": draw(few), "tools": draw(few),
            "looked_at": factories.looked_at(kinds=draw(few), namespaces=draw(few)),
            "surprises": (factories.surprise(observed=draw(HOSTILE), usual=draw(HOSTILE)),),
            "chain": tuple(draw(st.lists(link, max_size=2))),
            "rules": draw(st.sampled_from(((), ("own rule@1",), ("a|b^c\\d@1",)))),
            "sightings": tuple(draw(st.lists(sighting, max_size=3))),
            "explanation": factories.explanation(what=draw(HOSTILE), why=draw(HOSTILE), means=draw(HOSTILE), **words),
            "verdict": factories.verdict(
                decision=draw(st.sampled_from(("expected", "malicious"))), by=draw(HOSTILE), why=draw(HOSTILE)
            ),
        }
    )  # fmt: skip
    return dict(document(finding))
