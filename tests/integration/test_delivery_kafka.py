"""Findings through librdkafka's own mock brokers: every state arrives, in order within a finding."""

from __future__ import annotations

import json
from pathlib import Path

import parcels
from confluent_kafka import Consumer, Producer
from integration import live

from tidewaiter.delivery.delivery import Delivery
from tidewaiter.delivery.outbox import Outbox
from tidewaiter.settings.delivery import Delivery as Settings
from tidewaiter.settings.delivery import KafkaSink
from tidewaiter.wording import Wording


def test_every_state_arrives_and_updates_follow_what_they_update(tmp_path: Path) -> None:
    brokers = Producer({"test.mock.num.brokers": "3"})  # they live in it
    address = ",".join(f"{one.host}:{one.port}" for one in brokers.list_topics(timeout=5).brokers.values())
    sink = KafkaSink(name="bus", brokers=address, topic="findings", encrypted=False, batch=20)
    outbox = Outbox(tmp_path / "outbox.sqlite")
    delivery = Delivery(outbox, Settings(sinks=(sink,)), {}, Wording("en"))
    delivery.start()
    for count, level in ((100, "high"), (200, "critical")):
        delivery.offer([parcels.finding(f"F-{n}", level=level) for n in range(100)])
        live.wait_until(lambda count=count: _delivered(delivery) == count, f"{count} deliveries", 30)  # type: ignore[misc]
    delivery.stop()
    outbox.close()
    states: dict[str, list[str]] = {}
    for key, level in _read(address, 200):
        states.setdefault(key, []).append(level)
    assert states == {f"F-{n}": ["high", "critical"] for n in range(100)}
    del brokers


def _delivered(delivery: Delivery) -> int:
    return delivery.status().sinks[0].account.delivered


def _read(address: str, count: int) -> list[tuple[str, str]]:
    consumer = Consumer({"bootstrap.servers": address, "group.id": "soc", "auto.offset.reset": "earliest"})
    consumer.subscribe(["findings"])
    found: list[tuple[str, str]] = []
    for _ in range(600):
        message = consumer.poll(0.05)
        if message is not None and message.error() is None:
            found.append(((message.key() or b"").decode(), json.loads(message.value() or b"{}")["level"]))
        if len(found) == count:
            break
    consumer.close()
    return found
