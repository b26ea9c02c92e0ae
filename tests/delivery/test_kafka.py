from collections.abc import Iterator
from typing import Any

import parcels
import pytest
from confluent_kafka import Consumer, KafkaError

from tidewaiter.delivery.kafka import Topic
from tidewaiter.delivery.parcel import Outcome
from tidewaiter.errors import ConfigError
from tidewaiter.sinks.jsonl import encoded

MOCK = {"test.mock.num.brokers": "3"}  # brokers inside of librdkafka


def topic(**options: str) -> Topic:
    return Topic({**MOCK, **options}, "findings", parcels.form(), timeout=10, sink="a")


@pytest.fixture
def mocked() -> Iterator[Topic]:
    made = topic()
    yield made
    made.close()


def received(of: Topic, count: int) -> list[tuple[Any, Any, Any]]:
    """Give key, value and headers of what the brokers have."""
    brokers = of._producer.list_topics(timeout=5).brokers.values()
    address = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
    consumer = Consumer({"bootstrap.servers": address, "group.id": "test", "auto.offset.reset": "earliest"})
    consumer.subscribe(["findings"])
    found = []
    for _ in range(200):
        message = consumer.poll(0.1)
        if message is not None and message.error() is None:
            found.append((message.key(), message.value(), message.headers()))
        if len(found) == count:
            break
    consumer.close()
    return found


def test_findings_are_messages_keyed_by_their_id(mocked: Topic) -> None:
    assert mocked.send([parcels.parcel(1), parcels.parcel(2)]) == Outcome(delivered=(1, 2))
    expected = [
        (f"F-{n}".encode(), encoded(parcels.finding(f"F-{n}")), [("tidewaiter-fingerprint", f"{n:032x}".encode())])
        for n in (1, 2)
    ]
    assert sorted(received(mocked, 2)) == expected


def test_what_is_too_large_or_cannot_be_said_is_refused() -> None:
    made = topic(**{"message.max.bytes": "5000"})
    large = parcels.parcel(2, document=parcels.finding("F-2", headline="x" * 10_000))
    found = made.send([parcels.parcel(1), large, parcels.parcel(3)])
    made.close()
    reason = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE).str()
    assert (found.delivered, found.refused) == ((1, 3), ((2, f"Unable to produce message: {reason}"),))


def test_brokers_that_are_down_are_tried_again() -> None:
    down = Topic({"bootstrap.servers": "127.0.0.1:1"}, "findings", parcels.form(), timeout=0.5, sink="a")
    found = down.send([parcels.parcel(1), parcels.parcel(2)])
    down.close()
    assert (found.delivered, found.refused, bool(found.reason)) == ((), (), True)


def test_an_option_that_is_none_is_said() -> None:
    with pytest.raises(ConfigError, match="nonsense") as caught:
        topic(nonsense="1")
    assert caught.value.where == "sink a"
