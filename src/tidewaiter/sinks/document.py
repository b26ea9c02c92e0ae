"""A finding as a document: the members of `tidewaiter.finding/1`, and what a receiver's rendering needs besides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address
from typing import Any, TypeAlias

import msgspec

from tidewaiter.model import Finding
from tidewaiter.sinks.jsonl import encoded

Document: TypeAlias = Mapping[str, Any]  # decoded JSON: text, numbers, lists and objects only

_EPOCH = datetime.fromtimestamp(0, UTC)
UNDATED = 1970  # year of records whose format knows no date, see sources/undated.py


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What a rendering says that is in no finding; every value has a default that a receiver accepts."""

    host: str = "-"  # the machine that runs tidewaiter
    now: datetime | None = None  # when it is sent; the only time known for records without a date
    updates: frozenset[str] = frozenset()  # ids of findings of which an earlier state was sent to this receiver
    earlier: Mapping[str, str] = {}  # of these, the level that was sent, where the sender has kept it
    link: str = ""  # where a person finds the finding; {id} stands for its id
    labels: Mapping[str, str] = {}  # constants of the site, such as cluster or team
    index: str = ""  # Elasticsearch, Splunk: where to, when the address or the token does not say it
    append_only: bool = False  # Elasticsearch: a data stream, which takes new documents only
    size: int = 8192  # bytes of one message of a line format, header included
    facility: int = 10  # syslog: security/authorization messages
    enterprise: int = 32473  # syslog: whose structured data it is; this one is for documentation (RFC 5612)


def document(finding: Finding | Document) -> Document:
    """Give a finding as its document; a document is given back as it is."""
    if isinstance(finding, Finding):
        made: dict[str, Any] = msgspec.json.decode(encoded(finding))
        return made
    return finding


def moment(text: Any) -> datetime | None:
    """Read a time of a document; nothing when it is none."""
    try:
        return msgspec.convert(text, datetime).astimezone(UTC)
    except (msgspec.ValidationError, OverflowError, ValueError):
        return None


def seen(finding: Document, context: Context) -> datetime:
    """Say when a finding was last seen: the time under which a receiver files it.

    Records without a date lie in 1970: for them it is the time of sending, when that is known.
    """
    until = moment(finding["until"])
    if until is None or (until.year == UNDATED and context.now):
        return context.now or _EPOCH
    return until


def link(finding: Document, context: Context) -> str:
    """Give the address under which a person finds a finding, or nothing."""
    return context.link.replace("{id}", str(finding["id"]))


def digest(finding: Document) -> str:
    """Give a short hash of everything a document says: equal states have the same, which makes a repeat one event."""
    return sha256(encoded(finding)).hexdigest()[:16]


def micros(at: datetime) -> int:
    """Give a time as whole microseconds since 1970, exactly: a float of seconds is not."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def millis(text: Any) -> int | None:
    """Read a time of a document as whole milliseconds since 1970."""
    at = moment(text)
    return None if at is None else micros(at) // 1000


def numeric_addresses(finding: Document) -> list[str]:
    """Give the addresses of a finding that are numbers and nothing else: what typed fields take."""
    return [address for address in finding["addresses"] if is_numeric(address)]


def is_numeric(address: str) -> bool:
    """Tell whether an address is an IP address without a zone, which may hold any text (RFC 4007, section 11)."""
    try:
        ip_address(address)
    except ValueError:
        return False
    return "%" not in address


def closed(finding: Document) -> bool:
    """Tell whether a person has said that a finding is nothing to act on."""
    verdict = finding["verdict"]
    return verdict["decision"] in {"expected", "benign"} and verdict["by"] != "tidewaiter"


def recognisers(finding: Document) -> list[str]:
    """Name the rules that speak in a finding, each once, those that stand alone first."""
    spoken = [*finding["rules"], *(one["recogniser"] for one in finding["sightings"])]
    return list(dict.fromkeys(spoken))


def techniques(finding: Document) -> list[str]:
    """Name all techniques of a finding and of what followed, each once."""
    return list(dict.fromkeys([*finding["techniques"], *(one["technique"] for one in finding["chain"])]))


def texts(finding: Document) -> Iterator[str]:
    """Give what was done, as a person would quote it, each once, in the order of the finding."""
    return iter(dict.fromkeys(one["text"] for one in [*finding["sightings"], *finding["chain"]] if one["text"]))
