"""Who may send, as which source, and how much of it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from tidewaiter.errors import ConfigError
from tidewaiter.settings.http import EVERY_SOURCE, SOURCE_NAME, Http

_SOURCE = re.compile(SOURCE_NAME)
_SHORTEST = 16  # characters of a token


class Caller(NamedTuple):
    """Whoever showed a token, or needed none."""

    sources: frozenset[str]
    metrics: bool

    def may_send_as(self, source: str) -> bool:
        """Tell whether records may come in under this name."""
        return EVERY_SOURCE in self.sources or source in self.sources


ANYBODY = Caller(frozenset({EVERY_SOURCE}), metrics=True)


class Access:
    """Knows the tokens. Raises ConfigError when the settings would let strangers in."""

    def __init__(self, settings: Http, environment: Mapping[str, str]) -> None:
        refuse_open_door(settings)
        self._certificates = settings.tls is not None and settings.tls.client_authority is not None
        self._known: list[tuple[bytes, Caller]] = []
        for token in settings.token:
            secret = token.secret.read(environment)
            if len(secret) < _SHORTEST:
                raise ConfigError(
                    f"the token {token.name!r} is shorter than {_SHORTEST} characters",
                    where="[[http.token]]",
                    hint="make one with `openssl rand -hex 32`",
                )
            self._known.append((_digest(secret), Caller(frozenset(token.sources), token.metrics)))

    @property
    def open(self) -> bool:
        """Whether whoever reaches the server may send: then nothing but the network keeps strangers away."""
        return not self._known and not self._certificates

    def caller(self, authorization: str, token: str = "") -> Caller | None:
        """Say who it is that shows this Authorization header, or this token; None for a stranger."""
        if not self._known:  # the network or the client's certificate has decided already
            return ANYBODY
        shown = _digest(token or shown_token(authorization))
        found = None
        for known, caller in self._known:  # all of them, always: how long it takes tells nothing
            if hmac.compare_digest(known, shown):
                found = caller
        return found


def refuse_open_door(settings: Http) -> None:
    """Raise ConfigError when everybody in the network could send."""
    if settings.loopback or settings.token or (settings.tls is not None and settings.tls.client_authority is not None):
        return
    raise ConfigError(
        f"everybody who reaches {settings.address} could send records",
        where="[http]",
        hint="name a [[http.token]], or a client_authority in [http.tls], or listen on 127.0.0.1",
    )


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def shown_token(authorization: str) -> str:
    """Give the token of an Authorization header: Bearer, or the password of Basic; empty without one.

    Bearer is what a kubeconfig with `token` sends. Basic is all that Fluent Bit's `http_User` and `http_Passwd` can do.
    """
    scheme, _, rest = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(rest.strip(), validate=True).decode("utf-8").partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def is_source_name(name: str) -> bool:
    """Tell whether a source may be called this."""
    return _SOURCE.match(name) is not None


class Bucket:
    """Lets so much through a second, and twice as much at once."""

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._level = 2 * rate
        self._at = now

    def wait(self, now: float) -> float:
        """Say how many seconds to stay away; 0 when there is something left."""
        self._level = min(2 * self._rate, self._level + max(0.0, now - self._at) * self._rate)
        self._at = now
        return 0.0 if self._level > 0 else (1 - self._level) / self._rate

    def take(self, amount: float) -> None:
        """Take this much out, also more than there is: who comes next has to wait."""
        self._level -= amount


class Sources:
    """Knows the sources that have sent, and how much each may send."""

    def __init__(self, settings: Http, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._buckets: dict[str, tuple[Bucket, Bucket]] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def knows(self, source: str) -> bool:
        """Tell whether there is room for this source; makes room while fewer than the most are known."""
        if source not in self._buckets:
            if len(self._buckets) >= self._settings.most_sources:
                return False
            now = self._clock()
            requests = Bucket(self._settings.source_requests, now)
            self._buckets[source] = (requests, Bucket(self._settings.source_bytes, now))
        return True

    def wait(self, source: str) -> float:
        """Count one request of a known source; how many seconds to stay away, 0 when it may come in."""
        requests, size = self._buckets[source]
        now = self._clock()
        waiting = max(requests.wait(now), size.wait(now))
        if not waiting:
            requests.take(1)
        return waiting

    def took(self, source: str, size: int) -> None:
        """Count the bytes that a request brought."""
        self._buckets[source][1].take(size)
