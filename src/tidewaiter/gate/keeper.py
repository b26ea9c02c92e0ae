"""Keeps the gate running: the parent holds the listening sockets and does nothing else, the child works.

When the child is killed, another one takes its place at once. The sockets stay, so callers wait for some milliseconds
where they would be refused; connections that were open are cut, in every mode, for they went through the child. When
the parent is killed, the child goes on.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

_STEADY = 10.0  # seconds after which a child counts as well started
_PAUSES = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0)  # seconds before the next start, after so many bad ones
_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def keep(work: Callable[[], int], complain: Callable[[str], None]) -> int:
    """Run `work` in a child until it ends by itself or we are told to stop; gives the exit status."""
    child = 0
    stopping = False

    def pass_on(number: int, _: object) -> None:
        nonlocal stopping
        stopping = stopping or number != signal.SIGHUP
        if child:
            with suppress(ProcessLookupError):
                os.kill(child, number)

    for number in _PASSED_ON:
        signal.signal(number, pass_on)
    bad = 0
    while not stopping:
        began = time.monotonic()
        # Blocked, so that no signal comes while the parent does not know its child and the child has its handlers.
        signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
        child = os.fork()
        if child == 0:
            _work(work)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
        _, status = os.waitpid(child, 0)
        child = 0
        code = os.waitstatus_to_exitcode(status)
        steady = time.monotonic() - began > _STEADY
        if stopping or code == 0 or (code > 0 and not steady):  # a restart would end the same way
            return max(code, 0)
        bad = 0 if steady else min(bad + 1, len(_PAUSES) - 1)
        how = f"was ended by signal {-code}" if code < 0 else f"ended with status {code}"
        complain(f"the gate {how}; it is started again")
        time.sleep(_PAUSES[bad])
    return 0


def _work(work: Callable[[], int]) -> None:
    """Be the child: never come back."""
    status = 1
    try:
        for number in _PASSED_ON:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
        status = work()
    finally:
        os._exit(status)
