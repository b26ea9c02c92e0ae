import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tidewaiter.settings import parse
from tidewaiter.settings.delivery import (
    EVERYTHING,
    Delivery,
    FileSink,
    HttpSink,
    KafkaSink,
    Options,
    OtlpSink,
    PeopleSink,
    Route,
    StdoutSink,
    SyslogSink,
    Tls,
)
from tidewaiter.settings.secret import Secret
from tidewaiter.sinks.renderings import RENDERINGS

TEXT = """
[[sinks]]
type = "file"
name = "findings"
path = "/var/log/tidewaiter/findings.jsonl"

[[sinks]]
type = "stdout"
name = "out"
rendering = "ocsf"

[[sinks]]
type = "http"
name = "splunk"
url = "https://splunk.example:8088/services/collector/event"
rendering = "hec"
token = { file = "/etc/tidewaiter/hec.token" }
labels = { team = "blue" }

[[sinks]]
type = "syslog"
name = "siem"
host = "siem.example"
tls = { ca = "/etc/ssl/siem.pem" }

[[sinks]]
type = "kafka"
name = "bus"
brokers = "a:9092,b:9092"
topic = "findings"

[[sinks]]
type = "otlp"
name = "collector"
url = "http://127.0.0.1:4318/v1/logs"

[[sinks]]
type = "people"
name = "shift"
addresses = { env = "SHIFT" }
tell_suppressed = "never"

[[routes]]
sinks = ["shift"]
level = "high"
namespaces = ["shop-*"]
last = true

[options]
per_actor = 50
"""


def test_the_whole_of_it() -> None:
    assert msgspec.convert(tomllib.loads(TEXT), Delivery) == Delivery(
        sinks=(
            FileSink(name="findings", path="/var/log/tidewaiter/findings.jsonl"),
            StdoutSink(name="out", rendering="ocsf"),
            HttpSink(
                name="splunk",
                url="https://splunk.example:8088/services/collector/event",
                rendering="hec",
                token=Secret(file="/etc/tidewaiter/hec.token"),
                labels={"team": "blue"},
            ),
            SyslogSink(name="siem", host="siem.example", tls=Tls(ca="/etc/ssl/siem.pem")),
            KafkaSink(name="bus", brokers="a:9092,b:9092", topic="findings"),
            OtlpSink(name="collector", url="http://127.0.0.1:4318/v1/logs"),
            PeopleSink(name="shift", addresses=Secret(env="SHIFT"), tell_suppressed="never"),
        ),
        routes=(Route(sinks=("shift",), level="high", namespaces=("shop-*",), last=True),),
        options=Options(per_actor=50),
    )


def test_the_example_of_the_documentation_can_be_used() -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "deliver-findings.md"
    (example,) = re.findall(r"^```toml\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    found = parse(example.encode()).outgoing
    assert [sink.name for sink in found.sinks] == [
        *("file", "falcosidekick", "splunk", "elastic", "siem", "bus", "collector", "shift")
    ]
    assert {sink.rendering for sink in found.sinks} <= RENDERINGS.keys()


FILE = {"type": "file", "name": "a", "path": "/x"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"sinks": [FILE, FILE]}, "two sinks have the name a"),
        ({"sinks": [FILE], "routes": [{"sinks": ["b"]}]}, "a sink that is not there: b"),
        ({"sinks": [{**FILE, "colour": "red"}]}, "unknown field `colour`"),
        ({"sinks": [{**FILE, "name": "A b"}]}, "regex"),
        ({"sinks": [{**FILE, "mode": "rw"}]}, "regex"),
        ({"sinks": [{"type": "pigeon", "name": "a"}]}, "pigeon"),
        ({"sinks": [{"type": "http", "name": "a", "url": "https://me:secret@there/"}]}, "regex"),
        ({"sinks": [{"type": "http", "name": "a", "url": "ftp://there/"}]}, "regex"),
        ({"sinks": [{"type": "http", "name": "a", "url": "http://x/", "headers": {"A": "b\r\nC: d"}}]}, "regex"),
        ({"sinks": [{"type": "http", "name": "a", "url": "http://x/", "headers": {"A B": "c"}}]}, "regex"),
        ({"sinks": [{"type": "syslog", "name": "a", "host": "x", "port": 0}]}, ">= 1"),
        ({"sinks": [{"type": "syslog", "name": "a", "host": "x", "tls": {"key": "k"}}]}, "go together"),
        ({"sinks": [{"type": "people", "name": "a", "addresses": "mailto://x"}]}, "Expected `object`"),
        ({"routes": [{"sinks": [], "level": "loud"}]}, "Invalid enum value 'loud'"),
        ({"options": {"largest_mb": 0}}, ">= 1"),
    ],
)
def test_what_makes_no_sense_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=words):
        msgspec.convert(settings, Delivery)


def test_without_routes_a_default_holds() -> None:
    routes = (Route(sinks=()),)
    assert (Delivery().effective, Delivery(routes=routes).effective) == (EVERYTHING, routes)


def test_a_sink_is_found_by_its_name() -> None:
    sink = StdoutSink(name="out")
    assert (Delivery(sinks=(sink,)).sink("out"), Delivery(sinks=(sink,)).sink("x")) == (sink, None)
