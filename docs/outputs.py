"""Writes the page on outputs: every rendering with an example that the program made. Called by docs/generate.py."""  # noqa: INP001

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tidewaiter.model import LEVELS
from tidewaiter.sinks import cef, falcosidekick, ocsf, otlp_logs, syslog
from tidewaiter.sinks.document import Context
from tidewaiter.sinks.elastic import TEMPLATE
from tidewaiter.sinks.flat import KEYS
from tidewaiter.sinks.renderings import RENDERINGS, Rendering, render
from tidewaiter.wording import Wording

_FINDINGS = Path(__file__).resolve().parents[1] / "tests" / "data" / "findings" / "real.jsonl"
_LINES = 24  # of an example
_WIDTH = 400  # characters of a line of an example
_CONTEXT = Context(
    host="watch-1",
    now=datetime(2026, 11, 23, 9, 22, 40, tzinfo=UTC),
    link="https://watch.example/findings/{id}",
    labels={"site": "north"},
)
_INTRODUCTION = """# Outputs

Every form in which a finding leaves the program. `tidewaiter scan --format` writes `jsonl` and `ocsf`; a sink of the
service takes any of them as its `rendering`.

A finding that grows is sent again under the same id, so a receiver can put the later state in the place of the earlier
one; where it cannot, the form says how the two are told to be one. Whatever a log holds, a message stays one message:
control characters, marks of direction and line ends of a log are written as visible escapes such as `\\x1b`, and what
separates in a form is escaped as its specification says, or, where that has no escapes, written as an escape as well.
In messages that people read, markup is made inert too.
"""
_NOTES = """## Notes

- A message of a line form has at most 8192 bytes, or what the sink says: values are cut shorter, marked with `…`, until
  it fits, and in the end only those are kept by which the finding is looked up. Half a message is never sent. `jsonl`,
  `ocsf`, `hec` and `elastic` are never cut.
- Syslog: a sentence for people is UTF-8 with a byte order mark, as RFC 5424 asks; JSON is ASCII; CEF and LEEF may hold
  UTF-8 and have no mark, because their readers look for `CEF:` and `LEEF:` at the beginning. The structured data is
  `tidewaiter@32473`: that number is the one for documentation (RFC 5612), for this project has none.
- LEEF has no escapes: attributes are separated by `^`, which is written `\\x5e` in values.
- Alertmanager: the labels stay the same while a finding grows, but for `severity`, which routes ask for. A firing alert
  ends a day after its last update. An inhibition keeps a finding that has become worse from firing twice:
  `{source_matchers: [severity="critical"], target_matchers: [severity=~"high|medium|low|info"], equal: [finding]}`.
- Elasticsearch: give an index the template below before the first finding, or a name that looks like a date decides
  what its field may hold. Every text under `tidewaiter` is at most 1000 characters. In a data stream a repeated
  delivery is answered with 409 for that document, which counts as delivered.
- Splunk and Wazuh keep every state: `| dedup finding_id`, or the latest `finding_id`, gives the findings.
- Records without a date (see [limits](../explanation/limits.md)) carry the time of sending, where a receiver wants one.
"""


def page() -> Iterator[str]:
    """Give the lines of the page."""
    yield from _INTRODUCTION.splitlines()
    yield ""
    yield from _table(
        ["rendering", "content type", "findings together"],
        [[f"`{form.name}`", f"`{form.content_type}`", _together(form)] for form in RENDERINGS.values()],
    )
    yield from ["## Levels", ""]
    yield from _table(["level", "OCSF", "CEF, LEEF", "syslog", "Falco", "OTLP", "flat, ECS"], map(_level, LEVELS))
    for form in RENDERINGS.values():
        yield from [f"## {form.name}", "", form.about, "", *_example(form)]
        if form.name == "flat":
            yield from ["Keys, in this order; one without a value is left out:", ""]
            yield from _table(["key", "value"], [[f"`{key}`", text] for key, text in KEYS.items()])
    yield from _NOTES.splitlines()
    yield from ["", "## A template for Elasticsearch", "", "`PUT /_index_template/tidewaiter`:", ""]
    yield from ["```json", json.dumps(TEMPLATE, indent=2), "```", ""]


def _table(head: Sequence[str], rows: Iterator[Sequence[str]] | Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


def _together(form: Rendering) -> str:
    if form.alone:
        return "one a request"
    return "a line each" if form.one else "in one document"


def _level(level: str) -> list[str]:
    number = LEVELS.index(level) + 1
    return [
        level,
        str(ocsf.event(_finding(level), _CONTEXT)["severity_id"]),
        str(cef.SEVERITIES[level]),
        str(syslog.SEVERITIES[level]),
        falcosidekick.PRIORITIES[level],
        str(otlp_logs.SEVERITIES[level]),
        str(number),
    ]


def _finding(level: str | None = None) -> dict[str, object]:
    found: dict[str, object] = json.loads(_FINDINGS.read_text(encoding="utf-8").splitlines()[1])
    return {**found, "level": level or found["level"]}


def _example(form: Rendering) -> Iterator[str]:
    made = render(form.name, [_finding()], wording=Wording("en"), context=_CONTEXT)
    if form.name == "otlp":
        text = str(ExportLogsServiceRequest.FromString(made.body))
    elif "json" in made.content_type:
        text = "\n".join(json.dumps(json.loads(line), indent=2, ensure_ascii=False) for line in made.body.splitlines())
    else:
        text = made.body.decode().replace("\ufeff", "")
    if made.title:
        text = f"{made.title}\n\n{text}"
    lines = text.strip().splitlines()
    cut = [line if len(line) <= _WIDTH else f"{line[:_WIDTH]} …" for line in lines[:_LINES]]
    yield from ["```text", *cut, *(["…"] if len(lines) > _LINES else []), "```", ""]
