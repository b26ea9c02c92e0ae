"""Access log of AWS load balancers (Application, classic).

Documentation: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html .
"""

from __future__ import annotations

from collections.abc import Sequence

from tidewaiter.sources.contract import Source, Tally
from tidewaiter.sources.linewise import MAX_TEXT
from tidewaiter.sources.web_log import WebLogReader
from tidewaiter.sources.web_text import read_alb

NAME = "aws-alb"


def _reader(tally: Tally) -> WebLogReader:
    return WebLogReader(tally, NAME, read_alb)


def sniff(lines: Sequence[bytes]) -> int:
    """Count the sample lines that are of this layout."""
    return sum(len(line) <= MAX_TEXT and read_alb(line) is not None for line in lines)


SOURCE = Source(
    name=NAME,
    plane="web",
    title="AWS load balancer access log (Application, classic)",
    sniff=sniff,
    reader=_reader,
    blind_to=("web-behind-proxy",),
)
