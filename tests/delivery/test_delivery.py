import time
from collections.abc import Callable, Iterator
from pathlib import Path

import factories
import parcels
import pytest
from parcels import Reply, receiver

from tidewaiter.delivery.delivery import Delivery, check, rules
from tidewaiter.delivery.outbox import Outbox
from tidewaiter.errors import ConfigError
from tidewaiter.settings.delivery import Delivery as Settings
from tidewaiter.settings.delivery import FileSink, HttpSink, Options, Route, StdoutSink
from tidewaiter.settings.secret import Secret
from tidewaiter.sinks.jsonl import encoded
from tidewaiter.wording import Wording

WORDS = Wording("en")


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    made = Outbox(tmp_path / "o")
    yield made
    made.close()


def soon(holds: Callable[[], bool]) -> bool:
    """Wait until something holds, or for too long."""
    ends = time.monotonic() + 10
    while not holds() and time.monotonic() < ends:
        time.sleep(0.01)
    return holds()


def line(name: str) -> bytes:
    return encoded(parcels.finding(name)) + b"\n"


def test_findings_go_where_the_routes_say(outbox: Outbox, tmp_path: Path) -> None:
    sinks = tuple(FileSink(name=name, path=str(tmp_path / name)) for name in ("all", "grave"))
    settings = Settings(sinks=sinks, routes=(Route(sinks=("all",)), Route(sinks=("grave",), level="critical")))
    delivery = Delivery(outbox, settings, {}, WORDS)
    delivery.start()
    assert delivery.offer([parcels.finding("F-1"), factories.finding(id="F-2", level="critical")]) == 2
    grave = encoded(parcels.finding("F-2", level="critical")) + b"\n"
    assert soon(lambda: sum(one.account.delivered for one in delivery.status().sinks) == 3)
    delivery.stop()
    assert ((tmp_path / "all").read_bytes(), (tmp_path / "grave").read_bytes()) == (line("F-1") + grave, grave)


def test_a_slow_sink_holds_up_nobody(outbox: Outbox, tmp_path: Path) -> None:
    answer = [False]
    with receiver(lambda _: Reply(wait=lambda: soon(lambda: answer[0]))) as there:
        slow = HttpSink(name="slow", url=there.url)
        delivery = Delivery(outbox, Settings(sinks=(slow, FileSink(name="f", path=str(tmp_path / "f")))), {}, WORDS)
        delivery.start()
        for name in ("F-1", "F-2", "F-3"):
            delivery.offer([parcels.finding(name)])
        assert soon(lambda: (tmp_path / "f").exists() and (tmp_path / "f").read_bytes().count(b"\n") == 3)
        status = {one.account.name: one for one in delivery.status().sinks}
        assert (status["slow"].account.delivered, status["slow"].account.pending) == (0, 3)
        assert status["slow"].oldest_seconds > 0
        answer[0] = True
        assert soon(lambda: sum(one.account.delivered for one in delivery.status().sinks) == 6)
        delivery.stop()


def test_new_settings_lose_nothing(outbox: Outbox, tmp_path: Path) -> None:
    down = HttpSink(name="siem", url="http://127.0.0.1:9/", pause=0.01, longest_pause=0.02)
    delivery = Delivery(outbox, Settings(sinks=(down,)), {}, WORDS)
    delivery.start()
    delivery.offer([parcels.finding("F-1")])
    assert soon(lambda: "refused" in delivery.status().sinks[0].trouble)
    with pytest.raises(ConfigError, match="secret"):
        delivery.reload(Settings(sinks=(HttpSink(name="siem", url="http://127.0.0.1:9/", token=Secret(env="NONE")),)))
    assert delivery.status().sinks[0].running
    delivery.reload(Settings(sinks=(FileSink(name="siem", path=str(tmp_path / "f")),)))
    delivery.offer([parcels.finding("F-2")])
    assert soon(lambda: (tmp_path / "f").exists() and (tmp_path / "f").read_bytes() == line("F-1") + line("F-2"))
    delivery.stop()


def test_a_sink_that_was_taken_out_keeps_what_waits_for_it(outbox: Outbox, tmp_path: Path) -> None:
    down = HttpSink(name="siem", url="http://127.0.0.1:9/", pause=0.01)
    delivery = Delivery(outbox, Settings(sinks=(down,)), {}, WORDS)
    delivery.start()
    delivery.offer([parcels.finding("F-1")])
    delivery.reload(Settings(sinks=()))
    (siem,) = delivery.status().sinks
    assert (siem.configured, siem.running, siem.account.pending) == (False, False, 1)
    delivery.reload(Settings(sinks=(FileSink(name="siem", path=str(tmp_path / "f")),)))
    assert soon(lambda: (tmp_path / "f").exists() and (tmp_path / "f").read_bytes() == line("F-1"))
    delivery.stop()


def test_what_is_held_back_is_counted_and_said(outbox: Outbox, tmp_path: Path) -> None:
    sink = FileSink(name="f", path=str(tmp_path / "f"), rendering="flat", tell_suppressed="periodic")
    settings = Settings(sinks=(sink,), options=Options(suppressed_every=0.2))
    delivery = Delivery(outbox, settings, {}, WORDS)
    delivery.start()
    delivery.offer([parcels.finding("F-1")])
    delivery.offer([parcels.finding("F-2", level="low"), parcels.finding("F-3", level="info")])
    told = b"2 findings were held back and not sent"
    assert soon(lambda: (tmp_path / "f").exists() and told in (tmp_path / "f").read_bytes())
    assert delivery.status().suppressed == {"route": 2, "verdict": 0, "rate": 0}
    delivery.stop()


def test_a_sink_that_can_never_work_is_said_before_anything_begins(outbox: Outbox, tmp_path: Path) -> None:
    bad = Settings(sinks=(StdoutSink(name="a"), FileSink(name="f", path=str(tmp_path / "none" / "f"))))
    delivery = Delivery(outbox, bad, {}, WORDS)
    for attempt in (delivery.start, lambda: check(bad, {}, WORDS)):
        with pytest.raises(ConfigError, match="folder of the file"):
            attempt()
    delivery.stop()


def test_the_outbox_is_told_what_the_settings_say() -> None:
    sinks = (
        StdoutSink(name="a", tell_suppressed="next"),
        StdoutSink(name="b", tell_suppressed="never"),
        StdoutSink(name="c", tell_suppressed="periodic"),
    )
    options = Options(largest_mb=1, remember_days=2, suppressed_every=3, per_seconds=4, per_actor=5)
    found = rules(Settings(sinks=sinks, options=options), WORDS)
    assert (found.sinks, found.told, found.told_every) == (("a", "b", "c"), {"a": False, "c": True}, 3)
    assert (found.largest, found.remembered, found.rate_seconds, found.rate_most) == (1 << 20, 2 * 86400, 4, 5)
