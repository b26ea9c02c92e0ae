"""Verdicts on findings of the recording, through the command line: from the decision to what later scans say."""

from __future__ import annotations

import gzip
import json
import shutil
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

import click
import factories
import pytest

import tidewaiter as package
from tidewaiter.keeping import keep, load, load_verdicts

MODULE = import_module("tidewaiter.cli.verdict")  # in the package, its name is that of the command
RECORDING = Path(package.__file__).parent / "packs" / "demo" / "cluster.jsonl.gz"
LENA, MARTA = "lena@harbour.example", "marta@harbour.example"  # an offensive tool; all kinds from a new network
FUTURE = (datetime.now(UTC) + timedelta(days=30)).replace(microsecond=0)
UNTIL = f"{FUTURE:%Y-%m-%dT%H:%M:%SZ}"


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the state after a scan of the recording."""
    state = tmp_path_factory.mktemp("scanned") / "state"
    with pytest.raises(SystemExit) as left, redirect_stdout(StringIO()):
        package_main(["scan", str(RECORDING), "--state", str(state), "-o", str(state.parent / "found.txt")])
    assert left.value.code == 0
    return state


def package_main(arguments: list[str]) -> None:
    from tidewaiter.cli import main  # noqa: PLC0415 - the fixture of the folder is for one test each

    main(arguments)


@pytest.fixture
def state(scanned: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(scanned, tmp_path / "state"))


def of(state: Path, name: str) -> Any:
    """Give the latest finding kept of an actor."""
    return max((one for one in load(state) if one.actor.name == name), key=lambda one: one.from_)


def again(tmp_path: Path, name: str, *, day: str, change: Callable[[str], str] = str) -> Path:
    """Give a log in which an actor does once more what it did on the last day of the recording."""
    path = tmp_path / f"again-{day}.jsonl"
    with gzip.open(RECORDING, "rt", encoding="utf-8") as lines:
        repeated = [
            change(line.replace("2026-06-08T", f"{day}T").replace('"auditID":"', f'"auditID":"{day[-2:]}'))
            for line in lines
            if name in line and "2026-06-08T" in line
        ]
    path.write_text("".join(repeated), encoding="utf-8")
    return path


def findings(done: Any) -> dict[str, dict[str, Any]]:
    """Give the findings of a scan as JSON lines, the last of each actor."""
    assert done.status == 0, done.err
    return {one["actor"]["name"]: one for one in map(json.loads, done.out.splitlines())}


def test_a_verdict_says_what_it_covers_before_it_is_saved(
    state: Path, monkeypatch: pytest.MonkeyPatch, tidewaiter: Any
) -> None:
    identity = of(state, LENA).id
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(click, "confirm", lambda text, **_: text != "Save this?")
    done = tidewaiter(
        "verdict", identity, "benign", "--until", UNTIL, "--note", "a review", "--by", "ada", "--state", state
    )
    assert (done.status, done.err, load_verdicts(state)) == (0, "", ())
    assert done.out == (
        f"{identity}  {of(state, LENA).headline}\n"
        "As benign this verdict covers findings of which everything lies within:\n"
        "  who           user lena@harbour.example\n"
        "  plane         kubernetes\n"
        "  kinds         access, api, podmetrics\n"
        "  namespaces    all\n"
        "  reach         everything at once\n"
        "  tools         k9s, rakkess\n"
        "  networks      10.20.8.0/24, 203.0.113.0/24\n"
        "  rules         kube-offensive-tool, kube-review-flood\n"
        "  techniques    T1069, T1613\n"
        "  level         up to HIGH\n"
        "  then          nothing: who goes on to act on what was read is shown\n"
        f"  until         {FUTURE:%Y-%m-%d %H:%M:%S} UTC\n"
        "  by            ada: a review\n"
        "Such findings are hidden and counted in every summary. What leaves this shape is shown, and says by what.\n"
        "Of the findings kept it covers 1.\n"
        "Not saved.\n"
    )


def decide(tidewaiter: Any, state: Path, name: str, decision: str, *more: object) -> str:
    """Decide on the finding of an actor; give the id of the verdict."""
    done = tidewaiter("verdict", of(state, name).id, decision, "--state", state, "--yes", "--note", "why not", *more)
    assert (done.status, done.err) == (0, "")
    return max(load_verdicts(state), key=lambda item: item.at).id


def test_what_is_covered_is_hidden_and_counted(state: Path, tmp_path: Path, tidewaiter: Any) -> None:
    """The same by the same actor on another day: another finding, the same shape."""
    verdict = decide(tidewaiter, state, LENA, "benign")
    log = again(tmp_path, LENA, day="2026-06-09")
    done = tidewaiter("scan", log, "--state", state, "--fail-on", "high", "--since", "2026-06-09")
    assert done.status == 0
    assert "Beyond what your verdicts cover nothing looked around" in done.out
    assert (
        "\n1 finding covered by your verdicts (1 verdict); tidewaiter verdict list --state DIR names them.\n"
        in done.out
    )
    report = json.loads(tidewaiter("scan", log, "--state", state, "--format", "json").out)
    assert (report["summary"]["covered"], report["summary"]["verdicts"]) == (2, 1)
    assert LENA not in {one["actor"]["name"] for one in report["findings"]}
    kept = of(state, LENA)
    assert (kept.from_.day, kept.verdict.decision, kept.verdict.id, kept.verdict.why) == (
        9,
        "benign",
        verdict,
        "why not",
    )
    listed = tidewaiter("verdict", "list", "--state", state)
    assert "; 2 of the findings kept\n1 verdict\n" in listed.out


def test_what_breaks_out_is_shown_and_says_by_what(state: Path, tmp_path: Path, tidewaiter: Any) -> None:
    verdict = decide(tidewaiter, state, LENA, "expected", "--until", "2d")
    log = again(tmp_path, LENA, day="2026-06-09", change=lambda line: line.replace("203.0.113.77", "198.51.100.9"))
    shown = findings(tidewaiter("scan", log, "--state", state, "--format", "jsonl"))[LENA]
    first = shown["explanation"]["why"].split("\n")[0]
    assert first.startswith(f"Verdict {verdict} (expected, until ")
    assert "networks 198.51.100.0/24" in first
    assert shown["verdict"]["by"] == "tidewaiter"


@pytest.mark.parametrize("how", ["expiry", "revocation"])
def test_a_verdict_ends(how: str, state: Path, monkeypatch: pytest.MonkeyPatch, tidewaiter: Any) -> None:
    verdict = decide(tidewaiter, state, LENA, "benign", "--until", "30d")
    assert LENA not in findings(tidewaiter("scan", RECORDING, "--state", state, "--format", "jsonl"))
    if how == "revocation":
        done = tidewaiter("verdict", "revoke", verdict[:9], "--state", state)
        assert done.out == f"{verdict} is revoked: from the next scan on its findings are shown again.\n"
        assert tidewaiter("verdict", "revoke", verdict, "--state", state).status == 2
    else:
        later = datetime.now(UTC) + timedelta(days=31)
        clock = type("Clock", (datetime,), {"now": classmethod(lambda _, zone: later.astimezone(zone))})
        monkeypatch.setattr(import_module("tidewaiter.cli.scan"), "datetime", clock)
        monkeypatch.setattr(MODULE, "datetime", clock)
    assert LENA in findings(tidewaiter("scan", RECORDING, "--state", state, "--format", "jsonl"))
    listed = tidewaiter("verdict", "list", "--state", state).out
    assert f"{verdict}  benign  {'revoked' if how == 'revocation' else 'expired'} " in listed


def test_malicious_activity_does_not_become_ordinary(state: Path, tmp_path: Path, tidewaiter: Any) -> None:
    """Twice is a habit, unless a person said what the first time was; and the second time is graver then."""
    other = Path(shutil.copytree(state, tmp_path / "other"))
    logs = [again(tmp_path, MARTA, day=f"2026-06-{day:02}") for day in (9, 10)]
    options = ("--since", "2026-06-10", "--format", "jsonl", "--persona", "hunter")
    habit = findings(tidewaiter("scan", *logs, "--state", other, *options)).get(MARTA)
    decide(tidewaiter, state, MARTA, "malicious")
    tidewaiter("scan", logs[0], "--state", state)
    decide(tidewaiter, state, MARTA, "malicious")
    shown = findings(tidewaiter("scan", logs[1], "--state", state, *options))[MARTA]
    measures = {item["measure"] for item in shown["surprises"]}
    assert {"new-kind", "new-network"} <= measures
    assert habit is None or not {"new-kind", "new-network"} & {item["measure"] for item in habit["surprises"]}
    assert 10 <= sum(item["bits"] for item in shown["surprises"]) < 16, "medium by itself"
    assert shown["level"] == "high"
    assert "was judged malicious by" in shown["explanation"]["why"]


def test_two_verdicts_on_one_actor(state: Path, tmp_path: Path, tidewaiter: Any) -> None:
    first = decide(tidewaiter, state, LENA, "benign")
    moved = again(tmp_path, LENA, day="2026-06-09", change=lambda line: line.replace("203.0.113.77", "198.51.100.9"))
    tidewaiter("scan", moved, "--state", state)
    done = tidewaiter("verdict", of(state, LENA).id, "expected", "--state", state, "--by", "bob", "--lang", "ru")
    assert "Сохранено как V-" in done.out
    second = next(item.id for item in load_verdicts(state) if item.by == "bob")
    report = json.loads(tidewaiter("scan", RECORDING, "--state", state, "--format", "json").out)
    assert (report["summary"]["covered"], report["summary"]["verdicts"]) == (2, 2)
    assert {one.verdict.id for one in load(state) if one.actor.name == LENA} == {first, second}
    tidewaiter("verdict", "revoke", second, "--state", state)
    report = json.loads(tidewaiter("scan", RECORDING, "--state", state, "--format", "json").out)
    assert (report["summary"]["covered"], report["summary"]["verdicts"]) == (1, 1)


HOSTILE = factories.finding(
    id="F-h",
    actor=factories.actor(name="\x1b[2J\u202eweb"),
    headline="\x07",
    tools=("\x1b]0;x\x07/1",),
    rules=("r\n@1",),
)


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    keep(tmp_path, [HOSTILE])
    return tmp_path


def test_hostile_text_is_harmless_and_comes_back_as_it_was(hostile: Path, tmp_path: Path, tidewaiter: Any) -> None:
    done = tidewaiter("verdict", "F-h", "benign", "--state", hostile, "--by", "\x1b[1m", "--note", "a\nb\x9b", "--yes")
    listed = tidewaiter("verdict", "list", "--state", hostile)
    exported = tidewaiter("verdict", "export", "--state", hostile)
    (tmp_path / "verdicts.in").write_text(exported.out, encoding="utf-8")
    there = tmp_path / "there"
    imported = tidewaiter("verdict", "import", tmp_path / "verdicts.in", "--state", there, "--yes")
    for one in (done, listed, exported, imported):
        assert one.status == 0
        assert {"\x1b", "\x07", "\u202e", "\x9b"}.isdisjoint(one.out + one.err)
    assert len(exported.out.splitlines()) == 1
    assert load_verdicts(there) == load_verdicts(hostile)
    (kept,) = load_verdicts(there)
    assert (kept.why, kept.covers.actor) == ("a\nb\x9b", HOSTILE.actor)
    assert imported.out.endswith("\n1 verdict taken over.\n")


def test_broken_lines_of_an_import_are_named_and_the_others_taken(
    hostile: Path, tmp_path: Path, tidewaiter: Any
) -> None:
    tidewaiter("verdict", "F-h", "malicious", "--state", hostile)
    good = tidewaiter("verdict", "export", "--state", hostile).out
    path = tmp_path / "broken.jsonl"
    path.write_text(
        f"{{}}\n\n{good.replace('verdict/1', 'verdict/9')}{good}\x1b[2J\n{good.replace('malicious', chr(27))}", "utf-8"
    )
    there = tmp_path / "there"
    done = tidewaiter("verdict", "import", path, "--state", there)
    assert done.status == 3
    assert done.err == (
        f"{path}:1: not a verdict: Object missing required field `schema`\n"
        f"{path}:3: not a verdict: Invalid enum value 'tidewaiter.verdict/9' - at `$.schema`\n"
        f"{path}:5: not a verdict: JSON is malformed: invalid character (byte 0)\n"
        f"{path}:6: not a verdict: JSON is malformed: invalid character (byte 83)\n"
        "4 lines are no verdicts and were left out.\n"
    )
    assert load_verdicts(there) == load_verdicts(hostile)
    assert done.out.endswith("\n1 verdict taken over.\n")


def test_what_is_known_stays_but_a_revocation_is_taken_over(hostile: Path, tmp_path: Path, tidewaiter: Any) -> None:
    tidewaiter("verdict", "F-h", "benign", "--state", hostile)
    before, there = tidewaiter("verdict", "export", "--state", hostile).out, tmp_path / "there"
    (tmp_path / "before").write_text(before, encoding="utf-8")
    assert tidewaiter("verdict", "import", tmp_path / "before", "--state", there).status == 0
    again = tidewaiter("verdict", "import", tmp_path / "before", "--state", there)
    assert again.out == "1 verdict was known already.\n"
    tidewaiter("verdict", "revoke", "V-", "--state", hostile)
    tidewaiter("verdict", "export", "--state", hostile, "-o", tmp_path / "after")
    assert tidewaiter("verdict", "import", tmp_path / "after", "--state", there).status == 0
    (kept,) = load_verdicts(there)
    assert kept.revoked
    tidewaiter("verdict", "import", tmp_path / "before", "--state", there)
    assert load_verdicts(there) == (kept,), "an older copy does not bring it back"


@pytest.mark.parametrize(
    ("arguments", "status", "what"),
    [
        (["F-zz", "benign", "--state", "{state}"], 2, "no finding is called 'F-zz'"),
        (["F-h", "fine", "--state", "{state}"], 2, "Invalid value for 'DECISION'"),
        (["F-h", "benign"], 2, "Missing option '--state'"),
        (["F-h", "--state", "{state}"], 2, "Missing argument 'DECISION'"),
        (
            ["F-h", "benign", "--state", "{state}", "--until", "2020-01-01"],
            2,
            "a verdict cannot expire before it begins",
        ),
        (["F-h", "benign", "--state", "{state}", "--until", "soon"], 2, "not a time: 'soon'"),
        (
            ["F-h", "benign", "--state", "{state}", "--by", "tidewaiter"],
            2,
            "a verdict that is kept is that of a person",
        ),
        (
            ["F-h", "benign", "--state", "{state}", "--note", "x" * 2001],
            2,
            "not a verdict: Expected `str` of length <= 2000",
        ),
        (["F-h", "benign", "--state", "{state}/none"], 1, "no findings can be read: No such file or directory"),
        (["revoke", "V-1", "--state", "{state}"], 2, "no verdict is called 'V-1'"),
        (["list", "--state", "{state}/none"], 2, "there is no such state folder"),
        (["export", "--state", "{state}/none"], 2, "there is no such state folder"),
        (["import", "{state}/none", "--state", "{state}"], 1, "cannot be read: No such file or directory"),
    ],
)
def test_what_cannot_be_decided(arguments: list[str], status: int, what: str, hostile: Path, tidewaiter: Any) -> None:
    done = tidewaiter("verdict", *(argument.format(state=hostile) for argument in arguments))
    assert (done.status, done.out) == (status, "")
    assert done.err.startswith(f"error: {what}")
    assert "\nhint: " in done.err
    assert load_verdicts(hostile) == ()


def test_a_verdict_lasts_ninety_days_where_nobody_says_how_long(hostile: Path, tidewaiter: Any) -> None:
    tidewaiter("verdict", "F-h", "suspicious", "--state", hostile)
    (kept,) = load_verdicts(hostile)
    assert (kept.until - kept.at, kept.why) == (timedelta(days=90), "")
    assert "no reason was given" in tidewaiter("verdict", "list", "--state", hostile).out


def test_an_empty_state_has_no_verdicts(tmp_path: Path, tidewaiter: Any) -> None:
    assert tidewaiter("verdict", "list", "--state", tmp_path).out == "0 verdicts\n"
    assert tidewaiter("verdict", "export", "--state", tmp_path).out == ""
