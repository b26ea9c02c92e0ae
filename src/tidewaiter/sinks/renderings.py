"""Every form in which a finding can be given to another program, by its name.

`render` gives one body for a request; `render_lines` gives messages one by one, for what is sent or written a message
at a time. Both are pure: equal documents and context give equal bytes, which is what makes a repeated delivery safe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import TypeAlias

import msgspec

from tidewaiter.errors import ConfigError
from tidewaiter.model import Finding
from tidewaiter.sinks import alertmanager, cef, elastic, falcosidekick, flat, hec, jsonl, leef, ocsf, people, syslog
from tidewaiter.sinks.document import Context, Document, document
from tidewaiter.wording import Wording

One: TypeAlias = Callable[[Document, Wording, Context], bytes]  # a finding as one message, without its line end
Whole: TypeAlias = Callable[[Sequence[Document], Wording, Context], bytes]  # findings as one body
Title: TypeAlias = Callable[[Sequence[Document], Wording, Context], str]

_NO_CONTEXT = Context()
_JSON, _LINES, _TEXT = "application/json", "application/x-ndjson", "text/plain; charset=utf-8"


class Rendered(msgspec.Struct, frozen=True, kw_only=True):
    """A body that is ready to be sent."""

    content_type: str
    body: bytes
    title: str = ""  # of messages to people


class Rendering(msgspec.Struct, frozen=True, kw_only=True):
    """How one form is made: `one` where findings are put one after another, `whole` where they make one document."""

    name: str
    content_type: str
    about: str  # for whom it is, in a sentence of the reference
    one: One | None = None
    whole: Whole | None = None
    title: Title | None = None
    alone: bool = False  # the receiver takes one finding a request
    extra: str | None = None  # the optional part of the installation that it needs


def _jsonl(finding: Document, _: Wording, __: Context) -> bytes:
    return jsonl.encoded(finding)


def _otlp(findings: Sequence[Document], wording: Wording, context: Context) -> bytes:
    try:
        # Only here: the base installation does without these messages.
        logs = import_module("tidewaiter.sinks.otlp_logs")
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] == "tidewaiter":
            raise
        raise ConfigError(
            "OTLP needs messages that are not installed", where="rendering otlp", hint="pip install 'tidewaiter[otlp]'"
        ) from missing
    body: bytes = logs.request(findings, wording, context)
    return body


_ALL = (
    Rendering(
        name="jsonl",
        content_type=_LINES,
        one=_jsonl,
        about="The finding itself, one a line, as in [A finding as JSON](finding.md); nothing is left out.",
    ),
    Rendering(
        name="ocsf",
        content_type=_LINES,
        one=ocsf.line,
        about="A Detection Finding (class 2004) of OCSF 1.8.0, one a line. An update has the same `finding_info.uid` "
        "and activity 2; a person's verdict that it is nothing closes it, with activity 3.",
    ),
    Rendering(
        name="flat",
        content_type=_LINES,
        one=flat.line,
        about="One flat JSON object a line, for Wazuh (`<localfile>` with `json`), QRadar's DSM editor and MaxPatrol.",
    ),
    Rendering(
        name="cef",
        content_type=_TEXT,
        one=cef.line,
        about="ArcSight's Common Event Format, one a line, for files and for forwarders that write the syslog header.",
    ),
    Rendering(
        name="leef",
        content_type=_TEXT,
        one=leef.line,
        about="QRadar's Log Event Extended Format 2.0, one a line. Its event id is the technique, its category the "
        "plane: these two map to a QID.",
    ),
    Rendering(
        name="syslog",
        content_type=_TEXT,
        one=syslog.words,
        about="RFC 5424 with structured data that a relay can filter by, and a sentence for people.",
    ),
    Rendering(name="syslog-json", content_type=_TEXT, one=syslog.of_json, about="RFC 5424 around `flat`, in ASCII."),
    Rendering(name="syslog-cef", content_type=_TEXT, one=syslog.of_cef, about="RFC 5424 around `cef`."),
    Rendering(name="syslog-leef", content_type=_TEXT, one=syslog.of_leef, about="RFC 5424 around `leef`."),
    Rendering(
        name="hec",
        content_type=_JSON,
        one=hec.event,
        about="Splunk's HTTP Event Collector, `POST /services/collector/event`. Splunk replaces nothing: "
        "`| dedup finding_id` shows the latest state.",
    ),
    Rendering(
        name="elastic",
        content_type=_LINES,
        whole=elastic.bulk,
        about="`POST /INDEX/_bulk` of Elasticsearch and OpenSearch, in fields of ECS. In an index an update replaces "
        "the finding; in a data stream every state is a document.",
    ),
    Rendering(
        name="alertmanager",
        content_type=_JSON,
        whole=alertmanager.alerts,
        about="`POST /api/v2/alerts` of Prometheus Alertmanager. An alert fires for a day after the last update.",
    ),
    Rendering(
        name="falcosidekick",
        content_type=_JSON,
        one=falcosidekick.event,
        alone=True,
        about="An event of Falco, `POST /` of falcosidekick, which passes it on to some seventy services.",
    ),
    Rendering(
        name="otlp",
        content_type="application/x-protobuf",
        whole=_otlp,
        extra="otlp",
        about="`POST /v1/logs` of an OpenTelemetry collector, in protobuf.",
    ),
    Rendering(
        name="people",
        content_type=_TEXT,
        whole=people.body,
        title=people.title,
        about="A short message for chat, mail and pager, in the language that is set. Addresses in it cannot be "
        "clicked on, and it calls nobody's name: logs are written by attackers.",
    ),
)
RENDERINGS = {form.name: form for form in _ALL}


def rendering(name: str) -> Rendering:
    """Give a form by its name. Raises ConfigError when there is none."""
    found = RENDERINGS.get(name)
    if found is None:
        raise ConfigError(f"no rendering has the name {name!r}", hint=f"one of {', '.join(RENDERINGS)}")
    return found


def render(
    name: str, documents: Sequence[Document | Finding], *, wording: Wording, context: Context = _NO_CONTEXT
) -> Rendered:
    """Give findings as the body of one request; forms that are `alone` take one finding.

    Raises ConfigError for a name that is none, and for a form whose optional part is not installed.
    """
    form = rendering(name)
    made = [document(one) for one in documents]
    if form.alone and len(made) != 1:
        raise ValueError(f"{name} takes one finding a request, not {len(made)}")
    if form.whole:
        body = form.whole(made, wording, context)
    else:
        body = b"".join(line + b"\n" for line in render_lines(name, made, wording=wording, context=context))
    title = form.title(made, wording, context) if form.title else ""
    return Rendered(content_type=form.content_type, body=body, title=title)


def render_lines(
    name: str, documents: Sequence[Document | Finding], *, wording: Wording, context: Context = _NO_CONTEXT
) -> Iterator[bytes]:
    """Give findings as messages, one each, without line ends or frames. Raises ConfigError for forms that have none."""
    one = rendering(name).one
    if one is None:
        raise ConfigError(f"the rendering {name!r} is a document, not lines", hint="send it by HTTP")
    return (one(document(finding), wording, context) for finding in documents)
