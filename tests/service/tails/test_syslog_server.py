"""Real connections on the loopback interface: framings, senders, bounds, a journal that is full, certificates."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority, authority
from tailing import Memory, feed_into, running, wait_for

from tidewaiter.service.tails.feed import Feed
from tidewaiter.service.tails.syslog_server import Inbox, Pace, Syslog
from tidewaiter.settings.tails import SyslogTail


class Served:
    def __init__(self, journal: Memory, feed: Feed, server: Syslog) -> None:
        self.journal = journal
        self.feed = feed
        self.server = server

    def connect(self, address: str = "127.0.0.1") -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.server.port), 5, source_address=(address, 0))

    def send(self, data: bytes, address: str = "127.0.0.1") -> None:
        with self.connect(address) as connection:
            connection.sendall(data)

    def lines(self, *expected: str) -> None:
        wait_for(lambda: sorted(self.journal.lines()) == sorted(expected), f"{expected}")

    def counted(self, **counts: int) -> None:
        wanted = {key.replace("_", "-"): number for key, number in counts.items()}
        wait_for(lambda: self.feed.board.show().counts == wanted, f"{wanted}")


@contextmanager
def served(**settings: Any) -> Iterator[Served]:
    tail = SyslogTail(listen="127.0.0.1:0", **settings)
    journal = Memory()
    feed = feed_into(journal, tail)
    with running(Syslog(tail, feed), feed) as server:
        assert server.listening.wait(10)
        yield Served(journal, feed, server)


def test_each_sender_is_an_input_and_lines_are_never_mixed() -> None:
    with served() as it, it.connect() as one, it.connect("127.0.0.2") as two:
        one.sendall(b"<13>on")
        two.sendall(b"<13>tw")
        one.sendall(b"e\n")
        two.sendall(b"o\n")
        it.lines("<13>one", "<13>two")
        assert it.journal.lines("syslog/tcp/127.0.0.1") == ["<13>one"]
        assert it.journal.lines("syslog/tcp/127.0.0.2") == ["<13>two"]


def test_both_framings_and_a_last_line_without_end() -> None:
    with served() as it:
        it.send(b"8 <13>\none7 <13>two")
        it.send(b"<13>three\n<13>four")
        it.lines("<13> one", "<13>two", "<13>three", "<13>four")


def test_much_data_comes_whole_and_in_order() -> None:
    messages = [f"<13>{number} {'x' * (1 + number % 300)}" for number in range(20_000)]
    with served(max_rate=10**9) as it:
        it.send("".join(f"{len(one)} {one}" for one in messages).encode())
        wait_for(lambda: len(it.journal.lines()) == len(messages), "all messages")
        assert it.journal.lines() == messages


def test_what_is_too_long_cut_or_no_frame_is_counted() -> None:
    with served(max_message=20) as it:
        it.send(b"x" * 50 + b"\n<13>one\n")
        it.send(b"7 <13>two9 <13>")
        it.send(b"3 <1>no count")
        it.lines("<13>one", "<13>two", "<1>")
        it.counted(message_too_long=1, message_cut=1, bad_framing=1)


def test_connections_are_bounded_in_all_and_for_each_sender() -> None:
    with served(max_connections=3, max_connections_of_peer=2) as it:
        first, second, third = it.connect(), it.connect(), it.connect()
        assert third.recv(1) == b""
        other, fourth = it.connect("127.0.0.2"), it.connect("127.0.0.3")
        assert fourth.recv(1) == b""
        for connection in (first, second, third, other, fourth):
            connection.close()
        wait_for(lambda: it.feed.board.show().streams == 0, "the end of all connections")
        it.send(b"<13>again\n")
        it.lines("<13>again")
        it.counted(refused_connections=2, too_many_connections=2)


def test_senders_are_bounded() -> None:
    with served(max_peers=1) as it:
        it.send(b"<13>one\n")
        it.lines("<13>one")
        it.send(b"<13>two\n", "127.0.0.2")
        it.send(b"<13>three\n", "127.0.0.3")
        it.lines("<13>one", "<13>two", "<13>three")
        assert sorted(it.journal.lines("syslog/tcp/others")) == ["<13>three", "<13>two"]


def test_a_full_journal_is_waited_for() -> None:
    with served() as it:
        it.journal.refuse = 2
        it.send(b"<13>one\n")
        it.lines("<13>one")
        it.counted(journal_full=1)


def test_an_address_that_is_taken_is_said_and_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        tail = SyslogTail(listen=f"127.0.0.1:{taken.getsockname()[1]}")
        journal = Memory()
        feed = feed_into(journal, tail)
        with running(Syslog(tail, feed), feed) as server:
            wait_for(lambda: feed.board.show().problems, "the problem")
            assert feed.board.show().problems[0].key == "cannot-listen"
            taken.close()
            assert server.listening.wait(10)
            assert feed.board.show().problems == ()


def test_datagrams_are_messages() -> None:
    with served(transport="udp") as it, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for number in range(100):
            sender.sendto(b"<13>%d\n%d" % (number, number), ("127.0.0.1", it.server.port))
        it.lines(*(f"<13>{number} {number}" for number in range(100)))
        assert {kept.stream for kept in it.journal.kept} == {"syslog/udp/127.0.0.1"}


def test_datagrams_above_the_bounds_are_counted() -> None:
    counts: dict[str, int] = {}

    def count(key: str, times: int) -> None:
        counts[key] = counts.get(key, 0) + times

    inbox = Inbox(SyslogTail(transport="udp", max_rate=3, max_message=10), count, lambda: 0.0)
    for message in (b"1", b"2", b"3", b"4", b"x" * 11):
        inbox.datagram_received(message, ("192.0.2.1", 1))
    inbox.datagram_received(b"5", ("192.0.2.2", 1))
    assert counts == {"datagrams-dropped": 1, "message-too-long": 1}
    assert inbox.take() == {"192.0.2.1": b"1\n2\n3\n", "192.0.2.2": b"5\n"}
    assert inbox.take() == {}
    assert not inbox.arrived.is_set()


def test_a_pace_gives_a_second_at_once_and_then_no_more_than_the_rate() -> None:
    now = 0.0
    pace = Pace(10, lambda: now)
    assert [pace.allows(1) for _ in range(11)] == [True] * 10 + [False]
    now = 0.5
    assert [pace.allows(5), pace.allows(1)] == [True, False]
    assert Pace(10, lambda: now).spend(30) == pytest.approx(2.0)


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("pems"))


def secured(it: Served, pems: Authority, *, shown: bool) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(pems.ca))
    if shown:
        context.load_cert_chain(pems.client, pems.client_key)
    return context.wrap_socket(it.connect(), server_hostname="localhost")


def test_messages_over_tls(pems: Authority) -> None:
    messages = [f"<13>{number} {'x' * (1 + number % 300)}" for number in range(20_000)]
    with served(transport="tls", certificate=str(pems.server), key=str(pems.server_key), max_rate=10**9) as it:
        with secured(it, pems, shown=False) as sender:
            sender.sendall("".join(f"{len(one)} {one}" for one in messages).encode())
        wait_for(lambda: len(it.journal.lines()) == len(messages), "all messages")
        assert it.journal.lines("syslog/tls/127.0.0.1") == messages
        it.server.renew()
        assert it.feed.board.show().problems == ()


def test_senders_without_a_certificate_are_refused_where_one_is_asked_for(pems: Authority) -> None:
    settings = {"certificate": str(pems.server), "key": str(pems.server_key), "client_ca": str(pems.ca)}
    with served(transport="tls", **settings) as it:
        with suppress(ssl.SSLError, ConnectionError), secured(it, pems, shown=False) as sender:
            sender.sendall(b"<13>stranger\n")
            assert sender.recv(1) == b""
        with secured(it, pems, shown=True) as sender:
            sender.sendall(b"<13>known\n")
        it.lines("<13>known")
        it.send(b"<13>plain\n")
        it.counted(handshake_failed=2)
        assert it.journal.lines() == ["<13>known"]


def test_a_certificate_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    tail = SyslogTail(transport="tls", listen="127.0.0.1:0", certificate=str(tmp_path / "c"), key=str(tmp_path / "k"))
    feed = feed_into(Memory(), tail)
    with running(Syslog(tail, feed), feed):
        wait_for(lambda: feed.board.show().problems, "the problem")
    assert [problem.key for problem in feed.board.show().problems] == ["cannot-listen"]
