import json
import time
from pathlib import Path

import parcels
import pytest
from parcels import Reply, receiver

from tidewaiter.cli import main
from tidewaiter.cli.sinks import destination
from tidewaiter.delivery.outbox import Outbox, Rules
from tidewaiter.delivery.parcel import everything, later, never
from tidewaiter.delivery.routes import Routed
from tidewaiter.settings.delivery import (
    FileSink,
    HttpSink,
    KafkaSink,
    OtlpSink,
    PeopleSink,
    Sink,
    StdoutSink,
    SyslogSink,
)
from tidewaiter.settings.secret import Secret


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEWAITER_LANG", "en")
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("HOOK", "s3cret")


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["sinks", *words])
    return int(str(left.value.code))


def configured(folder: Path, *sinks: str) -> str:
    path = folder / "tidewaiter.toml"
    path.write_text(f'state = "{folder}/state"\n' + "".join(f"[[sink]]\n{sink}\n" for sink in sinks))
    return f"--config={path}"


def file_sink(folder: Path) -> str:
    return f'type = "file"\nname = "file"\npath = "{folder}/findings"'


def test_a_test_goes_to_every_sink_and_says_how_that_went(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with receiver(lambda _: Reply(403, b"bad s3cret")) as there:
        http = f'type = "http"\nname = "hook"\nurl = "{there.url}"\ntoken = {{ env = "HOOK" }}'
        status = run("test", configured(tmp_path, file_sink(tmp_path), http))
    assert status == 1
    assert capsys.readouterr().out.splitlines() == [
        f"file: taken ({tmp_path}/findings)",
        f"hook: not taken ({there.url}): HTTP 403: bad [token]",
    ]
    written = json.loads((tmp_path / "findings").read_text())
    assert (written["headline"], written["level"]) == ("A test of the sink file", "info")


def test_a_test_can_be_of_one_sink(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = configured(tmp_path, file_sink(tmp_path), 'type = "http"\nname = "down"\nurl = "http://127.0.0.1:9/"')
    assert run("test", "file", config) == 0
    assert run("test", "nobody", config) == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: there is no sink 'nobody'",
        f"where: {tmp_path}/tidewaiter.toml",
        "hint: sinks of this configuration: file, down",
    ]


def test_the_list_before_the_service_ever_ran(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list", configured(tmp_path, file_sink(tmp_path))) == 0
    assert run("list", configured(tmp_path)) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"file: 0 delivered, 0 waiting, 0 dead letters ({tmp_path}/findings)",
        "There is no sink in the configuration.",
    ]
    assert not (tmp_path / "state").exists()


def used(folder: Path) -> Outbox:
    """Give an outbox in use: one delivered, one waiting, one dead, one held back."""

    def route(document: object, *_: object) -> Routed:
        return Routed(held="route") if "F-0" in str(document) else Routed(sinks=("file", "old"))

    outbox = Outbox(folder / "state" / "outbox.sqlite", Rules(route=route))
    now = time.time() - 7200
    outbox.offer([parcels.finding(f"F-{n}", headline=f"{n}\x1b[31m") for n in range(4)], now=now)
    first, second, third = outbox.claim("file", now=now, most=9)
    outbox.settle("file", [first], everything([first]), now=now, pause=0)
    outbox.settle("file", [second], never([second], "HTTP 400: \x1b no"), now=now, pause=0)
    outbox.settle("file", [third], later("down"), now=now, pause=9)
    return outbox


def test_the_list_while_the_service_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outbox = used(tmp_path)
    assert run("list", configured(tmp_path, file_sink(tmp_path))) == 0
    outbox.close()
    assert capsys.readouterr().out.splitlines() == [
        f"file: 1 delivered, 1 waiting, 1 dead letters ({tmp_path}/findings)",
        "  the oldest has waited for 2 h; the last attempt failed: down",
        "old: 0 delivered, 3 waiting, 0 dead letters (not in the configuration)",
        "  the oldest has waited for 2 h",
        "1 finding was held back and not sent",
        "  1 finding that no route takes.",
    ]


def test_dead_letters_are_listed_and_sent_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outbox = used(tmp_path)
    config = configured(tmp_path, file_sink(tmp_path))
    for words in (("dead",), ("dead", "old"), ("dead", "--retry"), ("dead",)):
        assert run(*words, config) == 0
    assert [one.finding for one in outbox.claim("file", now=time.time(), most=9)] == ["F-2", "F-3"]
    outbox.close()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "file  F-2  2\\x1b[31m"
    assert lines[1].startswith("  1 attempt since 20")
    assert lines[1].endswith("UTC: HTTP 400: \\x1b no")
    assert lines[2:] == [
        "1 dead letter.",
        "They are sent again by: tidewaiter sinks dead --retry",
        "0 dead letters.",
        "1 dead letter will be sent again, as soon as the service runs.",
        "0 dead letters.",
    ]


@pytest.mark.parametrize(
    ("sink", "expected"),
    [
        (FileSink(name="a", path="/x"), "/x"),
        (StdoutSink(name="a"), "stdout"),
        (HttpSink(name="a", url="https://x/y?token=s3cret"), "https://x/y"),
        (OtlpSink(name="a", url="http://x/v1/logs"), "http://x/v1/logs"),
        (SyslogSink(name="a", host="x"), "tls://x:6514"),
        (KafkaSink(name="a", brokers="x:9092", topic="t"), "kafka x:9092, t"),
        (PeopleSink(name="a", addresses=Secret(env="A")), "people"),
    ],
)
def test_where_a_sink_leads_holds_no_secret(sink: Sink, expected: str) -> None:
    assert destination(sink) == expected
