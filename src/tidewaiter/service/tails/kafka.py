"""Topics of Kafka: the offset is kept with the records, and told to the broker only afterwards.

After a crash the kept offset is what counts, should the broker have an older one: nothing is read twice. When another
consumer of the group went on meanwhile, the broker's is further, and counts.
Source: librdkafka 2.x, confluent-kafka-python 2.x (extra `kafka`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from tidewaiter.service.tails.feed import Feed, Put, retrying, whole_lines
from tidewaiter.settings.tails import KafkaTail

_MESSAGES = 1000  # of one piece
_GATHER = 0.25  # seconds
_ANSWERS = 10.0  # seconds until a broker that does not answer is asked again


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """The offset of the next record of a partition."""

    next: int


_places = msgspec.json.Decoder(Place)


def properties(settings: KafkaTail, environment: Mapping[str, str]) -> dict[str, Any]:
    """Give the consumer's properties. Raises ConfigError when the password cannot be read."""
    found: dict[str, Any] = {
        "client.id": "tidewaiter",
        **settings.options,
        "bootstrap.servers": settings.brokers,
        "group.id": settings.group,
        "auto.offset.reset": "earliest" if settings.begin == "start" else "latest",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
    }
    if settings.username:
        found["sasl.username"] = settings.username
    if settings.password is not None:
        found["sasl.password"] = settings.password.read(environment)
    return found


class Kafka:
    """One `[[tail]]` of kind kafka."""

    def __init__(
        self,
        settings: KafkaTail,
        feed: Feed,
        *,
        environment: Mapping[str, str] | None = None,
        consumer: Callable[[dict[str, Any]], Consumer] = Consumer,
    ) -> None:
        self._settings = settings
        self._feed = feed
        own = {**properties(settings, os.environ if environment is None else environment)}
        self._properties = own | {"error_cb": self._error}
        self._make = consumer

    def run(self) -> None:
        """Read until the tail is stopped; brokers that are away are waited for."""
        stop = self._feed.stop
        try:
            retrying(stop, KafkaException)(self._consume)
        except KafkaException as problem:  # while stopping
            self._feed.board.happened("kafka-error", self._settings.title, str(problem))

    def _consume(self) -> None:
        board = self._feed.board
        try:
            consumer = self._make(self._properties)
            try:
                consumer.subscribe(list(self._settings.topics), on_assign=self._assigned, on_revoke=self._revoked)
                board.state("running")
                while not self._feed.stop.is_set():
                    self._step(consumer)
            finally:
                consumer.close()
        except KafkaException as problem:
            board.trouble("kafka-error", self._settings.title, str(problem))
            raise

    def _step(self, consumer: Consumer) -> None:
        """Read some records, keep them, then tell the broker."""
        lines: dict[tuple[str, int], list[bytes]] = {}
        ends: dict[tuple[str, int], int] = {}
        for message in consumer.consume(_MESSAGES, _GATHER):
            if self._is_error(message):
                continue
            topic, partition, offset = message.topic(), message.partition(), message.offset()
            if topic is None or partition is None or offset is None:
                continue
            key = (topic, partition)
            lines.setdefault(key, []).append(whole_lines(_value(message)))
            ends[key] = offset + 1
        if not ends:
            return
        self._feed.board.over("kafka-error", self._settings.title)
        puts = [
            Put(_stream(*key), b"".join(lines[key]), msgspec.json.encode(Place(next=end)).decode())
            for key, end in ends.items()
        ]
        # One after the other is enough: each is large, and the next may only be read when all are kept.
        if not all(self._feed.put(put) for put in puts):
            return
        consumer.commit(offsets=[TopicPartition(*key, end) for key, end in ends.items()], asynchronous=True)

    def _is_error(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return False
        if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 -- the library's name for it
            self._feed.board.trouble("kafka-error", self._settings.title, error.str())
        return True

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Begin each partition where the journal ends, or where the group is, whatever is further."""
        try:
            committed = {(one.topic, one.partition): one.offset for one in consumer.committed(partitions, _ANSWERS)}
        except KafkaException as problem:
            self._feed.board.trouble("kafka-error", self._settings.title, str(problem))
            committed = {}
        for one in partitions:
            kept = self._kept(one.topic, one.partition)
            group = committed.get((one.topic, one.partition), -1)
            if kept is not None and kept > group:
                one.offset = kept
        consumer.assign(partitions)
        self._feed.board.follows(len(partitions))
        self._feed.board.count("rebalanced")

    def _revoked(self, _consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        self._feed.board.follows(0)  # all that was read is kept already

    def _kept(self, topic: str, partition: int) -> int | None:
        text = self._feed.journal.position(_stream(topic, partition))
        if text is None:
            return None
        try:
            return _places.decode(text).next
        except msgspec.DecodeError:
            self._feed.board.happened("position-unreadable", _stream(topic, partition), text[:100])
            return None

    def _error(self, error: KafkaError) -> None:
        self._feed.board.trouble("kafka-error", self._settings.title, error.str())


def _value(message: Message) -> bytes:
    value = message.value()
    return value.encode() if isinstance(value, str) else value or b""


def _stream(topic: str, partition: int) -> str:
    return f"kafka/{topic}/{partition}"
