"""What an HTTP receiver's answer means for the findings it was sent. Pure.

Whether to try again follows what the status says about the findings: 400, 413, 415, 422 and the like refuse them; 401,
403, 404 and redirects speak of the address or the token, which somebody will correct, so findings wait for that; 408,
425, 429 and 5xx are about the moment (RFC 9110 section 15, RFC 6585, RFC 8470).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus as Status
from typing import Any

import msgspec

from tidewaiter.delivery.parcel import Outcome, Parcel, everything, later, never
from tidewaiter.sinks.safe_text import safe

_EXCERPT = 200  # characters of an answer that are repeated
_MOMENT = frozenset({Status.REQUEST_TIMEOUT, Status.TOO_EARLY, Status.TOO_MANY_REQUESTS})
_ADDRESS = frozenset(
    {
        *(Status.UNAUTHORIZED, Status.PAYMENT_REQUIRED, Status.FORBIDDEN, Status.NOT_FOUND),
        *(Status.METHOD_NOT_ALLOWED, Status.PROXY_AUTHENTICATION_REQUIRED, Status.GONE),
        *(Status.MISDIRECTED_REQUEST, Status.UPGRADE_REQUIRED),
    }
)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP response, as far as it was read."""

    status: int
    headers: Mapping[str, str] = {}  # names in lower case
    body: bytes = b""
    secrets: tuple[str, ...] = ()  # not to be repeated

    def excerpt(self) -> str:
        """Give the beginning of the body, harmless to print and without our secrets."""
        text = self.body[: 8 * _EXCERPT].decode("utf-8", "replace")
        for secret in self.secrets:
            text = text.replace(secret, "[token]")
        return safe(" ".join(text.split()), limit=_EXCERPT)

    def said(self) -> str:
        """Say in a few words what was answered."""
        excerpt = self.excerpt()
        return f"HTTP {self.status}: {excerpt}" if excerpt else f"HTTP {self.status}"


def judged(answer: Answer, parcels: Sequence[Parcel], *, now: datetime) -> Outcome:
    """Judge an answer that speaks of all findings of the request."""
    status = answer.status
    if Status.OK <= status < Status.MULTIPLE_CHOICES:
        return everything(parcels)
    after = retry_after(answer.headers.get("retry-after", ""), now=now)
    if status >= Status.INTERNAL_SERVER_ERROR:
        return later(answer.said(), after=after, together=True)
    if status in _MOMENT or status in _ADDRESS or status < Status.BAD_REQUEST:
        return later(answer.said(), after=after)
    return never(parcels, answer.said())


def judged_bulk(answer: Answer, parcels: Sequence[Parcel], *, now: datetime) -> Outcome:
    """Judge the answer of Elasticsearch's or OpenSearch's `_bulk`, which speaks of each finding.

    `{"errors": bool, "items": [{"create": {"status": 201, "error": {...}}}]}`, in the order of the request. A conflict
    (409) is a finding that is there already: the same state has the same `_id`.
    """
    plain = judged(answer, parcels, now=now)
    if not plain.delivered:
        return plain
    items = _items(answer.body)
    if len(items) != len(parcels):
        return later(f"not the answer of a _bulk request: {answer.said()}", together=True)
    delivered, refused, reason = [], [], ""
    for parcel, item in zip(parcels, items, strict=True):
        status = item.get("status")
        if not isinstance(status, int):
            reason = f"an answer without a status: {_short(item)}"
        elif status < Status.MULTIPLE_CHOICES or status == Status.CONFLICT:
            delivered.append(parcel.number)
        elif status in _MOMENT or status in _ADDRESS or status >= Status.INTERNAL_SERVER_ERROR:
            reason = f"HTTP {status}: {_short(item.get('error'))}"
        else:
            refused.append((parcel.number, f"HTTP {status}: {_short(item.get('error'))}"))
    return Outcome(delivered=tuple(delivered), refused=tuple(refused), reason=reason)


def _items(body: bytes) -> list[dict[str, Any]]:
    """Give what was answered for each action; nothing when it is not such an answer."""
    try:
        found = msgspec.json.decode(body, type=dict[str, Any]).get("items")
    except msgspec.DecodeError:
        return []
    items = found if isinstance(found, list) else []
    return [
        action
        if isinstance(item, dict) and len(item) == 1 and isinstance(action := next(iter(item.values())), dict)
        else {}
        for item in items
    ]


def _short(value: Any) -> str:
    return safe(msgspec.json.encode(value).decode(), limit=_EXCERPT)


def retry_after(text: str, *, now: datetime) -> float | None:
    """Read a Retry-After header (RFC 9110, 10.2.3): seconds, or a date."""
    text = text.strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return max((found - now).total_seconds(), 0.0)
