from __future__ import annotations

from bench.memory import table
from bench.runs import Run


def test_growth_is_named_against_the_smallest_input() -> None:
    found = [
        (100, Run(1.0, 1, 100, 0, "")),
        (1000, Run(9.0, 9, 120, 10, "")),
        (3000, Run(30.0, 30, 310, 0, "")),
        (4000, Run(1.0, 1, 50, 1, "")),
    ]
    assert table(found).splitlines()[2:] == [
        "| 100 | 100 | 1.00 | yes | 1.00 |",
        "| 1000 | 120 | 1.20 | yes | 9.00 |",
        "| 3000 | 310 | 3.10 | no (limit 1.5x and 300 MB) | 30.00 |",
        "| 4000 | failed with exit code 1 | - | - | - |",
    ]
