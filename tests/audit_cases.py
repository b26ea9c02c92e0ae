"""Audit events of every sort that the reader keeps, with quiet neighbours, in every manner JSON can be written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from random import Random
from typing import Any

import audit_event
from audit_event import as_go_writes

from tidewaiter.meaning.vocabulary import load

MACHINE = "web/v0.0.0 (linux/amd64) kubernetes/$Format"  # asks for single objects all day
event = partial(audit_event.event, userAgent=MACHINE)
line = partial(audit_event.line, userAgent=MACHINE)
POD = {"resource": "pods", "namespace": "shop", "name": "web-0", "apiVersion": "v1"}
POD_URI = "/api/v1/namespaces/shop/pods/web-0"
PODS_URI = "/api/v1/namespaces/shop/pods"
QUIET = line(verb="update", requestURI=POD_URI, objectRef=POD)
ADMIN = {"username": "ana@dev.example"}

WATCHES = [  # queries of a watch: some go on, some begin from zero
    None,
    "",
    "watch=1",
    "watch=true&timeoutSeconds=5",
    "resourceVersion=0",
    "watch=1&resourceVersion=0&x=1",
    "resourceVersion=000",
    "resourceVersion=",
    "resourceVersion",
    "resourceVersion&resourceVersion=5",
    "resourceVersion=0&resourceVersion=5",
    "resourceVersion=5&resourceVersion=0",
    "resourceVersion=5",
    "watch=1&resourceVersion=815&timeoutSeconds=300",
    "resourceVersion=007",
    "resourceVersion=5%zz",
    "resourceVersion=5;x",
    "resourceVersion=%30",
    "resource%56ersion=0&resourceVersion=5",
    "x=1&resource%56ersion=0&resourceVersion=5",
    "resource%56ersion=5",
    "resourceVersionMatch=NotOlderThan",
    "resourceVersionMatch=NotOlderThan&resourceVersion=5",
    "sendInitialEvents=true&resourceVersion=5",
    "resourceVersion=5&sendInitialEvents=true",
    "resourceVersion=5&sendInitialEvents",
    "resourceVersion=5&sendInitialEvents=false",
    "resourceVersion=5&send%49nitialEvents=true",
    "labelSelector=a%3Db",
    "labelSelector=a<b",
    "labelSelector=a>b&resourceVersion=5",
    'labelSelector="a"',
    "x=a\\b",
    "x=\u2028",
    "x=é",
    "r=1",
    "re=1",
    "res&resour=2",
    "resourceVersio=5",
    "resourceVersions=5",
    "resourcef",
    "&&",
    "=&=5",
    "a;resourceVersion=5",
    "?resourceVersion=5",
    "x=1&labelSelector=a<b",
    "x='a'",
    "x=я",
    "x=1&y=2&resource%56ersion=0&resourceVersion=5",
    "resourceVersion=0&x=1&resourceVersion=5",
    "fieldSelector=metadata.name%3Dweb-0&resourceVersion=5",
    "watch=1&x=&resourceVersion=5",
    "x=?resourceVersion=5",
    "a&resourceVersion=5;b",
    "resourceVersion=5;b&x=1",
    "xresourceVersion=5",
    "watch=1&resourceVersion=5x",
    "resourceVersion=5&x=%20",
    "resourceVersion=5&%41=1",
    "x=%20&resourceVersion=5",
    "resourceVersion=5&x=1&%73endInitialEvents=1",
    "resourceVersion=5=6",
    "resourceVersion=59&a=b",
    "resourceVersion&5",
    "resourceVersions5",
    "y\\resourceVersion=5",
    "x=\\u0026resourceVersion=5",
]
ADDRESSES = [  # what is no resource, and paths to resources without an objectRef
    "/api",
    "/api/",
    "/api?timeout=32s",
    "/api/v1",
    "/api/v1/",
    "/api/v1?a=1&b=2",
    "/api/v1?resourceVersion=5",
    "/apis/a&b",
    "/apis/a&b?resourceVersion=5",
    "/apis",
    '/apis?x="',
    "/apis/apps",
    "/apis/apps/v1",
    "/apis/apps/v1/",
    "/apis/apps/v1?timeout=32s",
    "/apis/a%2Eb/v1",
    "/version",
    "/version/",
    "/openapi/v2",
    "/openapi/v3/apis/apps/v1?hash=1",
    "/",
    "",
    "?",
    "/?x=1",
    "//api",
    "/api//v1",
    "/apis//apps//v1//",
    "api",
    "/swagger.json",
    "/metrics",
    "/logs/",
    "/ap",
    "/apiz",
    "/a",
    "/ab",
    "/%61pi",
    "/%61pis/x",
    "/api%2Fv1",
    "/apis%2Fapps",
    "/healthz",
    "/debug/pprof",
    "/.well-known/openid-configuration",
    "/openid/v1/jwks",
    "/api/v1/namespaces/shop/pods/web-0",
    "/api/v1/namespaces/shop/pods/web-0/log",
    "/api/v1/namespaces/shop/pods/web-0/log?follow=1",
    "/api/v1/namespaces/shop/pods/web-0/log/",
    "/api/v1/namespaces/shop/pods/web-0/l%6Fg",
    "/api/v1/namespaces/shop/pods/web-0%2Flog",
    "/api/v1/namespaces/shop/pods/web-0//log",
    "/api/v1/namespaces/shop/pods/web-0/proxy/a/b",
    "/api/v1/namespaces/shop/pods/web-0/exec?command=id",
    "/api/v1/namespaces/shop/pods/web-0/attach",
    "/api/v1/namespaces/shop/pods/web-0/portforward",
    "/api/v1/nodes/n1/proxy/pods",
    "/api/v1/nodes/n1/pods",
    "/api/v1/nodes/n1/pods/",
    "/api/v1/nodes/n1/pods?x=1",
    "/api/v1/nodes/n1/stats/summary",
    "/api/v1/nodes/n1/metrics",
    "/api/v1/nodes/n1/spec",
    "/api/v1/nodes/n1/configz",
    "/api/v1/namespaces/shop/serviceaccounts/ci/token",
    "/api/v1/namespaces/shop/pods/web-0/status",
    "/api/v1/namespaces/shop/pods",
    "/apis/apps/v1/deployments",
    "/api/v1/pods?watch=1",
    "/api/v1#/a/b",
    "/api/v1/#/x",
    "/api/v1/a#b",
    "/api/v1/nodes/n1/",
    "/api/v1//",
    "/apis/a//b/",
    "/apis/a?x=/b/c/d",
    "/api/v1/nodes//n1",
    "/api/v1//nodes/n1",
    "/apis/apps/v1/deployments/",
    "/apis/g/v1/things/t",
    "/apis/g/v1/namespaces/n/things/t",
    "/apis/g/v1/things/t/log",
    "/apis/g/v1/things/t/proxy/x",
    "/apis/g/v1/things/t/u/log",
    "/api/v2/nodes/n1",
    "/api/v1/nodes/n1/proxy/stats",
    "/api/v1/nodes/n1/proxy/a",
    "/api/x/n1/proxy/a",
    "/xapi/v1/nodes/n1",
    "/version/a/b/c",
    "/api/v1/nodes/n%31",
    "/api/v1/nodes%2Fn1%2Flog/x",
    "/apis/apps%2Fv1/a/b/c",
    "/apis/%2F/v1/b/c",
]
SUBRESOURCES = "log exec attach portforward proxy token stats metrics spec configz pods status"
AFTER_TARGET = ["user", "visit", "vendor", "version", "verbose"]  # keys that begin like `verb`
SPACED_VERBS = [b' ,"verb":"', b', "verb":"', b',"verb" :"', b',"verb": "']
DECOYS = {"verb": "get", "requestURI": POD_URI, "code": 404, "kind": "PodList", "a": [{"verb": "list"}, "tokenreviews"]}


def cases() -> Iterator[dict[str, Any]]:
    """Give events: each thing that the reader keeps in one form at least, and its quiet neighbours."""
    yield event()
    yield event(verb="list", requestURI=None, objectRef={"resource": "pods"})
    for query in WATCHES:
        uri = PODS_URI if query is None else f"{PODS_URI}?{query}"
        yield event(verb="watch", requestURI=uri)
        yield event(verb="watch", requestURI=uri, objectRef=None)
    for uri in ADDRESSES:
        for verb in ("get", "head", "watch", "post"):
            yield event(verb=verb, requestURI=uri, objectRef=None)
    for sub in SUBRESOURCES.split():
        for resource in ("pods", "nodes", "serviceaccounts"):
            ref = {"resource": resource, "name": "x", "subresource": sub}
            yield event(verb="get", requestURI=f"/api/v1/{resource}/x/{sub}", objectRef=ref)
            yield event(verb="get", requestURI=None, objectRef=ref)
            yield event(verb="create", requestURI=None, objectRef=ref)
    yield from answered_cases()
    yield from asked_by_hand()
    yield from asked_by_nobody()
    yield from written_cases()


def asked_by_hand() -> Iterator[dict[str, Any]]:
    """Give reads of one object with programs of people and of machines, and of secrets with both."""
    secret = {"resource": "secrets", "namespace": "shop", "name": "s"}
    by_hand = [name.title() if name == "curl" else name for name in load("kube_identities.yml")["agents"]["by_hand"]]
    agents = [f"{name.strip('/').replace('browser', 'Mozilla')}/5.0 (X11)" for name in by_hand]
    for agent in (
        *agents,
        " curl/8.5",
        "\u2003kubectl/v1",
        "\u212aubectl",
        "curlew/1",
        "kubelet/v1",
        MACHINE,
        "",
        None,
    ):
        yield event(verb="get", requestURI=POD_URI, objectRef=POD, userAgent=agent)
        yield event(verb="get", requestURI=POD_URI, objectRef=POD, userAgent=agent, responseStatus=None)
        yield event(verb="get", requestURI="/api/v1/namespaces/shop/secrets/s", objectRef=secret, userAgent=agent)
        yield event(verb="get", requestURI=POD_URI, objectRef=secret, userAgent=agent)
        yield event(
            verb="get", requestURI="/api/v1/namespaces/shop/secrets/s", objectRef=None, user=ADMIN, userAgent=agent
        )
        yield event(verb="get", requestURI=POD_URI, objectRef=None, userAgent=agent)
    uri = "/apis/custom.metrics.k8s.io/v1beta1/namespaces/shop/pods/*"
    ref = {"resource": "pods", "apiGroup": "custom.metrics.k8s.io", "namespace": "shop", "name": "*"}
    yield event(verb="get", requestURI=uri, objectRef=ref)


def asked_by_nobody() -> Iterator[dict[str, Any]]:
    """Give reads of one object without a credential, in every way to have none, and some with one."""
    nobody = {"username": "system:anonymous", "groups": ["system:unauthenticated"]}
    for user in (nobody, {}, None, {"username": ""}, {"username": None}, {"uid": "5"}, {"uid": "5", **nobody}, ADMIN):
        one = event(verb="get", requestURI=POD_URI, objectRef=POD, user=user)
        yield one
        yield {**one, "responseStatus": None}
        yield {key: value for key, value in one.items() if key != "user"}
        yield {**one, "user": ADMIN, "impersonatedUser": user}


def written_cases() -> Iterator[dict[str, Any]]:
    """Give writes that may be the next step, and others like them."""
    kept = load("kube_requests.yml")["kept_writes"]
    for resource in (*kept["create"], "events", "jobsets", "podtemplates", "serviceaccounts"):
        for extra in ({}, {"name": "x"}):
            yield event(verb="create", requestURI="/apis/x/v1/y", objectRef={"resource": resource, **extra})
    for one, other in (("x", "pods"), ("pods", "x")):
        yield event(verb="create", requestURI="/x", objectRef={"resource": one}, requestObject={"resource": other})
    group = "rbac.authorization.k8s.io"
    for verb in ("update", "patch", "delete", "deletecollection"):
        for resource in (*kept["update"], "pods"):
            ref = {"resource": resource, "apiGroup": group, "name": "x"}
            for uri in (f"/apis/{group}/v1/{resource}/x", f"//apis/{group}/v1/{resource}/x", "/apis/r%62ac/v1/x"):
                yield event(verb=verb, requestURI=uri, objectRef=ref)
        for sub in ("approval", "ephemeralcontainers", "status"):
            for end in ("", "?fieldManager=x", "?x=a%20b", "/"):
                uri, ref = f"{POD_URI}/{sub}{end}", {**POD, "subresource": sub}
                yield event(verb=verb, requestURI=uri, objectRef=ref)
        for query in ("dryRun=All", "a=b&dryRun=All", "dryRu%6e=All", "dryRun=No", "dryRun", "gracePeriod=0"):
            yield event(verb=verb, requestURI=f"{PODS_URI}?{query}", objectRef={"resource": "pods"})
        yield event(verb=verb, requestURI=None, objectRef={"resource": "roles"})


def answered_cases() -> Iterator[dict[str, Any]]:
    """Give those where more than verb and target decides."""
    for code in (101, 200, 304, 399, 400, 403, 404, 500, 600, 1000, 3999, 40, 0):
        yield event(verb="get", requestURI=POD_URI, objectRef=POD, responseStatus={"code": code})
    for review in ("selfsubjectaccessreviews", "subjectaccessreviews", "tokenreviews", "selfsubjectreviews", "pods"):
        yield event(verb="create", requestURI=f"/apis/x/v1/{review}?a=b", objectRef={"resource": review})
    for kind in ("EventList", "List", "Event"):
        yield {"kind": kind, "items": [event(verb="get", requestURI="/api/v1", objectRef=None)]}
        yield {"kind": kind, "items": [event(verb="update"), event(verb="update")]}
    for verb in ("update", "get", "create", "delete", "deletecollection", "patch", ""):
        yield event(verb=verb, requestURI=POD_URI, objectRef=POD)
        yield event(verb=verb, requestURI=POD_URI, objectRef=POD, requestObject=DECOYS)
    for status in ({"code": 404}, {"code": 200}):  # a body that says otherwise
        yield event(verb="get", requestURI=POD_URI, objectRef=POD, responseStatus=status, requestObject={"code": 200})
    yield event(requestObject={"verb": "update"})
    yield event(requestURI=f"{PODS_URI}?resourceVersion=5")
    yield event(verb="get", requestURI=POD_URI, objectRef={**POD, "subresource": "log"})
    yield {**event(verb="get", requestURI=POD_URI, objectRef=None), "kind": "EventList", "items": [event()]}
    yield event(verb="watch", requestURI=None)
    yield event(verb="get", requestURI=None, objectRef={"resource": "pods"})


_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_TOKEN = re.compile(_STRING.pattern + r'|[\[\]{}:,]|[^"\[\]{}:,]+')


def key_after_target(one: dict[str, Any], key: str) -> dict[str, Any]:
    """Put a key of nobody's between requestURI and verb."""
    found: dict[str, Any] = {}
    for name, value in one.items():
        found[name] = value
        if name == "requestURI":
            found.update({key: one.get(key, "a/b&resourceVersion=5")})
    return found


def shuffled(value: Any, random: Random) -> Any:
    if isinstance(value, list):
        return [shuffled(item, random) for item in value]
    if isinstance(value, dict):
        keys = random.sample(list(value), len(value))
        return {key: shuffled(value[key], random) for key in keys}
    return value


def with_tail_reversed(one: dict[str, Any], last: str) -> dict[str, Any]:
    """Let an event begin as kube-apiserver's do, up to a key, and go on from the end."""
    keys = list(one)
    head = keys[: keys.index(last) + 1] if last in one else keys
    return {key: one[key] for key in (*head, *reversed(keys[len(head) :]))}


def with_tail_spaced(one: dict[str, Any]) -> bytes:
    """Let an event begin as kube-apiserver's do, and go on with white space."""
    keys = list(one)
    after = keys.index("verb") + 1 if "verb" in one else len(keys)
    head, tail = ({key: one[key] for key in some} for some in (keys[:after], keys[after:]))
    return as_go_writes(head)[:-2] + b", " + json.dumps(tail, separators=(" , ", " : ")).encode()[1:] + b"\n"


def spaced(value: Any, random: Random) -> bytes:
    """Write JSON with white space wherever it may stand, on one line."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _TOKEN.sub(lambda found: found[0] + random.choice(["", "", " ", "\t", "  "]), text).encode() + b"\n"


def escaped(written: bytes, random: Random, share: float) -> bytes:
    """Write some letters of strings as escapes; nothing else changes."""

    def letter(found: re.Match[str]) -> str:
        char = found[0]
        if len(char) > 1 or char == '"' or random.random() > share:
            return char
        return "\\/" if char == "/" and random.random() < 0.5 else f"\\u{ord(char):04{random.choice('xX')}}"

    def string(found: re.Match[str]) -> str:
        return re.sub(r"\\u....|\\.|[^\\]", letter, found[0])

    return _STRING.sub(string, written.decode()).encode()


def written(one: dict[str, Any], random: Random) -> list[bytes]:
    """Write an event in every manner that a JSON parser takes for the same."""
    return [
        as_go_writes(one),
        json.dumps(one, separators=(",", ":")).replace("'", "\\u0027").encode() + b"\n",
        as_go_writes(key_after_target(one, random.choice(AFTER_TARGET))),
        as_go_writes(shuffled(one, random)),
        as_go_writes(with_tail_reversed(one, "level")),
        as_go_writes(with_tail_reversed(one, "verb")),
        with_tail_spaced(one),
        spaced(one, random),
        spaced(shuffled(one, random), random),
        escaped(as_go_writes(one), random, random.choice([0.01, 0.05, 1])),
        escaped(spaced(shuffled(one, random), random), random, 0.03),
    ]
