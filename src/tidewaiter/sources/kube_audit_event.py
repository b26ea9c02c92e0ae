"""The parts of a Kubernetes audit event that say something here, how they are decoded, and what each of them means.

`audit.k8s.io/v1`, https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/ . The log forwarder of OpenShift
puts the same fields at the top of its records, with the audit level in `k8s_audit_level` (`openshift_audit_level` for
its own API servers), because `level` is its own word for severity.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from tidewaiter.meaning.agents import is_console, tool_name
from tidewaiter.meaning.kube_identity import is_console_account, is_control_plane_name, kube_actor
from tidewaiter.meaning.likeness import own_groups
from tidewaiter.model import Actor, Outcome

NONE = msgspec.Raw(b"null")
# What msgspec raises for bad data: RecursionError when it is nested thousands deep, the Unicode errors for text that
# is not UTF-8, or was escaped to a lone surrogate.
BAD_DATA = (msgspec.MsgspecError, UnicodeDecodeError, UnicodeEncodeError, RecursionError)
# Extra fields of a user (Kubernetes 1.36, staging/src/k8s.io/apiserver/pkg/authentication/serviceaccount/util.go).
_POD_NAME = "authentication.kubernetes.io/pod-name"
_POD_UID = "authentication.kubernetes.io/pod-uid"
_NODE_NAME = "authentication.kubernetes.io/node-name"
_CREDENTIAL = "authentication.kubernetes.io/credential-id"
_MASTERS = "system:masters"  # the group that passes every check of rights


class Event(msgspec.Struct):
    """The fields of an audit event that matter here; everything else is skipped by the decoder.

    Parts that repeat from event to event stay raw and are understood once (see `KubeAuditReader`).
    """

    verb: str | None = None
    stage: str | None = None
    requestURI: str | None = None  # noqa: N815 - the field's own name
    kind: str | None = None
    auditID: str | None = None  # noqa: N815
    user: msgspec.Raw = NONE
    impersonatedUser: msgspec.Raw = NONE  # noqa: N815
    sourceIPs: msgspec.Raw = NONE  # noqa: N815
    userAgent: str | None = None  # noqa: N815
    objectRef: msgspec.Raw = NONE  # noqa: N815
    responseStatus: msgspec.Raw = NONE  # noqa: N815
    requestReceivedTimestamp: str | None = None  # noqa: N815
    stageTimestamp: str | None = None  # noqa: N815
    level: str | None = None
    items: msgspec.Raw = NONE  # of an EventList
    annotations: msgspec.Raw = NONE
    requestObject: msgspec.Raw = NONE  # noqa: N815 - decoded for the reviews of kubelets only
    responseObject: msgspec.Raw = NONE  # noqa: N815 - likewise
    k8s_audit_level: str | None = None
    openshift_audit_level: str | None = None

    def audit_level(self) -> str | None:
        """Give the audit level, wherever a forwarder put it."""
        return self.k8s_audit_level or self.openshift_audit_level or self.level


class User(msgspec.Struct):
    """Who sent a request, as the server authenticated it."""

    username: str | None = None
    groups: Any = None  # a list of texts; whatever else it is does not make the event unreadable
    extra: dict[str, list[str] | None] | None = None

    def own_groups(self) -> tuple[str, ...]:
        """Give the groups that tell one sort of people from another."""
        return own_groups(self.groups) if isinstance(self.groups, list) else ()

    def pod(self) -> str | None:
        """Name the pod to which the token is bound."""
        return pod_of(self.extra)

    def node(self) -> str | None:
        """Name the node of that pod."""
        return _first(self.extra, _NODE_NAME)

    def credential(self) -> str | None:
        """Tell this credential from others by a short hash.

        The kubelet renews the token of a pod all day, so that the pod itself (its uid) stands for its tokens.
        """
        known = _first(self.extra, _POD_UID) or _first(self.extra, _CREDENTIAL)
        return blake2b(known.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest() if known else None


class ObjectRef(msgspec.Struct):
    """What a request is about."""

    resource: str | None = None
    namespace: str | None = None
    name: str | None = None
    apiGroup: str | None = None  # noqa: N815
    subresource: str | None = None


class Status(msgspec.Struct):
    """How a request ended."""

    code: int | None = None
    status: str | None = None
    message: str | None = None


event = msgspec.json.Decoder(Event)
items = msgspec.json.Decoder(list[msgspec.Raw] | None)
object_ref = msgspec.json.Decoder(ObjectRef | None)
_user = msgspec.json.Decoder(User | None)
_status = msgspec.json.Decoder(Status | None)
_addresses = msgspec.json.Decoder(list[str] | None)


class Client(NamedTuple):
    """What the repeated parts of an event say about who sent it."""

    actor: Actor
    address: str | None
    tool: str | None
    container: str | None
    traits: tuple[str, ...]
    nameless: bool  # no user at all: the credential was not accepted
    node: str | None = None
    credential: str | None = None
    claimed: str | None = None
    groups: tuple[str, ...] = ()


def pod_of(extra: dict[str, list[str] | None] | None) -> str | None:
    """Name the pod to which a token is bound, from the extra fields of a user."""
    return _first(extra, _POD_NAME)


def _first(extra: dict[str, list[str] | None] | None, key: str) -> str | None:
    found = (extra or {}).get(key)
    return found[0] if found else None


def client(own: bytes, target: bytes, peers: bytes, agent: str | None) -> Client:
    """Say who sent an event, from its user, impersonatedUser, sourceIPs and userAgent."""
    user = _user.decode(own) or User()
    name, via, person = user.username or "", None, user
    traits: list[str] = []
    if target != b"null":
        other = _user.decode(target) or User()
        via, name, person = name, other.username or "", other
        traits.append("impersonating")
        if isinstance(other.groups, list) and _MASTERS in other.groups:
            traits.append("impersonating-masters")
    addresses = _addresses.decode(peers) or []
    if len(addresses) > 1:
        traits.append("forwarded")
    # The last entry is the peer of the connection; the earlier ones are copied from headers that anyone can set.
    address = addresses[-1] if addresses else None
    tool = tool_name(agent)
    if is_console(tool) or is_console_account(user.username or ""):
        traits.append("web-console")
    actor = kube_actor(name, tool=tool, address=address, via=via)
    if via is None and actor.kind != "component" and is_control_plane_name(name):
        traits.append("control-plane-name")
    claimed = addresses[0] if len(addresses) > 1 else None
    return Client(
        *(actor, address, tool, user.pod(), tuple(traits), not user.username, user.node(), user.credential(), claimed),
        # Groups of service accounts and nodes say what their names say.
        groups=person.own_groups() if actor.kind == "user" else (),
    )


def username(raw: bytes) -> str:
    """Give the name under which the server knows who sent an event; empty when it accepted no credential."""
    try:
        return (_user.decode(raw) or User()).username or ""
    except BAD_DATA:  # whoever needs more of the user than a name counts it as unreadable
        return ""


def identity(event: Event, name: str) -> str:
    """Name the request of an event: the same for each of its stages, and never the same for two requests.

    A client may choose `auditID` (header Audit-ID), and the same one for all that it does, or another's. So what it
    cannot choose belongs to the name too: when the server received the request (in microseconds) and who it says sent
    it; and what was asked. `impersonatedUser` is left out: RequestReceived does not have it yet.
    """
    stamp = event.requestReceivedTimestamp or event.stageTimestamp
    return f"{(event.auditID or '')[:64]}@{stamp}#{_asked(name, event.verb, event.requestURI)}"


@lru_cache(maxsize=20_000)
def _asked(name: str, verb: str | None, uri: str | None) -> str:
    """Give a short name for who asked for what: most requests of a log are of a few thousand sorts."""
    said = f"{name}\0{verb}\0{uri or ''}".encode("utf-8", "surrogatepass")
    return blake2b(said, digest_size=8).hexdigest()


def outcome(raw: msgspec.Raw) -> tuple[Outcome, tuple[str, ...]]:
    """Say how a request ended: HTTP 401 and 403 are refusals, other codes from 400 are failures."""
    status = _status.decode(raw)
    if status is None or status.code is None:
        return "unknown", ()
    if status.code in {401, 403}:
        # Denied impersonation leaves no trace but this sentence (measured on 1.36; older ones word the rest otherwise).
        denied = "cannot impersonate" in (status.message or "")
        return "refused", ("impersonating",) if denied else ()
    return ("answered", ()) if status.code < 400 else ("failed", ())  # noqa: PLR2004


class _Signature(msgspec.Struct):
    """What tells an audit event, at the top of a record: an event inside of another record is that one's business."""

    apiVersion: Any = None  # noqa: N815 - the field's own name
    auditID: Any = None  # noqa: N815
    stage: Any = None
    requestURI: Any = None  # noqa: N815


_signature = msgspec.json.Decoder(_Signature)
_BEGINNING = re.compile(rb'\s*\{\s*"kind"\s*:\s*"Event(?:List)?"\s*,\s*"apiVersion"\s*:\s*"audit\.k8s\.io/')


def sniff(lines: Sequence[bytes]) -> int:
    """Count the sample lines that are audit events or lists of them."""
    return sum(map(_is_event, lines))


def _is_event(line: bytes) -> bool:
    if line.lstrip()[:1] != b"{":
        return False
    try:
        said = _signature.decode(line)
    except BAD_DATA:  # cut short, perhaps: its beginning tells
        return _BEGINNING.match(line) is not None
    if isinstance(said.apiVersion, str) and said.apiVersion.startswith("audit.k8s.io/"):
        return True
    return said.auditID is not None and (said.stage is not None or said.requestURI is not None)
