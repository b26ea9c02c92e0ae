"""Requests to the Kubernetes API as Falco's plugin k8saudit (also -eks, -gke, -aks, -ovh) tells of them.

Fields: https://github.com/falcosecurity/plugins/tree/main/plugins/k8saudit (0.16). An alert holds those of them that
its rule prints; the packaged rules print the verb and the URI, or the verb and the target. Kept is what is kept of an
audit log: a request that names one object is no discovery unless it fails, a watch only where it first lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tidewaiter.meaning import kube_api
from tidewaiter.meaning.agents import tool_name
from tidewaiter.meaning.kube_identity import is_control_plane_name, kube_actor
from tidewaiter.model import Activity, Actor, Meaning, Origin
from tidewaiter.sources.host_json import known
from tidewaiter.sources.http_activity import outcome_of, request_activity
from tidewaiter.sources.linewise import number_of

_NAMES = (
    *("verb", "uri", "user.name", "impuser.name", "response.code", "useragent", "auditid"),
    *("target.resource", "target.subresource", "target.namespace", "target.name"),
)
KUBE_FIELDS = (*(f"ka.{name}" for name in _NAMES), "ka.sourceips")
_READING = frozenset({"get", "list", "watch", "head"})
_NOT_KEPT = frozenset({"watch", "probe"})
_HARMLESS = frozenset({"answered", "unknown"})


def kube_activity(
    fields: Mapping[str, Any],
    *,
    id: str,  # noqa: A002 - the field's own name
    at: datetime,
    origin: Origin,
) -> Activity | None:
    """Put the request of an alert into normal form; None when it is not kept, or not enough is told of it."""
    told = {name: known(fields.get(f"ka.{name}")) or "" for name in _NAMES}
    verb = told["verb"].lower()
    request = _request(verb, told)
    meaning = _meaning(verb, request, told["uri"])
    outcome = outcome_of(number_of(told["response.code"]))
    if meaning is None or (_is_passing(meaning, request) and outcome in _HARMLESS):
        return None
    tool = tool_name(told["useragent"] or None)
    address = _peer(fields.get("ka.sourceips"))
    acting = told["impuser.name"]
    actor = _actor(acting or told["user.name"], tool, address, told["user.name"] if acting else None)
    target = told["uri"] or "/".join(
        part for part in (told["target.namespace"], meaning.kind, meaning.name or "") if part
    )
    return request_activity(
        meaning,
        id=told["auditid"] or id,
        at=at,
        actor=actor,
        origin=origin,
        text=f"{verb} {target}",
        plane="kubernetes",
        outcome=outcome,
        agent=told["useragent"] or None,
        address=address,
        traits=("impersonating",) if acting else _misplaced(told["user.name"], actor),
    )


def _misplaced(name: str, actor: Actor) -> tuple[str, ...]:
    """Say whether a name of the control plane is in the hands of another program."""
    return ("control-plane-name",) if actor.kind != "component" and is_control_plane_name(name) else ()


def _request(verb: str, told: Mapping[str, str]) -> kube_api.Request | None:
    """Say what was asked: by the URI, else by the target, whose API group the plugin does not tell."""
    parsed = kube_api.parse_path("GET", told["uri"].replace("#", "%23")) if told["uri"] else None
    if parsed is not None:
        return parsed._replace(verb=verb)  # the server's own word for it counts
    if not told["target.resource"]:
        return None
    return kube_api.Request(
        verb,
        told["target.resource"],
        told["target.subresource"],
        "",
        told["target.namespace"],
        told["target.name"],
    )


def _meaning(verb: str, request: kube_api.Request | None, uri: str) -> Meaning | None:
    if request is None:
        found = kube_api.read_non_resource(uri) if uri and verb in _READING else None
        return found if found is not None and found.verb not in _NOT_KEPT else None
    if verb in _READING:
        goes_on = verb == "watch" and not (uri and kube_api.returns_existing(request.query))
        if goes_on or kube_api.is_heartbeat(request):
            return None
        found = kube_api.read_request(request)
        return found if found is not None and found.verb not in _NOT_KEPT else None
    return kube_api.read_request(request) if kube_api.is_kept_write(request) else None


def _is_passing(meaning: Meaning, request: kube_api.Request | None) -> bool:
    return request is not None and meaning.verb == "get" and "/" not in meaning.kind


def _actor(name: str, tool: str | None, address: str | None, via: str | None) -> Actor:
    if not name:  # not told is not anonymous
        return Actor(kind="unknown", name="unknown", realm="kubernetes")
    return kube_actor(name, tool=tool, address=address, via=via)


def _peer(addresses: Any) -> str | None:
    """Give the peer of the connection: the last of the addresses; the earlier ones are copied from headers."""
    listed = addresses if isinstance(addresses, list) else (known(addresses) or "").strip("()").split(",")
    return known(str(listed[-1]).strip()) if listed else None
