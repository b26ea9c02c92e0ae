"""What the gate asks of a policy; tidewaiter.gate.policy has the one that people write."""

from __future__ import annotations

from typing import Literal, Protocol

from tidewaiter.gate.caller import Caller

Mode = Literal[
    "observe",  # writes down what passes; changes and blocks nothing
    "warn",  # the same, and says what a policy would have refused
    "enforce",  # refuses what the policy does not allow
]
Verdict = Literal["allowed", "warned", "denied"]


class Judgement(Protocol):
    """What a policy says of one request."""

    @property
    def allowed(self) -> bool:
        """Whether the request may pass."""

    @property
    def rule(self) -> str | None:
        """Name of the rule that decided; None when no rule did."""

    @property
    def why(self) -> str:
        """One sentence for the caller."""


class Policy(Protocol):
    """Decides on one request of one caller."""

    def decide(self, caller: Caller, method: str, target: str) -> Judgement:
        """Decide on a request by its raw target."""
