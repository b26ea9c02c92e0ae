from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any

import pytest
import zstandard
from audit_event import line
from hypothesis import given, settings
from hypothesis import strategies as st
from service.asgi import GONE, NEVER, Answer, call

from tidewaiter.errors import StoreError
from tidewaiter.service.access import Access
from tidewaiter.service.http import FORMS, Intake
from tidewaiter.service.metrics import Metrics
from tidewaiter.settings.http import Http, Token
from tidewaiter.settings.secret import Secret

PROD, ALL = "prod-token-0123456789", "all-token-0123456789"
TOKENS = (
    Token(name="prod", secret=Secret(env="PROD"), sources=("prod", "falco")),
    Token(name="all", secret=Secret(env="ALL"), metrics=True),
)
BEARER = {"Authorization": f"Bearer {PROD}"}
EVENT_LIST = (
    b'{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[{"level":"A"},{"level":"B"}]}\n'
)
AUDIT = "/v1/kubernetes/audit/prod"
LOGGED = b"".join(b'{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"%s"}\n' % one for one in (b"A", b"B"))
ZEROS = gzip.compress(bytes(60_000), mtime=0)
ROWS = b'{"a":1}\n{"b":2}\n'


class Kept:
    """A journal in memory; `full` makes it refuse, `slow` never finish."""

    def __init__(self, *, full: bool = False, slow: bool = False, writable: bool = True) -> None:
        self.full, self.slow, self.writable = full, slow, writable
        self.puts: list[tuple[str, bytes]] = []
        self.futures: list[Future[None]] = []

    def put(self, stream: str, data: bytes) -> Future[None]:
        future: Future[None] = Future()
        self.futures.append(future)
        if self.full:
            future.set_exception(StoreError("nothing more can be taken in: No space left on device"))
        elif not self.slow:
            self.puts.append((stream, data))
            future.set_result(None)
        return future


class Service:
    """An intake with all that belongs to it."""

    def __init__(self, given: Http | None = None, kept: Kept | None = None, reasons: Iterable[str] = ()) -> None:
        self.settings = given or Http()
        self.kept = kept or Kept()
        self.metrics = Metrics()
        self.now = 0.0
        access = Access(self.settings, {"PROD": PROD, "ALL": ALL})
        intake = Intake(
            self.settings, access, self.kept, self.metrics, ready=lambda: list(reasons), clock=lambda: self.now
        )
        self.intake = intake
        self.app = intake.app()

    def ask(self, path: str, *chunks: Any, method: str = "POST", **headers: str) -> Answer:
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return asyncio.run(call(self.app, path, chunks or (b"",), method=method, headers=named))

    def counted(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"tidewaiter_{name}", labels)


def said(answer: Answer) -> str:
    found: str = json.loads(answer.body)["error"]
    return found


@pytest.mark.parametrize(
    ("path", "body", "headers", "put"),
    [
        (AUDIT + "?timeout=30s", EVENT_LIST, {"Content_Type": "application/json"}, ("kubernetes/prod", LOGGED)),
        ("/v1/falco", b'{"rule":"x"}', {}, ("falco/falco", b'{"rule":"x"}\n')),
        ("/v1/falco/edge", b'{"rule":"x"}\n', {}, ("falco/edge", b'{"rule":"x"}\n')),
        ("/v1/json/nginx", b"a\nb", {"Content_Type": "text/plain"}, ("json/nginx", b"a\nb\n")),
        ("/v1/json/x", gzip.compress(ROWS, mtime=0), {"Content_Encoding": "gzip"}, ("json/x", ROWS)),
        ("/v1/json/x", zstandard.compress(ROWS), {"Content_Encoding": "zstd"}, ("json/x", ROWS)),
        ("/v1/pubsub/gke", b'{"message":{"data":"e30="},"subscription":"s"}', {}, None),
        (
            "/v1/docker/gate",
            b'{"schema":"tidewaiter.gate/1"}\n',
            {},
            ("docker/gate", b'{"schema":"tidewaiter.gate/1"}\n'),
        ),
        ("/v1/logs/col", b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}]}', {}, None),
    ],
)
def test_what_comes_in_is_in_the_journal_before_the_answer(
    path: str, body: bytes, headers: dict[str, str], put: tuple[str, bytes] | None
) -> None:
    service = Service()
    answer = service.ask(path, body[:5], body[5:], **headers)
    assert answer.status == 200
    kind, source = path.split("?", maxsplit=1)[0].split("/")[2], path.split("?", maxsplit=1)[0].rsplit("/", 1)[1]
    assert service.kept.puts == [put or (f"{kind}/{source}", body + b"\n")]
    assert answer.headers["tidewaiter-unreadable"] == "0"


@pytest.mark.parametrize(
    ("path", "body", "answered"),
    [
        (AUDIT, EVENT_LIST, b""),
        (AUDIT, b"broken", b""),
        ("/v1/json/x", ROWS, b'{"records":2,"unreadable":0}\n'),
        ("/v1/logs", b"{}", b"{}"),
        ("/v1/pubsub/x", b"{}", b""),
    ],
)
def test_what_senders_read_in_the_answer(path: str, body: bytes, answered: bytes) -> None:
    assert Service().ask(path, body).body == answered


def test_a_batch_that_is_no_list_is_kept_and_counted() -> None:
    service = Service()
    answer = service.ask(AUDIT, b"\xff broken\n{")
    assert (answer.status, answer.headers["tidewaiter-records"], answer.headers["tidewaiter-unreadable"]) == (
        200,
        "1",
        "1",
    )
    assert service.kept.puts == [("kubernetes/prod", b"\xff broken {\n")]
    assert service.counted("intake_unreadable_total", route="kubernetes") == 1


def test_what_holds_nothing_is_fine_and_not_written() -> None:
    service = Service()
    assert [service.ask(path, b"").status for path in (AUDIT, "/v1/json/x", "/v1/falco", "/v1/pubsub/x")] == [200] * 4
    assert service.kept.puts == []


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "error"),
    [
        ("/v1/json/x", b"nope", {"Content_Type": "application/json"}, 400, "nothing was kept: it does not begin with"),
        ("/v1/falco", b"08:00 Notice", {}, 400, "nothing was kept: this is text: set `json_output: true`"),
        ("/v1/json/x", b"\x92\x01", {"Content_Type": "application/msgpack"}, 415, "MessagePack is not read; send JSON"),
        ("/v1/json/x", b"x", {"Content_Encoding": "br"}, 415, "the coding of the body is not known"),
        ("/v1/json/x", b"x", {"Content_Encoding": "gzip"}, 400, "the body cannot be inflated"),
        ("/v1/json/a%20b", b"x", {}, 400, "a source is called by"),
        ("/v1/json/x", b"x", {"X_Long": "y" * 40_000}, 431, "the headers are too long"),
        ("/v1/json/x", b"x", {"Content_Length": "99999999"}, 413, "the body has more than"),
        ("/v1/json/x", b"x" * 60_000, {}, 413, "the body has more than 50000 bytes"),
        ("/v1/json/x", ZEROS, {"Content_Encoding": "gzip"}, 413, "bytes after inflation"),
        ("/v1/json/x", b"x", {"Origin": "http://evil.example"}, 403, "pages in a browser"),
        ("/v1/json/x", b"x", {"Sec_Fetch_Site": "same-origin"}, 403, "pages in a browser"),
    ],
)
def test_what_is_not_taken(path: str, body: bytes, headers: dict[str, str], status: int, error: str) -> None:
    service = Service(Http(most_body=50_000))
    answer = service.ask(path.replace("%20", " "), body, **headers)
    assert (answer.status, service.kept.puts) == (status, [])
    assert said(answer).startswith(error) or error in said(answer)
    assert service.counted("intake_requests_total", route=path.split("/")[2], code=str(status)) == 1
    assert service.counted("intake_waiting_bytes") == 0


@pytest.mark.parametrize(
    ("path", "authorization", "status"),
    [
        (AUDIT, f"Bearer {PROD}", 200),
        (AUDIT, f"Bearer {ALL}", 200),
        ("/v1/falco", f"Bearer {PROD}", 200),
        ("/v1/json/other", f"Bearer {PROD}", 403),
        (AUDIT, "Bearer wrong", 401),
        (AUDIT, "", 401),
        ("/v1/json/prod?token=" + PROD, "", 401),  # an address is written to logs: only where nothing else can be said
        ("/v1/pubsub/prod?token=" + PROD, "", 200),
        ("/v1/pubsub/other?token=" + PROD, "", 403),
        ("/v1/pubsub/prod?token=wrong", "", 401),
    ],
)
def test_who_may_send(path: str, authorization: str, status: int) -> None:
    service = Service(Http(token=TOKENS))
    answer = service.ask(path, b"{}", Authorization=authorization)
    assert (answer.status, len(service.kept.puts)) == (status, status == 200)
    assert ("www-authenticate" in answer.headers) is (status == 401)
    assert PROD.encode() not in answer.body


def test_tokens_may_change_while_it_runs() -> None:
    service = Service(Http(token=TOKENS))
    service.intake.use(Access(Http(token=TOKENS[1:]), {"ALL": ALL}))
    assert [service.ask(AUDIT, b"{}", Authorization=f"Bearer {one}").status for one in (PROD, ALL)] == [401, 200]


def test_a_browser_with_a_token_is_a_sender() -> None:
    assert Service(Http(token=TOKENS)).ask(AUDIT, b"{}", Origin="http://x", **BEARER).status == 200


def test_a_stranger_costs_nothing() -> None:
    service = Service(Http(token=TOKENS, most_sources=1))
    for name in ("a", "b", "c"):
        assert service.ask(f"/v1/json/{name}", b"{}", Authorization="Bearer x").status == 401
    assert service.counted("intake_sources") == 0


def test_there_are_not_too_many_sources() -> None:
    service = Service(Http(most_sources=2))
    assert [service.ask(f"/v1/json/{name}", b"{}").status for name in ("a", "b", "c", "a")] == [200, 200, 403, 200]
    assert service.counted("intake_sources") == 2


def test_who_sends_too_much_has_to_wait() -> None:
    service = Service(Http(source_requests=1.0, source_bytes=1000.0))
    assert [service.ask("/v1/json/a", b"{}").status for _ in range(3)] == [200, 200, 429]
    service.now = 10.0
    assert service.ask("/v1/json/a", b"x" * 5000).status == 200
    answer = service.ask("/v1/json/a", b"x")
    assert (answer.status, answer.headers["retry-after"]) == (429, "4")
    assert service.ask("/v1/json/b", b"x").status == 200
    service.now = 14.0
    assert service.ask("/v1/json/a", b"x").status == 200


@pytest.mark.parametrize("kept", [Kept(full=True), Kept(writable=False)])
def test_a_full_journal_acknowledges_nothing(kept: Kept) -> None:
    service = Service(kept=kept)
    for path in (AUDIT, "/v1/json/x"):
        answer = service.ask(path, EVENT_LIST)
        assert (answer.status, answer.headers["retry-after"]) == (503, "10")
    assert (service.counted("intake_records_total", route="kubernetes"), kept.puts) == (None, [])
    kept.full, kept.writable = False, True
    assert service.ask(AUDIT, EVENT_LIST).status == 200


def test_a_journal_that_hangs_is_not_waited_for_and_may_end_later() -> None:
    kept = Kept(slow=True)
    answer = Service(Http(journal_seconds=0.05), kept).ask(AUDIT, EVENT_LIST)
    assert (answer.status, said(answer)) == (503, "the disk does not keep up")
    (future,) = kept.futures
    assert not future.cancelled()
    future.set_result(None)  # what the journal does when the disk wakes up; raises where it was cancelled


def test_a_body_that_comes_too_slowly() -> None:
    service = Service(Http(body_seconds=0.05))
    answer = service.ask(AUDIT, EVENT_LIST[:20], NEVER)
    assert (answer.status, service.kept.puts, service.counted("intake_waiting_bytes")) == (408, [], 0)


def test_a_sender_that_hangs_up_leaves_nothing() -> None:
    service = Service()
    service.ask(AUDIT, EVENT_LIST[:20], GONE)
    assert (service.kept.puts, service.counted("intake_waiting_bytes")) == ([], 0)
    assert service.counted("intake_requests_total", route="kubernetes", code="499") == 1


def test_there_is_room_for_so_many_bytes_of_all_senders_together() -> None:
    service = Service(Http(most_body=40_000, most_waiting=80_000, body_seconds=0.3))

    async def three() -> list[int]:
        slow = [asyncio.create_task(call(service.app, AUDIT, [b"x" * 39_000, NEVER])) for _ in range(2)]
        await asyncio.sleep(0.05)
        third = await call(service.app, AUDIT, [b"x" * 10_000])
        assert third.headers["retry-after"] == "1"
        return [
            third.status,
            *[(await one).status for one in slow],
            (await call(service.app, AUDIT, [b"x" * 10_000])).status,
        ]

    assert asyncio.run(three()) == [503, 408, 408, 200]
    assert service.counted("intake_waiting_bytes") == 0


@pytest.mark.parametrize(
    ("kind", "status", "body", "answered"),
    [
        ("application/json", 400, b"nope", b'{"message":"nothing was kept: no ExportLogsServiceRequest'),
        ("application/x-protobuf", 400, b"\xff", b"\x12"),
        ("application/x-protobuf", 200, b"", b""),
    ],
)
def test_open_telemetry_reads_answers_in_the_form_of_its_request(
    kind: str, status: int, body: bytes, answered: bytes
) -> None:
    answer = Service().ask("/v1/logs", body, Content_Type=kind)
    assert (answer.status, answer.headers["content-type"]) == (status, kind)
    assert answer.body.startswith(answered)


def test_a_large_batch_is_taken_apart_aside() -> None:
    items = b",".join([line().strip()] * 400)
    service = Service()
    assert service.ask(AUDIT, b'{"kind":"EventList","items":[' + items + b"]}").status == 200
    assert service.kept.puts == [("kubernetes/prod", line() * 400)]
    assert service.counted("intake_records_total", route="kubernetes") == 400
    assert service.counted("journal_seconds_count") == 1


def test_health_and_readiness() -> None:
    assert Service(kept=Kept(writable=False)).ask("/healthz", method="GET").status == 200
    ready = Service(Http(token=TOKENS)).ask("/readyz", method="GET")
    assert (ready.status, json.loads(ready.body)) == (200, {"ready": True, "reasons": []})
    stalled = Service(kept=Kept(writable=False), reasons=["the engine has not moved for 60 s"]).ask(
        "/readyz", method="GET"
    )
    assert (stalled.status, json.loads(stalled.body)["reasons"]) == (
        503,
        ["the engine has not moved for 60 s", "the journal takes nothing: its disk or its limit is full"],
    )


@pytest.mark.parametrize(
    ("given", "authorization", "status"),
    [
        (Http(), "", 200),
        (Http(token=TOKENS), "", 200),  # only this machine can ask
        (Http(address="10.0.0.1", token=TOKENS), "", 401),
        (Http(address="10.0.0.1", token=TOKENS), f"Bearer {PROD}", 403),
        (Http(address="10.0.0.1", token=TOKENS), f"Bearer {ALL}", 200),
        (Http(address="10.0.0.1", token=TOKENS, metrics_public=True), "", 200),
    ],
)
def test_who_may_read_the_metrics(given: Http, authorization: str, status: int) -> None:
    answer = Service(given).ask("/metrics", method="GET", Authorization=authorization)
    assert answer.status == status
    assert (b"tidewaiter_intake_waiting_bytes 0.0" in answer.body) is (status == 200)


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", AUDIT, 405), ("POST", "/v1/none", 404), ("PUT", "/healthz", 405)]
)
def test_what_is_not_there(method: str, path: str, status: int) -> None:
    assert Service().ask(path, method=method).status == status


CHUNKS = st.lists(
    st.one_of(
        st.binary(max_size=100),
        st.sampled_from(
            [EVENT_LIST, gzip.compress(ROWS, mtime=0), zstandard.compress(ROWS), b"[" * 3000, b'{"a":1,"a":"\\ud800"}']
        ),
        st.just(GONE),
    ),
    min_size=1,
    max_size=4,
)


@settings(deadline=None)
@given(
    st.sampled_from([form.path.replace("{source}", "s") for form in FORMS] + ["/v1/json/" + "x" * 70]),
    CHUNKS,
    st.sampled_from(["", "gzip", "deflate", "zstd", "br", "gzip, zstd", "\xff"]),
    st.sampled_from(["", "application/json", "text/plain", "application/x-protobuf", "multipart/x", "\xff/json;;"]),
    st.sampled_from(["", "5", "-1", "x", "9" * 30]),
    st.sampled_from(["", "Bearer", "Basic \xff", "Bearer " + PROD]),
)
def test_no_request_breaks_it(path: str, chunks: list[Any], coding: str, kind: str, length: str, shown: str) -> None:
    headers = {"Content_Encoding": coding, "Content_Type": kind, "Content_Length": length, "Authorization": shown}
    service = Service(Http(most_body=2048, token=TOKENS if shown else ()))
    answer = service.ask(path, *chunks, **headers)
    assert answer.status in {200, 400, 401, 403, 413, 415, 499}
    assert bool(service.kept.puts) <= (answer.status == 200)
    for stream, data in service.kept.puts:
        assert stream.endswith(("/s", "/falco", "/otlp", "/gate"))
        assert data.endswith(b"\n")
    assert service.counted("intake_waiting_bytes") == 0
