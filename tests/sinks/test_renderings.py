"""What holds for every form, and a golden file of each: read what changes."""

import builtins
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import documents
import factories
import pytest
from golden import check_golden
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tidewaiter.errors import ConfigError
from tidewaiter.sinks import jsonl
from tidewaiter.sinks.document import Context
from tidewaiter.sinks.renderings import RENDERINGS, render, render_lines, rendering
from tidewaiter.wording import Wording

GOLDEN = Path(__file__).parent / "golden" / "renderings"
EN = Wording("en")
CONTEXT = Context(
    host="watch-1",
    now=datetime(2026, 11, 23, 10, 0, tzinfo=UTC),
    link="https://watch.example/findings/{id}",
    labels={"cluster": "prod"},
    updates=frozenset({documents.HOST["id"]}),
)
LINES = [name for name, form in RENDERINGS.items() if form.one]


def bodies(name: str, findings: Sequence[Mapping[str, Any]], context: Context = CONTEXT) -> list[bytes]:
    """Render findings as a sink would: together, or one a request where the receiver wants that."""
    lots = [[one] for one in findings] if rendering(name).alone else [findings]
    return [render(name, lot, wording=EN, context=context).body for lot in lots]


@pytest.mark.parametrize("name", [name for name in RENDERINGS if name not in {"otlp", "people"}])
def test_real_findings(name: str) -> None:
    """The first is new, the second an update. (Messages to people: test_people.py; protobuf is read back below.)"""
    check_golden(GOLDEN / f"{name}.txt", b"".join(bodies(name, documents.REAL)).decode())


def test_real_findings_in_protobuf() -> None:
    [body] = bodies("otlp", documents.REAL)
    check_golden(GOLDEN / "otlp.txt", str(ExportLogsServiceRequest.FromString(body)))


@pytest.mark.parametrize("name", RENDERINGS)
@given(findings=st.lists(documents.hostile(), max_size=2))
@settings(max_examples=10)
def test_equal_findings_give_equal_bytes(name: str, findings: list[dict[str, Any]]) -> None:
    assert bodies(name, findings) == bodies(name, json.loads(json.dumps(findings)))


@pytest.mark.parametrize("name", RENDERINGS)
def test_a_finding_and_its_document_are_rendered_alike(name: str) -> None:
    finding = factories.finding(headline="x\udcff\x1b")
    plain = json.loads(jsonl.line(finding))
    assert render(name, [finding], wording=EN) == render(name, [plain], wording=EN)


@pytest.mark.parametrize("name", RENDERINGS)
def test_the_least_that_a_finding_can_be_is_rendered(name: str) -> None:
    """What earlier versions wrote had no plane, no verdict's end, no words for stopping it."""
    least = json.loads(jsonl.line(factories.finding(techniques=(), sightings=(), surprises=(), addresses=(), tools=())))
    least["plane"] = None
    del least["explanation"]["means"], least["explanation"]["contain"]
    assert bodies(name, [least])[0]


@pytest.mark.parametrize("name", LINES)
def test_lines_are_the_body_without_their_ends(name: str) -> None:
    lines = list(render_lines(name, documents.REAL, wording=EN, context=CONTEXT))
    assert b"".join(line + b"\n" for line in lines) == b"".join(bodies(name, documents.REAL))
    assert not [line for line in lines if b"\n" in line]


def test_messages_have_a_title() -> None:
    assert render("people", [documents.HOST], wording=EN).title.startswith("MEDIUM: host account uid 33 belongs")
    assert render("jsonl", [documents.HOST], wording=EN).title == ""


@pytest.mark.parametrize(
    ("name", "content_type"),
    [("jsonl", "application/x-ndjson"), ("alertmanager", "application/json"), ("otlp", "application/x-protobuf")],
)
def test_content_types(name: str, content_type: str) -> None:
    assert render(name, [], wording=EN).content_type == content_type


def test_a_name_that_is_none() -> None:
    with pytest.raises(ConfigError, match=r"no rendering has the name 'xml'[\s\S]*hint: one of jsonl, ocsf, "):
        render("xml", [], wording=EN)


@pytest.mark.parametrize("name", sorted(set(RENDERINGS) - set(LINES)))
def test_documents_have_no_lines(name: str) -> None:
    with pytest.raises(ConfigError, match="is a document, not lines"):
        render_lines(name, [], wording=EN)


def test_one_finding_a_request() -> None:
    with pytest.raises(ValueError, match="takes one finding a request, not 2"):
        render("falcosidekick", documents.REAL, wording=EN)


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        if name == "tidewaiter.sinks.otlp_logs":
            raise ModuleNotFoundError("no", name="opentelemetry.proto")
        return import_module(name)

    monkeypatch.setattr("tidewaiter.sinks.renderings.import_module", missing)
    with pytest.raises(ConfigError, match=r"pip install 'tidewaiter\[otlp\]'"):
        render("otlp", [], wording=EN)


def test_the_base_installation_has_every_other_form(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        assert not name.startswith("opentelemetry")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    for name in set(RENDERINGS) - {"otlp"}:
        assert bodies(name, documents.REAL)
