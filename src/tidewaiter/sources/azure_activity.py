"""Azure Activity log: who took credentials of AKS, a container registry, Container Instances or Container Apps.

Documentation: "Azure Activity Log event schema" and the table AzureActivity, 2026. Three shapes are read: the REST API
(`az monitor activity-log list`), the stream to Event Hubs or a storage account, and rows of the table. The log has
changes and actions (POST) only: plain reads (GET) leave no record.

An operation leaves a record when it starts and one when it ends; they are one activity. The first waits for its end
through 1000 newer operations, then it is told with an unknown outcome.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import Activity, Actor, Meaning, Origin, Outcome
from tidewaiter.sources.cloud_activity import (
    UNKNOWN,
    Call,
    address_of,
    at,
    cloud_activity,
    events,
    named,
    records_in,
    utc,
)
from tidewaiter.sources.contract import Source, Tally
from tidewaiter.sources.linewise import LineReader, digest, json_object, text_of

NAME = "azure-activity"
_ENVELOPES = ("records", "value")
_WAITING = 1000  # newer operations
# Categories of the Activity log; storage accounts name the sort of the operation instead.
_CATEGORIES = frozenset(
    {"administrative", "security", "servicehealth", "resourcehealth", "alert", "autoscale", "recommendation", "policy",
     "action", "write", "delete"}
)  # fmt: skip
_BEGUN = ("start", "accept")
_SUCCEEDED = ("succe", "resolved")
_REFUSED = ("forbidden", "unauthorized", "authorizationfailed", "401", "403")
_CLAIM = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
_PEOPLE = (f"{_CLAIM}upn", "upn", f"{_CLAIM}emailaddress", "email", f"{_CLAIM}name", "unique_name")


class Record(NamedTuple):
    """One record, whichever its shape; "" where it does not say."""

    operation: str
    resource: str
    at: datetime | None
    status: str  # Start, Accept, Success, Failure, …
    detail: str  # Forbidden, OK, a number
    caller: str
    claims: Mapping[str, Any]
    address: str
    correlation: str
    subscription: str


class _Pending(NamedTuple):
    record: Record
    meaning: Meaning
    origin: Origin


class AzureActivityReader(LineReader):
    """Reads the Activity log; holds the start of an operation back until its end came, within bounds."""

    def __init__(self, tally: Tally) -> None:
        super().__init__(tally, NAME)
        self._pending: OrderedDict[str, _Pending] = OrderedDict()

    def read(self, raw: bytes, origin: Origin) -> Iterator[Activity]:
        """Give what is complete with this line: ended operations, and those that waited long enough."""
        for one in list(records_in(json_object(raw), _ENVELOPES)) or [{}]:  # an empty list is no record either
            record = unwrap(one)
            if record is None:
                self.cannot_read("not-a-cloud-record", raw, origin)
                continue
            self.tally.records += 1
            meaning = events("azure").get(("", record.operation.lower()))
            if meaning is None:
                continue
            if record.at is None:
                self.cannot_read("no-time", raw, origin)
                continue
            yield from self._take(_Pending(record, meaning, origin))

    def _take(self, item: _Pending) -> Iterator[Activity]:
        key = _key(item.record)
        first = self._pending.pop(key, None)
        if outcome_of(item.record) == "unknown":
            self._pending[key] = first or item
            if len(self._pending) > _WAITING:
                yield self._tell(self._pending.popitem(last=False)[1], "unknown")
            return
        yield self._tell(first or item, outcome_of(item.record))

    def _tell(self, item: _Pending, outcome: Outcome) -> Activity:
        call = normalise(item.record, item.meaning, outcome)
        return self.keep(cloud_activity(call, id=_key(item.record), origin=item.origin))

    def finish(self) -> Iterator[Activity]:
        """Give the operations whose end never came."""
        while self._pending:
            yield self._tell(self._pending.popitem(last=False)[1], "unknown")


def unwrap(record: Mapping[str, Any]) -> Record | None:
    """Read a record of any of the three shapes; None when it is none of the Activity log."""
    operation = record.get("operationName")
    if isinstance(operation, dict) and "eventTimestamp" in record:
        return _of_rest(record, text_of(operation.get("value")))
    if isinstance(operation, str) and text_of(record.get("category")).lower() in _CATEGORIES and "resourceId" in record:
        return _of_stream(record, operation)
    if isinstance(record.get("OperationNameValue"), str):
        return _of_table(record)
    return None


def _of_rest(record: Mapping[str, Any], operation: str) -> Record:
    return Record(
        operation=operation,
        resource=text_of(record.get("resourceId")) or text_of(at(record, "authorization", "scope")),
        at=utc(record.get("eventTimestamp")),
        status=text_of(at(record, "status", "value")),
        detail=text_of(at(record, "subStatus", "value")),
        caller=text_of(record.get("caller")),
        claims=_claims(record.get("claims")),
        address=text_of(at(record, "httpRequest", "clientIpAddress")),
        correlation=text_of(record.get("correlationId")),
        subscription=text_of(record.get("subscriptionId")),
    )


def _of_stream(record: Mapping[str, Any], operation: str) -> Record:
    status = text_of(at(record, "properties", "statusCode"))
    return Record(
        operation=operation,
        resource=text_of(record.get("resourceId")),
        at=utc(record.get("time")),
        status=text_of(record.get("resultType")),
        detail=f"{text_of(record.get('resultSignature'))} {status}".strip(),
        caller=text_of(record.get("caller")),
        claims=_claims(at(record, "identity", "claims")),
        address=text_of(record.get("callerIpAddress")),
        correlation=text_of(record.get("correlationId")),
        subscription="",
    )


def _of_table(record: Mapping[str, Any]) -> Record:
    return Record(
        operation=text_of(record.get("OperationNameValue")),
        resource=text_of(record.get("_ResourceId")) or text_of(record.get("ResourceId")),
        at=utc(record.get("TimeGenerated")),
        status=text_of(record.get("ActivityStatusValue")) or text_of(record.get("ActivityStatus")),
        detail=text_of(record.get("ActivitySubstatusValue")) or text_of(record.get("ActivitySubstatus")),
        caller=text_of(record.get("Caller")),
        claims=_claims(record.get("Claims_d") or record.get("Claims")),
        address=text_of(record.get("CallerIpAddress")),
        correlation=text_of(record.get("CorrelationId")),
        subscription=text_of(record.get("SubscriptionId")),
    )


def _claims(value: object) -> Mapping[str, Any]:
    """Give the claims of the caller's token; the table holds them as text."""
    found = json_object(value) if isinstance(value, str) else value
    return found if isinstance(found, dict) else {}


def _key(record: Record) -> str:
    """Name an operation: its records share the correlation; without one, each record stands alone."""
    when = "" if record.correlation else str(record.at)
    return digest(record.correlation.lower(), record.operation.lower(), record.resource.lower(), when)


def outcome_of(record: Record) -> Outcome:
    """Say how an operation ended; "unknown" for a record that only says that it began."""
    status = record.status.lower()
    if status.startswith(_SUCCEEDED):
        return "answered"
    if not status or status.startswith(_BEGUN):
        return "unknown"
    detail = record.detail.lower()
    return "refused" if any(word in detail for word in _REFUSED) else "failed"


def normalise(record: Record, meaning: Meaning, outcome: Outcome) -> Call:
    """Read one record of an operation of the table."""
    assert record.at is not None  # noqa: S101 - the reader refuses records without a time
    address = address_of(record.address)
    resource = record.resource.lower()
    return Call(
        at=record.at,
        meaning=named(meaning, resource.rpartition("/")[2]),
        actor=actor_of(record.caller, record.claims, realm=_realm(record), address=address),
        outcome=outcome,
        text=f"{record.operation} {resource}".rstrip(),
        address=address,
        tool=_clients().get(text_of(record.claims.get("appid")).lower()),
    )


@cache
def _clients() -> Mapping[str, str]:
    found: dict[str, str] = load("cloud_identities.yml")["azure_clients"]
    return found


def _realm(record: Record) -> str:
    """Name the subscription that was asked. Azure writes identifiers in any letter case."""
    _, found, rest = record.resource.lower().partition("/subscriptions/")
    return (rest.partition("/")[0] if found else record.subscription.lower()) or "azure"


def actor_of(caller: str, claims: Mapping[str, Any], *, realm: str, address: str | None = None) -> Actor:
    """Say who called: the person by name, an application by its id; else who is known by address only."""
    person = next((text for key in _PEOPLE if "@" in (text := text_of(claims.get(key)))), "")
    person = person or (caller if "@" in caller else "")
    if person:
        return Actor(kind="user", name=person.lower(), realm=realm)
    application = text_of(claims.get("appid")) or caller
    if application:
        return Actor(kind="service-account", name=f"app/{application.lower()}", realm=realm)
    if address:
        return Actor(kind="address", name=address, realm=realm)
    return Actor(kind="unknown", name=UNKNOWN, realm=realm)


def sniff(lines: Sequence[bytes]) -> int:
    """Count the sample lines that hold records of the Activity log."""
    return sum(
        any(unwrap(record) for record in records_in(json_object(line), _ENVELOPES))
        for line in lines
        if b"perationName" in line
    )


SOURCE = Source(
    name=NAME,
    plane="cloud",
    title="Azure Activity log (AKS, container registries, Container Instances, Container Apps)",
    sniff=sniff,
    reader=AzureActivityReader,
    blind_to=("azure-no-reads", "cloud-no-cluster-reads"),
)
