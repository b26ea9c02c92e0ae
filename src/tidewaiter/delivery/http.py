"""Findings as HTTP requests: webhook, HEC, Elastic bulk, Alertmanager, falcosidekick, OTLP, by their rendering.

Redirects are not followed: a token must not travel to where an answer says. Answers are read up to a limit, and the
time of a whole request is limited, not only that between two bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

import httpx
import msgspec

from tidewaiter import __version__
from tidewaiter.delivery.answers import Answer, judged
from tidewaiter.delivery.parcel import Outcome, Parcel, later, never
from tidewaiter.delivery.rendered import Form, body

Judge: TypeAlias = Callable[..., Outcome]  # (answer, parcels, *, now)

_ANSWER = 8 << 20  # bytes of an answer that are read
_NEVER_THERE = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_SLOW = 6  # times the timeout: the longest a request may take as a whole


class Requests:
    """Sends findings to one address."""

    def __init__(
        self,
        client: httpx.Client,
        url: str,
        form: Form,
        *,
        timeout: float,
        headers: Mapping[str, str] | None = None,
        secrets: tuple[str, ...] = (),
        alone: bool = False,
        compress: bool = False,
        judge: Judge = judged,
    ) -> None:
        self._client = client
        self._url = url
        self._form = form
        self._timeout = timeout
        self._headers = {"user-agent": f"tidewaiter/{__version__}", "accept-encoding": "identity", **(headers or {})}
        self._secrets = secrets
        self._alone = alone or form.alone
        self._compress = compress
        self._judge = judge

    def send(self, parcels: Sequence[Parcel]) -> Outcome:
        """Send the findings, in one request or in one for each."""
        if not self._alone:
            return self._request(parcels)
        delivered: list[int] = []
        refused: list[tuple[int, str]] = []
        for parcel in parcels:
            outcome = self._request([parcel])
            delivered += outcome.delivered
            refused += outcome.refused
            if not outcome.delivered and not outcome.refused:  # what comes after it waits too: order is kept
                done = {"delivered": tuple(delivered), "refused": tuple(refused)}
                return msgspec.structs.replace(outcome, **done)
        return Outcome(delivered=tuple(delivered), refused=tuple(refused))

    def _request(self, parcels: Sequence[Parcel]) -> Outcome:
        made = body(self._form, parcels)
        if isinstance(made, str):
            return never(parcels, made)
        headers = {**self._headers, "content-type": made.content_type, "idempotency-key": f'"{_key(parcels)}"'}
        content = made.body
        if self._compress:
            content = gzip.compress(content, mtime=0)
            headers["content-encoding"] = "gzip"
        try:
            answer = self._answer(content, headers)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as problem:
            # Once there was a connection, the receiver may have failed over what it was sent.
            return later(self._inert(problem), together=not isinstance(problem, _NEVER_THERE))
        return self._judge(answer, parcels, now=datetime.now(UTC))

    def _answer(self, content: bytes, headers: Mapping[str, str]) -> Answer:
        ends = time.monotonic() + self._timeout * _SLOW
        with self._client.stream("POST", self._url, content=content, headers=dict(headers)) as response:
            read = bytearray()
            for piece in response.iter_raw():
                read += piece
                if len(read) > _ANSWER or time.monotonic() > ends:
                    break
            return Answer(
                status=response.status_code,
                headers={name.lower(): value for name, value in response.headers.items()},
                body=bytes(read[:_ANSWER]),
                secrets=self._secrets,
            )

    def _inert(self, problem: Exception) -> str:
        """Say what failed; httpx names neither headers nor bodies, but a server may have a hand in the words."""
        text = f"{type(problem).__name__}: {problem}"
        for secret in self._secrets:
            text = text.replace(secret, "[token]")
        return text

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _key(parcels: Sequence[Parcel]) -> str:
    """Give the idempotence key of a request: of one finding its fingerprint, of many that of all."""
    if len(parcels) == 1:
        return parcels[0].fingerprint
    return hashlib.sha256(" ".join(parcel.fingerprint for parcel in parcels).encode()).hexdigest()[:32]
