import stat
from pathlib import Path
from typing import Any

import parcels
import pytest
from parcels import Reply, receiver

from tidewaiter.delivery import opening
from tidewaiter.delivery.opening import Surroundings, opened
from tidewaiter.delivery.parcel import Outcome
from tidewaiter.errors import ConfigError
from tidewaiter.settings.delivery import (
    FileSink,
    HttpSink,
    KafkaSink,
    OtlpSink,
    PeopleSink,
    Sink,
    StdoutSink,
    SyslogSink,
    Tls,
)
from tidewaiter.settings.secret import Secret
from tidewaiter.wording import Wording

# apprise loads all its plug-ins at once, and one of them asks for a module of the past.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

AROUND = Surroundings(
    environment={"TOKEN": "s3cret", "BAD": "s3cret\nmore", "HOOK": "nonsense"}, wording=Wording("en"), host="tw-1"
)
TOKEN = Secret(env="TOKEN")
URL = "http://127.0.0.1:9/x"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.mark.parametrize(
    ("sink", "words"),
    [
        (FileSink(name="a", path="/nonexistent/f"), "the folder of the file is not there"),
        (FileSink(name="a", path="/tmp/f", rendering="alertmanager"), "is a document, not lines"),
        (StdoutSink(name="a", rendering="prose"), "no rendering has the name 'prose'"),
        (HttpSink(name="a", url=URL, token=Secret(env="NONE")), "the secret is empty"),
        (HttpSink(name="a", url=URL, token=Secret(env="BAD")), "characters that cannot be sent"),
        (HttpSink(name="a", url=URL, tls=Tls(ca="/nonexistent")), "a certificate or key cannot be used"),
        (SyslogSink(name="a", host="127.0.0.1", rendering="elastic"), "is a document, not lines"),
        (SyslogSink(name="a", host="127.0.0.1", tls=Tls(ca="/nonexistent")), "a certificate or key cannot be used"),
        (KafkaSink(name="a", brokers="127.0.0.1:9", topic="t", options={"nonsense": "1"}), "Kafka cannot be used so"),
        (PeopleSink(name="a", addresses=Secret(env="HOOK")), "address 1 is none"),
    ],
)
def test_what_can_never_work_is_said_before_anything_is_sent(sink: Sink, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        opened(sink, AROUND)
    assert "s3cret" not in str(caught.value)


def test_an_extra_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "find_spec", lambda _: None)
    sinks: list[tuple[Sink, str]] = [
        (HttpSink(name="a", url=URL), "service"),
        (OtlpSink(name="a", url=URL), "otlp"),
        (KafkaSink(name="a", brokers="x", topic="t"), "kafka"),
        (PeopleSink(name="a", addresses=TOKEN), "people"),
    ]
    for sink, extra in sinks:
        with pytest.raises(ConfigError, match=f"needs the extra {extra}") as caught:
            opened(sink, AROUND)
        assert caught.value.hint == f"pip install 'tidewaiter[{extra}]'"


@pytest.mark.parametrize(
    ("over", "expected"),
    [
        ({"rendering": "jsonl"}, "Bearer s3cret"),
        ({"rendering": "hec"}, "Splunk s3cret"),
        ({"rendering": "elastic", "scheme": "ApiKey"}, "ApiKey s3cret"),
        ({"rendering": "jsonl", "scheme": "Basic"}, "Basic czNjcmV0"),
    ],
)
def test_the_token_is_sent_as_the_receiver_wants_it(over: dict[str, Any], expected: str) -> None:
    with receiver(lambda _: Reply(400, body=expected.encode())) as there:
        sink = opened(HttpSink(name="a", url=there.url, token=TOKEN, headers={"X-Team": "blue"}, **over), AROUND)
        found = sink.send([parcels.parcel(1)])
        sink.close()
    (request,) = there.requests
    assert [request.headers[name] for name in ("authorization", "x-team")] == [expected, "blue"]
    assert ("s3cret" in repr(found), "czNjcmV0" in repr(found)) == (False, False)


def test_the_token_may_have_a_header_of_its_own() -> None:
    with receiver(lambda _: Reply(400, b"no s3cret")) as there:
        sink = opened(HttpSink(name="a", url=there.url, token=TOKEN, credential_header="X-Api-Key"), AROUND)
        found = sink.send([parcels.parcel(1)])
        sink.close()
    (request,) = there.requests
    assert ("authorization" in request.headers, request.headers["x-api-key"]) == (False, "s3cret")
    assert "s3cret" not in repr(found)


def test_a_bulk_request_is_judged_item_by_item() -> None:
    body = b'{"errors":true,"items":[{"index":{"status":201}},{"index":{"status":400,"error":"x"}}]}'
    with receiver(lambda _: Reply(200, body=body)) as there:
        sink = opened(HttpSink(name="a", url=f"{there.url}_bulk", rendering="elastic"), AROUND)
        found = sink.send([parcels.parcel(1), parcels.parcel(2)])
        sink.close()
    assert found == Outcome(delivered=(1,), refused=((2, 'HTTP 400: "x"'),))


def test_otlp_is_sent_one_finding_a_request() -> None:
    with receiver(lambda _: Reply(200, b"", {"Content-Type": "application/x-protobuf"})) as there:
        sink = opened(OtlpSink(name="a", url=f"{there.url}v1/logs", token=TOKEN), AROUND)
        assert sink.send([parcels.parcel(1), parcels.parcel(2)]) == Outcome(delivered=(1, 2))
        sink.close()
    assert [(one.path, one.headers["content-type"]) for one in there.requests] == [
        ("/v1/logs", "application/x-protobuf")
    ] * 2


def test_a_file_is_opened_with_its_mode_and_place(tmp_path: Path) -> None:
    sink = opened(FileSink(name="a", path=str(tmp_path / "f"), mode="0600"), AROUND, lambda: None)
    assert sink.send([parcels.parcel(1)]).delivered == (1,)
    sink.close()
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o600


def test_what_sinks_say_of_the_machine_and_the_site() -> None:
    with receiver(lambda _: Reply()) as there:
        named = HttpSink(name="a", url=there.url, rendering="hec", index="soc", labels={"cluster": "prod"})
        sink = opened(named, AROUND)
        sink.send([parcels.parcel(1)])
        sink.close()
    (request,) = there.requests
    assert [text in request.body for text in (b'"host":"tw-1"', b'"index":"soc"', b'"cluster":"prod"')] == [True] * 3
