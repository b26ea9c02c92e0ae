"""How to stop the actor of an episode: exact commands, each with what it breaks. Nothing here is ever run.

Which step fits which actor is data: `packs/vocabulary/contain.yml`.
"""

from __future__ import annotations

from tidewaiter.findings.circumstances import Circumstances, fitting
from tidewaiter.meaning.vocabulary import load
from tidewaiter.wording import Wording

_STEPS = 3
_NOBODY = "close-access"  # where no account or address can be stopped


def containment(around: Circumstances, wording: Wording) -> tuple[str, ...]:
    """Give the steps in their order: what one does and breaks, and on a second line the command, if there is one."""
    steps = [wording.contain(key, **values) for key, values in fitting(load("contain.yml")["contain"], around)]
    return tuple(steps[:_STEPS]) or (wording.contain(_NOBODY),)
