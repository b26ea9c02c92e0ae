from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path

import pytest

from tidewaiter.gate import identity as module
from tidewaiter.gate.caller import Caller
from tidewaiter.gate.identity import Finder, Identity, Threads
from tidewaiter.gate.peer import Closer, Peer, peer_of


def test_a_peer_is_known_after_a_moment() -> None:
    near, far = socket.socketpair(socket.AF_UNIX)
    with near, far:
        found = Finder(None).of_peer(peer_of(near))
        assert found.caller.pid == os.getpid()
        assert found.caller.exe == str(Path("/proc/self/exe").readlink())
        caller = found.after(5)
    assert caller.uid == os.getuid()
    assert caller.command is not None
    assert caller.user is not None
    assert caller.groups


def test_a_process_that_cannot_be_read_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    hang = threading.Event()

    def hanging(_: int) -> Closer:
        hang.wait()
        return Closer()

    monkeypatch.setattr(module, "look_closely", hanging)
    finder = Finder(None, Threads(most=4, most_of_one=2))
    mine = [finder.of_peer(Peer(os.getpid(), 1000, 1000, (), None)) for _ in range(3)]
    assert [one.known for one in mine] == [False, False, True]  # the third one of this account is not even tried
    monkeypatch.undo()
    other = finder.of_peer(Peer(os.getpid(), 0, 0, (), None))
    assert other.after(5).command is not None
    began = time.monotonic()
    assert mine[0].after(0.05).command is None
    assert mine[0].after(60).command is None  # nobody waits twice
    assert time.monotonic() - began < 5
    hang.set()


def test_threads_are_used_again() -> None:
    threads, seen = Threads(most=2, most_of_one=2), set[int]()
    for _ in range(20):
        done = threading.Event()

        def job(done: threading.Event = done) -> None:
            seen.add(threading.get_ident())
            done.set()

        while not threads.run(job, "me"):
            time.sleep(0.001)
        assert done.wait(5)
    assert len(seen) <= 2


def test_who_asks_to_be_told_is_told_once_all_is_known() -> None:
    told: list[str] = []
    found = Identity(Caller(uid=1))
    found.when_known(lambda: told.append("now"))
    assert told == []
    found.complete(Caller(uid=1, user="a"))
    assert told == ["now"]
    assert found.after(0) == Caller(uid=1, user="a")
    Identity(Caller(), known=True).when_known(lambda: told.append("at once"))
    assert told == ["now", "at once"]
