"""Google Cloud audit logs: who asked GKE, Artifact Registry, Cloud Run and GKE Hub for what.

Documentation: "Understand audit logs" (LogEntry with `protoPayload` of type google.cloud.audit.AuditLog), 2026. One
LogEntry a line, as a sink or `gcloud logging read --format=json` writes it, or a row of the BigQuery export
(`protopayload_auditlog`). Requests inside a cluster (service k8s.io) are another format and are not read here.

Who impersonates a service account is the actor, with the account as carrier (`serviceAccountDelegationInfo`); Google's
own agents, which lend every machine its account, are no such person.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import Activity, Actor, ActorKind, Meaning, Origin, Outcome
from tidewaiter.sources.cloud_activity import (
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
from tidewaiter.sources.linewise import LineReader, digest, json_object, number_of, text_of

NAME = "gcp-audit"
_ENVELOPES = ("entries",)  # of the Logging API's entries:list
_PAYLOADS = ("protoPayload", "protopayload_auditlog")
_CLUSTER = "k8s.io"
_REFUSED = frozenset({7, 16})  # google.rpc.Code: PERMISSION_DENIED, UNAUTHENTICATED
_SERVICE_ACCOUNT = ".gserviceaccount.com"


class GcpAuditReader(LineReader):
    """Reads audit log entries; each stands alone."""

    def __init__(self, tally: Tally) -> None:
        super().__init__(tally, NAME)
        self._data_access = False

    def read(self, raw: bytes, origin: Origin) -> Iterator[Activity]:
        """Give the activities of one line."""
        for entry in list(records_in(json_object(raw), _ENVELOPES)) or [{}]:  # an empty list is no record either
            if not is_entry(entry):
                self.cannot_read("not-a-cloud-record", raw, origin)
                continue
            self.tally.records += 1
            self._data_access = self._data_access or "data_access" in text_of(entry.get("logName"))
            if _payload(entry).get("serviceName") == _CLUSTER:
                self.tally.note("gcp-mixed-kube")
            meaning = _event(_payload(entry))
            # A long-running operation has a second entry when it ends, without request and caller's address.
            if meaning is None or at(entry, "operation", "first") is False:
                continue
            call = normalise(entry, meaning)
            if call is None:
                self.cannot_read("no-time", raw, origin)
                continue
            yield self.keep(cloud_activity(call, id=_id(entry, raw), origin=origin))

    def finish(self) -> Iterator[Activity]:
        """Say what this log does not record; nothing is ever held back."""
        if self.tally.records and not self._data_access:
            self.tally.note("gcp-no-data-access")
        yield from ()


def is_entry(record: Mapping[str, Any]) -> bool:
    """Tell whether this is a LogEntry of Cloud Logging, of whatever payload."""
    return "logName" in record or bool(_payload(record))


def _payload(entry: Mapping[str, Any]) -> dict[str, Any]:
    found = next((entry[key] for key in _PAYLOADS if isinstance(entry.get(key), dict)), None)
    return found if found is not None else {}


def _event(payload: Mapping[str, Any]) -> Meaning | None:
    """Look a call up: the last part of `google.container.v1.ClusterManager.ListClusters` in its service's table."""
    method = text_of(payload.get("methodName"))
    return events("gcp").get((text_of(payload.get("serviceName")), method.rpartition(".")[2]))


def _id(entry: Mapping[str, Any], raw: bytes) -> str:
    """Name an entry: its insertId is unique among entries of one log and time."""
    unique = text_of(entry.get("insertId"))
    return digest(text_of(entry.get("logName")), unique, text_of(entry.get("timestamp"))) if unique else digest(raw)


def normalise(entry: Mapping[str, Any], meaning: Meaning) -> Call | None:
    """Read one entry of an event of the table; None when it has no time."""
    when = utc(entry.get("timestamp")) or utc(entry.get("receiveTimestamp"))
    if when is None:
        return None
    payload = _payload(entry)
    request = at(payload, "requestMetadata")
    address = address_of(text_of(at(request, "callerIp")) or text_of(at(request, "callerIP")))
    resource = text_of(payload.get("resourceName"))
    return Call(
        at=when,
        meaning=named(meaning, resource.rpartition("/")[2]) if meaning.scope != "everything" else meaning,
        actor=actor_of(payload.get("authenticationInfo"), realm=_realm(entry, resource), address=address),
        outcome=_outcome(payload),
        text=f"{text_of(payload.get('methodName'))} {resource}".rstrip(),
        address=address,
        tool=cloud_tool(text_of(at(request, "callerSuppliedUserAgent"))),
    )


def _realm(entry: Mapping[str, Any], resource: str) -> str:
    """Name the project (or organisation) that was asked."""
    project = text_of(at(entry, "resource", "labels", "project_id"))
    if project:
        return project
    for path in (resource, text_of(entry.get("logName"))):
        kind, _, rest = path.partition("/")
        if kind in {"projects", "organizations", "folders"} and rest:
            return rest.partition("/")[0]
    return "gcp"


def _outcome(payload: Mapping[str, Any]) -> Outcome:
    status = payload.get("status")
    code = number_of(at(status, "code"))
    if code in _REFUSED:
        return "refused"
    return "failed" if code else "answered"  # no status, an empty one and code 0 are success


def actor_of(authentication: object, *, realm: str, address: str | None = None) -> Actor:
    """Say who called, from `authenticationInfo`."""
    name = text_of(at(authentication, "principalEmail")) or _subject(at(authentication, "principalSubject"))
    if not name:
        return Actor(kind="anonymous", name=address or "unknown address", realm=realm)
    behind = _behind(at(authentication, "serviceAccountDelegationInfo"))
    if behind and behind != name:
        return Actor(kind=_kind(behind), name=behind, realm=realm, via=name)
    return Actor(kind=_kind(name), name=name, realm=realm)


@cache
def _agents() -> frozenset[str]:
    return frozenset(load("cloud_identities.yml")["google_agents"])


def _kind(name: str) -> ActorKind:
    domain = name.rpartition("@")[2]
    if domain in _agents():
        return "component"
    # Workload identity: PROJECT.svc.id.goog[NAMESPACE/ACCOUNT] is a service account of Kubernetes.
    return "service-account" if domain.endswith(_SERVICE_ACCOUNT) or ".svc.id.goog[" in name else "user"


def _subject(value: object) -> str:
    """Give a principal without its sort: `user:mary@…`, `serviceAccount:…`, `principal://iam.googleapis.com/…`."""
    text = text_of(value)
    sort, colon, name = text.partition(":")
    return name if colon and sort in {"user", "serviceAccount"} else text


def _behind(delegation: object) -> str:
    """Give who began a chain of impersonation; "" when nobody but Google's agents did."""
    for one in delegation if isinstance(delegation, list) else ():
        name = (
            text_of(at(one, "firstPartyPrincipal", "principalEmail"))
            or _subject(at(one, "principalSubject"))
            or text_of(at(one, "thirdPartyPrincipal", "thirdPartyClaims", "sub"))
        )
        if name and name.rpartition("@")[2] not in _agents():
            return name
    return ""


def sniff(lines: Sequence[bytes]) -> int:
    """Count the sample lines that hold audit log entries of Google Cloud, other than requests inside a cluster."""
    return sum(
        any(_is_ours(entry) for entry in records_in(json_object(line), _ENVELOPES))
        for line in lines
        if b"ayload" in line and b"serviceName" in line
    )


def _is_ours(entry: Mapping[str, Any]) -> bool:
    payload = _payload(entry)
    service = text_of(payload.get("serviceName"))
    typed = text_of(payload.get("@type")).endswith("google.cloud.audit.AuditLog")
    return bool(service) and service != _CLUSTER and "methodName" in payload and (typed or "logName" in entry)


SOURCE = Source(
    name=NAME,
    plane="cloud",
    title="Google Cloud audit logs (GKE, Artifact Registry, Cloud Run, fleets)",
    sniff=sniff,
    reader=GcpAuditReader,
    blind_to=("cloud-no-cluster-reads",),
)
