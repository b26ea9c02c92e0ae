"""librdkafka's own mock broker, in this process: groups, commits and rebalances are real."""

from __future__ import annotations

import json

import pytest
from tailing import Memory, feed_into, running, wait_for

confluent_kafka = pytest.importorskip("confluent_kafka")

from tidewaiter.service.tails.kafka import Kafka, properties  # noqa: E402 -- only where the extra is there
from tidewaiter.settings.secret import Secret  # noqa: E402
from tidewaiter.settings.tails import KafkaTail  # noqa: E402


class Broker:
    def __init__(self) -> None:
        self.producer = confluent_kafka.Producer({"bootstrap.servers": "x", "test.mock.num.brokers": 1, "log_level": 0})
        brokers = self.producer.list_topics(timeout=10).brokers.values()
        self.address = ",".join(f"{one.host}:{one.port}" for one in brokers)

    def send(self, *values: str, topic: str = "audit") -> None:
        for value in values:
            self.producer.produce(topic, value.encode(), partition=0)
        assert self.producer.flush(10) == 0


@pytest.fixture
def broker() -> Broker:
    return Broker()


def settings(broker: Broker) -> KafkaTail:
    quick = {"session.timeout.ms": "6000", "heartbeat.interval.ms": "200", "log_level": "0"}
    return KafkaTail(brokers=broker.address, topics=("audit",), options=quick)


def test_records_come_once_over_restarts(broker: Broker) -> None:
    journal = Memory()
    broker.send('{"n":1}', '{\n"n": 2\n}', '{"n":3}\n{"n":4}')
    tail = settings(broker)
    feed = feed_into(journal, tail)
    with running(Kafka(tail, feed, environment={}), feed):
        wait_for(lambda: len(journal.lines()) == 4, "the first records", 30)
    assert [json.loads(line)["n"] for line in journal.lines("kafka/audit/0")] == [1, 2, 3, 4]
    assert journal.position("kafka/audit/0") == '{"next":3}'
    broker.send('{"n":5}')
    feed = feed_into(journal, tail)
    with running(Kafka(tail, feed, environment={}), feed):
        wait_for(lambda: len(journal.lines()) == 5, "the record after the restart", 30)
    assert [json.loads(line)["n"] for line in journal.lines()] == [1, 2, 3, 4, 5]


def test_the_kept_offset_counts_when_the_broker_was_not_told(broker: Broker) -> None:
    """As after kill -9 between the journal and the commit."""
    journal = Memory()
    broker.send("1", "2", "3")
    journal.put("kafka/audit/0", b"", position='{"next":2}')
    tail = settings(broker)
    feed = feed_into(journal, tail)
    journal.refuse = 1
    with running(Kafka(tail, feed, environment={}), feed):
        wait_for(journal.lines, "the record", 30)
    assert journal.lines() == ["3"]


def test_properties_hold_the_password_and_never_commit_by_themselves() -> None:
    tail = KafkaTail(
        brokers="b:9092", topics=("a",), begin="end", username="me", password=Secret(env="PASS"), options={"x.y": "z"}
    )
    assert properties(tail, {"PASS": "word"}) == {
        "client.id": "tidewaiter",
        "x.y": "z",
        "bootstrap.servers": "b:9092",
        "group.id": "tidewaiter",
        "auto.offset.reset": "latest",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "sasl.username": "me",
        "sasl.password": "word",
    }


def test_brokers_that_are_away_are_said_and_it_can_be_stopped() -> None:
    tail = KafkaTail(brokers="127.0.0.1:1", topics=("audit",), options={"log_level": "0"})
    feed = feed_into(Memory(), tail)
    with running(Kafka(tail, feed, environment={}), feed):
        wait_for(lambda: feed.board.show().problems, "the problem", 30)
    assert feed.board.show().problems[0].key == "kafka-error"
