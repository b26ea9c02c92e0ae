import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import parcels
import pytest
from certificates import Authority, authority

from tidewaiter.delivery.parcel import Outcome
from tidewaiter.delivery.rendered import lines
from tidewaiter.delivery.syslog import Datagrams, State, Stream
from tidewaiter.delivery.tls import context
from tidewaiter.settings.delivery import Tls
from tidewaiter.sinks.syslog import framed

FORM = parcels.form("syslog-cef")
TWO = [parcels.parcel(1), parcels.parcel(2)]


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("ca"))


class Server:
    """Reads connections one after another to their end."""

    def __init__(self, listening: socket.socket, tls: ssl.SSLContext | None, *, most: int) -> None:
        self.port = listening.getsockname()[1]
        self.received: list[bytes] = []
        self._listening = listening
        self._tls = tls
        self._most = most

    def had(self, expected: list[bytes]) -> bool:
        """Wait until this was received, or for too long."""
        ends = time.monotonic() + 5
        while self.received != expected and time.monotonic() < ends:
            time.sleep(0.01)
        return self.received == expected

    def serve(self) -> None:
        while True:
            try:
                plain, _ = self._listening.accept()
            except OSError:
                return
            self.received.append(b"")
            try:
                connection = self._tls.wrap_socket(plain, server_side=True) if self._tls else plain
                with connection:
                    while len(self.received[-1]) < self._most and (data := connection.recv(65536)):
                        self.received[-1] += data
            except OSError:
                plain.close()


@contextmanager
def server(tls: ssl.SSLContext | None = None, *, most: int = 1 << 30) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        found = Server(listening, tls, most=most)
        thread = threading.Thread(target=found.serve)
        thread.start()
        try:
            yield found
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def frames(*numbers: int) -> bytes:
    made, _ = lines(FORM, [parcels.parcel(number) for number in numbers])
    return b"".join(framed(message) for _, message in made)


def test_messages_are_counted_in_octets_on_one_connection() -> None:
    with server() as there:
        stream = Stream("127.0.0.1", there.port, FORM, timeout=2)
        found = [stream.send(TWO), stream.send([parcels.broken(3), parcels.parcel(4)])]
        stream.close()
        assert there.had([frames(1, 2, 4)])
    assert [(one.delivered, [n for n, _ in one.refused]) for one in found] == [((1, 2), []), ((4,), [3])]


def test_a_connection_that_was_closed_is_made_anew() -> None:
    with server(most=1) as there:  # closes after what it has read at once
        stream = Stream("127.0.0.1", there.port, FORM, timeout=2)
        for number in (1, 2):
            assert stream.send([parcels.parcel(number)]) == Outcome(delivered=(number,))
            assert there.had([frames(1), frames(2)][:number])
            time.sleep(0.05)
        stream.close()


def test_a_connection_that_breaks_with_something_unread_delivered_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        stream = Stream("127.0.0.1", listening.getsockname()[1], FORM, timeout=2)
        stream.send([parcels.parcel(1)])
        there, _ = listening.accept()
        confirmed = stream._confirmed

        def slowly(connection: socket.socket) -> State:
            there.close()  # unread: the kernel answers with a reset
            time.sleep(0.1)
            return confirmed(connection)

        stream._confirmed = slowly  # type: ignore[method-assign]
        found = stream.send([parcels.parcel(2)])
        stream.close()
    assert (found.delivered, "broke the connection" in found.reason) == ((), True)


def test_nobody_there_is_tried_again() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    found = Stream("127.0.0.1", port, FORM, timeout=1).send(TWO)
    assert found == Outcome(reason=f"127.0.0.1:{port}: [Errno 111] Connection refused")


def test_what_nobody_reads_is_not_delivered() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:  # accepts nothing; the kernel takes what fits
        many = [parcels.parcel(n) for n in range(6000)]
        stream = Stream("127.0.0.1", listening.getsockname()[1], FORM, timeout=0.3)
        found = stream.send(many)
        stream.close()
    assert (found.delivered, "timed out" in found.reason or "does not read" in found.reason) == ((), True)


@pytest.mark.parametrize("mutual", [False, True])
def test_messages_go_over_tls(trust: Authority, mutual: bool) -> None:
    accepting = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    accepting.load_cert_chain(trust.server, trust.server_key)
    own = Tls(ca=str(trust.ca))
    if mutual:
        accepting.load_verify_locations(trust.ca)
        accepting.verify_mode = ssl.CERT_REQUIRED
        own = Tls(ca=str(trust.ca), certificate=str(trust.client), key=str(trust.client_key))
    with server(accepting) as there:
        stream = Stream("127.0.0.1", there.port, FORM, timeout=2, tls=context(own, sink="a"))
        assert stream.send(TWO) == Outcome(delivered=(1, 2))
        stream.close()
        assert there.had([frames(1, 2)])


@pytest.mark.parametrize(("ca", "name", "words"), [(False, "", "CERTIFICATE_VERIFY_FAILED"), (True, "other", "other")])
def test_another_server_is_not_spoken_to(trust: Authority, ca: bool, name: str, words: str) -> None:
    accepting = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    accepting.load_cert_chain(trust.server, trust.server_key)
    own = context(Tls(ca=str(trust.ca) if ca else None), sink="a")
    with server(accepting) as there:
        stream = Stream("127.0.0.1", there.port, FORM, timeout=2, tls=own, name=name)
        found = stream.send(TWO)
        assert (found.delivered, words in found.reason) == ((), True)
        assert there.had([b""])


def test_a_client_without_the_certificate_that_is_asked_for_delivers_nothing(trust: Authority) -> None:
    accepting = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(trust.ca))
    accepting.load_cert_chain(trust.server, trust.server_key)
    accepting.verify_mode = ssl.CERT_REQUIRED
    with server(accepting) as there:
        # With TLS 1.3 the client learns it only after it has written.
        stream = Stream("127.0.0.1", there.port, FORM, timeout=2, tls=context(Tls(ca=str(trust.ca)), sink="a"))
        assert [stream.send(TWO).delivered for _ in range(3)] == [(), (), ()]
        stream.close()


def test_datagrams_carry_one_message_each() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there:
        there.bind(("127.0.0.1", 0))
        there.settimeout(2)
        datagrams = Datagrams("127.0.0.1", there.getsockname()[1], FORM, timeout=1)
        assert datagrams.send([*TWO, parcels.broken(3)]).delivered == (1, 2)
        datagrams.close()
        made, _ = lines(FORM, TWO)
        assert [there.recv(65536) for _ in TWO] == [message for _, message in made]


def test_datagrams_to_nobody_are_noticed_when_the_kernel_says_so() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    datagrams = Datagrams("127.0.0.1", port, FORM, timeout=1)
    found = datagrams.send([parcels.parcel(n) for n in range(50)])
    datagrams.close()
    assert (len(found.delivered) < 50, "refused" in found.reason) == (True, True)
