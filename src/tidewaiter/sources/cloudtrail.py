"""AWS CloudTrail: who asked Amazon EKS, ECS, ECR and App Runner for what.

Documentation: "CloudTrail record contents" and "CloudTrail userIdentity element", event version 1.11. One record a
line; accepted as well: a file of a trail (`{"Records":[…]}`), the output of `aws cloudtrail lookup-events`, an event of
EventBridge (`detail`), and rows of the Athena table, whose column names are in lower case.

A session of a role is the role: names of sessions are chosen by the caller and mostly made up by machines, so they
stand in the text only. Two are no free choice and name the person, with the role as carrier: sessions of IAM Identity
Center (roles below `aws-reserved/sso.amazonaws.com`) and the `sourceIdentity`, which no later hop can change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from typing import Any

import msgspec

from tidewaiter.meaning.kube_api import read_path
from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import Activity, Actor, Meaning, Origin, Outcome
from tidewaiter.sources.cloud_activity import (
    UNKNOWN,
    Call,
    address_of,
    at,
    cloud_activity,
    cloud_tool,
    events,
    named,
    records_in,
    utc,
)
from tidewaiter.sources.contract import Source, Tally
from tidewaiter.sources.linewise import LineReader, digest, json_object, text_of

NAME = "cloudtrail"
_ENVELOPES = ("Records", "Events", "detail")
_READS = ("Get", "List", "Describe")
_SSO = "/aws-reserved/sso.amazonaws.com/"  # paths that only AWS itself can give to a role
_SERVICE_ROLE = "/aws-service-role/"


class _Head(msgspec.Struct):
    """What decides whether a record matters; everything else is skipped by the decoder."""

    eventSource: Any = None  # noqa: N815 - the record's own names
    eventName: Any = None  # noqa: N815
    eventTime: Any = None  # noqa: N815
    readOnly: Any = None  # noqa: N815


_head = msgspec.json.Decoder(_Head)


class CloudTrailReader(LineReader):
    """Reads CloudTrail; each record stands alone."""

    def __init__(self, tally: Tally) -> None:
        super().__init__(tally, NAME)
        self._reads = False

    def read(self, raw: bytes, origin: Origin) -> Iterator[Activity]:
        """Give the activities of one line."""
        head = _head_of(raw)
        if head is not None and not _matters(head.eventSource, head.eventName):
            self.tally.records += 1
            self._saw(head.eventName, head.readOnly)
            return
        for one in list(records_in(json_object(raw), _ENVELOPES)) or [{}]:  # an empty list is no record either
            record = _record_in(one)
            if record is None:
                self.cannot_read("not-a-cloud-record", raw, origin)
                continue
            self.tally.records += 1
            self._saw(record.get("eventName"), record.get("readOnly"))
            if not _matters(record.get("eventSource"), record.get("eventName")):
                continue
            call = normalise(record)
            if call is None:
                self.cannot_read("no-time", raw, origin)
                continue
            yield self.keep(cloud_activity(call, id=_id(record), origin=origin))

    def _saw(self, name: object, read_only: object) -> None:
        self._reads = self._reads or read_only is True or text_of(name).startswith(_READS)

    def finish(self) -> Iterator[Activity]:
        """Say what this trail does not record; nothing is ever held back."""
        if self.tally.records and not self._reads:
            self.tally.note("cloudtrail-no-reads")
        yield from ()


def _head_of(raw: bytes) -> _Head | None:
    """Look at a line that is one record; None when it is something else, or has to be looked at closely."""
    try:
        head = _head.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return head if isinstance(head.eventSource, str) and isinstance(head.eventName, str) else None


def _matters(service: object, event: object) -> bool:
    return isinstance(service, str) and isinstance(event, str) and (service, event) in events("aws")


def _record_in(one: dict[str, Any]) -> dict[str, Any] | None:
    """Give a record by the names that CloudTrail gives its fields; None when it is none."""
    inside = one.get("CloudTrailEvent")  # of lookup-events: the record as text
    whole = json_object(inside) if isinstance(inside, str) else one
    if whole and "eventsource" in whole:
        whole = _named_as_in_records(whole)
    is_record = whole and isinstance(whole.get("eventSource"), str) and isinstance(whole.get("eventName"), str)
    return whole if is_record else None


# Columns of the Athena table, and the fields of `useridentity` in it, are in lower case.
_NAMES = {
    name.lower(): name
    for name in (
        *("eventSource", "eventName", "eventTime", "eventID", "awsRegion", "sourceIPAddress", "userAgent"),
        *("errorCode", "requestParameters", "recipientAccountId", "readOnly", "userIdentity", "accountId"),
        *("userName", "invokedBy", "principalId", "sessionContext", "sessionIssuer", "sourceIdentity"),
    )
}


_DEEP = 4  # userIdentity.sessionContext.sessionIssuer.arn


def _named_as_in_records(row: Mapping[str, Any], deep: int = _DEEP) -> dict[str, Any]:
    found: dict[str, Any] = {
        _NAMES.get(key, key): _named_as_in_records(value, deep - 1) if isinstance(value, dict) and deep else value
        for key, value in row.items()
    }
    parameters = found.get("requestParameters")
    if isinstance(parameters, str):
        found["requestParameters"] = json_object(parameters)
    return found


def _id(record: Mapping[str, Any]) -> str:
    """Name a record; several trails of one account write the same event with the same id."""
    return text_of(record.get("eventID")) or digest(msgspec.json.encode(record))


def normalise(record: Mapping[str, Any]) -> Call | None:
    """Read one record of an event of the table; None when it has no time."""
    service, event = text_of(record.get("eventSource")), text_of(record.get("eventName"))
    when = utc(record.get("eventTime"))
    if when is None:
        return None
    address = address_of(text_of(record.get("sourceIPAddress")))
    account = text_of(record.get("recipientAccountId"))
    parameters = record.get("requestParameters")
    meaning = _understood(service, event, parameters if isinstance(parameters, dict) else {})
    region = text_of(record.get("awsRegion"))
    return Call(
        at=when,
        meaning=meaning,
        actor=actor_of(record.get("userIdentity"), account=account, address=address),
        outcome=outcome_of(text_of(record.get("errorCode"))),
        text=_text(service, event, meaning, region, _session(record.get("userIdentity"))),
        address=address,
        tool=cloud_tool(text_of(record.get("userAgent"))),
    )


def _understood(service: str, event: str, parameters: Mapping[str, Any]) -> Meaning:
    meaning = events("aws")[service, event]
    if event == "AccessKubernetesApi":
        path = next((value for value in parameters.values() if isinstance(value, str) and value.startswith("/")), "")
        return read_path("GET", path) or meaning if path else meaning
    return named(meaning, _name(parameters))


def _name(parameters: Mapping[str, Any]) -> str | None:
    for key in _name_keys():
        value = parameters.get(key)
        if isinstance(value, list):
            value = value[0] if value else None
        if isinstance(value, str) and value:
            return value.rpartition("/")[2] if value.startswith("arn:") else value
    return None


@cache
def _name_keys() -> tuple[str, ...]:
    return tuple(load("cloud_events.yml")["aws_names"])


def _text(service: str, event: str, meaning: Meaning, region: str, session: str) -> str:
    """Write a call as AWS writes permissions: `eks:DescribeCluster shop in eu-west-1 (session deploy-17)`."""
    parts = [f"{service.partition('.')[0]}:{event}", meaning.name or "", f"in {region}" if region else ""]
    return " ".join(part for part in (*parts, f"(session {session})" if session else "") if part)


@lru_cache(maxsize=1024)
def outcome_of(code: str) -> Outcome:
    """Say how a call ended: a record without errorCode was answered."""
    if not code:
        return "answered"
    refused = any(fnmatchcase(code, pattern) for pattern in load("cloud_events.yml")["aws_refusals"])
    return "refused" if refused else "failed"


def _session(identity: object) -> str:
    """Give the name of a role's session: what follows the role in `arn:aws:sts::…:assumed-role/ROLE/SESSION`."""
    arn = text_of(at(identity, "arn"))
    return arn.partition(":assumed-role/")[2].partition("/")[2]


def actor_of(identity: object, *, account: str = "", address: str | None = None) -> Actor:
    """Say who called, from `userIdentity`; the realm is the account that the identity belongs to."""
    realm = text_of(at(identity, "accountId")) or account or "aws"
    arn = text_of(at(identity, "arn"))
    match text_of(at(identity, "type")):
        case "AWSService":
            return Actor(kind="component", name=text_of(at(identity, "invokedBy")) or UNKNOWN, realm="aws")
        case "AssumedRole" | "Role":
            return _role(identity, arn, realm)
        case "FederatedUser":
            name = arn.partition(":federated-user/")[2] or text_of(at(identity, "principalId"))
            issuer = text_of(at(identity, "sessionContext", "sessionIssuer", "userName"))
            return Actor(kind="user", name=name or UNKNOWN, realm=realm, via=issuer or None)
        case "AWSAccount":
            return Actor(kind="unknown", name=f"account {realm}", realm=realm)
    return _user(identity, arn, realm, address)


def _user(identity: object, arn: str, realm: str, address: str | None) -> Actor:
    name = (
        ("root" if at(identity, "type") == "Root" else "")
        or text_of(at(identity, "userName"))
        or arn.partition(":user/")[2]
        or text_of(at(identity, "onBehalfOf", "userId"))  # IdentityCenterUser
    )
    if name:
        return Actor(kind="user", name=name, realm=realm)
    if address:
        return Actor(kind="address", name=address, realm=realm)
    return Actor(kind="unknown", name=text_of(at(identity, "principalId")) or UNKNOWN, realm=realm)


def _role(identity: object, arn: str, realm: str) -> Actor:
    issuer = text_of(at(identity, "sessionContext", "sessionIssuer", "arn"))
    assumed, _, session = arn.partition(":assumed-role/")[2].partition("/")
    known = text_of(at(identity, "sessionContext", "sessionIssuer", "userName"))
    role = known or assumed or arn.partition(":role/")[2].rpartition("/")[2] or UNKNOWN
    if _SERVICE_ROLE in issuer:  # only the service it is named after can assume it
        return Actor(kind="component", name=role, realm=realm)
    source = text_of(at(identity, "sessionContext", "sourceIdentity"))
    person = source or (session if _SSO in issuer else "")
    if person:
        return Actor(kind="user", name=person, realm=realm, via=role)
    return Actor(kind="service-account", name=f"role/{role}", realm=realm)


def sniff(lines: Sequence[bytes]) -> int:
    """Count the sample lines that hold records of CloudTrail."""
    return sum(_is_record(line) for line in lines)


def _is_record(line: bytes) -> bool:
    if b"eventSource" not in line and b"eventsource" not in line:
        return False
    return any(
        "userIdentity" in record and ("eventVersion" in record or "eventversion" in record or "eventTime" in record)
        for one in records_in(json_object(line), _ENVELOPES)
        if (record := _record_in(one))
    )


SOURCE = Source(
    name=NAME,
    plane="cloud",
    title="AWS CloudTrail (EKS, ECS, ECR, App Runner)",
    sniff=sniff,
    reader=CloudTrailReader,
    blind_to=("cloud-no-cluster-reads",),
)
