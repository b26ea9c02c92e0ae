"""How long to wait before the next attempt: exponential with jitter, by tenacity's strategies."""

from __future__ import annotations

from tenacity import RetryCallState, Retrying
from tenacity.wait import wait_exponential_jitter

_LONGEST_ASKED = 3600.0  # seconds: a receiver that asks for more is asked again earlier


def pause(attempts: int, *, first: float, longest: float, asked: float | None = None) -> float:
    """Give the seconds to wait after so many failed attempts; never less than the receiver asked for, up to an hour."""
    state = RetryCallState(Retrying(), None, (), {})
    state.attempt_number = max(attempts, 1)
    computed = wait_exponential_jitter(multiplier=first, max=longest, jitter=first)(state)
    return max(computed, min(asked or 0.0, _LONGEST_ASKED))
