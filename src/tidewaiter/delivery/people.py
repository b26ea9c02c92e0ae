"""Findings as messages to people: mail, chat, pager, by the addresses of apprise.

One message a finding. An address that has taken a finding is not given it again when another address fails, as long as
the service runs. Nothing of an address but its kind is ever said: it holds the password.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import apprise

from tidewaiter.delivery.parcel import Outcome, Parcel
from tidewaiter.delivery.rendered import Form, body
from tidewaiter.errors import ConfigError

logging.getLogger("apprise").addHandler(logging.NullHandler())
logging.getLogger("apprise").propagate = False  # it names addresses

_GRAVE = {
    "critical": apprise.NotifyType.FAILURE,
    "high": apprise.NotifyType.FAILURE,
    "medium": apprise.NotifyType.WARNING,
}


class Addresses:
    """The addresses of one sink."""

    def __init__(self, addresses: str, form: Form, *, timeout: float, sink: str) -> None:
        self._form = form
        self._timeout = timeout
        self._services: list[tuple[str, apprise.Apprise]] = []
        self._done: dict[int, set[int]] = {}  # number of a finding -> positions of services that have it
        kept = (line.strip() for line in addresses.splitlines())
        for position, address in enumerate((line for line in kept if line and not line.startswith("#")), 1):
            service = apprise.Apprise()
            kind = address.partition(":")[0][:20]
            if not service.add(address):
                raise ConfigError(
                    f"address {position} is none that apprise knows",
                    where=f"sink {sink}",
                    hint="one address a line, as https://github.com/caronc/apprise lists them",
                )
            self._services.append((kind, service))
        if not self._services:
            raise ConfigError("there is no address", where=f"sink {sink}", hint="one address of apprise a line")

    def send(self, parcels: Sequence[Parcel]) -> Outcome:
        """Send one message a finding; after a failure the rest waits."""
        delivered: list[int] = []
        refused: list[tuple[int, str]] = []
        for parcel in parcels:
            made = body(self._form, [parcel])
            if isinstance(made, str):
                refused.append((parcel.number, made))
                continue
            failed = self._notified(parcel, made.title, made.body.decode("utf-8"))
            if failed:
                return Outcome(
                    delivered=tuple(delivered), refused=tuple(refused), reason=f"not taken: {', '.join(failed)}"
                )
            delivered.append(parcel.number)
            self._done.pop(parcel.number, None)
        return Outcome(delivered=tuple(delivered), refused=tuple(refused))

    def _notified(self, parcel: Parcel, title: str, text: str) -> list[str]:
        """Tell every address that was not told yet; give the kinds of those that failed."""
        done = self._done.setdefault(parcel.number, set())
        grave = _GRAVE.get(str(parcel.document["level"]), apprise.NotifyType.INFO)
        for position, (_, service) in enumerate(self._services):
            if position not in done and service.notify(
                body=text,
                title=title,
                notify_type=grave,
                body_format=apprise.NotifyFormat.TEXT,
                timeout=self._timeout,
            ):
                done.add(position)
        return [kind for position, (kind, _) in enumerate(self._services) if position not in done]

    def close(self) -> None:
        """Forget who was told what."""
        self._done.clear()
