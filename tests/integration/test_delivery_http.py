"""Receivers that fail in every way there is: nothing is lost, and what they really took is not sent again."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import parcels
import pytest
from integration import live
from parcels import Reply, Request, receiver

from tidewaiter.delivery.delivery import Delivery
from tidewaiter.delivery.outbox import Outbox
from tidewaiter.settings.delivery import Delivery as Settings
from tidewaiter.settings.delivery import HttpSink
from tidewaiter.settings.secret import Secret
from tidewaiter.wording import Wording

TOKEN = "s3cret-token"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@contextmanager
def delivering(folder: Path, sink: HttpSink) -> Iterator[Delivery]:
    outbox = Outbox(folder / "outbox.sqlite")
    delivery = Delivery(outbox, Settings(sinks=(sink,)), {"TOKEN": TOKEN}, Wording("en"))
    delivery.start()
    try:
        yield delivery
    finally:
        delivery.stop()
        outbox.close()


def hook(url: str, **over: Any) -> HttpSink:
    quick = {"pause": 0.01, "longest_pause": 0.05, "timeout": 0.2, "batch": 10, "token": Secret(env="TOKEN")}
    return HttpSink(**{"name": "hook", "url": url, **quick, **over})


def done(delivery: Delivery, *, delivered: int, dead: int = 0) -> None:
    """Wait until so many were delivered and refused."""

    def holds() -> bool:
        account = delivery.status().sinks[0].account
        return (account.delivered, account.dead, account.pending) == (delivered, dead, 0)

    live.wait_until(holds, f"{delivered} deliveries, {dead} dead letters: {delivery.status()}", 30)


def findings(count: int, first: int = 0) -> list[dict[str, Any]]:
    return [parcels.finding(f"F-{n}") for n in range(first, first + count)]


def test_nothing_is_lost_whatever_the_receiver_does(tmp_path: Path) -> None:
    chance = random.Random(5)  # noqa: S311 - seeded, not secret
    taken: list[str] = []
    poison = {"F-13", "F-77", "F-78"}

    def reply(request: Request) -> Reply:
        if poison & set(request.ids):
            return Reply(400, b"cannot parse")
        fate = chance.choice([*["take"] * 8, "429", "500", "503", "401", "slow", "cut"])
        if fate == "take":
            taken.extend(request.ids)
            return Reply()
        if fate == "slow":  # it has taken them, and says so too late
            taken.extend(request.ids)
            return Reply(wait=lambda: time.sleep(0.4))
        if fate == "cut":
            return Reply(200, b"", {"Content-Length": "x\r\ny"})  # no HTTP any more
        return Reply(int(fate), headers={"Retry-After": "0"})

    with receiver(reply) as there, delivering(tmp_path, hook(there.url)) as delivery:
        for first in range(0, 200, 8):
            delivery.offer(findings(8, first))
        done(delivery, delivered=200 - len(poison), dead=len(poison))
    assert set(taken) == {f"F-{n}" for n in range(200)} - poison
    assert {request.headers["authorization"] for request in there.requests} == {f"Bearer {TOKEN}"}


def test_a_receiver_that_is_down_for_a_while_gets_everything_once_and_in_order(tmp_path: Path) -> None:
    with receiver(lambda _: Reply()) as there:
        port = int(there.url.rstrip("/").rpartition(":")[2])
    with delivering(tmp_path, hook(there.url)) as delivery:
        for n in range(20):
            delivery.offer(findings(5, 5 * n))
            time.sleep(0.01)
        live.wait_until(lambda: "refused" in delivery.status().sinks[0].trouble, "a failure")
        (status,) = delivery.status().sinks
        assert (status.account.delivered, status.account.pending, status.oldest_seconds > 0) == (0, 100, True)
        with receiver(lambda _: Reply(), port=port) as there:
            done(delivery, delivered=100)
    taken = [name for request in there.requests for name in request.ids]
    assert sorted(taken, key=lambda name: int(name[2:])) == [f"F-{n}" for n in range(100)]
    assert taken[-90:] == [f"F-{n}" for n in range(10, 100)]  # only the first lot had to wait for its next attempt


def test_an_update_follows_what_it_updates(tmp_path: Path) -> None:
    levels = ["low", "medium", "high", "critical"]
    chance = random.Random(6)  # noqa: S311 - seeded, not secret
    with (
        receiver(lambda _: Reply(chance.choice([200, 500]))) as there,
        delivering(tmp_path, hook(there.url)) as delivery,
    ):
        for level in levels:
            delivery.offer([parcels.finding(f"F-{n}", level=level) for n in range(30)])
            time.sleep(0.02)
        live.wait_until(lambda: not delivery.status().sinks[0].account.pending, "everything to be delivered", 30)
    seen: dict[str, list[int]] = {}
    for request in there.requests:
        for line in request.body.splitlines():
            found = json.loads(line)
            seen.setdefault(found["id"], []).append(levels.index(found["level"]))
    assert [name for name, states in seen.items() if states != sorted(states) or states[-1] != 3] == []
    assert len(seen) == 30


def test_a_bulk_receiver_that_takes_some_is_sent_the_others(tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311 - seeded, not secret
    kept: Counter[str] = Counter()

    def reply(request: Request) -> Reply:
        lines = [json.loads(line) for line in request.body.splitlines()]
        items = []
        for action in lines[::2]:
            name = action["index"]["_id"]
            status = 400 if name == "F-9" else chance.choice([201, 429])
            kept[name] += status == 201
            items.append({"index": {"_id": name, "status": status, "error": {"type": "some_exception"}}})
        return Reply(200, msgspec.json.encode({"errors": True, "items": items}))

    with receiver(reply) as there, delivering(tmp_path, hook(f"{there.url}_bulk", rendering="elastic")) as delivery:
        delivery.offer(findings(60))
        done(delivery, delivered=59, dead=1)
    assert kept == {f"F-{n}": int(n != 9) for n in range(60)}


def falcosidekick(request: Request) -> Reply:
    """Answer as falcosidekick does (handlers.go: mainHandler, newFalcoPayload; types/types.go: FalcoPayload.Check).

    400 for what is no JSON object of its type, without output, priority, rule or time, or with empty output_fields; a
    namespace that is no text makes it panic, and the connection ends without an answer.
    """
    refused = Reply(400, b"Please send a valid request body\n")
    try:
        sent = json.loads(request.body)
    except ValueError:
        return refused
    texts = all(isinstance(sent.get(name), str) and sent[name] for name in ("output", "priority", "rule", "time"))
    fields = sent.get("output_fields")
    if not texts or not isinstance(fields, dict) or not fields:
        return refused
    named = [fields[name] for name in ("k8s.ns.name", "k8s.pod.name", "k8s_ns_name", "k8s_pod_name") if name in fields]
    if not all(isinstance(name, str) for name in named):
        return Reply(200, b"", {"Content-Length": "panic"})
    return Reply(200, b"")


def test_falcosidekick_takes_every_finding_one_a_request(tmp_path: Path) -> None:
    with receiver(falcosidekick) as there:
        with delivering(tmp_path, hook(there.url, rendering="falcosidekick")) as delivery:
            delivery.offer([*findings(20), parcels.finding("F-20", headline="x\n\x1b[2J", addresses=())])
            done(delivery, delivered=21)
        assert falcosidekick(Request("/", {}, b'{"output":"x","priority":"Error","rule":"r","time":"t"}')).status == 400
    assert len(there.requests) == 21
