"""Says whether a configuration can work, before anything is begun."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tidewaiter.delivery import delivery
from tidewaiter.service.access import Access
from tidewaiter.service.http_server import HttpServer
from tidewaiter.settings import Settings
from tidewaiter.wording import Wording


def check(settings: Settings, environment: Mapping[str, str]) -> Iterator[str]:
    """Give a line for each part that can work. Raises ConfigError for the first that cannot."""
    if settings.http.enabled:
        Access(settings.http, environment)
        HttpServer(_nothing, settings.http)
        yield f"ok: http on {settings.http.address}:{settings.http.port}"
    for tail in settings.tail:
        yield f"ok: tail {tail.title}"
    delivery.check(settings.outgoing, environment, Wording(settings.language))
    for sink in settings.sink:
        yield f"ok: sink {sink.name}"
    if not settings.sink:
        yield "note: no [[sink]]: findings are kept for `tidewaiter show`, and go nowhere"
    yield f"ok: state in {settings.state}"


async def _nothing(*_: object) -> None:
    """Answer nothing: the server is only made, never started."""
