import gzip
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import parcels
import pytest
from parcels import Reply, Request, receiver

from tidewaiter.delivery import http
from tidewaiter.delivery.http import Requests
from tidewaiter.delivery.parcel import Outcome, later, never
from tidewaiter.sinks.jsonl import encoded

TWO = [parcels.parcel(1), parcels.parcel(2)]
SECRET = "s3cret-token"


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=0.5, trust_env=False) as found:
        yield found


def requests(client: httpx.Client, url: str, name: str = "jsonl", **over: Any) -> Requests:
    given = {"timeout": 0.5, "headers": {"authorization": f"Bearer {SECRET}"}, "secrets": (SECRET,)}
    return Requests(client, url, parcels.form(name), **{**given, **over})


def test_findings_are_the_body_of_one_request(client: httpx.Client) -> None:
    with receiver(lambda _: Reply()) as there:
        assert requests(client, f"{there.url}hook?a=b").send(TWO) == Outcome(delivered=(1, 2))
    (found,) = there.requests
    wanted = ("content-type", "authorization", "accept-encoding")
    assert (found.path, found.body) == ("/hook?a=b", b"".join(encoded(one.document) + b"\n" for one in TWO))
    assert [found.headers[name] for name in wanted] == ["application/x-ndjson", f"Bearer {SECRET}", "identity"]


def test_the_fingerprint_is_the_idempotence_key(client: httpx.Client) -> None:
    with receiver(lambda _: Reply()) as there:
        for batch in ([TWO[0]], TWO, TWO):
            requests(client, there.url).send(batch)
    one, two, again = (found.headers["idempotency-key"] for found in there.requests)
    assert (one, two == again, two != one) == (f'"{TWO[0].fingerprint}"', True, True)


def test_who_takes_one_finding_a_request_is_sent_one(client: httpx.Client) -> None:
    answers = iter([Reply(), Reply(400), Reply(503), Reply()])
    with receiver(lambda _: next(answers)) as there:
        found = requests(client, there.url, "falcosidekick").send([parcels.parcel(n) for n in (1, 2, 3, 4)])
    assert found == Outcome(delivered=(1,), refused=((2, "HTTP 400: {}"),), reason="HTTP 503: {}", together=True)
    assert len(there.requests) == 3  # what comes after a failure waits


def test_a_body_can_be_compressed(client: httpx.Client) -> None:
    with receiver(lambda _: Reply()) as there:
        requests(client, there.url, compress=True).send(TWO)
    (found,) = there.requests
    assert found.headers["content-encoding"] == "gzip"
    assert gzip.decompress(found.body) == b"".join(encoded(one.document) + b"\n" for one in TWO)


def test_redirects_are_not_followed(client: httpx.Client) -> None:
    with receiver(lambda _: Reply(200)) as trap:
        elsewhere = Reply(307, headers={"Location": trap.url})
        with receiver(lambda _: elsewhere) as there:
            assert requests(client, there.url).send(TWO) == later("HTTP 307: {}")
    assert trap.requests == []


def test_nobody_there_and_nobody_who_answers(client: httpx.Client) -> None:
    with receiver(lambda _: Reply(wait=lambda: time.sleep(1))) as there:
        slow = requests(client, there.url).send(TWO)
    gone = requests(client, there.url).send(TWO)
    assert [slow, gone] == [
        later("ReadTimeout: timed out", together=True),
        later("ConnectError: [Errno 111] Connection refused"),
    ]


def test_an_answer_is_read_up_to_a_limit(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_ANSWER", 1000)
    with receiver(lambda _: Reply(400, body=b"x" * 10_000_000)) as there:
        found = requests(client, there.url).send(TWO)
    assert len(found.refused[0][1]) < 300


def test_an_answer_may_not_drip_forever(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_SLOW", 0)
    with receiver(lambda _: Reply(200, body=b"x" * 10)) as there:
        assert requests(client, there.url).send(TWO) == Outcome(delivered=(1, 2))  # the status had come


@pytest.mark.parametrize("reply", [Reply(400, body=f"no {SECRET}".encode()), Reply(500, body=SECRET.encode())])
def test_the_token_is_in_nothing_that_is_said(client: httpx.Client, reply: Reply) -> None:
    with receiver(lambda _: reply) as there:
        found = requests(client, there.url).send(TWO)
    assert SECRET not in repr(found)
    assert "[token]" in repr(found)


def test_what_cannot_be_said_is_refused_without_a_request(client: httpx.Client) -> None:
    with receiver(lambda _: Reply()) as there:
        found = requests(client, there.url, "alertmanager").send([parcels.broken(1), parcels.parcel(2)])
    assert (found, there.requests) == (never([parcels.parcel(1), parcels.parcel(2)], found.refused[0][1]), [])


def test_another_judge_may_be_asked(client: httpx.Client) -> None:
    asked = []

    def judge(answer: Any, given: Any, *, now: datetime) -> Outcome:
        asked.append((answer.status, answer.headers["x-a"], answer.body, given, now.tzinfo))
        return Outcome(reason="mine")

    def reply(_: Request) -> Reply:
        return Reply(200, b"[]", {"X-A": "b"})

    with receiver(reply) as there:
        assert requests(client, there.url, judge=judge).send(TWO) == Outcome(reason="mine")
    assert asked == [(200, "b", b"[]", TWO, UTC)]
