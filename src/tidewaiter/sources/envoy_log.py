"""Access log of Envoy in its default format, and of Istio.

Documentation: https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage (default format
string) and https://istio.io/latest/docs/tasks/observability/logs/access-log/#default-access-log-format .
"""

from __future__ import annotations

from collections.abc import Sequence

from tidewaiter.sources.contract import Source, Tally
from tidewaiter.sources.linewise import MAX_TEXT
from tidewaiter.sources.web_log import WebLogReader
from tidewaiter.sources.web_text import read_envoy

NAME = "envoy"


def _reader(tally: Tally) -> WebLogReader:
    return WebLogReader(tally, NAME, read_envoy)


def sniff(lines: Sequence[bytes]) -> int:
    """Count the sample lines that are of this layout."""
    return sum(len(line) <= MAX_TEXT and read_envoy(line) is not None for line in lines)


SOURCE = Source(
    name=NAME,
    plane="web",
    title="Envoy or Istio access log (default text format)",
    sniff=sniff,
    reader=_reader,
    blind_to=("web-behind-proxy",),
)
