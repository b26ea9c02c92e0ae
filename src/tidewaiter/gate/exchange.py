"""One request and its answer: what is counted while they go on, and what is told of them."""

from __future__ import annotations

from typing import Literal, NamedTuple

from tidewaiter.gate.judging import Verdict

Phase = Literal["begun", "done"]


class Told(NamedTuple):
    """What is known of one request at one moment."""

    number: int  # of the request on this connection
    phase: Phase
    at: float  # seconds since 1970
    method: str | None
    target: str | None
    status: int | None
    upgraded: bool
    bytes_in: int
    bytes_out: int
    seconds: float
    decision: Verdict
    rule: str | None
    blind: str | None  # why the rest of the connection could not be understood
    agent: str | None = None  # what the client calls itself


class Exchange:
    """A request and its answer while they go on; changes with every byte."""

    def __init__(self, number: int, at: float, began: float) -> None:
        self.number, self.at, self.began = number, at, began
        self.method: str | None = None
        self.target: str | None = None
        self.status: int | None = None
        self.upgraded = False
        self.bytes_in = self.bytes_out = 0
        self.decision: Verdict = "allowed"
        self.rule: str | None = None
        self.blind: str | None = None
        self.agent: str | None = None
        self.begun = False  # was told before its end

    def told(self, phase: Phase, now: float) -> Told:
        """Give what is known now."""
        return Told(
            self.number, phase, self.at, self.method, self.target, self.status, self.upgraded, self.bytes_in,
            self.bytes_out, now - self.began, self.decision, self.rule, self.blind,
            self.agent,
        )  # fmt: skip
