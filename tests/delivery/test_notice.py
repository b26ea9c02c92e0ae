import json
from importlib.resources import files

import jsonschema
import pytest

from tidewaiter.delivery.notice import notice, trial
from tidewaiter.sinks.renderings import RENDERINGS, render
from tidewaiter.wording import LANGUAGES, Language, Wording

NOW = 1_795_400_000.0
COUNTS = {"route": 12, "verdict": 0, "rate": 1}


@pytest.mark.parametrize("language", LANGUAGES)
def test_notices_are_findings(language: Language) -> None:
    schema = json.loads(files("tidewaiter").joinpath("packs/schema/tidewaiter.finding-1.schema.json").read_text())
    words = Wording(language)
    for found in (notice("a", COUNTS, since=NOW - 60, now=NOW, wording=words), trial("a", now=NOW, wording=words)):
        jsonschema.validate(found, schema)


@pytest.mark.parametrize("name", sorted(RENDERINGS))
def test_every_receiver_understands_them(name: str) -> None:
    words = Wording("en")
    found = notice("a", COUNTS, since=NOW - 60, now=NOW, wording=words)
    body = render(name, [found], wording=words).body.decode("utf-8", "replace")
    assert "13 findings were held back" in body


def test_a_notice_says_how_many_and_why() -> None:
    found = notice("a", COUNTS, since=NOW - 60, now=NOW, wording=Wording("en"))
    assert (found["headline"], found["explanation"]["why"], found["rules"], found["level"]) == (
        "13 findings were held back and not sent",
        "1 finding over the limit of one actor.\n12 findings that no route takes.",
        ["tidewaiter-suppressed@1"],
        "info",
    )


def test_every_notice_has_an_id_of_its_own() -> None:
    words = Wording("en")
    found = {notice(sink, COUNTS, since=0, now=now, wording=words)["id"] for sink in ("a", "b") for now in (1.0, 2.0)}
    assert len(found) == 4
