r"""Web access log in the Common or Combined Log Format: nginx, Apache, Traefik, Kubernetes' ingress-nginx.

Documentation: https://nginx.org/en/docs/http/ngx_http_log_module.html (format "combined"),
https://httpd.apache.org/docs/2.4/logs.html#accesslog , https://doc.traefik.io/traefik/observability/access-logs/ and
https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/log-format/ ; measured on nginx 1.22.1. A
request is kept only when it is believed to be for a container API (`meaning/web_target.py`); the others are records
that were read. Quotes and other bytes inside a field are escaped as `\x22` (nginx), `\"` or `\xNN` (Apache). Before the
address there may be a virtual host (Apache "vhost_combined"); behind the agent, fields that the administrator chose.
"""

from __future__ import annotations

from collections.abc import Sequence

from tidewaiter.sources.contract import Source, Tally
from tidewaiter.sources.linewise import MAX_TEXT
from tidewaiter.sources.web_log import WebLogReader
from tidewaiter.sources.web_text import read_clf

NAME = "access-log"


def _reader(tally: Tally) -> WebLogReader:
    return WebLogReader(tally, NAME, read_clf)


def sniff(lines: Sequence[bytes]) -> int:
    """Count the sample lines that are of the Common or Combined Log Format."""
    return sum(len(line) <= MAX_TEXT and line[:1] != b"{" and read_clf(line) is not None for line in lines)


SOURCE = Source(
    name=NAME,
    plane="web",
    title="Web access log, common or combined (nginx, Apache, Traefik, ingress-nginx)",
    sniff=sniff,
    reader=_reader,
    blind_to=("web-behind-proxy",),
)
