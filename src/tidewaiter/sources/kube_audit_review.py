"""Requests to a kubelet's own port, as the API server's audit log shows them: by what the kubelet asks about them.

A kubelet keeps no audit log, but with webhook authorization (the default of kubeadm and of the clouds) it sends a
SubjectAccessReview for its caller: "may USER do VERB on nodes/SUBRESOURCE". The subresource stands for a group of
paths: `stats`, `metrics`, `log` and `spec` for the paths of these names, `proxy` for all others, and since Kubernetes
1.32 (KEP-2862) `pods`, `configz` and `healthz` as well. The answer is remembered for minutes (kubelet configuration,
`authorization.webhook.cacheAuthorizedTTL`), so a burst of requests gives one review. The audit level must be Request
or higher; with RequestResponse the answer is known too. Documentation:
https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from tidewaiter.meaning import kube_api
from tidewaiter.meaning.kube_identity import kubelet_caller
from tidewaiter.model import Actor, Meaning, Outcome
from tidewaiter.sources.kube_audit_event import pod_of

_NODE = "system:node:"
_MAY_BE = (b'"system:node:', b'subjectaccessreviews"')  # in the user and in the objectRef of such an event


class _Resource(msgspec.Struct):
    verb: str | None = None
    resource: str | None = None
    subresource: str | None = None
    name: str | None = None


class _Spec(msgspec.Struct):
    resourceAttributes: _Resource | None = None  # noqa: N815 - the field's own name
    user: str | None = None
    extra: dict[str, list[str] | None] | None = None


class _Answer(msgspec.Struct):
    allowed: bool | None = None


class _Review(msgspec.Struct):
    spec: _Spec | None = None
    status: _Answer | None = None


class _Asker(msgspec.Struct):
    username: str | None = None


_review = msgspec.json.Decoder(_Review | None)
_asker = msgspec.json.Decoder(_Asker | None)


class KubeletRequest(NamedTuple):
    """Somebody asked a kubelet something."""

    actor: Actor  # `via` is the kubelet
    meaning: Meaning
    outcome: Outcome
    container: str | None  # the pod whose token it was
    text: str


def may_be(ref: bytes, user: bytes) -> bool:
    """Tell whether an event with this objectRef and user may be a review that a kubelet made."""
    return _MAY_BE[1] in ref and _MAY_BE[0] in user


def kubelet_request(user: bytes, asked: bytes, answered: bytes) -> KubeletRequest | None:
    """Say what was asked of a kubelet, from the user, requestObject and responseObject of its review; None when
    nothing was, as in a review without body. Raises `BAD_DATA` for what is no review.
    """  # noqa: D205 - one sentence
    node = (_asker.decode(user) or _Asker()).username or ""
    spec = (_review.decode(asked) or _Review()).spec
    about = spec.resourceAttributes if spec else None
    if spec is None or not spec.user or about is None or about.resource != "nodes" or not node.startswith(_NODE):
        return None
    name = about.name or node.removeprefix(_NODE)
    request = kube_api.Request(about.verb or "get", "nodes", about.subresource or "", name=name)
    # A kubelet calls POST "create": the paths that take it run programs (/run, /exec, /attach, /portForward).
    verb = "exec" if request.verb == "create" else None
    meaning = kube_api.read_request(request)
    if meaning is None:
        return None
    allowed = (_review.decode(answered) or _Review()).status
    said: Outcome = "unknown" if allowed is None or allowed.allowed is None else _ANSWERS[allowed.allowed]
    kind = f"nodes/{request.subresource}" if request.subresource else "nodes"
    return KubeletRequest(
        actor=kubelet_caller(spec.user, node=node),
        meaning=msgspec.structs.replace(
            meaning,
            verb=verb or meaning.verb,
            kind=kind,
            traits=tuple(sorted({*meaning.traits, "kubelet-via-review"} - {"node-proxy"})),
        ),
        outcome=said,
        container=pod_of(spec.extra),
        text=f"{request.verb} {kind} of {name}, asked by its kubelet",
    )


_ANSWERS: dict[bool, Outcome] = {True: "answered", False: "refused"}
