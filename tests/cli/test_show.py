from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import factories
import pytest

from tidewaiter.sinks.jsonl import lines

SIGHTINGS = tuple(
    factories.sighting(activity=str(number), text=f"list /api/v1/kind{number}", origin=factories.origin(line=number))
    for number in range(1, 13)
)
FINDINGS = [
    factories.finding(id="F-aa11", sightings=SIGHTINGS),
    factories.finding(id="F-aa22", level="low"),
    factories.finding(id="F-b"),
    factories.finding(id="F-bb"),
]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / "findings.jsonl").write_bytes(b"".join(lines(FINDINGS)))
    return tmp_path


@pytest.mark.parametrize("identity", ["F-aa11", "F-aa1"])
@pytest.mark.parametrize("option", ["--state", "--from"])
def test_show_tells_everything(identity: str, option: str, state: Path, tidewaiter: Any) -> None:
    place = state if option == "--state" else state / "findings.jsonl"
    done = tidewaiter("show", identity, option, place)
    assert (done.status, done.err) == (0, "")
    assert "HIGH  confidence 93 %  F-aa11  T1613\n" in done.out
    shown = [text.split()[-1] for text in done.out.splitlines() if "list /api/v1/kind" in text]
    assert shown == [f"/api/v1/kind{number}" for number in range(1, 13)]


def test_an_id_that_begins_another_one_is_meant_itself(state: Path, tidewaiter: Any) -> None:
    assert "  F-b  " in tidewaiter("show", "F-b", "--state", state).out


def test_as_json_it_is_the_line_that_was_kept(state: Path, tidewaiter: Any) -> None:
    done = tidewaiter("show", "F-aa2", "--state", state, "--format", "json")
    assert (done.status, done.out) == (0, "".join(line.decode() for line in lines([FINDINGS[1]])))
    assert json.loads(done.out)["id"] == "F-aa22"


def test_labels_are_in_the_language_that_is_asked_for(state: Path, tidewaiter: Any) -> None:
    done = tidewaiter("show", "F-bb", "--state", state, "--lang", "ru")
    assert "уверенность 93" in done.out


@pytest.mark.parametrize(
    ("arguments", "status", "what", "where", "hint"),
    [
        (
            ["F-aa11"],
            2,
            "a scan without --state leaves nothing behind to show",
            "show F-aa11",
            "tidewaiter scan … --state DIR, then show F-aa11 --state DIR; or --from FINDINGS.jsonl",
        ),
        (
            ["F-zz", "--state", "{state}"],
            2,
            "no finding is called 'F-zz'",
            "{state}",
            "known: F-aa11, F-aa22, F-b, F-bb",
        ),
        (["F-aa", "--state", "{state}"], 2, "2 findings begin with 'F-aa'", "{state}", "known: F-aa11, F-aa22"),
        (
            ["F-aa11", "--state", "{state}/none"],
            1,
            "no findings can be read: No such file or directory",
            "{state}/none",
            "scan with --state DIR first, or name a file written with --format jsonl",
        ),
        (
            ["F-aa11", "--from", "{state}/empty.jsonl"],
            2,
            "no finding is called 'F-aa11'",
            "{state}/empty.jsonl",
            "this place holds no findings",
        ),
        ([], 2, "Missing argument 'ID'", "tidewaiter show", "tidewaiter show --help shows what it takes"),
    ],
    ids=["nowhere", "unknown", "ambiguous", "no state", "empty", "no id"],
)
def test_what_cannot_be_shown(
    arguments: list[str], status: int, what: str, where: str, hint: str, state: Path, tidewaiter: Any
) -> None:
    (state / "empty.jsonl").touch()
    done = tidewaiter("show", *(argument.format(state=state) for argument in arguments))
    expected = f"error: {what}\nwhere: {where}\nhint: {hint}\n".format(state=state)
    assert (done.status, done.out, done.err) == (status, "", expected)


def test_a_finding_of_a_hostile_log_is_harmless_to_look_at(tmp_path: Path, tidewaiter: Any) -> None:
    hostile = factories.finding(id="F-h", headline="\x1b[2J\u202e", sightings=(factories.sighting(text="\x07"),))
    (tmp_path / "found.jsonl").write_bytes(b"".join(lines([hostile])))
    done = tidewaiter("show", "F-h", "--from", tmp_path / "found.jsonl")
    assert done.status == 0
    assert {"\x1b", "\u202e", "\x07"}.isdisjoint(done.out)
