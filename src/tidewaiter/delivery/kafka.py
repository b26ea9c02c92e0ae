"""Findings as messages of a Kafka topic: idempotent producer, acknowledged by all replicas in step. librdkafka."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from tidewaiter.delivery.parcel import Outcome, Parcel
from tidewaiter.delivery.rendered import Form, lines
from tidewaiter.errors import ConfigError

# What the broker will not take however often it is asked.
_REFUSED = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD})


class Topic:
    """One topic. The key is the id of the finding, so that its states stay in order within a partition."""

    def __init__(self, configuration: Mapping[str, str], topic: str, form: Form, *, timeout: float, sink: str) -> None:
        self._sink = sink
        self._topic = topic
        self._form = form
        self._timeout = timeout
        self._configuration = {
            **configuration,
            "acks": "all",
            "enable.idempotence": "true",
            "delivery.timeout.ms": str(int(timeout * 1000)),
            "log_level": "0",  # librdkafka writes to stderr by itself
        }
        self._producer = self._made()

    def _made(self) -> Producer:
        try:
            # Without a function for errors librdkafka's background errors would go to stderr.
            return Producer({**self._configuration, "error_cb": lambda _: None})
        except (KafkaException, ValueError, TypeError) as problem:
            raise ConfigError(
                f"Kafka cannot be used so: {problem}", where=f"sink {self._sink}", hint="see the options of librdkafka"
            ) from problem

    def send(self, parcels: Sequence[Parcel]) -> Outcome:
        """Produce the messages and wait for the acknowledgements."""
        made, broken = lines(self._form, parcels)
        delivered: list[int] = []
        refused = list(broken)
        reason = ""
        fatal = False

        def told(number: int, error: KafkaError | None) -> None:
            nonlocal reason, fatal
            if error is None:
                delivered.append(number)
            elif error.code() in _REFUSED:
                refused.append((number, error.str()))
            else:
                reason, fatal = error.str(), fatal or error.fatal()

        for parcel, message in made:
            try:
                self._produce(parcel, message, told)
            except BufferError:
                reason = "the queue is full"
                break
            except KafkaException as problem:
                told(parcel.number, problem.args[0])
        if self._producer.flush(self._timeout + 1):
            # What is still on its way must not arrive behind what is sent next.
            self._producer.purge()
            self._producer.flush(1)
            reason = reason or "no answer"
        if fatal:
            self._producer = self._made()
        return Outcome(delivered=tuple(sorted(delivered)), refused=tuple(refused), reason=reason)

    def _produce(self, parcel: Parcel, message: bytes, told: object) -> None:
        def acknowledged(error: KafkaError | None, _: Message) -> None:
            told(parcel.number, error)  # type: ignore[operator]  # the closure of send

        self._producer.produce(
            self._topic,
            key=parcel.finding.encode("utf-8", "backslashreplace"),
            value=message,
            headers={"tidewaiter-fingerprint": parcel.fingerprint},
            on_delivery=acknowledged,
        )

    def close(self) -> None:
        """Give up what is on its way; it is known to be undelivered."""
        self._producer.purge()
        self._producer.flush(1)
