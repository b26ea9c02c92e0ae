"""Kubernetes audit events that were translated on the way, turned back into `audit.k8s.io/v1` events.

* GKE: `LogEntry` with an `AuditLog` of service `k8s.io`
  (https://cloud.google.com/kubernetes-engine/docs/how-to/audit-logging). Method `io.k8s.GROUP.VERSION.RESOURCE.VERB`,
  resource name `GROUP/VERSION/namespaces/NS/RESOURCE/NAME`, status a gRPC code. A watch does not say
  where it starts.
* Tables of Azure Monitor (`AKSAudit`, `AKSAuditAdmin`) and Sentinel (`AWSEKSLogs`): one column a field.
* OCSF class 6003 (API Activity), as Amazon Security Lake writes EKS audit logs.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from tidewaiter.sources.envelope.paths import first
from tidewaiter.sources.envelope.shapes import Around, NotWrappedError, Piece
from tidewaiter.sources.linewise import json_object, number_of, text_of
from tidewaiter.sources.timestamps import any_time

# https://grpc.github.io/grpc/core/md_doc_statuscodes.html, as the HTTP codes kube-apiserver answers in these cases.
_HTTP_OF_GRPC = {0: 200, 3: 400, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 13: 500, 14: 503, 16: 401}
_VERBS = frozenset({"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"})


class GkeEntry(NamedTuple):
    """A log entry of Google Kubernetes Engine about a request to the API server."""

    name: str = "gke-log-entry"
    title: str = "Google Kubernetes Engine audit log (LogEntry)"
    loose: bool = False

    def holds(self, raw: bytes, value: dict[str, Any] | None) -> bool:  # noqa: ARG002 - the protocol's
        """Tell whether this is such an entry."""
        payload = (value or {}).get("protoPayload")
        if not isinstance(payload, dict):
            return False
        service, method = payload.get("serviceName"), text_of(payload.get("methodName"))
        return service == "k8s.io" or (service is None and method.startswith("io.k8s."))

    def unwrap(self, raw: bytes, value: dict[str, Any] | None) -> list[Piece]:  # noqa: ARG002 - the protocol's
        """Give the event it stands for."""
        entry = value or {}
        payload: dict[str, Any] = entry.get("protoPayload") or {}
        method, resource_name = text_of(payload.get("methodName")), text_of(payload.get("resourceName"))
        verb = method.rpartition(".")[2]
        metadata = _map(payload.get("requestMetadata"))
        authentication = _map(payload.get("authenticationInfo"))
        stamp = text_of(entry.get("timestamp")) or text_of(payload.get("timestamp"))
        target = _target(method, resource_name)
        event = {
            **_EVENT,
            "verb": verb,
            "auditID": text_of(_map(entry.get("operation")).get("id")) or text_of(entry.get("insertId")),
            "user": {"username": _principal(authentication)},
            "sourceIPs": [text for key in ("callerIp", "callerIP") if (text := text_of(metadata.get(key)))],
            "userAgent": text_of(metadata.get("callerSuppliedUserAgent")) or None,
            "responseStatus": _status(payload),
            "requestReceivedTimestamp": stamp or None,
            **(target or {"requestURI": "/" + resource_name.lstrip("/")}),
        }
        if verb not in _VERBS:
            raise NotWrappedError(f"method {method[:100]} names no verb of Kubernetes")
        if verb == "watch":  # nothing says from where it goes on: with a target it would pass for a whole list
            event.pop("requestURI", None)
        if isinstance(payload.get("request"), dict):
            event["requestObject"] = payload["request"]
        labels = _map(_map(entry.get("resource")).get("labels"))
        around = Around(stamp or entry.get("receiveTimestamp"), None, text_of(labels.get("cluster_name")) or None)
        return [Piece(msgspec.json.encode(event), around)]

    def remark(self, value: dict[str, Any] | None) -> str | None:
        """Say that reads are missing where only the log of changes was exported."""
        return "gke-no-data-access" if text_of((value or {}).get("logName")).endswith("%2Factivity") else None


def _principal(authentication: dict[str, Any]) -> str:
    """Name who asked; an anonymous one is written as selector or not at all."""
    name = text_of(authentication.get("principalEmail")) or text_of(authentication.get("authoritySelector"))
    return name or "system:anonymous"


def _status(payload: dict[str, Any]) -> dict[str, Any] | None:
    """Give the HTTP status; an entry whose authorization was not granted was refused."""
    status = payload.get("status")
    granted = [one.get("granted") for one in _list(payload.get("authorizationInfo")) if isinstance(one, dict)]
    code = number_of(status.get("code", 0)) if isinstance(status, dict) else None
    if code:
        return {"code": _HTTP_OF_GRPC.get(code, 500), "message": text_of(_map(status).get("message"))}
    if False in granted:
        return {"code": 403}
    return {"code": 200} if code == 0 or True in granted else None


def _target(method: str, resource_name: str) -> dict[str, Any] | None:
    """Give objectRef and path of `core/v1/namespaces/default/pods/x/log`; None for what is no resource."""
    parts = resource_name.strip("/").split("/")
    if len(parts) < 3 or not method.startswith("io.k8s."):  # noqa: PLR2004 - GROUP/VERSION/RESOURCE
        return None
    group, version, rest = ("" if parts[0] == "core" else parts[0]), parts[1], parts[2:]
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2:  # noqa: PLR2004 - namespaces/NS/RESOURCE
        namespace, rest = rest[1], rest[2:]
    elif rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
    resource, name, subresource = (*rest, "", "")[:3]
    reference = {
        "resource": resource,
        "namespace": namespace,
        "name": name,
        "apiGroup": group,
        "apiVersion": version,
        "subresource": subresource,
    }
    path = f"/apis/{group}/{version}" if group else f"/api/{version}"
    inside = f"/namespaces/{namespace}" if namespace and resource != "namespaces" else ""
    tail = "".join(f"/{quote(part)}" for part in rest)
    return {"objectRef": {key: text for key, text in reference.items() if text}, "requestURI": f"{path}{inside}{tail}"}


class Table(NamedTuple):
    """A row whose columns are the fields of an audit event."""

    name: str = "kube-audit-table"
    title: str = "Kubernetes audit event as a table row (AKSAudit, AWSEKSLogs)"
    loose: bool = False

    def holds(self, raw: bytes, value: dict[str, Any] | None) -> bool:  # noqa: ARG002 - the protocol's
        """Tell whether this row has the columns every such table has."""
        if value is None or "requestURI" in value:  # the field's own spelling: a native event
            return False
        names = {_plain_name(key) for key in value}
        return {"verb", "requesturi"} <= names and bool({"auditid", "objectref"} & names)

    def unwrap(self, raw: bytes, value: dict[str, Any] | None) -> list[Piece]:  # noqa: ARG002 - the protocol's
        """Give the event it stands for."""
        row = {_plain_name(key): _decoded(one) for key, one in (value or {}).items()}
        known = ((field, row.get(_plain_name(field))) for field in _FIELDS)
        event = {**_EVENT, **{field: found for field, found in known if found not in (None, "")}}
        if isinstance(event.get("sourceIPs"), str):
            event["sourceIPs"] = [one.strip() for one in event["sourceIPs"].split(",")]
        if isinstance(event.get("user"), str):
            event["user"] = {"username": event["user"]}
        if not isinstance(event.get("responseStatus"), dict):
            code = number_of(event.pop("responseStatus", None))
            event |= {"responseStatus": {"code": code}} if code else {}
        event["requestReceivedTimestamp"] = next((text for key in _ROW_TIMES if (text := _moment(row.get(key)))), None)
        resource = text_of(row.get("_resourceid")) or text_of(row.get("resourceid"))
        cluster = text_of(row.get("clustername")) or resource.rpartition("/")[2]
        return [Piece(msgspec.json.encode(event), Around(row.get("timegenerated"), None, cluster or None))]

    def remark(self, value: dict[str, Any] | None) -> str | None:
        """Say that reads are missing in the table that leaves them out."""
        return "aks-audit-admin" if (value or {}).get("Type") == "AKSAuditAdmin" else None


class OcsfApiActivity(NamedTuple):
    """An OCSF event about a request to a Kubernetes API server."""

    name: str = "ocsf-api-activity"
    title: str = "OCSF API Activity (6003) about Kubernetes"
    loose: bool = False

    def holds(self, raw: bytes, value: dict[str, Any] | None) -> bool:  # noqa: ARG002 - the protocol's
        """Tell whether this is such an event."""
        if value is None or value.get("class_uid") != 6003 or not isinstance(value.get("api"), dict):  # noqa: PLR2004
            return False
        said = (
            first(value, "metadata.product.name"),
            first(value, "api.service.name"),
            first(value, "http_request.url.path"),
        )
        text = " ".join(text_of(one) for one in said).lower()
        return "eks" in text or "kubernetes" in text or "/api/v1" in text or "/apis/" in text

    def unwrap(self, raw: bytes, value: dict[str, Any] | None) -> list[Piece]:  # noqa: ARG002 - the protocol's
        """Give the event it stands for."""
        entry = value or {}
        found = entry.get("resources")
        resource = found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else {}
        url = _map(first(entry, "http_request.url"))
        query = text_of(url.get("query_string"))
        path = text_of(url.get("path")) or text_of(url.get("url_string"))
        groups = first(entry, "actor.user.groups")
        at = any_time(entry.get("time_dt") or entry.get("time"))
        event = {
            **_EVENT,
            "verb": text_of(first(entry, "api.operation")).lower(),
            "auditID": text_of(first(entry, "metadata.uid")) or text_of(first(entry, "api.request.uid")),
            "level": text_of(first(entry, "metadata.log_level")) or None,
            "requestURI": f"{path}?{query}" if query else path or None,
            "user": {
                "username": text_of(first(entry, "actor.user.name")),
                "groups": [text_of(one.get("name")) for one in _list(groups) if isinstance(one, dict)],
            },
            "sourceIPs": [text for text in [text_of(first(entry, "src_endpoint.ip"))] if text],
            "userAgent": text_of(first(entry, "http_request.user_agent")) or None,
            "responseStatus": _ocsf_status(entry),
            "requestReceivedTimestamp": at.isoformat() if at else None,
        }
        reference = {
            "resource": text_of(resource.get("type")),
            "name": text_of(resource.get("name")),
            "namespace": text_of(resource.get("namespace")),
            "apiGroup": text_of(_map(resource.get("group")).get("name")),
        }
        if reference["resource"]:
            event["objectRef"] = {key: text for key, text in reference.items() if text}
        cluster = text_of(first(entry, "cloud.cluster.name")) or text_of(first(entry, "metadata.log_name")) or None
        return [Piece(msgspec.json.encode(event), Around(entry.get("time"), None, cluster))]

    def remark(self, value: dict[str, Any] | None) -> str | None:  # noqa: ARG002 - the protocol's
        """Say nothing: the event tells nothing of what was left out."""
        return None


def _ocsf_status(entry: dict[str, Any]) -> dict[str, Any] | None:
    code = number_of(first(entry, "http_response.code")) or number_of(first(entry, "api.response.code"))
    code = code or number_of(entry.get("status_code"))
    if code is None:  # status_id: 1 success, 2 failure
        code = {1: 200, 2: 500}.get(number_of(entry.get("status_id")) or 0)
    return {"code": code, "message": text_of(first(entry, "api.response.message"))} if code else None


_EVENT: dict[str, Any] = {"kind": "Event", "apiVersion": "audit.k8s.io/v1", "stage": "ResponseComplete"}
_FIELDS = (
    "level", "auditID", "stage", "requestURI", "verb", "user", "impersonatedUser", "sourceIPs", "userAgent",
    "objectRef", "responseStatus", "requestObject", "responseObject", "annotations",
)  # fmt: skip
_ROW_TIMES = ("requestreceivedtimestamp", "requestreceivedtime", "stagetimestamp", "stagereceivedtime", "timegenerated")


def _plain_name(column: str) -> str:
    """Write a column's name as all tables share it: without case, and without Log Analytics' type suffixes."""
    name = column.lower()
    return name.removesuffix("_s").removesuffix("_d").removesuffix("_t")


def _decoded(value: Any) -> Any:
    """Read a dynamic column that was exported as text."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        if value.startswith("{"):
            return json_object(value) or value
        try:
            return msgspec.json.decode(value)
        except (msgspec.MsgspecError, RecursionError):
            return value
    return value


def _moment(value: Any) -> str | None:
    at: datetime | None = any_time(value)
    return at.isoformat() if at else None


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


TRANSLATORS = (GkeEntry(), Table(), OcsfApiActivity())
