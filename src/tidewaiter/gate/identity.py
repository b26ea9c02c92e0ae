"""Finds out who a caller is: at once what never waits, the rest in threads that may be lost without harm."""

from __future__ import annotations

import grp
import os
import pwd
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable
from functools import lru_cache
from queue import SimpleQueue
from typing import TypeAlias

import msgspec

from tidewaiter.gate.caller import Caller
from tidewaiter.gate.containers import Containers
from tidewaiter.gate.peer import Peer, alive, look, look_closely

MOST_THREADS = 32
_NAMES = 30  # seconds for which a name is believed: accounts come and go, and their numbers are used again
_MOST_OF_ONE = 8  # of them for one account: it may make every one of its own hang, and nobody else's


class Identity:
    """A caller, known better after a moment."""

    __slots__ = ("_on_known", "_ready", "caller")

    def __init__(self, caller: Caller, *, known: bool = False) -> None:
        self.caller = caller
        self._ready = threading.Event()
        self._on_known: Callable[[], None] | None = None
        if known:
            self._ready.set()

    @property
    def known(self) -> bool:
        """Whether nothing more will be found out."""
        return self._ready.is_set()

    def complete(self, caller: Caller | None = None) -> None:
        """Say that this is all that could be found out."""
        if caller is not None:
            self.caller = caller
        self._ready.set()
        if self._on_known:
            self._on_known()

    def when_known(self, call: Callable[[], None]) -> None:
        """Have this called, from any thread, once nothing more will be found out."""
        self._on_known = call
        if self.known:
            call()

    def after(self, seconds: float) -> Caller:
        """Give the caller, after waiting a little for what is still being found out; once."""
        if not self._ready.wait(seconds):
            self._ready.set()  # nobody waits twice for a process that cannot be read
        return self.caller


_Job: TypeAlias = Callable[[], None]


class Threads:
    """A few threads for work that may hang: daemons, started when none is idle, never waited for."""

    def __init__(self, most: int = MOST_THREADS, most_of_one: int = _MOST_OF_ONE) -> None:
        self._most, self._most_of_one = most, most_of_one
        self._lock = threading.Lock()
        self._jobs: SimpleQueue[tuple[_Job, Hashable]] = SimpleQueue()
        self._open: Counter[Hashable] = Counter()
        self._started = 0

    def run(self, job: _Job, owner: Hashable) -> bool:
        """Run a job soon; False when everybody, or everything of this owner, is busy."""
        with self._lock:
            busy = self._open.total()
            if busy >= self._most or self._open[owner] >= self._most_of_one:
                return False
            self._open[owner] += 1
            if busy >= self._started:
                self._started += 1
                threading.Thread(target=self._work, name="gate-look", daemon=True).start()
        self._jobs.put((job, owner))
        return True

    def _work(self) -> None:
        while True:
            job, owner = self._jobs.get()
            try:
                job()
            finally:
                with self._lock:
                    self._open[owner] -= 1
                    if not self._open[owner]:
                        del self._open[owner]


class Finder:
    """Makes an identity of what the kernel says of a peer."""

    def __init__(self, containers: Containers | None, threads: Threads | None = None) -> None:
        self._containers = containers
        self._threads = threads or Threads()

    def of_peer(self, peer: Peer) -> Identity:
        """Give the identity of a process at the other end of a Unix socket."""
        caller = Caller(pid=peer.pid, uid=peer.uid, gid=peer.gid)
        if peer.pid is not None:
            seen = look(peer.pid)
            if peer.pidfd is None or alive(peer.pidfd):
                caller = msgspec.structs.replace(caller, **seen._asdict())
        identity = Identity(caller)
        if not self._threads.run(lambda: self._closer(identity, peer), peer.uid):
            _close(peer.pidfd)
            identity.complete()
        return identity

    def _closer(self, identity: Identity, peer: Peer) -> None:
        caller = identity.caller
        try:
            found = look_closely(peer.pid) if peer.pid is not None else None
            if found and (peer.pidfd is None or alive(peer.pidfd)):
                caller = msgspec.structs.replace(caller, **found._asdict())
            # Names may be asked of a directory on the network, and wait for it.
            caller = msgspec.structs.replace(
                caller,
                user=_user(peer.uid),
                login_user=None if caller.login_uid is None else _user(caller.login_uid),
                groups=tuple(name for gid in sorted({peer.gid, *peer.groups}) if (name := _group(gid))),
            )
            identity.caller = caller
            if caller.container and self._containers:
                about = self._containers.about(caller.container)
                caller = msgspec.structs.replace(caller, image=about.image, labels=about.labels)
        finally:
            _close(peer.pidfd)
            identity.complete(caller)


def _close(pidfd: int | None) -> None:
    if pidfd is not None:
        os.close(pidfd)


def _user(uid: int) -> str | None:
    return _user_of(uid, int(time.monotonic() // _NAMES))


def _group(gid: int) -> str | None:
    return _group_of(gid, int(time.monotonic() // _NAMES))


@lru_cache(maxsize=1024)
def _user_of(uid: int, _period: int) -> str | None:
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OSError):
        return None


@lru_cache(maxsize=1024)
def _group_of(gid: int, _period: int) -> str | None:
    try:
        return grp.getgrgid(gid).gr_name
    except (KeyError, OSError):
        return None
